//! What a connection holds while it is on.

use std::sync::Arc;

use tokio::sync::OwnedSemaphorePermit;
use tokio_util::task::task_tracker::TaskTrackerToken;

/// A place at the table: while one is kept, the connection counts and is waited for.
#[derive(Clone)]
pub struct Seat {
    _place: Arc<(OwnedSemaphorePermit, TaskTrackerToken)>,
}

impl Seat {
    /// One of a limited number, and of those that are waited for.
    pub fn new(permit: OwnedSemaphorePermit, token: TaskTrackerToken) -> Self {
        Self { _place: Arc::new((permit, token)) }
    }
}
