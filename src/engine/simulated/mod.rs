//! The simulated engine: Docker's rules without Docker.
//!
//! It serves `--engine simulated`, and tests that need thousands of engines a minute. It has no threads, tasks, files or sockets:
//! whoever calls it or waits for its events brings it forward to tokio's present, which tests pause. All chance comes from one
//! seed, so the same seed and the same calls give the same trace.
//!
//! | file | holds |
//! |---|---|
//! | `world`, `lifecycle`, `container` | the state and its transitions, as seen on Docker 20.10 |
//! | `console` | what people see of a container |
//! | `resources` | images, networks, volumes, ports of the host |
//! | `process`, `load` | what containers do once they run, and what they use for it |
//! | `clock`, `timers` | time, and what is due |
//! | `feed`, `subscription` | events on their way to subscribers |
//! | `faults`, `transport` | what goes wrong, and the way of a call through it |
//! | `outside` | what people do behind the controller's back |
//! | `calls`, `violations`, `audit` | what was asked, what never should have been, and noticing it |

mod adapter;
mod audit;
mod calls;
mod clock;
mod console;
mod container;
mod faults;
mod feed;
mod lifecycle;
mod load;
mod outside;
mod process;
mod resources;
mod subscription;
mod survey;
mod timers;
mod transport;
mod violations;
mod world;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

pub use calls::{Call, Operation};
pub use faults::{CallRule, EventFault, EventRule, Fault, Refusal, Rule, weather};
pub use feed::Emitted;
pub use outside::Outside;
pub use process::{Behaviour, Line};
pub use violations::Violation;

use super::{ContainerDetail, ContainerSpec};
use crate::model::Instance;
use crate::model::reference::ImageReference;
use world::World;

/// A handle on a simulated engine; clones are handles on the same one. It ends with the last handle and the last stream of events.
#[derive(Clone, Debug)]
pub struct Simulated {
    world: Arc<Mutex<World>>,
}

impl Simulated {
    /// An engine with no images, and a registry that has none either. Nothing goes wrong on it until a test says so.
    ///
    /// Its time begins now by tokio's clock: where that is paused, construct the engine inside of the runtime.
    pub fn new(seed: u64) -> Self {
        Self { world: Arc::new(Mutex::new(World::new(seed))) }
    }

    /// Has an image, which the registry has too.
    #[must_use]
    pub fn with_image(self, image: &ImageReference) -> Self {
        self.world().images.add(image);
        self
    }

    /// Can pull every image that the registry is not told to refuse, in about a second each.
    #[must_use]
    pub fn with_any_image(self) -> Self {
        self.world().images.offer_anything();
        self
    }

    /// Begins at this time of the calendar rather than on 2026-01-01.
    #[must_use]
    pub fn with_epoch(self, epoch: Timestamp) -> Self {
        self.world().clock.set_epoch(epoch);
        self
    }

    /// Takes a time between nothing and this for each call, drawn from the seed in whole milliseconds. The default is nothing.
    #[must_use]
    pub fn with_latency(self, longest: Duration) -> Self {
        self.world().latency = longest;
        self
    }

    /// Lets callers wait so long for an answer. The default is 10 seconds.
    #[must_use]
    pub fn with_timeout(self, timeout: Duration) -> Self {
        self.world().timeout = timeout;
        self
    }

    /// Takes so long to remove a container, which is `removing` meanwhile. The default is nothing.
    #[must_use]
    pub fn with_removal_time(self, time: Duration) -> Self {
        self.world().removal_time = time;
        self
    }

    /// Tells each new subscriber again what happened so short a time before, as the Docker engine is asked to. The default is
    /// nothing.
    #[must_use]
    pub fn with_replay(self, time: Duration) -> Self {
        self.world().feed.replay = time;
        self
    }

    /// Calls objects of every other instance foreign (see [`Violation::ForeignTouched`]). The default is to call only those
    /// foreign that belong to no instance.
    #[must_use]
    pub fn owned_by(self, instance: &Instance) -> Self {
        self.world().owner = Some(instance.to_string());
        self
    }

