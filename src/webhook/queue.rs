//! What waits for one receiver.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::model::event::Event;

/// A bounded queue with one taker.
#[derive(Debug)]
pub(super) struct Queue {
    capacity: usize,
    inner: Mutex<Inner>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct Inner {
    events: VecDeque<Arc<Event>>,
    closed: bool,
}

impl Queue {
    pub fn new(capacity: usize) -> Self {
        Self { capacity: capacity.max(1), inner: Mutex::default(), changed: Notify::new() }
    }

    /// Adds an event; returns the oldest, where it had to make room.
    pub fn push(&self, event: Arc<Event>) -> Option<Arc<Event>> {
        let mut inner = self.inner();
        let oldest = (inner.events.len() >= self.capacity).then(|| inner.events.pop_front()).flatten();
        inner.events.push_back(event);
        drop(inner);
        self.changed.notify_one();
        oldest
    }

    /// The oldest event, as soon as there is one; `None` when the queue is closed and empty.
    pub async fn next(&self) -> Option<Arc<Event>> {
        loop {
            {
                let mut inner = self.inner();
                if let Some(event) = inner.events.pop_front() {
                    return Some(event);
                }
                if inner.closed {
                    return None;
                }
            }
            // A change between the look and here is remembered by the notification.
            self.changed.notified().await;
        }
    }

    /// Nothing more is added.
    pub fn close(&self) {
        self.inner().closed = true;
        self.changed.notify_one();
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
