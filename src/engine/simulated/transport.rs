//! The way of a call: into the log, through the faults, to its effect, and back with an answer or without.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::Simulated;
use super::calls::{Call, Operation};
use super::faults::{Fault, Refusal};
use super::world::{Timer, World};
use crate::engine::EngineError;

/// Where the simulated engine says it listens.
pub(super) const ENDPOINT: &str = "simulated:";

/// Why a caller does not get what it asked for.
pub(super) enum Trouble {
    /// The engine says no.
    Refused(Refusal),
    /// Nobody is there.
    Unavailable(String),
    /// No answer.
    Unknown(String),
}

impl From<Refusal> for Trouble {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// A call under way.
pub(super) struct Permit {
    number: u64,
    operation: Operation,
    object: String,
    /// The engine's boot that the call was sent to; `None` when the engine is down.
    boot: Option<u64>,
    /// How long the engine takes until the effect.
    hold: Duration,
    pub(super) fault: Option<Fault>,
    /// When the caller gives up.
    deadline: Duration,
}

impl Permit {
    /// How many changes a list goes back.
    pub(super) const fn staleness(&self) -> usize {
        if let Some(Fault::Stale(changes)) = self.fault { changes } else { 0 }
    }

    pub(super) const fn extend(&mut self, time: Duration) {
        self.deadline = self.deadline.saturating_add(time);
    }
}

fn no_answer() -> Trouble {
    Trouble::Unknown("no answer in time".to_owned())
}

impl Simulated {
    /// Logs a call and decides what will go wrong with it. `object` is a container's ID or any other object's name.
    pub(super) fn begin(&self, operation: Operation, object: &str) -> Permit {
        let mut guard = self.world();
        let world = &mut *guard;
        let object = world.get(object).map_or_else(|_| object.to_owned(), |container| container.name.to_string());
        let at = world.clock.now();
        let number = world.calls.push(Call { at, operation, object: object.clone(), answer: None });
        let fault = if world.up { world.faults.for_call(operation, &object) } else { None };
        world.mutations += u64::from(world.up && operation.is_mutation());
        // Whole milliseconds: tokio's timers know nothing finer.
        let longest = u64::try_from(world.latency.as_millis()).unwrap_or(u64::MAX);
        let latency = if longest == 0 { 0 } else { world.latencies.below(longest.saturating_add(1)) };
        let delay = if let Some(Fault::Delay(delay)) = &fault { *delay } else { Duration::ZERO };
        let hold = Duration::from_millis(latency).saturating_add(delay);
        let boot = world.up.then_some(world.boot);
        Permit { number, operation, object, boot, hold, fault, deadline: at.saturating_add(world.timeout) }
    }

    /// Writes the answer into the log and hands it to the caller.
    pub(super) fn finish<T>(&self, permit: &Permit, answer: Result<T, Trouble>) -> Result<T, EngineError> {
        let operation = permit.operation.describe(&permit.object);
        let answer = answer.map_err(|trouble| match trouble {
            Trouble::Refused(refusal) => refusal.into_error(operation),
            Trouble::Unavailable(message) => {
                EngineError::Unavailable { operation, endpoint: ENDPOINT.to_owned(), message }
            }
            Trouble::Unknown(message) => EngineError::OutcomeUnknown { operation, message },
        });
        if let Some(call) = self.world().calls.get_mut(permit.number) {
            call.answer = Some(answer.as_ref().map(drop).map_err(Clone::clone));
        }
        answer
    }

    /// A call from beginning to end.
    pub(super) async fn call<T, F>(&self, operation: Operation, object: &str, effect: F) -> Result<T, EngineError>
    where
        T: Send + 'static,
        F: FnOnce(&mut World) -> Result<T, Refusal> + Send + 'static,
    {
        let permit = self.begin(operation, object);
        let answer = self.perform(&permit, effect).await;
        self.finish(&permit, answer)
    }

    /// Lets the engine do what is asked, as far as the faults allow.
    pub(super) async fn perform<T, F>(&self, permit: &Permit, effect: F) -> Result<T, Trouble>
    where
        T: Send + 'static,
        F: FnOnce(&mut World) -> Result<T, Refusal> + Send + 'static,
    {
        let Some(boot) = permit.boot else { return Err(Trouble::Unavailable("connection refused".to_owned())) };
        match &permit.fault {
            Some(Fault::Unavailable) => Err(Trouble::Unavailable("connection refused".to_owned())),
            Some(Fault::Refuse(refusal)) => Err(Trouble::Refused(refusal.clone())),
            Some(Fault::Hang) => Err(self.wait(permit, None, |_| false).await.err().unwrap_or_else(no_answer)),
            Some(Fault::LostReply) => {
                self.take_effect(permit, boot, effect).await?;
                Err(Trouble::Unknown("the connection was closed before the answer".to_owned()))
            }
            Some(Fault::Delay(_) | Fault::Stale(_)) | None => self.take_effect(permit, boot, effect).await,
        }
    }

    /// The effect, now or when its time comes. It comes whether or not the caller still waits: the request has been sent.
    async fn take_effect<T, F>(&self, permit: &Permit, boot: u64, effect: F) -> Result<T, Trouble>
    where
        T: Send + 'static,
        F: FnOnce(&mut World) -> Result<T, Refusal> + Send + 'static,
    {
        if permit.hold.is_zero() {
            return effect(&mut self.world()).map_err(Trouble::Refused);
        }
        let slot = Arc::new(Mutex::new(None));
        let due = {
            let mut world = self.world();
            let due = world.clock.now().saturating_add(permit.hold);
            let slot = Arc::clone(&slot);
            let effect = Box::new(move |world: &mut World| {
                let answer = effect(world);
                *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(answer);
            });
            world.set_timer(due, Timer::Effect { boot, effect });
            due
        };
        let taken = || slot.lock().unwrap_or_else(PoisonError::into_inner).take();
        let mut answer = None;
        self.wait(permit, Some(due), |_| {
            answer = taken();
            answer.is_some()
        })
        .await?;
        answer.ok_or_else(no_answer)?.map_err(Trouble::Refused)
    }

    /// Waits until something is so, which it will be at `due` as far as is known. Ends at the call's deadline, and when the engine
    /// goes down, as the connection then does.
    pub(super) async fn wait(
        &self,
        permit: &Permit,
        due: Option<Duration>,
        mut done: impl FnMut(&World) -> bool + Send,
    ) -> Result<(), Trouble> {
        loop {
            let (stirred, until) = {
                let world = self.world();
                let now = world.clock.now();
                if done(&world) {
                    return Ok(());
                }
                if permit.boot != Some(world.boot) {
                    return Err(Trouble::Unknown("the connection was reset".to_owned()));
                }
                if now >= permit.deadline {
                    return Err(no_answer());
                }
                let until = due.filter(|due| *due > now).map_or(permit.deadline, |due| due.min(permit.deadline));
                (Arc::clone(&world.stirred).notified_owned(), until)
            };
            self.sleep(Some(until), stirred).await;
        }
    }

    /// Sleeps until a time since the construction, or until woken.
    pub(super) async fn sleep(&self, until: Option<Duration>, woken: impl Future<Output = ()> + Send) {
        let instant = until.and_then(|until| self.world().clock.instant(until));
        match instant {
            Some(instant) => {
                tokio::select! {
                    biased;
                    () = woken => {}
                    () = tokio::time::sleep_until(instant) => {}
                }
            }
            None => woken.await,
        }
    }
}
