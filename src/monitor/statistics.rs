//! What monitoring does and costs.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What the monitor has done since it began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Readings that became a usage.
    pub samples: u64,
    /// Readings without one to compare with: the first of a container's run, or counters that began anew.
    pub skipped: u64,
    /// Readings that failed: neither files nor the engine could tell.
    pub failed: u64,
    /// Readings, of whatever outcome, for which the engine had to be asked.
    pub asked: u64,
    /// How many times workspaces were looked at.
    pub rounds: u64,
    /// How many workspaces are watched.
    pub watched: u64,
    /// How long the last round took to read files.
    pub last_round: Duration,
    /// Processor time that reading files took.
    pub cpu_time: Duration,
}

/// Statistics that are still counted. A handle: clones share them.
#[derive(Clone, Debug, Default)]
pub(super) struct Meter {
    shared: Arc<Mutex<Statistics>>,
}

impl Meter {
    /// A copy of this moment.
    pub fn read(&self) -> Statistics {
        *self.lock()
    }

    /// Counts something.
    pub fn count(&self, change: impl FnOnce(&mut Statistics)) {
        change(&mut self.lock());
    }

    /// Numbers are whole whenever the lock is free, whatever happened to its last holder.
    fn lock(&self) -> MutexGuard<'_, Statistics> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
