//! One simulated container.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::clock::Clock;
use super::console::Entry;
use super::process::Behaviour;
use super::resources::{Binding, Place, Places};
use crate::engine::{ContainerDetail, ContainerSpec, ContainerSummary, Limits, MountSource};
use crate::model::status::{ContainerState, Health};

/// A container, with times since the engine's construction.
#[derive(Clone, Debug)]
pub(super) struct Container {
    pub(super) id: Arc<str>,
    pub(super) name: Arc<str>,
    pub(super) labels: Arc<BTreeMap<String, String>>,
    /// What it was created from, without the labels, which are above: ten thousand containers should fit into little memory.
    pub(super) spec: Arc<ContainerSpec>,
    pub(super) image_id: String,
    pub(super) state: ContainerState,
    /// The health monitor's last word; `None` before the first start and without a check.
    pub(super) health: Option<Health>,
    /// Whether there is a monitor. An engine that comes up again has none for what has been running meanwhile.
    pub(super) watched: bool,
    pub(super) exit_code: Option<i64>,
    pub(super) oom_killed: bool,
    pub(super) error: String,
    pub(super) created_at: Duration,
    pub(super) started_at: Option<Duration>,
    pub(super) finished_at: Option<Duration>,
    pub(super) limits: Limits,
    /// Whether somebody gave it the restart policy `always`.
    pub(super) engine_restarts: bool,
    /// How long the engine waits before it restarts it. `None` when somebody stopped or killed it: then the engine does so only
    /// when it comes up again itself.
    pub(super) restart_delay: Option<Duration>,
    pub(super) networks: Places,
    pub(super) ports: Vec<Binding>,
    /// What its process does in the present run.
    pub(super) behaviour: Behaviour,
    /// Grows when a run begins or ends, so that a timer of an earlier run does nothing.
    pub(super) run: u64,
    /// Grows when the health monitor begins or ends, likewise.
    pub(super) watch: u64,
    /// When its process was frozen, while it is.
    pub(super) frozen_at: Option<Duration>,
    /// How long it was frozen before in the present run.
    pub(super) frozen_for: Duration,
    /// The exit that its process reached while it was frozen.
    pub(super) frozen_exit: Option<i64>,
    /// What it wrote and, in the present run, will write, oldest first.
    pub(super) log: Vec<Entry>,
    /// When the present run ends by itself or by a stop that is under way.
    pub(super) ends_at: Option<Duration>,
}

impl Container {
    pub(super) fn new(id: String, spec: &ContainerSpec, image_id: String, now: Duration) -> Self {
        Self {
            id: id.into(),
            name: spec.name.as_str().into(),
            labels: Arc::new(spec.labels.clone()),
            spec: Arc::new(ContainerSpec { labels: BTreeMap::new(), ..spec.clone() }),
            image_id,
            state: ContainerState::Created,
            health: None,
            watched: false,
            exit_code: None,
            oom_killed: false,
            error: String::new(),
            created_at: now,
            started_at: None,
            finished_at: None,
            limits: spec.limits,
            engine_restarts: false,
            restart_delay: None,
            networks: BTreeMap::from([(spec.network_name().into(), Place::default())]),
            ports: Vec::new(),
            behaviour: Behaviour::default(),
            run: 0,
            watch: 0,
            frozen_at: None,
            frozen_for: Duration::ZERO,
            frozen_exit: None,
            log: Vec::new(),
            ends_at: None,
        }
    }

    /// Whether it has a process, frozen or not.
    pub(super) fn lives(&self) -> bool {
        matches!(self.state, ContainerState::Running | ContainerState::Paused)
    }

    pub(super) fn label(&self, key: &str) -> Option<&str> {
        self.labels.get(key).map(String::as_str)
    }

    pub(super) fn uses_volume(&self, volume: &str) -> bool {
        self.spec.mounts.iter().any(|mount| matches!(&mount.source, MountSource::Volume { name, .. } if name == volume))
    }

    fn network_names(&self) -> Vec<String> {
        self.networks.keys().map(ToString::to_string).collect()
    }

    pub(super) fn summary(&self) -> ContainerSummary {
        // The engine's list tells health only in words about a container that runs.
        let health = self.health.filter(|_| self.state == ContainerState::Running);
        ContainerSummary {
            id: self.id.to_string(),
            name: self.name.to_string(),
            labels: (*self.labels).clone(),
            state: self.state,
            health,
            networks: self.network_names(),
        }
    }

    pub(super) fn detail(&self, clock: &Clock) -> ContainerDetail {
        let time = |since: Duration| clock.timestamp(since);
        ContainerDetail {
            id: self.id.to_string(),
            name: self.name.to_string(),
            labels: (*self.labels).clone(),
            image: self.spec.image.to_string(),
            image_id: self.image_id.clone(),
            state: self.state,
            health: self.health,
            exit_code: self.exit_code,
            oom_killed: self.oom_killed,
            error: self.error.clone(),
            created_at: Some(time(self.created_at)),
            started_at: self.started_at.map(time),
            finished_at: self.finished_at.map(time),
            limits: self.limits,
            engine_restarts: self.engine_restarts,
            networks: self.network_names(),
            ip: self.networks.values().find_map(|place| Some(place.address.as_ref()?.ip.clone())),
            ports: self.ports.iter().map(Binding::to_string).collect(),
        }
    }
}
