//! What running workspaces use: read at intervals, compared with thresholds, and handed on.
//!
//! ```text
//!   Stage::targets ──► due ──► cgroup files (one blocking task for all)  ──┐
//!                        │                                                 ├─► rates ──► Usage ──► thresholds ──► Stage::measured
//!                        └──► files cannot be read: the engine's stats  ───┘  (pure)              (pure)
//! ```
//!
//! Files cost some ten microseconds and no call; the engine's stats cost it milliseconds. So files are read where the containers are on
//! this machine, and the engine is asked only where a container's files cannot be found or read: an engine elsewhere, or no
//! permission. Counters become rates only between two readings of one run of a container.

pub mod cgroup;
mod disk;
mod machine;
pub mod rates;
mod run;
mod statistics;
pub mod threshold;
mod watched;

use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;

use crate::engine::Limits;
use crate::model::metrics::{AlertChange, Usage};
use crate::model::spec::{Threshold, ThresholdMetric};
use crate::model::{Name, Uid};

pub use cgroup::Roots;
pub use machine::Capacity;
pub use run::Monitor;
pub use statistics::Statistics;

/// A workspace whose container runs.
#[derive(Clone, Debug, PartialEq)]
pub struct Target {
    /// Its name.
    pub name: Name,
    /// Its UID: with another one it is another workspace.
    pub uid: Uid,
    /// The engine's ID of its container.
    pub container: String,
    /// When the container's present run began. With another time, counters began anew.
    pub started_at: Option<Timestamp>,
    /// Time between two readings; `None`: [`Options::interval`].
    pub interval: Option<Duration>,
    /// What to raise alerts for; at most one for each metric.
    pub thresholds: Vec<Threshold>,
    /// What percentages of thresholds are of, where it is limited.
    pub limits: Limits,
    /// The project directory on this machine, whose file system's fill is read.
    pub project: Option<PathBuf>,
    /// Alerts that stood when it was first seen, so that a new process neither forgets nor repeats them.
    pub raised: Vec<ThresholdMetric>,
}

/// What the monitor looks at, and tells.
pub trait Stage: Send + Sync + 'static {
    /// The workspaces whose containers run, at this moment. Alerts of one that is no longer among them are cleared.
    fn targets(&self) -> Vec<Target>;

    /// Takes note of what was read. Must return quickly: the next round waits for it.
    fn measured(&self, round: Round);
}

/// What was read at one time.
#[derive(Clone, Debug, PartialEq)]
pub struct Round {
    /// When.
    pub time: Timestamp,
    /// What each workspace used, of those whose counters had been read before.
    pub readings: Vec<(Name, Usage)>,
    /// Alerts that changed.
    pub alerts: Vec<(Name, AlertChange)>,
}

/// How to monitor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Time between two readings of a workspace that does not say. Workspaces with one interval are read together.
    pub interval: Duration,
    /// Where the kernel's files are. `None`: containers are on another machine, so the engine is asked.
    pub roots: Option<Roots>,
    /// How many calls to the engine may be under way at once.
    pub parallel: usize,
    /// How long one call may take.
    pub timeout: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(10),
            roots: Some(Roots::default()),
            parallel: 16,
            timeout: Duration::from_secs(5),
        }
    }
}
