//! What is mounted into a workspace.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::name::Name;
use crate::model::quantity::Memory;
use crate::model::reference::AbsolutePath;

use super::secret::SecretVolume;

/// The project directory: a directory of the host that the workspace is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Project {
    /// The directory on the host, relative to the manifest or absolute. It must exist: it is never created by accident, and
    /// never deleted.
    #[schemars(length(min = 1))]
    pub path: String,
    /// Where it appears in the container. Default `/workspace`.
    #[serde(default = "workspace_dir")]
    pub mount_path: AbsolutePath,
    /// Whether the container can only read it. Default `false`.
    #[serde(default)]
    pub read_only: bool,
}

/// One mount: exactly one of `name` (a named volume), `tmpfs`, `hostPath` and `secret`, at `mountPath`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct VolumeMount {
    /// A named volume owned by the workspace. It outlives the container, and the workspace too unless `deleteVolumes` is set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Name>,
    /// Memory-backed storage that ends with the container.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tmpfs: Option<Tmpfs>,
    /// A file or directory of the host, which must exist.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host_path: Option<AbsolutePath>,
    /// A secret as read-only files that are only ever in memory. When a value changes, the files of a directory are replaced in place and
    /// nothing restarts; a secret that is a single file is given to a new container.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<SecretVolume>,
    /// Where it appears in the container.
    pub mount_path: AbsolutePath,
    /// Whether the container can only read it. Default `false`.
    #[serde(default)]
    pub read_only: bool,
}

/// Memory-backed storage.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Tmpfs {
    /// Its largest size. Default: half of the host's memory, as tmpfs(5) says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<Memory>,
}

/// What a [`VolumeMount`] mounts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VolumeSource<'a> {
    /// A named volume owned by the workspace.
    Named(&'a Name),
    /// Memory.
    Tmpfs(&'a Tmpfs),
    /// A file or directory of the host.
    HostPath(&'a AbsolutePath),
    /// A secret, as files.
    Secret(&'a SecretVolume),
}

impl Project {
    /// Where a project appears that does not say.
    pub const DEFAULT_MOUNT_PATH: &'static str = "/workspace";
}

impl VolumeMount {
    /// What it mounts; `None` unless exactly one source is given, which a valid manifest ensures.
    pub fn source(&self) -> Option<VolumeSource<'_>> {
        match (&self.name, &self.tmpfs, &self.host_path, &self.secret) {
            (Some(name), None, None, None) => Some(VolumeSource::Named(name)),
            (None, Some(tmpfs), None, None) => Some(VolumeSource::Tmpfs(tmpfs)),
            (None, None, Some(path), None) => Some(VolumeSource::HostPath(path)),
            (None, None, None, Some(secret)) => Some(VolumeSource::Secret(secret)),
            _ => None,
        }
    }
}

#[expect(clippy::expect_used, reason = "a constant of the contract")]
fn workspace_dir() -> AbsolutePath {
    Project::DEFAULT_MOUNT_PATH.parse().expect("an absolute path")
}
