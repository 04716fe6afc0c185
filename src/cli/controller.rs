//! What `wharf run` and `wharf plan` share: the source, the engine, and how objects are named.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use jiff::Timestamp;

use super::config::origin::Origin;
use super::secrets::SecretArgs;
use crate::controller::Options;
use crate::engine::simulated::Simulated;
use crate::model::{Instance, Name};

/// Which source, which engine, whose objects.
#[derive(Clone, Debug, Args)]
pub struct ControllerArgs {
    /// Where manifests come from.
    #[command(flatten)]
    pub origin: Origin,

    /// Where the controller keeps its memory and its lock [default: what the configuration says, else .wharf in DIR]
    #[arg(long, value_name = "DIR", env = "WHARF_STATE_DIR", help_heading = "Places")]
    pub state_dir: Option<PathBuf>,

    /// Where the status files go [default: what the configuration says, else beside the manifests]
    #[arg(long, value_name = "DIR", env = "WHARF_STATUS_DIR", help_heading = "Places")]
    pub status_dir: Option<PathBuf>,

    /// Policies for what manifests may ask for, besides those of the configuration: a file, or a directory of files
    #[arg(long = "policy", value_name = "FILE|DIR", help_heading = "Places")]
    pub policies: Vec<PathBuf>,

    /// Where secrets are, and where they are put.
    #[command(flatten)]
    pub secrets: Box<SecretArgs>,

    /// The engine: a real one, or one in memory for trying Wharf out
    #[arg(long, value_enum, default_value_t = EngineKind::Docker, help_heading = "Engine")]
    pub engine: EngineKind,

    /// The engine's address [default: `DOCKER_HOST`, then `unix:///var/run/docker.sock`]
    #[arg(long, value_name = "ADDRESS", help_heading = "Engine")]
    pub host: Option<String>,

    /// This controller's name on the engine: objects without its label are never touched [default: made from DIR]
    #[arg(long, value_name = "NAME", env = "WHARF_INSTANCE", help_heading = "Engine")]
    pub instance: Option<Instance>,

    /// What names on the engine begin with: `wharf` in `wharf-api-dev` [default: wharf]
    #[arg(long, value_name = "PREFIX", help_heading = "Engine")]
    pub name_prefix: Option<Name>,

    /// How many workspaces one change of the source may delete without `wharf prune --confirm` [default: the larger of 3
    /// and 20 %]
    #[arg(long, value_name = "COUNT", help_heading = "Behaviour")]
    pub max_deletes: Option<usize>,
}

/// Which engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum EngineKind {
    /// Docker, or what speaks its API
    Docker,
    /// A simulation in memory, gone when the command ends; every image can be pulled
    Simulated,
}

impl ControllerArgs {
    /// The simulated engine.
    pub fn simulated() -> Simulated {
        Simulated::new(1).with_any_image().with_epoch(Timestamp::now())
    }
}

/// Directories that are no part of the source though they may lie in it.
pub fn excluded(options: &Options) -> Vec<PathBuf> {
    [Some(options.state_dir.clone()), options.status_dir.clone()].into_iter().flatten().collect()
}
