//! The engine's state and what changes it: the rules of Docker 20.10, as seen on a real one.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;

use super::calls::{Call, Journal};
use super::clock::Clock;
use super::console::Executions;
use super::container::Container;
use super::faults::{Faults, Refusal};
use super::feed::{Emitted, Feed};
use super::process::{Behaviour, KILLED, LOST};
use super::resources::{HostPorts, Images, Networks, Storage};
use super::timers::Timers;
use super::violations::Violation;
use crate::engine::{Change, ContainerSpec, ContainerSummary, EngineEvent, Limits, ObjectKind};
use crate::model::labels;
use crate::model::random::Random;
use crate::model::status::ContainerState;

/// Everything there is. Containers are known by their serial numbers inside, and by IDs outside.
#[derive(Debug)]
pub(super) struct World {
    pub(super) clock: Clock,
    pub(super) timers: Timers<Timer>,
    pub(super) containers: BTreeMap<u64, Container>,
    by_id: BTreeMap<Arc<str>, u64>,
    by_name: BTreeMap<Arc<str>, u64>,
    by_uid: BTreeMap<String, Vec<u64>>,
    made: u64,
    pub(super) images: Images,
    pub(super) networks: Networks,
    pub(super) storage: Storage,
    pub(super) ports: HostPorts,
    pub(super) feed: Feed,
    pub(super) faults: Faults,
    pub(super) calls: Journal<Call>,
    pub(super) events: Journal<Emitted>,
    pub(super) mutations: u64,
    pub(super) violations: Vec<Violation>,
    /// Commands that people run in containers.
    pub(super) executions: Executions,
    /// What tests said about workspaces, by name.
    pub(super) scripts: BTreeMap<String, Behaviour>,
    /// Rows as they were before the last changes, newest last; kept only while a fault needs them.
    history: VecDeque<(u64, Option<ContainerSummary>)>,
    ids: Random,
    pub(super) latencies: Random,
    /// Whether the engine answers.
    pub(super) up: bool,
    /// Grows whenever the engine goes down: calls of an earlier boot get no answer.
    pub(super) boot: u64,
    /// Whether containers outlive the engine.
    pub(super) live_restore: bool,
    /// How long a removal takes.
    pub(super) removal_time: Duration,
    /// The longest time that an answer takes by itself.
    pub(super) latency: Duration,
    /// How long a caller waits for an answer.
    pub(super) timeout: Duration,
    /// The only instance whose objects may be touched, if a test said so.
    pub(super) owner: Option<String>,
    /// Wakes calls that wait for an end: a process ended before its time, or the engine went down.
    pub(super) stirred: Arc<Notify>,
}

/// What happens at a time that is known beforehand. Beside the world, on which it acts.
pub(super) enum Timer {
    /// A process ends.
    Exit { serial: u64, run: u64, code: i64 },
    /// The engine restarts a container.
    Restart { serial: u64, run: u64 },
    /// A health check decides.
    Verdict { serial: u64, watch: u64 },
    /// A removal that takes time ends.
    Removed { serial: u64 },
    /// A call that was held up has its effect, unless the engine went down since.
    Effect { boot: u64, effect: Box<dyn FnOnce(&mut World) + Send> },
}

impl fmt::Debug for Timer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Exit { .. } => "Exit",
            Self::Restart { .. } => "Restart",
            Self::Verdict { .. } => "Verdict",
            Self::Removed { .. } => "Removed",
            Self::Effect { .. } => "Effect",
        })
    }
}

