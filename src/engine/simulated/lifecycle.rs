//! The life of a container: starting, stopping, dying, freezing, being watched.

use std::sync::Arc;
use std::time::Duration;

use super::container::Container;
use super::faults::Refusal;
use super::process::{Behaviour, KILLED, NOT_STARTED};
use super::resources::Place;
use super::world::{Timer, World};
use crate::engine::Change;
use crate::engine::container::NO_NETWORK;
use crate::model::labels;
use crate::model::status::{ContainerState, Health};

impl World {
    pub(super) fn start(&mut self, id: &str) -> Result<(), Refusal> {
        let serial = self.serial(id)?;
        let container = &self.containers[&serial];
        match container.state {
            // One that waits for its restart counts as one that runs.
            ContainerState::Running | ContainerState::Restarting => return Ok(()),
            ContainerState::Paused => {
                return Err(Refusal::Conflict("cannot start a paused container, try unpause instead".to_owned()));
            }
            ContainerState::Removing | ContainerState::Dead => {
                return Err(Refusal::Conflict("container is marked for removal and cannot be started".to_owned()));
            }
            _ => {}
        }
        let workspace = container.label(labels::WORKSPACE).and_then(|workspace| self.scripts.get(workspace));
        let script = workspace.or_else(|| self.scripts.get(&*container.name));
        let behaviour = script.map_or_else(|| Behaviour::of(&container.spec), Clone::clone);
        // A missing directory is the one obstacle that the engine does not note in the container's state.
        self.storage.check_host_paths(&container.spec)?;
        match self.prepare(serial, &behaviour) {
            Ok(()) => {
                self.run(serial, behaviour);
                Ok(())
            }
            Err(refusal) => {
                let (Refusal::NotFound(_, words) | Refusal::Failed(words)) = &refusal else { return Err(refusal) };
                let words = words.clone();
                self.change(serial, |container| {
                    container.error = words;
                    container.exit_code = container.exit_code.map(|code| if code == 0 { NOT_STARTED } else { code });
                });
                Err(refusal)
            }
        }
    }

    /// Gives a container its networks and its ports, or none of them.
    fn prepare(&mut self, serial: u64, behaviour: &Behaviour) -> Result<(), Refusal> {
        let container = &self.containers[&serial];
        let (spec, name) = (Arc::clone(&container.spec), Arc::clone(&container.name));
        let places = self.networks.join_all(&container.networks)?;
        let ports = match behaviour.refuses_start.clone() {
            Some(words) => Err(Refusal::Failed(words)),
            None => self.ports.publish(&name, &spec.ports),
        };
        if ports.is_err() {
            self.networks.leave_all(&places);
        }
        let ports = ports?;
        if let Some(container) = self.containers.get_mut(&serial) {
            (container.networks, container.ports) = (places, ports);
        }
        Ok(())
    }

    /// Attaches a container to one more network, which it joins at once when it has a process.
    pub(super) fn connect(&mut self, serial: u64, network: &str) -> Result<(), Refusal> {
        let container = &self.containers[&serial];
        if container.networks.contains_key(NO_NETWORK) {
            let words =
                "container cannot be connected to multiple networks with one of the networks in private (none) mode";
            return Err(Refusal::Conflict(words.to_owned()));
        }
        if container.networks.contains_key(network) {
            let words = format!("endpoint with name {} already exists in network {network}", container.name);
            return Err(Refusal::Conflict(words));
        }
        let lives = container.lives();
        let address = self.networks.join(network)?;
        if !lives {
            self.networks.leave(&address);
        }
        let place = if lives { Place::from(address) } else { Place::default() };
        self.change(serial, |container| container.networks.insert(network.into(), place));
        Ok(())
    }

    /// Detaches a container from one network.
    pub(super) fn disconnect(&mut self, serial: u64, network: &str) -> Result<(), Refusal> {
        let container = &self.containers[&serial];
        if !container.networks.contains_key(network) {
            let words = format!("container {} is not connected to network {network}", container.id);
            return Err(Refusal::Conflict(words));
        }
        let place = self.change(serial, |container| container.networks.remove(network)).flatten();
        if let Some(address) = place.and_then(|place| place.address) {
            self.networks.leave(&address);
        }
        Ok(())
    }

