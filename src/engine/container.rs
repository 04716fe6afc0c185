//! What a container is created from, free of any engine's own terms.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use secrecy::SecretString;
use serde::Serialize;

use crate::model::quantity::{Cpu, Memory};
use crate::model::reference::{AbsolutePath, ImageReference};
use crate::model::spec::{HealthCheck, Port, SecretRef, SecretVolume, Security};

/// What stands for a network where a container joins none, both in requests and in answers.
pub const NO_NETWORK: &str = "none";

/// Everything an engine needs to create a container.
///
/// Serialising it is how the spec hash is computed, so what is skipped there can change without a new container:
/// names and labels (identity), limits (changed in place) and resolved secrets (their source is hashed instead).
#[derive(Clone, Debug, Serialize)]
pub struct ContainerSpec {
    /// The container's name.
    #[serde(skip)]
    pub name: String,
    /// Labels of the container.
    #[serde(skip)]
    pub labels: BTreeMap<String, String>,
    /// The image.
    pub image: ImageReference,
    /// Replaces the image's entrypoint unless empty.
    pub command: Vec<String>,
    /// Replaces the image's cmd unless empty.
    pub args: Vec<String>,
    /// The directory the command starts in.
    pub working_dir: Option<AbsolutePath>,
    /// User and group.
    pub user: Option<String>,
    /// Host name inside the container.
    pub hostname: String,
    /// Environment variables, in the manifest's order.
    pub env: Vec<(String, EnvValue)>,
    /// Mounts, in the manifest's order; the project first.
    pub mounts: Vec<Mount>,
    /// Published ports.
    pub ports: Vec<Port>,
    /// Limits that can change in place.
    #[serde(skip)]
    pub limits: Limits,
    /// Size of `/dev/shm`; `None`: the engine's default.
    pub shm_size: Option<Memory>,
    /// The network to join; `None`: no network but loopback.
    pub network: Option<Attachment>,
    /// What the container may do on the host's kernel.
    pub security: Security,
    /// The health check; `None`: the image's own, if it has one.
    pub health_check: Option<HealthCheck>,
}

impl ContainerSpec {
    /// The network that an engine tells of a container of this spec; [`NO_NETWORK`] when it joins none.
    pub fn network_name(&self) -> &str {
        self.network.as_ref().map_or(NO_NETWORK, |attachment| attachment.network.as_str())
    }
}

/// The value of an environment variable.
#[derive(Clone, Serialize)]
pub enum EnvValue {
    /// A value that is written in the manifest.
    Plain(String),
    /// A value that is read from a file when the container is created.
    File {
        /// The file.
        path: PathBuf,
        /// Its contents, once read. Never printed: [`SecretString`] redacts itself and is zeroed when dropped.
        #[serde(skip)]
        value: Option<SecretString>,
    },
    /// A value that is read from the directory of secrets when the container is created.
    Secret {
        /// Which.
        secret: SecretRef,
        /// The value, once read. Never printed.
        #[serde(skip)]
        value: Option<SecretString>,
    },
}

impl fmt::Debug for EnvValue {
    /// Without the value: what a defect prints may end in a log.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plain(_) => formatter.write_str("Plain(…)"),
            Self::Secret { secret, .. } => {
                formatter.debug_struct("Secret").field("secret", secret).finish_non_exhaustive()
            }
            Self::File { path, .. } => formatter.debug_struct("File").field("path", path).finish_non_exhaustive(),
        }
    }
}

/// One mount.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Mount {
    /// What is mounted.
    pub source: MountSource,
    /// Where it appears in the container.
    pub target: AbsolutePath,
    /// Whether the container can only read it.
    pub read_only: bool,
}

/// What is mounted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum MountSource {
    /// An existing file or directory of the host.
    Host(PathBuf),
    /// A named volume, created with these labels when it does not exist.
    Volume {
        /// The volume's name.
        name: String,
        /// Labels for its creation.
        #[serde(skip)]
        labels: BTreeMap<String, String>,
    },
    /// Memory of at most this size.
    Tmpfs(Option<Memory>),
    /// A secret as files in memory of the host.
    Secret {
        /// Which, and who may read the files.
        secret: SecretVolume,
        /// The file or directory, once it is there. Where it is does not matter to the container, so that it is not part of the hash.
        #[serde(skip)]
        path: Option<PathBuf>,
    },
}

/// How a container joins a network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Attachment {
    /// The network's name.
    pub network: String,
    /// Further names under which members of the network reach the container.
    pub aliases: Vec<String>,
}

/// Limits that an engine can change in place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Limits {
    /// Processor time.
    pub cpu: Option<Cpu>,
    /// Memory, with no swap beyond it.
    pub memory: Option<Memory>,
    /// Number of processes and threads. `None` is no limit.
    pub pids: Option<u32>,
}
