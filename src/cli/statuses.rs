//! What reads show: status files, chosen by name or label.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::Args;

use super::client::Controller;
use super::config::{self, ConfigurationError, Places, REPOSITORIES};
use super::error::CliError;
use super::exit::ExitCode;
use super::printer::Printer;
use crate::model::nearest::nearest;
use crate::model::selector::Selector;
use crate::model::{Instance, WorkspaceStatus};
use crate::status_file::StatusFiles;
use crate::store::Lock;

/// Where a source keeps its files.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Places")]
pub struct Location {
    /// The directory with the manifests [env: `WHARF_DIR`] [default: what the configuration says, else the present one]
    #[arg(long = "dir", value_name = "DIR", conflicts_with = "config")]
    pub given: Option<PathBuf>,

    /// The controller's configuration, which says where its directories are [env: `WHARF_CONFIG`] [default:
    /// /etc/wharf/wharf.yaml, where it exists]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// Where the status files are [default: what the configuration says, else beside the manifests]
    #[arg(long, value_name = "DIR", env = "WHARF_STATUS_DIR")]
    pub status_dir: Option<PathBuf>,

    /// Where the controller keeps its memory and its lock [default: what the configuration says, else .wharf in DIR]
    #[arg(long, value_name = "DIR", env = "WHARF_STATE_DIR")]
    pub state_dir: Option<PathBuf>,

    /// The directory with the manifests, once [`Self::settle`] has found out.
    #[arg(skip)]
    pub dir: PathBuf,

    /// Whether manifests come from elsewhere than one directory, by the configuration: `dir` has status files then.
    #[arg(skip)]
    pub is_scattered: bool,

    /// The controller's name on the engine, where the configuration says it.
    #[arg(skip)]
    pub instance: Option<Instance>,

    /// The engine's address, where the configuration says it.
    #[arg(skip)]
    pub host: Option<String>,
}

/// Which workspaces.
#[derive(Clone, Debug, Default, Args)]
pub struct Choice {
    /// Workspaces by name
    #[arg(value_name = "NAME", conflicts_with = "selector")]
    pub names: Vec<String>,

    /// Only workspaces with these labels, such as `team=payments,tier!=prod,owner,!legacy`
    #[arg(short = 'l', long, value_name = "SELECTOR")]
    pub selector: Option<Selector>,
}

/// The workspaces that were asked for, and what could not be shown of them.
#[derive(Debug)]
pub struct Chosen {
    /// Sorted by name.
    pub workspaces: Vec<WorkspaceStatus>,
    unknown: Option<CliError>,
    broken: usize,
}

impl Location {
    /// Finds out where everything is: what options and variables do not say, the configuration does.
    pub fn settle(&mut self) -> Result<(), CliError> {
        if let Some(given) = &self.given {
            self.dir.clone_from(given);
            return Ok(());
        }
        let Some(found) = config::places(self.config.as_ref())? else {
            self.dir = PathBuf::from(".");
            return Ok(());
        };
        let Places { dir, state_dir, status_dir, instance, host } = found;
        self.status_dir = self.status_dir.take().or(status_dir);
        self.state_dir = self.state_dir.take().or(state_dir);
        self.is_scattered = dir.is_none();
        // Where the manifests are no one directory, status files say what there is.
        self.dir = dir.or_else(|| self.status_dir.clone()).unwrap_or_default();
        (self.instance, self.host) = (instance, host);
        Ok(())
    }

    /// The directory under which the status files are.
    pub fn status_root(&self) -> &Path {
        self.status_dir.as_deref().unwrap_or(&self.dir)
    }

    /// The controller's own directory.
    pub fn state_dir(&self) -> PathBuf {
        self.state_dir.clone().unwrap_or_else(|| self.dir.join(".wharf"))
    }

    /// The controller of the source, whether or not it runs.
    pub fn controller(&self) -> Result<Controller, CliError> {
        Controller::of(&self.state_dir())
    }

    /// An error unless the source directory is there.
    pub fn require_source(&self) -> Result<(), CliError> {
        if self.dir.is_dir() { Ok(()) } else { Err(CliError::NoSourceDirectory { path: self.dir.clone() }) }
    }

    /// The directory with all manifests, where there is one: they may come from a repository, or from several sources.
    pub fn manifests(&self) -> Option<&Path> {
        let has_repositories = self.state_dir().join(REPOSITORIES).is_dir();
        (!self.is_scattered && !has_repositories).then_some(self.dir.as_path())
    }

    /// An error unless `dir` has all manifests. What they do not mention would look like nobody's.
    pub fn require_all_manifests(&self) -> Result<(), CliError> {
        self.manifests().ok_or(ConfigurationError::Sources)?;
        self.require_source()
    }

