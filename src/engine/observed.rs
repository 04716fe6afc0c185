//! What an engine answers: owned snapshots in Wharf's own terms.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::container::Limits;
use crate::model::status::{ContainerState, Health};

/// Who answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EngineInfo {
    /// Product and version, such as `Docker 20.10.24`.
    pub version: String,
    /// The API version in use, such as `1.41`.
    pub api_version: String,
    /// Where it listens.
    pub endpoint: String,
    /// Whether host paths mean the same to the engine and to this process.
    pub local: bool,
}

/// One row of a list: what is known about a container without a call of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContainerSummary {
    /// The engine's ID.
    pub id: String,
    /// The name, without a leading slash.
    pub name: String,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// State.
    pub state: ContainerState,
    /// Health, as far as the list tells it.
    pub health: Option<Health>,
    /// As [`ContainerDetail::networks`].
    pub networks: Vec<String>,
}

/// One container in full, as far as Wharf is concerned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContainerDetail {
    /// The engine's ID.
    pub id: String,
    /// The name, without a leading slash.
    pub name: String,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// The image reference it was created from.
    pub image: String,
    /// The engine's ID of that image.
    pub image_id: String,
    /// State.
    pub state: ContainerState,
    /// The health check's last result; `None` without a check. After a restart with live-restore, engines before Docker 23 no longer
    /// watch what runs (<https://github.com/moby/moby/issues/41871>): this then stays as it is until the container is unpaused or
    /// started again. One that ended says `Unhealthy`, unless nobody watched it.
    pub health: Option<Health>,
    /// The exit code of the last run; `None` while it runs or when it never ran. Engines make up 255 when they did not see the end,
    /// and turn 0 into 128 when the next start fails.
    pub exit_code: Option<i64>,
    /// Whether the kernel ended the last run for want of memory.
    pub oom_killed: bool,
    /// What the engine says about the last failed start; empty when there was none.
    pub error: String,
    /// When it was created.
    pub created_at: Option<Timestamp>,
    /// When its present or last run began.
    pub started_at: Option<Timestamp>,
    /// When its last run ended.
    pub finished_at: Option<Timestamp>,
    /// Limits in force.
    pub limits: Limits,
    /// Whether the engine itself would restart it. Wharf creates containers with restart policy `no`.
    pub engine_restarts: bool,
    /// The names of the networks it is attached to, sorted; `["none"]` when it was created without one. The same whether or not
    /// it runs. Empty when somebody detached it from all of them, or when the engine does not tell.
    pub networks: Vec<String>,
    /// Its address on its network.
    pub ip: Option<String>,
    /// Published ports in force, such as `127.0.0.1:18080->8080/tcp`, sorted.
    pub ports: Vec<String>,
}

/// One reading of what a container uses. Counters grow from its start on and begin anew at the next one; what a process used that
/// has ended stays counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stats {
    /// When it was read, by the engine's clock.
    pub time: Timestamp,
    /// Processor time of all processes, in nanoseconds, summed over processors.
    pub cpu_nanos: u64,
    /// How many processors the engine's machine has in use.
    pub online_cpus: u32,
    /// Memory in use, in bytes, without the part of the page cache that the kernel would give up first: as `docker stats` counts it.
    pub memory_bytes: u64,
    /// How much memory it may use, in bytes: its limit, or else the memory of the engine's machine. `None` when the engine does
    /// not tell.
    pub memory_limit_bytes: Option<u64>,
    /// Bytes received on all its networks, loopback not counted.
    pub network_rx_bytes: u64,
    /// Bytes sent on all its networks, loopback not counted.
    pub network_tx_bytes: u64,
    /// Bytes read from block devices: what the page cache answers is not counted.
    pub block_read_bytes: u64,
    /// Bytes written to block devices.
    pub block_write_bytes: u64,
    /// Processes and threads.
    pub pids: u64,
}

/// A named volume.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VolumeSummary {
    /// The volume's name.
    pub name: String,
    /// Labels.
    pub labels: BTreeMap<String, String>,
}

/// A hint that something changed. Decisions are made from a fresh look, never from an event's content; the content is
/// here only to tell what is already known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EngineEvent {
    /// What changed.
    pub change: Change,
    /// The container's ID; empty for [`Change::Subscribed`].
    pub id: String,
    /// The container's name at that time.
    pub name: String,
    /// Labels of the container.
    pub labels: BTreeMap<String, String>,
    /// The engine's time.
    pub time: Timestamp,
}

/// What changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Change {
    /// Not a change: the subscription is in place.
    Subscribed,
    /// Created.
    Created,
    /// Started.
    Started,
    /// Ended.
    Died,
    /// Paused.
    Paused,
    /// Unpaused.
    Unpaused,
    /// Renamed.
    Renamed,
    /// Limits changed.
    Updated,
    /// Removed.
    Destroyed,
    /// The health check's result changed.
    Health(Health),
    /// The kernel ended a process for want of memory.
    OutOfMemory,
    /// Anything else about a container that may matter.
    Other,
}

/// One step of a pull.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PullProgress {
    /// Bytes fetched so far, over all layers.
    pub fetched_bytes: u64,
    /// Bytes to fetch, as far as the registry has said.
    pub total_bytes: u64,
    /// The engine's words about this step.
    pub message: String,
}
