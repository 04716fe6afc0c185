//! News, for whoever listens: subscribers in this process, streams of the control API, webhooks.
//!
//! The log of events is the store's. This is how they spread: [`Hub::tell`] never waits, so a subscriber that is slow or panics harms
//! nobody. It finds out how many events it has missed, and the log has those of them that are stored.

mod callback;

use std::sync::Arc;

use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

pub use callback::{Registration, StateChange};

use crate::model::event::Event;

/// How many events a subscriber may lag behind before it misses the oldest.
pub const CAPACITY: usize = 4096;

/// Where events are told and heard. A handle: clones are the same hub.
#[derive(Clone, Debug)]
pub struct Hub {
    sender: broadcast::Sender<Arc<Event>>,
}

/// What a subscriber hears.
#[derive(Clone, Debug, PartialEq)]
pub enum Heard {
    /// An event.
    Event(Arc<Event>),
    /// So many events came that were not taken in time, and are gone.
    Missed(u64),
}

/// The events from a subscription on, in their order.
#[derive(Debug)]
pub struct Subscription {
    receiver: broadcast::Receiver<Arc<Event>>,
}

impl Hub {
    /// A hub that nobody listens to yet.
    pub fn new() -> Self {
        Self { sender: broadcast::Sender::new(CAPACITY) }
    }

    /// Tells an event to all that listen now. Returns at once.
    pub fn tell(&self, event: Event) {
        // An error says that nobody listens.
        let _ = self.sender.send(Arc::new(event));
    }

    /// Listens from now on.
    pub fn subscribe(&self) -> Subscription {
        Subscription { receiver: self.sender.subscribe() }
    }

    /// How many listen.
    pub fn subscribers(&self) -> usize {
        self.sender.receiver_count()
    }

    /// Calls `callback` whenever the phase of a workspace changes, one change after the other, on a thread of its own: it may block.
    /// A callback that panics is called again for the next change. Ends with the registration, or with the hub.
    ///
    /// # Errors
    /// When the operating system refuses a thread.
    pub fn on_state_change(
        &self,
        callback: impl FnMut(&StateChange) + Send + 'static,
    ) -> std::io::Result<Registration> {
        callback::register(self.subscribe(), callback)
    }
}

impl Default for Hub {
    fn default() -> Self {
        Self::new()
    }
}

impl Subscription {
    /// The next thing to hear; `None` when the hub is gone. May be cancelled without missing anything.
    pub async fn next(&mut self) -> Option<Heard> {
        heard(self.receiver.recv().await)
    }

    /// As [`Self::next`], for a thread that may block.
    fn wait(&mut self) -> Option<Heard> {
        heard(self.receiver.blocking_recv())
    }
}

fn heard(received: Result<Arc<Event>, RecvError>) -> Option<Heard> {
    match received {
        Ok(event) => Some(Heard::Event(event)),
        Err(RecvError::Lagged(missed)) => Some(Heard::Missed(missed)),
        Err(RecvError::Closed) => None,
    }
}
