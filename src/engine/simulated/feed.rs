//! Events on their way to subscribers.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;

use super::calls::Operation;
use super::faults::{EventFault, Faults};
use crate::engine::{Change, EngineError, EngineEvent};
use crate::model::labels;

/// An event that the engine emitted, whether or not anybody received it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Emitted {
    /// When, since the engine was constructed; no two events have the same.
    pub at: Duration,
    /// What changed.
    pub change: Change,
    /// The container's name at that time.
    pub name: Arc<str>,
    /// The container's ID.
    pub id: Arc<str>,
}

impl fmt::Display for Emitted {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:?} {}", self.change, self.name)
    }
}

/// What a subscriber reads.
#[derive(Debug)]
pub(super) enum Item {
    Event(EngineEvent),
    Error(EngineError),
    End,
}

#[derive(Debug)]
struct Subscriber {
    instance: String,
    /// By the time of arrival, then in the order of sending.
    queue: BTreeMap<(Duration, u64), Item>,
    /// Waits for the next event to overtake it.
    held: Option<EngineEvent>,
    wake: Arc<Notify>,
}

/// What a subscriber finds at one time.
pub(super) enum Found {
    Item(Item),
    /// Nothing yet; the next item arrives then, as far as is known.
    Nothing(Option<Duration>),
}

/// All subscribers.
#[derive(Debug, Default)]
pub(super) struct Feed {
    subscribers: BTreeMap<u64, Subscriber>,
    made: u64,
    sent: u64,
    /// How far back a new subscriber is told what happened.
    pub(super) replay: Duration,
    /// What happened lately, oldest first, as far as it may be told again.
    recent: VecDeque<(Duration, EngineEvent)>,
}

impl Feed {
    /// Adds a subscriber, whose first event is `subscribed`. What is told again arrives whole.
    pub(super) fn subscribe(&mut self, instance: String, subscribed: EngineEvent, now: Duration) -> (u64, Arc<Notify>) {
        self.made += 1;
        let wake = Arc::new(Notify::new());
        let mut queue = BTreeMap::from([((now, 0), Item::Event(subscribed))]);
        self.forget(now);
        for (_, event) in self.recent.iter().filter(|(_, event)| event.labels.get(labels::INSTANCE) == Some(&instance))
        {
            self.sent += 1;
            queue.insert((now, self.sent), Item::Event(event.clone()));
        }
        self.subscribers.insert(self.made, Subscriber { instance, queue, held: None, wake: Arc::clone(&wake) });
        (self.made, wake)
    }

    pub(super) fn unsubscribe(&mut self, id: u64) {
        self.subscribers.remove(&id);
    }

    pub(super) fn subscriptions(&self) -> usize {
        self.subscribers.len()
    }

    /// Wakes everybody who waits for events: a time that they could wait for has changed.
    pub(super) fn wake_all(&self) {
        for subscriber in self.subscribers.values() {
            subscriber.wake.notify_one();
        }
    }

    /// Forgets what is too long ago to be told again.
    fn forget(&mut self, now: Duration) {
        while self.recent.front().is_some_and(|(at, _)| now.saturating_sub(*at) >= self.replay) {
            self.recent.pop_front();
        }
    }

    /// Sends an event to those who asked for its instance, through the faults.
    pub(super) fn publish(&mut self, event: &EngineEvent, now: Duration, faults: &mut Faults) {
        if !self.replay.is_zero() {
            self.forget(now);
            self.recent.push_back((now, event.clone()));
        }
        let instance = event.labels.get(labels::INSTANCE);
        for subscriber in self.subscribers.values_mut() {
            if instance == Some(&subscriber.instance) {
                let fault = faults.for_event(event.change, &event.name);
                self.sent = subscriber.receive(event, fault.as_ref(), now, self.sent);
                subscriber.wake.notify_one();
            }
        }
    }

    /// Breaks every stream; what is on its way is lost, and what has arrived is not. Nothing of it is ever told again.
    pub(super) fn disconnect(&mut self, now: Duration) {
        self.recent.clear();
        self.sent += 1;
        for subscriber in self.subscribers.values_mut() {
            subscriber.queue.retain(|(arrival, _), _| *arrival <= now);
            subscriber.queue.insert((now, self.sent), broken("the connection was reset"));
            subscriber.wake.notify_one();
        }
    }

    /// Takes what has arrived for a subscriber.
    pub(super) fn take(&mut self, id: u64, now: Duration) -> Found {
        let Some(subscriber) = self.subscribers.get_mut(&id) else { return Found::Item(Item::End) };
        match subscriber.queue.first_entry() {
            Some(entry) if entry.key().0 <= now => Found::Item(entry.remove()),
            Some(entry) => Found::Nothing(Some(entry.key().0)),
            None => Found::Nothing(None),
        }
    }
}

impl Subscriber {
    /// Queues what arrives of an event; returns the number of items sent so far.
    fn receive(&mut self, event: &EngineEvent, fault: Option<&EventFault>, now: Duration, mut sent: u64) -> u64 {
        let overtaken = self.held.take();
        let item = || Item::Event(event.clone());
        let mut push = |at: Duration, item: Item| {
            sent += 1;
            self.queue.insert((at, sent), item);
        };
        match fault {
            None => push(now, item()),
            Some(EventFault::Drop) => {}
            Some(EventFault::Duplicate) => {
                push(now, item());
                push(now, item());
            }
            Some(EventFault::Delay(delay)) => push(now.saturating_add(*delay), item()),
            Some(EventFault::Swap) => self.held = Some(event.clone()),
            Some(EventFault::End) => push(now, Item::End),
            Some(EventFault::Garbage) => push(now, broken("expected value at line 1 column 1")),
        }
        if let Some(event) = overtaken {
            push(now, Item::Event(event));
        }
        sent
    }
}

fn broken(message: &str) -> Item {
    Item::Error(EngineError::OutcomeUnknown { operation: Operation::Events.describe(""), message: message.to_owned() })
}
