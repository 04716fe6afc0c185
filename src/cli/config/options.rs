//! From what is configured to what a controller is made from.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{Configured, ConfiguredSource, SourcePlace};
use crate::cli::error::CliError;
use crate::cli::policy;
use crate::controller::Options;
use crate::engine::docker::Docker;
use crate::model::source::SourceKind;
use crate::plan::Scope;
use crate::policy::Defaults;
use crate::source::{Place, Places};

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
