//! The event log and what happens after it as one stream, without gap or repetition.

use std::collections::VecDeque;
use std::sync::Arc;

use futures_util::stream::{BoxStream, StreamExt, unfold};

use super::control::{Control, EventQuery, Heard};
use super::refusal::Refusal;
use super::wire::{Missed, Told};
use crate::model::event::Event;

/// Events that are read from the log at a time.
const PAGE: usize = 500;

/// Events after `query.after`, or from now on without it. Ends when the subscription does.
///
/// It listens before it reads the log, so nothing is lost between the two; what is in both has a sequence that was told already.
pub fn follow(control: Arc<dyn Control>, query: EventQuery) -> Result<BoxStream<'static, Told>, Refusal> {
    let live = control.subscribe();
    let replay = query.after;
    let mut follower =
        Follower { control, query, live, replay, last: replay, pending: VecDeque::new(), caught_up: true };
    // What the log has to refuse is an answer, which a stream that has begun could not be.
    follower.read_log()?;
    Ok(unfold(follower, async |mut follower| follower.next().await.map(|told| (told, follower))).boxed())
}

struct Follower {
    control: Arc<dyn Control>,
    query: EventQuery,
    live: BoxStream<'static, Heard>,
    /// From where the log is still to be read.
    replay: Option<u64>,
    /// The last sequence that was told, or passed over because nobody asked for it.
    last: Option<u64>,
    /// Read and not yet told.
    pending: VecDeque<Told>,
    /// Whether what happens is ahead of what the log said: what is missed before that is in the log.
    caught_up: bool,
}

impl Follower {
    async fn next(&mut self) -> Option<Told> {
        loop {
            if let Some(told) = self.pending.pop_front() {
                return Some(told);
            }
            if self.replay.is_some() {
                // The client comes again with the last sequence that it got.
                self.read_log().inspect_err(|error| tracing::warn!(%error, "the event log cannot be read on")).ok()?;
                continue;
            }
            match self.live.next().await? {
                Heard::Missed(_) if !self.caught_up => self.replay = self.last,
                Heard::Missed(count) => return Some(Told::Missed(Missed::new(Some(count), self.last))),
                Heard::Event(event) => {
                    if let Some(event) = self.news(event) {
                        return Some(Told::Event(event));
                    }
                }
            }
        }
    }

    /// The next page of the log, where there is anything to be read of it.
    fn read_log(&mut self) -> Result<(), Refusal> {
        let Some(after) = self.replay.take() else { return Ok(()) };
        let page = self.control.events(EventQuery { after: Some(after), limit: PAGE, ..self.query.clone() })?;
        if page.truncated {
            self.pending.push_back(Told::Missed(Missed::new(None, Some(after))));
        }
        self.pending.extend(page.items.into_iter().map(|event| Told::Event(Arc::new(event))));
        // A log that says that there is more and gets no further would be read for ever.
        self.replay = (page.more && page.next > after).then_some(page.next);
        self.last = Some(page.next.max(after));
        self.caught_up = false;
        Ok(())
    }

    /// The event, if it is asked for and was not told.
    fn news(&mut self, event: Arc<Event>) -> Option<Arc<Event>> {
        if let Some(sequence) = event.sequence {
            if self.last.is_some_and(|last| sequence <= last) {
                return None;
            }
            self.last = Some(sequence);
            self.caught_up = true;
        }
        self.query.selects(&event).then_some(event)
    }
}
