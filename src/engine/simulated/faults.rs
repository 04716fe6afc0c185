//! What goes wrong, and when: rules that tests put into the engine.

use std::time::Duration;

use super::calls::Operation;
use crate::engine::{Change, EngineError, ObjectKind};
use crate::model::random::Random;

/// What the engine says instead of doing what it is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The object, or one that it needs, does not exist.
    NotFound(ObjectKind, String),
    /// A name is taken, or a state does not allow it.
    Conflict(String),
    /// The request as such is refused.
    Invalid(String),
    /// The registry refuses or fails.
    Registry(String),
    /// The engine tried and failed.
    Failed(String),
}

impl Refusal {
    pub(super) fn into_error(self, operation: String) -> EngineError {
        match self {
            Self::NotFound(object, message) => EngineError::NotFound { operation, object, message },
            Self::Conflict(message) => EngineError::Conflict { operation, message },
            Self::Invalid(message) => EngineError::Invalid { operation, message },
            Self::Registry(message) => EngineError::of_registry(operation, message),
            Self::Failed(message) => EngineError::Failed { operation, message },
        }
    }
}

/// What goes wrong with a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The connection is refused; no effect.
    Unavailable,
    /// The engine answers this; no effect.
    Refuse(Refusal),
    /// The effect happens and the answer is lost: the caller gets `OutcomeUnknown` at once.
    LostReply,
    /// The effect happens this much later. Beyond the call's timeout the caller gets `OutcomeUnknown`, and the effect still happens.
    Delay(Duration),
    /// Nothing happens, and the caller gets `OutcomeUnknown` after the call's timeout.
    Hang,
    /// A list answers as of so many changes of containers ago. Other calls are not affected.
    Stale(usize),
}

/// What goes wrong with an event on its way to one subscriber.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EventFault {
    /// It never arrives.
    Drop,
    /// It arrives twice.
    Duplicate,
    /// It arrives this much later; events behind it do not wait.
    Delay(Duration),
    /// It arrives after the next one.
    Swap,
    /// It never arrives, and the stream ends.
    End,
    /// It arrives as something that cannot be read: the stream yields an error and ends.
    Garbage,
}

/// When a fault happens: for things of a kind, with a name, the n-th of them, so many times, with a probability. A new
/// rule fits everything, always.
#[derive(Clone, Debug)]
pub struct Rule<F, K> {
    fault: F,
    kind: Option<K>,
    object: Option<String>,
    skip: u64,
    times: u64,
    per_mille: u64,
}

/// A rule about calls.
pub type CallRule = Rule<Fault, Operation>;
/// A rule about events.
pub type EventRule = Rule<EventFault, Change>;

impl<F: Clone, K: Copy + PartialEq> Rule<F, K> {
    /// Always, for everything.
    pub const fn new(fault: F) -> Self {
        Self { fault, kind: None, object: None, skip: 0, times: u64::MAX, per_mille: 1000 }
    }

    /// Only for this operation or this change.
    #[must_use]
    pub const fn on(mut self, kind: K) -> Self {
        self.kind = Some(kind);
        self
    }

    /// Only for this object: the container's name (see [`super::Call::object`]).
    #[must_use]
    pub fn of(mut self, object: impl Into<String>) -> Self {
        self.object = Some(object.into());
        self
    }

    /// Not for the first `count` that fit.
    #[must_use]
    pub const fn after(mut self, count: u64) -> Self {
        self.skip = count;
        self
    }

    /// At most so many times.
    #[must_use]
    pub const fn times(mut self, count: u64) -> Self {
        self.times = count;
        self
    }

    /// Only the n-th that fits, counted from 1.
    #[must_use]
    pub const fn nth(self, number: u64) -> Self {
        self.after(number.saturating_sub(1)).times(1)
    }

    /// Each time with a probability of so many in a thousand, drawn from the engine's seed.
    #[must_use]
    pub const fn chance(mut self, per_mille: u64) -> Self {
        self.per_mille = per_mille;
        self
    }

    /// Whether the rule strikes this time; counts it.
    fn strikes(&mut self, kind: K, object: &str, random: &mut Random) -> bool {
        let fits = self.kind.is_none_or(|own| own == kind) && self.object.as_deref().is_none_or(|own| own == object);
        if !fits || self.times == 0 {
            return false;
        }
        if self.skip > 0 {
            self.skip -= 1;
            return false;
        }
        let struck = self.per_mille >= 1000 || random.below(1000) < self.per_mille;
        self.times -= u64::from(struck);
        struck
    }
}

/// The rules in force. The first that strikes decides.
#[derive(Debug)]
pub(super) struct Faults {
    calls: Vec<CallRule>,
    events: Vec<EventRule>,
    random: Random,
}

impl Faults {
    pub(super) const fn new(random: Random) -> Self {
        Self { calls: Vec::new(), events: Vec::new(), random }
    }

    pub(super) fn add_call_rule(&mut self, rule: CallRule) {
        self.calls.push(rule);
    }

    pub(super) fn add_event_rule(&mut self, rule: EventRule) {
        self.events.push(rule);
    }

    pub(super) fn clear(&mut self) {
        self.calls.clear();
        self.events.clear();
    }

    pub(super) fn for_call(&mut self, operation: Operation, object: &str) -> Option<Fault> {
        strike(&mut self.calls, operation, object, &mut self.random)
    }

    pub(super) fn for_event(&mut self, change: Change, name: &str) -> Option<EventFault> {
        strike(&mut self.events, change, name, &mut self.random)
    }

    /// How many past changes a list may have to go back.
    pub(super) fn staleness(&self) -> usize {
        let depth = |rule: &CallRule| if let Fault::Stale(changes) = rule.fault { changes } else { 0 };
        self.calls.iter().map(depth).max().unwrap_or(0)
    }
}

fn strike<F: Clone, K: Copy + PartialEq>(
    rules: &mut [Rule<F, K>],
    kind: K,
    object: &str,
    random: &mut Random,
) -> Option<F> {
    rules.iter_mut().find_map(|rule| rule.strikes(kind, object, random).then(|| rule.fault.clone()))
}

/// A mixture of every fault, each with a probability of so many in a thousand: weather for simulations.
pub fn weather(per_mille: u64) -> (Vec<CallRule>, Vec<EventRule>) {
    let calls = [
        Fault::Unavailable,
        Fault::Refuse(Refusal::Failed("simulated failure".to_owned())),
        Fault::LostReply,
        Fault::Delay(Duration::from_millis(700)),
        Fault::Delay(Duration::from_secs(15)),
        Fault::Hang,
        Fault::Stale(2),
    ];
    let events = [
        EventFault::Drop,
        EventFault::Duplicate,
        EventFault::Delay(Duration::from_secs(3)),
        EventFault::Swap,
        EventFault::End,
        EventFault::Garbage,
    ];
    (
        calls.into_iter().map(|fault| Rule::new(fault).chance(per_mille)).collect(),
        events.into_iter().map(|fault| Rule::new(fault).chance(per_mille)).collect(),
    )
}
