//! What people look for on an engine beside what is kept there: leftovers, and containers that somebody else made. The controller
//! needs none of it, so it is a trait of its own.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use super::{EngineError, Limits};
use crate::model::Instance;
use crate::model::spec::Port;

/// What is asked of an engine to find leftovers and strangers. Changes nothing; calls end within the implementation's timeout.
pub trait Survey: Send + Sync + 'static {
    /// All networks that carry the label of `instance`, each with its containers; complete, or an error.
    fn networks(&self, instance: &Instance) -> impl Future<Output = Result<Vec<NetworkSummary>, EngineError>> + Send;

    /// How a container was made, whoever made it, by its ID or name. `NotFound` when there is none.
    fn describe(&self, id_or_name: &str) -> impl Future<Output = Result<Description, EngineError>> + Send;
}

/// A network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkSummary {
    /// The network's name.
    pub name: String,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// The names of the containers that are bound to it, in any state and whoever owns them, sorted.
    pub containers: Vec<String>,
}

/// How a container was made: what its image says by itself is left out, and so are the values of its environment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the engine's own")]
pub struct Description {
    /// The engine's ID.
    pub id: String,
    /// The name, without a leading slash.
    pub name: String,
    /// Labels that its image does not have.
    pub labels: BTreeMap<String, String>,
    /// The image reference it was created from.
    pub image: String,
    /// The command, unless it is the image's entrypoint.
    pub command: Option<Vec<String>>,
    /// The arguments, unless they are the image's.
    pub args: Option<Vec<String>>,
    /// The directory that the command starts in, unless it is the image's.
    pub working_dir: Option<String>,
    /// User and group, unless they are the image's.
    pub user: Option<String>,
    /// The host name, unless the engine chose it.
    pub hostname: Option<String>,
    /// The names of the variables that its image does not set to the same value, sorted.
    pub env: Vec<String>,
    /// What is mounted, by where it appears.
    pub mounts: Vec<DescribedMount>,
    /// Ports that are to be published, sorted.
    pub ports: Vec<Port>,
    /// Limits in force.
    pub limits: Limits,
    /// Size of `/dev/shm` in bytes, unless it is the engine's default.
    pub shm_size: Option<u64>,
    /// The network mode in the engine's words: `default`, `none`, `host`, `container:…`, or a network's name.
    pub network: String,
    /// Capabilities beyond the engine's default.
    pub capabilities_added: Vec<String>,
    /// Capabilities of the engine's default that it does not have.
    pub capabilities_dropped: Vec<String>,
    /// Whether it may do everything on the host.
    pub privileged: bool,
    /// Whether programs in it may not gain privileges.
    pub no_new_privileges: bool,
    /// Whether system calls are not filtered.
    pub seccomp_unconfined: bool,
    /// Whether its root file system cannot be written.
    pub read_only_root: bool,
    /// The runtime, unless it is `runc`, which most engines use.
    pub runtime: Option<String>,
    /// The health check, unless it is the image's.
    pub health_check: Option<DescribedCheck>,
    /// When the engine itself restarts it: `no`, `always`, `unless-stopped`, `on-failure`.
    pub restart: String,
    /// How long it may take to stop, unless it is the engine's default.
    pub stop_timeout: Option<Duration>,
}

/// Something that is mounted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DescribedMount {
    /// What.
    pub source: DescribedSource,
    /// Where it appears in the container.
    pub target: String,
    /// Whether the container can only read it.
    pub read_only: bool,
}

/// What is mounted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DescribedSource {
    /// A file or directory of the host.
    Host(String),
    /// A volume, by its name.
    Volume(String),
    /// Memory; of at most so many bytes, if that was said.
    Tmpfs(Option<u64>),
    /// Something that Wharf has no word for, in the engine's.
    Other(String),
}

/// A health check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DescribedCheck {
    /// The image's check is switched off.
    None,
    /// A command.
    Command {
        /// The program and its arguments.
        command: Vec<String>,
        /// Between two checks; `None`: the engine's default.
        interval: Option<Duration>,
        /// How long one may take; `None`: the engine's default.
        timeout: Option<Duration>,
        /// How many must fail in a row; `None`: the engine's default.
        retries: Option<u32>,
        /// How long failures do not count at first; `None`: the engine's default.
        start_period: Option<Duration>,
    },
}

impl<S: Survey> Survey for Arc<S> {
    async fn networks(&self, instance: &Instance) -> Result<Vec<NetworkSummary>, EngineError> {
        S::networks(self, instance).await
    }

    async fn describe(&self, id_or_name: &str) -> Result<Description, EngineError> {
        S::describe(self, id_or_name).await
    }
}