    fn run(&mut self, serial: u64, behaviour: Behaviour) {
        let now = self.clock.now();
        let ends = behaviour.ends.map(|(after, code)| (now.saturating_add(after), code));
        let run = self.change(serial, |container| {
            container.state = ContainerState::Running;
            // The engine keeps the end of the run before.
            (container.exit_code, container.oom_killed) = (None, false);
            container.restart_delay = Some(FIRST_RESTART);
            container.error.clear();
            container.started_at = Some(now);
            (container.frozen_at, container.frozen_for) = (None, Duration::ZERO);
            container.begin_log(now, &behaviour.says);
            container.behaviour = behaviour;
            container.health = container.spec.health_check.as_ref().map(|_| Health::Starting);
            container.ends_at = ends.map(|(at, _)| at);
            container.run += 1;
            container.run
        });
        self.publish(serial, Change::Started);
        self.watch_health(serial);
        if let (Some(run), Some((at, code))) = (run, ends) {
            if at <= now {
                self.process_ends(serial, run, code);
            } else {
                self.set_timer(at, Timer::Exit { serial, run, code });
            }
        }
    }

    /// Begins to stop a container; returns when it will have ended, or `None` when it has already.
    pub(super) fn stop(&mut self, id: &str, grace: Duration) -> Option<Duration> {
        let serial = self.serial(id).ok()?;
        let now = self.clock.now();
        self.end_by_hand(serial);
        let container = self.containers.get(&serial).filter(|container| container.lives())?;
        if container.state == ContainerState::Paused {
            self.resume(serial);
        }
        let container = self.containers.get(&serial).filter(|container| container.lives())?;
        let obeys = container.behaviour.obeys_stop.filter(|takes| *takes <= grace);
        let (takes, code) = obeys.map_or((grace, KILLED), |takes| (takes, 0));
        let (ends, run) = (now.saturating_add(takes), container.run);
        if takes.is_zero() {
            self.process_ends(serial, run, code);
            return None;
        }
        let ends_at = container.ends_at.map_or(ends, |by_itself| by_itself.min(ends));
        self.change(serial, |container| container.ends_at = Some(ends_at));
        self.set_timer(ends, Timer::Exit { serial, run, code });
        Some(ends_at)
    }

    /// Notes that somebody wants it to have ended. One that waits for its restart then waits no more, and nothing is told of it.
    pub(super) fn end_by_hand(&mut self, serial: u64) {
        let Some(container) = self.containers.get_mut(&serial) else { return };
        container.restart_delay = None;
        if container.state == ContainerState::Restarting {
            self.change(serial, |container| {
                container.state = ContainerState::Exited;
                container.run += 1;
            });
        }
    }

    /// Ends a process by a signal that nothing withstands, as `docker kill` and the kernel do. A frozen one also ends, and is never
    /// told to be unpaused.
    pub(super) fn kill(&mut self, serial: u64, code: i64) {
        if self.containers.get(&serial).is_some_and(Container::lives) {
            self.end(serial, code);
        }
    }

    /// A process ends, unless that run is over already. A frozen one ends when it thaws.
    pub(super) fn process_ends(&mut self, serial: u64, run: u64, code: i64) {
        match self.containers.get_mut(&serial).filter(|own| own.run == run) {
            Some(own) if own.state == ContainerState::Paused => own.frozen_exit = Some(code),
            Some(own) if own.state == ContainerState::Running => self.end(serial, code),
            _ => {}
        }
    }

    fn end(&mut self, serial: u64, code: i64) {
        let Some(container) = self.containers.get_mut(&serial) else { return };
        let ports = std::mem::take(&mut container.ports);
        for address in container.networks.values_mut().filter_map(|place| place.address.take()) {
            self.networks.leave(&address);
        }
        self.ports.release(&ports);
        let now = self.clock.now();
        if container.ends_at.is_some_and(|ends_at| ends_at > now) {
            self.stirred.notify_waiters();
        }
        let restarts = self.up && container.engine_restarts && container.restart_delay.is_some();
        let run = self.change(serial, |container| {
            container.state = if restarts { ContainerState::Restarting } else { ContainerState::Exited };
            (container.exit_code, container.finished_at) = (Some(code), Some(now));
            (container.frozen_exit, container.ends_at) = (None, None);
            container.end_log(now);
            container.run += 1;
            end_watch(container);
            container.run
        });
        self.publish(serial, Change::Died);
        if let Some(run) = run.filter(|_| restarts) {
            self.wait_to_restart(serial, run);
        }
    }

