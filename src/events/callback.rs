//! Callbacks: code of the program that embeds Wharf, of which nothing is known.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::{Heard, Subscription};
use crate::model::event::{Details, Event};
use crate::model::status::{Phase, Reason};

/// The phase of a workspace has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateChange {
    /// The workspace.
    pub workspace: String,
    /// The phase before; `None` when it has just appeared.
    pub old: Option<Phase>,
    /// The phase now.
    pub new: Phase,
    /// Why, as the condition Ready says.
    pub reason: Reason,
    /// Events that were missed before this one, state changes or others, because the callback took too long.
    pub missed: u64,
}

/// Keeps a callback registered for as long as it lives.
#[derive(Debug)]
#[must_use = "dropping it takes the callback back"]
pub struct Registration {
    ended: Arc<AtomicBool>,
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Release);
    }
}

pub(super) fn register(
    mut subscription: Subscription,
    mut callback: impl FnMut(&StateChange) + Send + 'static,
) -> std::io::Result<Registration> {
    let ended = Arc::new(AtomicBool::new(false));
    let until = Arc::clone(&ended);
    std::thread::Builder::new().name("wharf-callback".to_owned()).spawn(move || {
        let mut missed = 0;
        while let Some(heard) = subscription.wait() {
            if until.load(Ordering::Acquire) {
                return;
            }
            match heard {
                Heard::Missed(count) => missed += count,
                Heard::Event(event) => {
                    let Some(change) = state_change(&event, missed) else { continue };
                    missed = 0;
                    if catch_unwind(AssertUnwindSafe(|| callback(&change))).is_err() {
                        tracing::error!(workspace = %change.workspace, "a callback for state changes panicked");
                    }
                }
            }
        }
    })?;
    Ok(Registration { ended })
}

fn state_change(event: &Event, missed: u64) -> Option<StateChange> {
    let Some(Details::Phase { old, new, reason }) = &event.record.details else { return None };
    Some(StateChange { workspace: event.workspace.clone()?, old: *old, new: *new, reason: *reason, missed })
}
