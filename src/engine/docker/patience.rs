//! How long a call may take. bollard's own timeout covers only the time until the head of a response.

use std::time::Duration;

/// Reads, and changes that only touch the engine's own records.
pub(super) const QUICK: Duration = Duration::from_secs(10);

/// Creations, starts and removals: disks and runtimes take part.
pub(super) const SLOW: Duration = Duration::from_secs(30);

/// What a stop may take beyond its grace period.
pub(super) const BEYOND_GRACE: Duration = Duration::from_secs(15);

/// The longest silence within a pull; the whole may take as long as it needs.
pub(super) const PULL_SILENCE: Duration = Duration::from_secs(120);

/// How long another client's removal of the same container is waited for, and how often it is looked at.
pub(super) const OTHERS_REMOVAL: Duration = Duration::from_secs(10);
pub(super) const OTHERS_REMOVAL_LOOK: Duration = Duration::from_millis(50);

/// How far back events are replayed when subscribing: the engine answers a moment before it listens to itself, and its
/// clock may differ a little.
pub(super) const REPLAY: Duration = Duration::from_secs(1);

/// How long the engine may take to know a command that it has begun to start, how long to note the end of one whose output has
/// ended, and how often it is asked.
pub(super) const EXEC_BEGINS: Duration = Duration::from_secs(1);
pub(super) const EXEC_ENDS: Duration = Duration::from_secs(5);
pub(super) const EXEC_LOOK: Duration = Duration::from_millis(20);
