//! The work queue: every trigger adds a key, and that is all a trigger does.
//!
//! A key is in the queue at most once, at its earliest time; it is never handed out twice at once, and one added while it
//! is being worked on is handed out again afterwards. Imitates kube-rs' scheduler.

use std::collections::{HashMap, HashSet};
use std::future::poll_fn;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::time::DelayQueue;
use tokio_util::time::delay_queue::Key as TimerKey;

use crate::model::Name;

/// Timers hold at most 2^36 ms; nothing here waits longer than a day without being looked at.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// The work queue. Owned by the controller's loop; not shared.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    timers: DelayQueue<Name>,
    scheduled: HashMap<Name, (Instant, TimerKey)>,
    in_flight: HashSet<Name>,
    /// Keys added while in flight, with their earliest time.
    again: HashMap<Name, Instant>,
}

impl Queue {
    /// Adds a key, to be handed out at a time; the earlier of two times wins.
    pub(crate) fn add(&mut self, key: &Name, at: Instant) {
        let at = at.min(Instant::now() + LONGEST);
        if self.in_flight.contains(key) {
            let earliest = self.again.entry(key.clone()).or_insert(at);
            *earliest = at.min(*earliest);
            return;
        }
        match self.scheduled.get_mut(key) {
            Some((time, _)) if *time <= at => {}
            Some((time, timer)) => {
                *time = at;
                self.timers.reset_at(timer, at);
            }
            None => {
                let timer = self.timers.insert_at(key.clone(), at);
                self.scheduled.insert(key.clone(), (at, timer));
            }
        }
    }

    /// The next key that is due, marked as being worked on. Waits for ever when there is none. Cancel safe.
    pub(crate) async fn next(&mut self) -> Name {
        poll_fn(|context| self.poll_next(context)).await
    }

    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Name> {
        // An empty queue yields `None`, which is not an end here: keys may be added.
        match self.timers.poll_expired(context) {
            Poll::Ready(Some(expired)) => {
                let key = expired.into_inner();
                self.scheduled.remove(&key);
                self.in_flight.insert(key.clone());
                Poll::Ready(key)
            }
            Poll::Ready(None) | Poll::Pending => Poll::Pending,
        }
    }

    /// Ends the work on a key; it is scheduled again if it was added meanwhile.
    pub(crate) fn done(&mut self, key: &Name) {
        self.in_flight.remove(key);
        if let Some(at) = self.again.remove(key) {
            self.add(key, at);
        }
    }

    /// Whether a key is being worked on.
    pub(crate) fn is_in_flight(&self, key: &Name) -> bool {
        self.in_flight.contains(key)
    }

    /// How many keys wait for their time, or for a place.
    pub(crate) fn len(&self) -> usize {
        self.scheduled.len() + self.again.len()
    }

    /// Whether a key is being worked on or due by now.
    pub(crate) fn is_busy(&self, now: Instant) -> bool {
        !self.in_flight.is_empty() || self.scheduled.values().any(|(at, _)| *at <= now)
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::task::Waker;

    use super::*;

    fn name(text: &str) -> Name {
        text.parse().expect("a name")
    }

    fn poll(queue: &mut Queue) -> Option<Name> {
        let mut next = std::pin::pin!(queue.next());
        match next.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(key) => Some(key),
            Poll::Pending => None,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_key_is_queued_once_at_its_earliest_time() {
        let mut queue = Queue::default();
        let start = Instant::now();
        queue.add(&name("a"), start + Duration::from_secs(60));
        queue.add(&name("a"), start + Duration::from_secs(5));
        queue.add(&name("a"), start + Duration::from_secs(30));
        assert_eq!(queue.next().await, name("a"));
        assert_eq!(start.elapsed().as_secs(), 5);
        queue.done(&name("a"));
        assert_eq!(poll(&mut queue), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_key_in_flight_is_not_handed_out_again_before_it_is_done() {
        let mut queue = Queue::default();
        queue.add(&name("a"), Instant::now());
        assert_eq!(queue.next().await, name("a"));
        queue.add(&name("a"), Instant::now());
        queue.add(&name("b"), Instant::now());
        assert_eq!(queue.next().await, name("b"));
        assert_eq!(poll(&mut queue), None);
        queue.done(&name("a"));
        assert_eq!(queue.next().await, name("a"));
    }

    #[tokio::test(start_paused = true)]
    async fn times_beyond_what_timers_hold_are_clamped() {
        let mut queue = Queue::default();
        queue.add(&name("a"), Instant::now() + Duration::from_secs(u64::from(u32::MAX) * 100));
        assert!(!queue.is_busy(Instant::now()));
    }
}