    /// Sets what the process of a workspace (or of a container of this name) does, from its next start on.
    pub fn script(&self, workspace: impl Into<String>, behaviour: Behaviour) {
        self.world().scripts.insert(workspace.into(), behaviour);
    }

    /// Adds a rule about what goes wrong with calls. The first rule that strikes decides.
    pub fn inject(&self, rule: CallRule) {
        self.world().faults.add_call_rule(rule);
    }

    /// Adds a rule about what goes wrong with events, drawn for each subscriber by itself.
    pub fn inject_event(&self, rule: EventRule) {
        self.world().faults.add_event_rule(rule);
    }

    /// Adds every fault with a probability of so many in a thousand each.
    pub fn inject_weather(&self, per_mille: u64) {
        let (calls, events) = weather(per_mille);
        for rule in calls {
            self.inject(rule);
        }
        for rule in events {
            self.inject_event(rule);
        }
    }

    /// Takes back all rules. What is under way goes on as it was decided.
    pub fn clear_faults(&self) {
        self.world().faults.clear();
    }

    /// Ends what runs when it comes up again or is told to end, as an engine does that is not configured with `live-restore`.
    #[must_use]
    pub fn without_live_restore(self) -> Self {
        self.world().live_restore = false;
        self
    }

    /// Takes the engine down: calls are refused, streams end, answers that are under way never come. Containers live on, and what
    /// happens to them is told to nobody.
    pub fn stop_engine(&self) {
        self.world().go_down();
    }

    /// Tells the engine to end. Without live-restore it first ends every container, in no time, and tells of it.
    pub fn shut_engine_down(&self) {
        let mut world = self.world();
        if !world.live_restore {
            world.end_all();
        }
        world.go_down();
    }

    /// As [`Self::stop_engine`], and every container ends with it, as in a failure of the power: nobody learns how.
    pub fn kill_engine(&self) {
        let mut world = self.world();
        world.go_down();
        world.lose_all();
    }

    /// Brings the engine up again.
    pub fn start_engine(&self) {
        self.world().come_up();
    }

    /// The newest calls, oldest first. There are at most 200,000; [`Self::mutations`] counts on.
    pub fn calls(&self) -> Vec<Call> {
        self.world().calls.entries()
    }

    /// The newest events, oldest first, at most 200,000.
    pub fn emitted(&self) -> Vec<Emitted> {
        self.world().events.entries()
    }

    /// How many calls asked the engine to change something and reached it.
    pub fn mutations(&self) -> u64 {
        self.world().mutations
    }

    /// All containers, whoever owns them, oldest first.
    pub fn snapshot(&self) -> Vec<ContainerDetail> {
        let world = self.world();
        world.containers.values().map(|container| container.detail(&world.clock)).collect()
    }

    /// What a container was created from, by its present name; resolved secrets included, as a real engine keeps them.
    pub fn spec(&self, name: &str) -> Option<ContainerSpec> {
        let world = self.world();
        let container = &world.containers[&world.serial_by_name(name).ok()?];
        Some(ContainerSpec { labels: (*container.labels).clone(), ..(*container.spec).clone() })
    }

    /// The names of all networks, sorted.
    pub fn network_names(&self) -> Vec<String> {
        self.world().networks.names()
    }

    /// The names of all volumes, sorted.
    pub fn volume_names(&self) -> Vec<String> {
        self.world().storage.names()
    }

    /// The rules that the controller has broken so far.
    pub fn violations(&self) -> Vec<Violation> {
        self.world().violations.clone()
    }

    /// How many streams of events are open.
    pub fn subscriptions(&self) -> usize {
        self.world().feed.subscriptions()
    }

    /// The engine's time.
    pub fn now(&self) -> Timestamp {
        let world = self.world();
        world.clock.timestamp(world.clock.now())
    }

    /// The world, brought forward to the present. A panic elsewhere leaves no half of a transition that would matter to a test.
    fn world(&self) -> MutexGuard<'_, World> {
        let mut world = self.world.lock().unwrap_or_else(PoisonError::into_inner);
        world.advance();
        world
    }
}