    /// Lets the engine restart a container after a while, which doubles each time unless the run was a long one. Source: moby
    /// `restartmanager/restartmanager.go`.
    fn wait_to_restart(&mut self, serial: u64, run: u64) {
        let now = self.clock.now();
        let Some(container) = self.containers.get_mut(&serial) else { return };
        let long = container.started_at.is_some_and(|started| now.saturating_sub(started) >= LONG_RUN);
        let delay = container.restart_delay.filter(|_| !long).unwrap_or(FIRST_RESTART);
        container.restart_delay = Some((delay * 2).min(LAST_RESTART));
        self.set_timer(now.saturating_add(delay), Timer::Restart { serial, run });
    }

    /// Restarts a container that waits for it. It stays as it is where that fails.
    pub(super) fn restart(&mut self, serial: u64, run: u64) {
        let waits = |own: &&mut Container| own.run == run && own.state == ContainerState::Restarting;
        let Some(container) = self.containers.get_mut(&serial).filter(waits).filter(|_| self.up) else { return };
        container.state = ContainerState::Exited;
        let (id, delay) = (Arc::clone(&container.id), container.restart_delay);
        // A failure is noted in the container's state.
        drop(self.start(&id));
        if let Some(container) = self.containers.get_mut(&serial) {
            container.restart_delay = delay;
        }
    }

    pub(super) fn pause(&mut self, serial: u64) -> Result<(), Refusal> {
        let container = &self.containers[&serial];
        if container.state != ContainerState::Running {
            let why = if container.state == ContainerState::Paused { "already paused" } else { "not running" };
            return Err(Refusal::Conflict(format!("Container {} is {why}", container.id)));
        }
        let now = self.clock.now();
        self.change(serial, |container| {
            container.state = ContainerState::Paused;
            container.frozen_at = Some(now);
            end_watch(container);
        });
        self.publish(serial, Change::Paused);
        Ok(())
    }

    pub(super) fn unpause(&mut self, id: &str) -> Result<(), Refusal> {
        let serial = self.serial(id)?;
        if self.containers[&serial].state == ContainerState::Paused {
            self.resume(serial);
        }
        Ok(())
    }

    /// Thaws a process; one whose time came meanwhile ends.
    pub(super) fn resume(&mut self, serial: u64) {
        let now = self.clock.now();
        let overdue = self.change(serial, |container| {
            container.state = ContainerState::Running;
            container.frozen_for +=
                container.frozen_at.take().map_or(Duration::ZERO, |since| now.saturating_sub(since));
            (container.run, container.frozen_exit.take())
        });
        self.publish(serial, Change::Unpaused);
        self.watch_health(serial);
        if let Some((run, Some(code))) = overdue {
            self.process_ends(serial, run, code);
        }
    }

    /// Starts the health monitor of a container that has a check.
    pub(super) fn watch_health(&mut self, serial: u64) {
        let Some(container) = self.containers.get_mut(&serial) else { return };
        container.watch += 1;
        container.watched = container.spec.health_check.is_some();
        let watch = container.watch;
        if let Some(check) = &container.spec.health_check {
            let due = self.clock.now().saturating_add(container.behaviour.verdict(check).0);
            self.set_timer(due, Timer::Verdict { serial, watch });
        }
    }

    pub(super) fn health_decided(&mut self, serial: u64, watch: u64) {
        let container = self.containers.get(&serial).filter(|own| own.watch == watch && self.up);
        let Some(check) = container.and_then(|container| container.spec.health_check.as_ref()) else { return };
        let verdict = container.map(|container| container.behaviour.verdict(check).1);
        if let Some(health) = verdict {
            self.set_health(serial, health);
        }
    }

    /// Sets the result of a health check, and tells when it differs.
    pub(super) fn set_health(&mut self, serial: u64, health: Health) {
        if self.containers.get(&serial).is_some_and(|container| container.health != Some(health)) {
            self.change(serial, |container| container.health = Some(health));
            self.publish(serial, Change::Health(health));
        }
    }
}

/// How long the engine waits before it restarts a container: at first, at most, and after which run it begins anew.
const FIRST_RESTART: Duration = Duration::from_millis(100);
const LAST_RESTART: Duration = Duration::from_secs(60);
const LONG_RUN: Duration = Duration::from_secs(10);

/// The engine calls a container unhealthy once it no longer watches it. Source: moby `container/health.go`,
/// `CloseMonitorChannel`.
fn end_watch(container: &mut Container) {
    container.watch += 1;
    if std::mem::take(&mut container.watched) {
        container.health = Some(Health::Unhealthy);
    }
}
