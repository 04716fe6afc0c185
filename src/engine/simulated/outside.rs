//! What people and processes do behind the controller's back.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::time::Duration;

use super::Simulated;
use super::faults::Refusal;
use super::process::KILLED;
use super::transport::ENDPOINT;
use super::world::World;
use crate::engine::{Change, ContainerSpec, EngineError, Limits};
use crate::model::reference::ImageReference;
use crate::model::spec::Protocol;
use crate::model::status::{ContainerState, Health};

/// A person with `docker`, `root` and a registry. Containers are meant by name. Nothing here is subject to faults or written into
/// the log of calls, and each emits the events that the engine would.
#[derive(Clone, Copy, Debug)]
pub struct Outside<'a> {
    engine: &'a Simulated,
}

impl Simulated {
    /// What people and processes do behind the controller's back.
    pub const fn outside(&self) -> Outside<'_> {
        Outside { engine: self }
    }
}

impl Outside<'_> {
    /// Runs a command of the engine, which must be up for it.
    fn docker<T>(
        self,
        command: &str,
        object: &str,
        effect: impl FnOnce(&mut World) -> Result<T, Refusal>,
    ) -> Result<T, EngineError> {
        let operation = format!("docker {command} {object}");
        let mut world = self.engine.world();
        if !world.up {
            let message = "connection refused".to_owned();
            return Err(EngineError::Unavailable { operation, endpoint: ENDPOINT.to_owned(), message });
        }
        effect(&mut world).map_err(|refusal| refusal.into_error(operation))
    }

    /// `docker kill`.
    pub fn kill(self, name: &str) -> Result<(), EngineError> {
        self.docker("kill", name, |world| {
            let serial = world.serial_by_name(name)?;
            let container = &world.containers[&serial];
            if !container.lives() && container.state != ContainerState::Restarting {
                return Err(Refusal::Conflict(format!("Container {name} is not running")));
            }
            world.end_by_hand(serial);
            world.kill(serial, KILLED);
            Ok(())
        })
    }

    /// `docker stop`, without waiting for the end.
    pub fn stop(self, name: &str) -> Result<(), EngineError> {
        self.docker("stop", name, |world| {
            let id = id_of(world, name)?;
            world.stop(&id, Duration::from_secs(10));
            Ok(())
        })
    }

    /// `docker start`.
    pub fn start(self, name: &str) -> Result<(), EngineError> {
        self.docker("start", name, |world| {
            let id = id_of(world, name)?;
            world.start(&id)
        })
    }

    /// `docker restart`. One that ignores the stop signal is killed without a wait.
    pub fn restart(self, name: &str) -> Result<(), EngineError> {
        self.docker("restart", name, |world| {
            let id = id_of(world, name)?;
            world.stop(&id, Duration::ZERO);
            world.start(&id)
        })
    }

    /// `docker pause`.
    pub fn pause(self, name: &str) -> Result<(), EngineError> {
        self.docker("pause", name, |world| {
            let serial = world.serial_by_name(name)?;
            world.pause(serial)
        })
    }

    /// `docker unpause`.
    pub fn unpause(self, name: &str) -> Result<(), EngineError> {
        self.docker("unpause", name, |world| {
            let id = id_of(world, name)?;
            world.unpause(&id)
        })
    }

    /// `docker rename`.
    pub fn rename(self, name: &str, new: &str) -> Result<(), EngineError> {
        self.docker("rename", name, |world| {
            let serial = world.serial_by_name(name)?;
            world.rename(serial, new)
        })
    }

    /// `docker rm`.
    pub fn remove_ended(self, name: &str) -> Result<(), EngineError> {
        self.docker("rm", name, |world| {
            let serial = world.serial_by_name(name)?;
            if world.containers[&serial].lives() {
                return Err(Refusal::Conflict(format!("You cannot remove a running container {name}")));
            }
            let id = id_of(world, name)?;
            world.remove(&id);
            Ok(())
        })
    }

    /// `docker rm --force`.
    pub fn remove(self, name: &str) -> Result<(), EngineError> {
        self.docker("rm", name, |world| {
            let id = id_of(world, name)?;
            world.remove(&id);
            Ok(())
        })
    }

    /// `docker update`.
    pub fn update(self, name: &str, limits: &Limits) -> Result<(), EngineError> {
        self.docker("update", name, |world| {
            let serial = world.serial_by_name(name)?;
            // What is not given on the command line stays.
            let pids = limits.pids.or(world.containers[&serial].limits.pids);
            world.update(serial, &Limits { pids, ..*limits })
        })
    }

    /// `docker create`, whoever's labels the container has; returns its ID.
    pub fn create(self, spec: &ContainerSpec) -> Result<String, EngineError> {
        self.docker("create", &spec.name, |world| world.create(spec))
    }

    /// `docker network connect`, also to the engine's own network `bridge`. Tells no event of the container, as on the engine.
    pub fn connect(self, name: &str, network: &str) -> Result<(), EngineError> {
        self.docker("network connect", name, |world| {
            let serial = world.serial_by_name(name)?;
            world.connect(serial, network)
        })
    }

    /// `docker network disconnect`, likewise.
    pub fn disconnect(self, name: &str, network: &str) -> Result<(), EngineError> {
        self.docker("network disconnect", name, |world| {
            let serial = world.serial_by_name(name)?;
            world.disconnect(serial, network)
        })
    }

    /// Removes a network whoever owns and uses it, as a second engine or `ip link delete` would.
    pub fn remove_network(self, name: &str) -> bool {
        self.engine.world().networks.remove_by_force(name)
    }

    /// `docker volume rm`, whoever uses it.
    pub fn remove_volume(self, name: &str) -> bool {
        self.engine.world().storage.remove(name)
    }

    /// `docker pull` of a new version of an image, which the registry then has too.
    pub fn pull(self, image: &ImageReference) {
        self.engine.world().images.add(image);
    }

    /// `docker rmi`; containers of the image stay.
    pub fn remove_image(self, image: &ImageReference) -> bool {
        self.engine.world().images.remove(image)
    }

    /// Puts a new version of an image into the registry.
    pub fn push(self, image: &ImageReference) {
        self.engine.world().images.push(image);
    }

    /// Lets the registry refuse an image in these words, until it is pushed again.
    pub fn refuse_pull(self, image: &ImageReference, words: &str) {
        self.engine.world().images.refuse(image, words.to_owned());
    }

    /// Lets a program of the host listen on a TCP port of `127.0.0.1`; whether it could.
    pub fn take_port(self, port: u16) -> bool {
        self.engine.world().ports.take(Protocol::Tcp, port, IpAddr::V4(Ipv4Addr::LOCALHOST))
    }

    /// Ends what [`Self::take_port`] began; whether anything listened.
    pub fn free_port(self, port: u16) -> bool {
        self.engine.world().ports.give_back(Protocol::Tcp, port, IpAddr::V4(Ipv4Addr::LOCALHOST))
    }

    /// Removes a file or directory of the host. All others exist.
    pub fn remove_path(self, path: impl Into<PathBuf>) {
        self.engine.world().storage.missing_paths.insert(path.into());
    }

    /// Puts back what [`Self::remove_path`] removed.
    pub fn restore_path(self, path: impl Into<PathBuf>) {
        self.engine.world().storage.missing_paths.remove(&path.into());
    }

    /// Lets a process end by itself, whether or not the engine is up. False when it does not run.
    pub fn exit(self, name: &str, code: i64) -> bool {
        self.end(name, code, false)
    }

    /// Lets the kernel kill a process for want of memory, whether or not the engine is up. False when it does not run.
    pub fn run_out_of_memory(self, name: &str) -> bool {
        self.end(name, KILLED, true)
    }

    /// As [`Self::run_out_of_memory`], of which the container does not end: it is another process than the first.
    pub fn lose_a_child_for_want_of_memory(self, name: &str) -> bool {
        let mut world = self.engine.world();
        let Some(serial) = living(&world, name) else { return false };
        world.publish(serial, Change::OutOfMemory);
        true
    }

    fn end(self, name: &str, code: i64, oom: bool) -> bool {
        let mut world = self.engine.world();
        let Some(serial) = living(&world, name) else { return false };
        if oom {
            world.change(serial, |container| container.oom_killed = true);
            world.publish(serial, Change::OutOfMemory);
        }
        world.kill(serial, code);
        true
    }

    /// Changes what a running container's health check says from now on. False when it does not run or has no check. Nothing shows
    /// while the engine does not watch it.
    pub fn set_health(self, name: &str, health: Health) -> bool {
        let mut world = self.engine.world();
        let Ok(serial) = world.serial_by_name(name) else { return false };
        let container = &world.containers[&serial];
        if container.state != ContainerState::Running || container.health.is_none() {
            return false;
        }
        let watched = container.watched;
        if let Some(container) = world.containers.get_mut(&serial) {
            container.behaviour.healthy = health == Health::Healthy;
        }
        if watched {
            world.set_health(serial, health);
        }
        true
    }

    /// Leaves a container in a state that the simulation never reaches by itself, such as `dead` (a removal that could not be
    /// completed) or `unknown`. Its process ends. False when there is none of that name.
    pub fn leave(self, name: &str, state: ContainerState) -> bool {
        let mut world = self.engine.world();
        let Ok(serial) = world.serial_by_name(name) else { return false };
        world.kill(serial, KILLED);
        world.change(serial, |container| container.state = state).is_some()
    }

    /// `docker update --restart always`.
    pub fn let_engine_restart(self, name: &str) -> Result<(), EngineError> {
        self.docker("update", name, |world| {
            let serial = world.serial_by_name(name)?;
            world.change(serial, |container| container.engine_restarts = true);
            world.publish(serial, Change::Updated);
            Ok(())
        })
    }
}

fn living(world: &World, name: &str) -> Option<u64> {
    world.serial_by_name(name).ok().filter(|serial| world.containers[serial].lives())
}

fn id_of(world: &World, name: &str) -> Result<String, Refusal> {
    world.serial_by_name(name).map(|serial| world.containers[&serial].id.to_string())
}
