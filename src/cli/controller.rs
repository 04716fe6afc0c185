//! What `wharf run` and `wharf plan` share: the source, the engine, and how objects are named.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, ValueEnum};
use jiff::Timestamp;

use super::config::{Configured, ConfiguredSource, Origin, SourcePlace};
use super::error::CliError;
use super::policy;
use super::secrets::SecretArgs;
use crate::controller::Options;
use crate::engine::docker::Docker;
use crate::engine::simulated::Simulated;
use crate::model::source::SourceKind;
use crate::model::{Instance, Name};
use crate::plan::Scope;
use crate::policy::Defaults;
use crate::source::{Place, Places};

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

impl Configured {
    /// The controller's options.
    pub fn options(&self) -> Result<Options, CliError> {
        let only = self.directories().next().filter(|_| self.sources.len() == 1);
        // Where there is no such directory, statuses are what is looked at in its place.
        let source = only.or(self.status_dir.as_deref()).unwrap_or(&self.state_dir);
        let mut options = Options::new(source.to_owned());
        options.places = Places::new(self.sources.iter().map(ConfiguredSource::place).collect());
        options.policies = Arc::new(policy::read(&self.policies, Defaults { dangerous: self.dangerous() })?);
        options.secrets = self.secrets.clone();
        options.state_dir.clone_from(&self.state_dir);
        options.status_dir.clone_from(&self.status_dir);
        options.scope = Scope { instance: self.instance.clone(), prefix: self.name_prefix.clone() };
        options.max_deletes = self.max_deletes;
        options.resync = self.resync;
        options.audit = self.audit;
        options.poll = self.poll;
        options.concurrency = self.concurrency;
        Ok(options)
    }

    /// The sources that are directories of this machine.
    pub fn directories(&self) -> impl Iterator<Item = &Path> {
        self.sources.iter().filter_map(|source| match &source.place {
            SourcePlace::Directory(path) => Some(path.as_path()),
            SourcePlace::Git(_) => None,
        })
    }

    /// What nobody may mount without an explicit word of a policy: the controller's memory and the engine's socket, as they are named and as they
    /// are.
    fn dangerous(&self) -> Vec<PathBuf> {
        let host = self.host.clone().or_else(|| std::env::var("DOCKER_HOST").ok());
        let socket = host.as_deref().and_then(|host| host.strip_prefix("unix://")).unwrap_or("/var/run/docker.sock");
        let named = [self.state_dir.clone(), PathBuf::from(socket)];
        let real = named.iter().filter_map(|path| path.canonicalize().ok()).collect::<Vec<_>>();
        named.into_iter().chain(real).collect()
    }

    /// The Docker engine, which need not answer yet.
    pub fn docker(&self) -> Result<Docker, CliError> {
        Ok(Docker::connect(self.host.as_deref())?)
    }
}

impl ConfiguredSource {
    /// Where its manifests come from, as the controller takes it.
    fn place(&self) -> Place {
        let (kind, base) = match &self.place {
            SourcePlace::Directory(path) => (SourceKind::Directory, path.clone()),
            SourcePlace::Git(git) => (SourceKind::Git, git.base.clone()),
        };
        Place { name: self.name.clone(), kind, base }
    }
}

/// Directories that are no part of the source though they may lie in it.
pub fn excluded(options: &Options) -> Vec<PathBuf> {
    [Some(options.state_dir.clone()), options.status_dir.clone()].into_iter().flatten().collect()
}
