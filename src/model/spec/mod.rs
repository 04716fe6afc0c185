//! The manifest: what people write. The documentation of a field here is what `wharf explain`, the JSON Schema, the
//! editor and rustdoc all show.
//!
//! Defaults are filled in while parsing, so two manifests that mean the same are equal values.

mod lifecycle;
mod monitoring;
mod network;
mod secret;
mod security;
mod storage;

use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use lifecycle::{Backoff, DeletionPolicy, DesiredState, Fallback, HealthCheck, PullPolicy, Recovery};
pub use monitoring::{InvalidLevel, Level, Monitoring, Threshold, ThresholdMetric};
pub use network::{Network, NetworkMode, Port, Protocol};
pub use secret::{FileMode, InvalidSecret, SecretKey, SecretRef, SecretUse, SecretVolume};
pub use security::{Capabilities, Resources, SeccompProfile, Security};
pub use storage::{Project, Tmpfs, VolumeMount, VolumeSource};

use super::name::Name;
use super::period::Period;
use super::reference::{AbsolutePath, ImageReference};

/// The version of the manifest's form.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub enum ApiVersion {
    /// The first version.
    #[default]
    #[serde(rename = "wharf/v1")]
    V1,
}

/// What a document declares.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub enum Kind {
    /// A workspace.
    #[default]
    Workspace,
}

/// A workspace: an isolated container with a project directory mounted, kept as declared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Workspace {
    /// The version of this form: `wharf/v1`.
    pub api_version: ApiVersion,
    /// What the document declares: `Workspace`.
    pub kind: Kind,
    /// The workspace's name, labels and annotations.
    pub metadata: Metadata,
    /// What the workspace should be.
    pub spec: WorkspaceSpec,
}

/// Name, labels and annotations of a workspace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Metadata {
    /// The workspace's identity: an RFC 1123 label of at most 63 characters, unique in the source. Renaming or moving
    /// the file changes nothing; changing the name deletes one workspace and creates another.
    pub name: Name,
    /// Short pairs for grouping, selectable with `-l key=value`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Free text for people and tools; Wharf does not read it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

/// What a workspace should be. Only `image` is required.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WorkspaceSpec {
    /// Whether the workspace runs. `Running` (default), `Stopped` (the container is kept), or `Archived` (the container
    /// is removed; project and volumes stay).
    #[serde(default)]
    pub state: DesiredState,
    /// The container image, such as `debian:12` or `ghcr.io/acme/dev@sha256:…`.
    pub image: ImageReference,
    /// When to pull the image: `IfNotPresent` (default), `Always` (before each creation of the container), or `Never`.
    #[serde(default)]
    pub image_pull_policy: PullPolicy,
    /// Replaces the image's entrypoint. Not run in a shell.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub command: Vec<String>,
    /// Arguments of the command. Replaces the image's cmd.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<String>,
    /// The directory the command starts in. Default: the project's `mountPath` where there is a project, else the image's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub working_dir: Option<AbsolutePath>,
    /// User and group to run as, by number or by a name in the image: `"1000:1000"`. Default: the image's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The host name inside the container. Default: `metadata.name`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hostname: Option<Name>,
    /// Environment variables, added to the image's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub env: Vec<EnvVar>,
    /// The project directory to mount.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<Project>,
    /// Further mounts: named volumes, tmpfs, host directories, secrets.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub volumes: Vec<VolumeMount>,
    /// Ports of the container published on the host.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ports: Vec<Port>,
    /// Upper limits. `cpu`, `memory` and `pids` change in place, without a restart.
    #[serde(default)]
    pub resources: Resources,
    /// Which other workspaces and networks it reaches.
    #[serde(default)]
    pub network: Network,
    /// What the container may do on the host's kernel.
    #[serde(default)]
    pub security: Security,
    /// How to find out whether the workspace is usable. Default: the image's own check, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health_check: Option<HealthCheck>,
    /// What to do when the container dies, is unhealthy, or an action fails.
    #[serde(default)]
    pub recovery: Recovery,
    /// How closely its use of resources is watched, and what to raise alerts for.
    #[serde(default, skip_serializing_if = "Monitoring::is_default")]
    pub monitoring: Monitoring,
    /// How long the container has between the stop signal and being killed. Default `10s`.
    #[serde(default = "default_grace")]
    pub stop_grace_period: Period,
    /// Names of workspaces that must be Ready before this one starts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub depends_on: Vec<Name>,
    /// What happens when the manifest is gone: `Delete` (default; the container and its own network, and volumes only with
    /// `deleteVolumes`), `Stop` (stopped and kept), or `Orphan` (left as it is).
    #[serde(default)]
    pub deletion_policy: DeletionPolicy,
    /// Whether deleting the workspace also deletes its named volumes. Default `false`.
    #[serde(default)]
    pub delete_volumes: bool,
    /// `true`: observe and report, act on nothing. Default `false`.
    #[serde(default)]
    pub suspend: bool,
}

/// One environment variable: a `value`, or `valueFrom` a place that is read when the container is created.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EnvVar {
    /// The variable's name.
    #[schemars(extend("format" = "env-name"))]
    pub name: String,
    /// Its value. Not for secrets: whoever reads the manifest reads it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// Where the value comes from. It is read when the container is created, and never stored, logged or shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value_from: Option<EnvSource>,
}

impl fmt::Debug for EnvVar {
    /// Without the value: what a defect prints may end in a log.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, value, value_from } = self;
        let value = value.as_ref().map(|_| format_args!("…"));
        let mut shown = formatter.debug_struct("EnvVar");
        shown.field("name", name).field("value", &value).field("value_from", value_from).finish()
    }
}

/// Where the value of an environment variable comes from: exactly one of `file` and `secretRef`. When the value changes, the container is
/// replaced by one that has the new one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EnvSource {
    /// A file with the value, relative to the manifest. One newline at its end is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub file: Option<String>,
    /// A secret of the controller's directory of secrets (`--secrets-dir`). One newline at its end is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<SecretRef>,
}

fn default_grace() -> Period {
    Period::from_secs(10)
}
