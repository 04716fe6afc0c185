//! The controller's configuration file: everything that `wharf run` can be told, and the sources. The documentation of a field here is
//! what the JSON Schema and the editor show.
//!
//! What is left out here has no default of its own but that of the command line, whose options come first.

mod repository;
mod sources;

use std::net::SocketAddr;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use repository::{CommitId, InvalidRepository, ReferenceName, RepositoryPath, RepositoryUrl};
pub use sources::{DirectorySource, GitHttps, GitSource, GitSsh, GitVerify, GitWebhook, SourceSpec};

use super::name::{Instance, Name};
use super::period::Period;
use super::spec::ApiVersion;

/// What the document declares.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub enum ConfigurationKind {
    /// The configuration of a controller.
    #[default]
    ControllerConfiguration,
}

/// The file that `wharf run --config` reads, `/etc/wharf/wharf.yaml` where no other is named. Relative paths in it begin at its directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ControllerConfiguration {
    /// The version of this form: `wharf/v1`.
    pub api_version: ApiVersion,
    /// What the document declares: `ControllerConfiguration`.
    pub kind: ConfigurationKind,
    /// What the controller is told.
    pub spec: ConfigurationSpec,
}

/// What a controller is told. An option or variable of `wharf run` that says the same comes before it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ConfigurationSpec {
    /// Where the controller keeps its memory, its lock, its socket and the clones of git sources. Default `/var/lib/wharf`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub state_dir: Option<PathBuf>,
    /// Where the status files go, in the tree of the manifests. Default: beside the manifests; required with a git source, because nothing is ever
    /// written into a checkout, and with several sources.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub status_dir: Option<PathBuf>,
    /// This controller's name on the engine: objects without its label are never touched. Default: made from the source, with several sources from
    /// the path of this file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Name>")]
    pub instance: Option<Instance>,
    /// What names on the engine begin with: `wharf` (default) in `wharf-api-dev`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name_prefix: Option<Name>,
    /// The engine.
    #[serde(default)]
    pub engine: EngineSpec,
    /// How often to compare everything with the engine, whatever events arrive. Default `30s`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resync: Option<Period>,
    /// How often to inspect every container, to find changes that neither events nor lists show. Default `10m`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audit: Option<Period>,
    /// How often to read a directory again when no change is noticed. Default `2s`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub poll: Option<Period>,
    /// How many short engine calls may be under way at once. Default 8.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1000))]
    pub concurrency: Option<usize>,
    /// How many workspaces one change of the sources may delete without `wharf prune --confirm`. Default: the larger of 3 and 20 %.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_deletes: Option<usize>,
    /// How often to measure what workspaces use; `0s`: never. Default `10s`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub monitor_interval: Option<Period>,
    /// How long to keep the history of what workspaces use.
    #[serde(default)]
    pub retention: RetentionSpec,
    /// Lets the control API listen on an address of this machine, besides its socket. Default: on its socket alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub listen: Option<ListenSpec>,
    /// A file that says to whom events are brought by HTTP; `wharf schema webhooks` describes it. Default: to nobody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub webhooks_file: Option<PathBuf>,
    /// The directory with the secrets that manifests may name. Default: none, so that manifests name files beside them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub secrets_dir: Option<PathBuf>,
    /// Files with policies, or directories of such files: what workspaces may be. Default: none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(inner(length(min = 1)))]
    pub policies: Vec<PathBuf>,
    /// Where manifests come from, in order of precedence: of two that declare one name the first wins.
    #[schemars(length(min = 1))]
    pub sources: Vec<SourceSpec>,
}

/// The engine that containers run on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EngineSpec {
    /// Its address, such as `unix:///var/run/docker.sock`. Default: the variable `DOCKER_HOST`, then that socket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub host: Option<String>,
}

/// How long the history of what workspaces use is kept, tier by tier.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RetentionSpec {
    /// Each reading. Default `1h`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raw: Option<Period>,
    /// Minutes. Default `24h`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minute: Option<Period>,
    /// Hours. Default `720h`, which are 30 days.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hour: Option<Period>,
    /// Days. Default `8760h`, which are 365 days.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub day: Option<Period>,
}

/// An address of this machine that the control API listens on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ListenSpec {
    /// The loopback address and port, such as `127.0.0.1:7777`.
    #[schemars(with = "String", extend("format" = "socket-address"))]
    pub address: SocketAddr,
    /// The file with the token that is asked for there; mode 0600.
    #[schemars(length(min = 1))]
    pub token_file: PathBuf,
}

impl ConfigurationSpec {
    /// Where a controller keeps its memory that is not told otherwise.
    pub const STATE_DIR: &str = "/var/lib/wharf";
}
