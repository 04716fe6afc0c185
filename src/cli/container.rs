//! The container of one workspace, for commands that look inside of it.

use clap::Args;

use super::error::CliError;
use super::printer::Printer;
use super::statuses::{Choice, Location};
use crate::engine::docker::Docker;
use crate::engine::{Engine, EngineError};
use crate::model::labels;

/// Where a workspace and its container are.
#[derive(Clone, Debug, Args)]
pub struct Places {
    /// The engine's address [default: `DOCKER_HOST`, then `unix:///var/run/docker.sock`]
    #[arg(long, value_name = "ADDRESS", help_heading = "Engine")]
    pub host: Option<String>,

    /// Where to look.
    #[command(flatten)]
    pub location: Location,
}

impl Places {
    /// The engine's address: what the option says, else the configuration.
    fn host(&self) -> Option<&str> {
        self.host.as_deref().or(self.location.host.as_deref())
    }
}

/// A workspace whose container is looked into.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// The workspace's name, as typed.
    pub name: &'a str,
    /// Where it is.
    pub places: &'a Places,
}

impl Target<'_> {
    /// The engine, which need not answer yet.
    pub fn engine(self) -> Result<Docker, CliError> {
        Ok(Docker::connect(self.places.host())?)
    }

    /// The ID of the workspace's container, as told. For a thread that may block.
    pub fn told(self, printer: &mut Printer) -> Result<String, CliError> {
        let choice = Choice { names: vec![self.name.to_owned()], selector: None };
        let chosen = self.places.location.read(&choice, printer)?.all_known()?;
        // Of two manifests that declare one name, one has the container.
        let statuses = chosen.workspaces.into_iter().map(|workspace| workspace.status);
        let status = statuses.max_by_key(|status| status.container.is_some());
        let (container, summary) = status.map(|status| (status.container, status.summary)).unwrap_or_default();
        let none = || CliError::NoContainer { workspace: self.name.to_owned(), summary };
        container.map(|container| container.id).ok_or_else(none)
    }

    /// The engine's ID of the container that was told of, running or not, if it is the workspace's.
    pub async fn container(self, engine: &impl Engine, told: &str) -> Result<String, CliError> {
        let seen = engine.inspect(told).await.map_err(|source| self.failed(source))?;
        // Who may write to the source may not choose any container of the engine thereby.
        if seen.labels.get(labels::WORKSPACE).map(String::as_str) != Some(self.name) {
            return Err(CliError::ForeignContainer { workspace: self.name.to_owned(), container: seen.name });
        }
        Ok(seen.id)
    }

    /// What the engine says, with the next step for this workspace.
    pub fn failed(self, source: EngineError) -> CliError {
        CliError::Container { workspace: self.name.to_owned(), source }
    }
}