    /// Whether a controller runs; `None` where that cannot be known, because the lock cannot be looked at or went away
    /// with the source.
    fn has_controller(&self) -> Option<bool> {
        if self.state_dir.is_none() && !self.dir.is_dir() {
            return None;
        }
        Lock::holder(&self.state_dir()).ok().map(|holder| holder.is_some())
    }

    /// What the controller says; `None` where none of ours runs, or it has not looked at anything yet: what was told before stands until
    /// then.
    fn live(&self) -> Result<Option<Vec<WorkspaceStatus>>, CliError> {
        let workspaces = self.controller()?.workspaces(None)?;
        let documents = workspaces.map(|views| views.into_iter().map(|view| view.document).collect::<Vec<_>>());
        Ok(documents.filter(|documents| !documents.is_empty()))
    }

    /// What the status files say, and how many are broken, which is told.
    fn told(&self, printer: &mut Printer) -> Result<(Vec<WorkspaceStatus>, usize), CliError> {
        // With a directory of their own, status files can be read while the source is away: that is when they are needed.
        if !self.status_dir.as_deref().is_some_and(Path::is_dir) {
            self.require_source()?;
        }
        let mut workspaces = Vec::new();
        let mut broken = 0;
        for found in StatusFiles::new(&self.dir, self.status_dir.as_deref()).read_all()? {
            match found.status {
                Ok(status) => workspaces.push(status),
                Err(error) => {
                    broken += 1;
                    printer.warning(&format!("{} cannot be read: {error}", found.path.display()));
                }
            }
        }
        Ok((workspaces, broken))
    }

    /// What the controller says, or without one the status files.
    pub fn read(&self, choice: &Choice, printer: &mut Printer) -> Result<Chosen, CliError> {
        let (mut workspaces, broken) = match self.live()? {
            Some(workspaces) => (workspaces, 0),
            None => self.told(printer)?,
        };
        let sorting = |status: &WorkspaceStatus| (status.metadata.name.clone(), status.metadata.manifest.clone());
        workspaces.sort_by_cached_key(sorting);
        let unknown = self.unknown(choice, &workspaces);
        // Somebody who names workspaces has no interest in the files of others.
        let broken = if choice.names.is_empty() { broken } else { 0 };
        workspaces.retain(|status| choice.selects(&status.metadata.name, &status.metadata.labels));
        Ok(Chosen { workspaces, unknown, broken })
    }

    /// As [`Self::read`]. Says when no controller keeps them true, and why there is nothing to show.
    pub fn read_or_say_why(&self, choice: &Choice, printer: &mut Printer) -> Result<Chosen, CliError> {
        let chosen = self.read(choice, printer)?;
        if chosen.workspaces.is_empty() && choice.names.is_empty() {
            self.note_nothing(choice, printer);
        } else if self.has_controller() == Some(false) {
            printer.note(&format!("from status files in {}; no controller is running", self.status_root().display()));
        }
        Ok(chosen)
    }

    fn unknown(&self, choice: &Choice, workspaces: &[WorkspaceStatus]) -> Option<CliError> {
        let known = || workspaces.iter().map(|status| status.metadata.name.as_str());
        let names: Vec<_> = choice.names.iter().filter(|name| !known().any(|known| known == *name)).cloned().collect();
        let nearest = nearest(names.first()?, known()).map(str::to_owned);
        Some(CliError::UnknownWorkspace { names, directory: self.status_root().to_owned(), nearest })
    }

    fn note_nothing(&self, choice: &Choice, printer: &Printer) {
        let directory = self.status_root().display();
        if let Some(selector) = &choice.selector {
            let labels = selector.as_str();
            return printer.note(&format!("no workspace in {directory} has labels `{labels}`; `wharf get` shows all"));
        }
        let start = match self.has_controller() {
            Some(false) => format!(" and start `wharf run {}`", self.dir.display()),
            _ => String::new(),
        };
        printer.note(&format!(
            "no workspaces in {directory}; declare one in a manifest (see `wharf explain workspace`){start}"
        ));
    }
}

impl Choice {
    /// Whether a workspace with this name and these labels is chosen.
    pub fn selects(&self, name: &str, labels: &BTreeMap<String, String>) -> bool {
        (self.names.is_empty() || self.names.iter().any(|chosen| chosen == name))
            && self.selector.as_ref().is_none_or(|selector| selector.selects(labels))
    }
}

impl Chosen {
    /// An error if a name is unknown: waiting for it would wait for ever after a slip of the pen.
    pub fn all_known(self) -> Result<Self, CliError> {
        match self.unknown {
            Some(error) => Err(error),
            None => Ok(self),
        }
    }

    /// Whether every name that was asked for is known and every status file could be read.
    pub fn verdict(self) -> Result<ExitCode, CliError> {
        match self {
            Self { unknown: Some(error), .. } => Err(error),
            Self { broken: count @ 1.., .. } => Err(CliError::BrokenStatusFiles { count }),
            _ => Ok(ExitCode::Done),
        }
    }
}
