//! A subscriber's end of the stream of events.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::Notify;

use super::Simulated;
use super::feed::{Found, Item};
use crate::engine::{Change, EngineError, EngineEvent};

/// One subscriber's end of the stream; dropping it unsubscribes.
pub(super) struct Subscription {
    engine: Simulated,
    id: u64,
    wake: Arc<Notify>,
    over: bool,
}

impl Subscription {
    pub(super) fn open(engine: &Simulated, instance: String) -> Self {
        let mut guard = engine.world();
        let world = &mut *guard;
        let now = world.clock.now();
        let subscribed = EngineEvent {
            change: Change::Subscribed,
            id: String::new(),
            name: String::new(),
            labels: BTreeMap::new(),
            time: world.clock.timestamp(now),
        };
        let (id, wake) = world.feed.subscribe(instance, subscribed, now);
        if !world.up {
            world.feed.disconnect(now);
        }
        drop(guard);
        Self { engine: engine.clone(), id, wake, over: false }
    }

    /// The next event; `None` when the stream is over, which it also is after an error.
    pub(super) async fn next(&mut self) -> Option<Result<EngineEvent, EngineError>> {
        while !self.over {
            let (found, next_timer) = {
                let mut world = self.engine.world();
                let now = world.clock.now();
                (world.feed.take(self.id, now), world.timers.next_due())
            };
            match found {
                Found::Item(Item::Event(event)) => return Some(Ok(event)),
                Found::Item(Item::Error(error)) => {
                    self.over = true;
                    return Some(Err(error));
                }
                Found::Item(Item::End) => self.over = true,
                Found::Nothing(arrival) => {
                    // No task drives the world: who waits for it also brings it forward.
                    let until = [arrival, next_timer].into_iter().flatten().min();
                    self.engine.sleep(until, self.wake.notified()).await;
                }
            }
        }
        None
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.engine.world().feed.unsubscribe(self.id);
    }
}