impl World {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            clock: Clock::new(),
            timers: Timers::new(),
            containers: BTreeMap::new(),
            by_id: BTreeMap::new(),
            by_name: BTreeMap::new(),
            by_uid: BTreeMap::new(),
            made: 0,
            images: Images::new(Random::new(seed, 1)),
            networks: Networks::new(),
            storage: Storage::default(),
            ports: HostPorts::new(),
            feed: Feed::default(),
            faults: Faults::new(Random::new(seed, 2)),
            calls: Journal::new(),
            events: Journal::new(),
            mutations: 0,
            violations: Vec::new(),
            executions: Executions::default(),
            scripts: BTreeMap::new(),
            history: VecDeque::new(),
            ids: Random::new(seed, 3),
            latencies: Random::new(seed, 4),
            up: true,
            boot: 0,
            live_restore: true,
            removal_time: Duration::ZERO,
            latency: Duration::ZERO,
            timeout: Duration::from_secs(10),
            owner: None,
            stirred: Arc::new(Notify::new()),
        }
    }

    /// Brings the world forward to tokio's present: everything that is due happens, in order and at its own time.
    pub(super) fn advance(&mut self) {
        let present = self.clock.elapsed();
        while let Some((due, timer)) = self.timers.take_due(present) {
            self.clock.move_to(due.max(self.clock.now()));
            match timer {
                Timer::Exit { serial, run, code } => self.process_ends(serial, run, code),
                Timer::Restart { serial, run } => self.restart(serial, run),
                Timer::Verdict { serial, watch } => self.health_decided(serial, watch),
                Timer::Removed { serial } => self.vanish(serial),
                Timer::Effect { boot, effect } if boot == self.boot => effect(self),
                Timer::Effect { .. } => {}
            }
        }
        self.clock.move_to(present.max(self.clock.now()));
    }

    pub(super) fn set_timer(&mut self, due: Duration, timer: Timer) {
        let earlier = self.timers.next_due().is_none_or(|next| due < next);
        self.timers.set(due, timer);
        if earlier {
            self.feed.wake_all();
        }
    }

    /// Takes the engine down: nobody is told anything any more, no call gets an answer, and nobody watches health.
    pub(super) fn go_down(&mut self) {
        self.up = false;
        self.boot += 1;
        for container in self.containers.values_mut() {
            container.watch += 1;
            container.watched = false;
        }
        self.feed.disconnect(self.clock.now());
        self.stirred.notify_waiters();
    }

    /// Ends every process without anybody to see how.
    pub(super) fn lose_all(&mut self) {
        for serial in self.having(Container::lives) {
            self.kill(serial, LOST);
        }
    }

    /// Ends every process in order, as the engine does when it is told to end.
    pub(super) fn end_all(&mut self) {
        for serial in self.having(Container::lives) {
            self.end_by_hand(serial);
            if self.containers[&serial].state == ContainerState::Paused {
                self.resume(serial);
            }
            let code = self.containers[&serial].behaviour.code_when_told();
            self.kill(serial, code);
        }
    }

    /// Brings the engine up. What still runs is taken over, though its health is not watched until it is unpaused or started
    /// again; without live-restore it is ended. What the engine restarts is started, whoever ended it.
    pub(super) fn come_up(&mut self) {
        if self.up {
            return;
        }
        if !self.live_restore {
            for serial in self.having(Container::lives) {
                let code = self.containers[&serial].behaviour.code_when_told();
                self.kill(serial, code);
            }
        }
        self.up = true;
        let ended = |own: &Container| matches!(own.state, ContainerState::Exited | ContainerState::Restarting);
        for serial in self.having(|own| own.engine_restarts && ended(own)) {
            self.end_by_hand(serial);
            let id = Arc::clone(&self.containers[&serial].id);
            // A failure is noted in the container's state.
            drop(self.start(&id));
        }
    }

    fn having(&self, what: impl Fn(&Container) -> bool) -> Vec<u64> {
        self.containers.iter().filter(|(_, own)| what(own)).map(|(serial, _)| *serial).collect()
    }

    pub(super) fn serial(&self, id: &str) -> Result<u64, Refusal> {
        self.by_id
            .get(id)
            .copied()
            .ok_or_else(|| Refusal::NotFound(ObjectKind::Container, format!("No such container: {id}")))
    }

    pub(super) fn serial_by_name(&self, name: &str) -> Result<u64, Refusal> {
        self.by_name
            .get(name)
            .copied()
            .ok_or_else(|| Refusal::NotFound(ObjectKind::Container, format!("No such container: {name}")))
    }

    pub(super) fn get(&self, id: &str) -> Result<&Container, Refusal> {
        self.serial(id).map(|serial| &self.containers[&serial])
    }

    /// Changes a container that exists, and remembers its row where a fault asks for old lists.
    pub(super) fn change<T>(&mut self, serial: u64, change: impl FnOnce(&mut Container) -> T) -> Option<T> {
        self.remember(serial);
        self.containers.get_mut(&serial).map(change)
    }

    fn remember(&mut self, serial: u64) {
        let depth = self.faults.staleness();
        if depth > 0 {
            self.history.push_back((serial, self.containers.get(&serial).map(Container::summary)));
        }
        while self.history.len() > depth {
            self.history.pop_front();
        }
    }

    /// The rows of an instance as of so many changes ago, newest container first.
    pub(super) fn list(&self, instance: &str, changes_ago: usize) -> Vec<ContainerSummary> {
        let ours = |labels: &BTreeMap<String, String>| labels.get(labels::INSTANCE).is_some_and(|own| own == instance);
        let containers = self.containers.iter().filter(|(_, container)| ours(&container.labels));
        if changes_ago == 0 {
            return containers.rev().map(|(_, container)| container.summary()).collect();
        }
        let mut rows: BTreeMap<u64, ContainerSummary> =
            containers.map(|(serial, container)| (*serial, container.summary())).collect();
        for (serial, row) in self.history.iter().rev().take(changes_ago) {
            match row {
                Some(row) if ours(&row.labels) => rows.insert(*serial, row.clone()),
                _ => rows.remove(serial),
            };
        }
        rows.into_values().rev().collect()
    }

    /// Tells everybody about a change of a container. An engine that is down tells nothing, not even later.
    pub(super) fn publish(&mut self, serial: u64, change: Change) {
        let Some(container) = self.containers.get(&serial).filter(|_| self.up) else { return };
        let at = self.clock.event_time();
        let event = EngineEvent {
            change,
            id: container.id.to_string(),
            name: container.name.to_string(),
            labels: (*container.labels).clone(),
            time: self.clock.timestamp(at),
        };
        self.events.push(Emitted { at, change, name: Arc::clone(&container.name), id: Arc::clone(&container.id) });
        self.feed.publish(&event, self.clock.now(), &mut self.faults);
    }

    pub(super) fn create(&mut self, spec: &ContainerSpec) -> Result<String, Refusal> {
        let image_id = self
            .images
            .id(&spec.image)
            .cloned()
            .ok_or_else(|| Refusal::NotFound(ObjectKind::Image, format!("No such image: {}", spec.image)))?;
        check_limits(&spec.limits)?;
        self.storage.check_host_paths(spec)?;
        self.check_name_is_free(&spec.name)?;
        self.storage.make_for(spec);
        let id = self.ids.hex();
        let container = Container::new(id.clone(), spec, image_id, self.clock.now());
        self.made += 1;
        let serial = self.made;
        self.remember(serial);
        self.by_id.insert(Arc::clone(&container.id), serial);
        self.by_name.insert(Arc::clone(&container.name), serial);
        if let Some(uid) = container.label(labels::UID) {
            self.by_uid.entry(uid.to_owned()).or_default().push(serial);
        }
        self.containers.insert(serial, container);
        self.publish(serial, Change::Created);
        Ok(id)
    }

    fn check_name_is_free(&self, name: &str) -> Result<(), Refusal> {
        let Some(holder) = self.by_name.get(name) else { return Ok(()) };
        Err(Refusal::Conflict(format!(
            "The container name \"/{name}\" is already in use by container \"{}\"",
            self.containers[holder].id
        )))
    }

    /// Renames a container; one that has the name is a success.
    pub(super) fn rename(&mut self, serial: u64, name: &str) -> Result<(), Refusal> {
        if self.by_name.get(name) == Some(&serial) {
            return Ok(());
        }
        self.check_name_is_free(name)?;
        let new: Arc<str> = name.into();
        if let Some(old) = self.change(serial, |container| std::mem::replace(&mut container.name, Arc::clone(&new))) {
            self.by_name.remove(&old);
            self.by_name.insert(new, serial);
        }
        self.publish(serial, Change::Renamed);
        Ok(())
    }

    pub(super) fn update(&mut self, serial: u64, limits: &Limits) -> Result<(), Refusal> {
        check_limits(limits)?;
        let container = &self.containers[&serial];
        if matches!(container.state, ContainerState::Removing | ContainerState::Dead) {
            let words = format!("Container is marked for removal and cannot be \"update\". {}", container.id);
            return Err(Refusal::Conflict(words));
        }
        self.change(serial, |container| {
            let own = &mut container.limits;
            own.cpu = limits.cpu.or(own.cpu);
            own.memory = limits.memory.or(own.memory);
            own.pids = limits.pids;
        });
        self.publish(serial, Change::Updated);
        Ok(())
    }

    /// Removes a container by force; returns when it will be gone, or `None` when it is already.
    pub(super) fn remove(&mut self, id: &str) -> Option<Duration> {
        let serial = self.serial(id).ok()?;
        self.end_by_hand(serial);
        self.kill(serial, KILLED);
        let gone_at = self.clock.now().saturating_add(self.removal_time);
        if self.removal_time.is_zero() {
            self.vanish(serial);
            return None;
        }
        if self.containers[&serial].state != ContainerState::Removing {
            self.change(serial, |container| container.state = ContainerState::Removing);
            self.set_timer(gone_at, Timer::Removed { serial });
        }
        Some(gone_at)
    }

    fn vanish(&mut self, serial: u64) {
        self.publish(serial, Change::Destroyed);
        self.remember(serial);
        let Some(container) = self.containers.remove(&serial) else { return };
        self.by_id.remove(&container.id);
        self.by_name.remove(&container.name);
        let Some(uid) = container.label(labels::UID) else { return };
        if let Some(serials) = self.by_uid.get_mut(uid) {
            serials.retain(|own| *own != serial);
            if serials.is_empty() {
                self.by_uid.remove(uid);
            }
        }
    }

    /// The containers of a workspace, oldest first.
    pub(super) fn of_uid(&self, uid: &str) -> impl Iterator<Item = &Container> {
        self.by_uid.get(uid).into_iter().flatten().filter_map(|serial| self.containers.get(serial))
    }
}

fn check_limits(limits: &Limits) -> Result<(), Refusal> {
    const LEAST: u64 = 6 << 20;
    if limits.memory.is_some_and(|memory| memory.bytes() < LEAST) {
        return Err(Refusal::Invalid("Minimum memory limit allowed is 6MB".to_owned()));
    }
    Ok(())
}
