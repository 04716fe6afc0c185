//! Why a command failed: what, where, and the next step.

use std::path::PathBuf;

use super::exit::ExitCode;
use super::text::counted;
use crate::controller::{ControllerError, PreviewError};
use crate::engine::EngineError;
use crate::engine::docker::ConnectError;
use crate::manifest::ExplainError;
use crate::status_file::StatusFileError;
use crate::store::StoreError;

/// Why a command failed. The text says what and where; [`CliError::help`] says what to do.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// A result could not be written.
    #[error("the result cannot be written to standard output")]
    Output {
        /// Why not.
        source: std::io::Error,
    },
    /// A result could not be put into the form that was asked for.
    #[error("the result cannot be written as {format}")]
    Format {
        /// The form.
        format: &'static str,
        /// Why not.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A file could not be written where the user asked for it.
    #[error("cannot write {}", path.display())]
    Write {
        /// Which.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The directory with the manifests is not one.
    #[error("there is no directory {}", path.display())]
    NoSourceDirectory {
        /// The path that was asked for.
        path: PathBuf,
    },
    /// The directory that the command line names as its argument is not one.
    #[error("there is no directory {}", path.display())]
    NoDirectory {
        /// The path that was asked for.
        path: PathBuf,
    },
    /// The status files could not be listed.
    #[error(transparent)]
    StatusFiles(#[from] StatusFileError),
    /// Some status files are broken; each was told on its own.
    #[error("{} cannot be read", counted(*count, "status file"))]
    BrokenStatusFiles {
        /// How many.
        count: usize,
    },
    /// Names that no status file knows.
    #[error("there is no workspace {} in {}", quoted(names), directory.display())]
    UnknownWorkspace {
        /// The names as typed.
        names: Vec<String>,
        /// Where they were looked for.
        directory: PathBuf,
        /// The name that was probably meant by the first.
        nearest: Option<String>,
    },
    /// A path that is not a field.
    #[error(transparent)]
    UnknownField(#[from] ExplainError),
    /// A name that is not a schema.
    #[error("there is no schema `{name}`")]
    UnknownSchema {
        /// The name as typed.
        name: String,
        /// Those that exist.
        known: Vec<&'static str>,
    },
    /// A name that is not a command.
    #[error("there is no command `{name}`")]
    UnknownCommand {
        /// The name as typed.
        name: String,
    },
    /// The engine does not do what it was asked.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The engine's address is not one.
    #[error(transparent)]
    EngineAddress(#[from] ConnectError),
    /// The controller's memory cannot be opened.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The runtime or its signal handlers could not be set up.
    #[error("the operating system refuses what the controller needs to run")]
    Runtime(#[source] std::io::Error),
    /// The controller could not run.
    #[error(transparent)]
    Controller(#[from] ControllerError),
    /// What would be done could not be worked out.
    #[error("cannot work out what would be done")]
    Preview(#[from] PreviewError),
    /// A log filter that is not one.
    #[error("`{filter}` is not a log filter")]
    LogFilter {
        /// The filter as typed.
        filter: String,
        /// Why not.
        source: tracing_subscriber::filter::ParseError,
    },
}

impl CliError {
    /// The exit code under which scripts see the error.
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Self::UnknownCommand { .. } | Self::LogFilter { .. } | Self::EngineAddress(_) => ExitCode::Usage,
            Self::Engine(error) | Self::Preview(PreviewError::Engine(error)) if error.concerns_engine() => {
                ExitCode::EngineUnreachable
            }
            Self::Store(StoreError::Held { .. }) => ExitCode::AlreadyRunning,
            _ => ExitCode::Failed,
        }
    }

    /// The next step, where there is one to name.
    pub fn help(&self) -> Option<String> {
        Some(match self {
            // These say themselves what to do.
            Self::UnknownField(_) | Self::EngineAddress(_) | Self::Store(_) | Self::Controller(_) => return None,
            Self::Runtime(_) => "look at the limits of processes and open files (`ulimit -a`)".to_owned(),
            Self::Engine(_) | Self::Preview(_) => {
                "`wharf doctor` looks at the engine and says what is wrong".to_owned()
            }
            Self::Output { .. } => "is the disk full that standard output goes to?".to_owned(),
            Self::Format { .. } => "ask for another form with `-o`".to_owned(),
            Self::Write { .. } => "check that the directory exists and that you may write to it".to_owned(),
            Self::NoSourceDirectory { .. } => {
                "name the directory with the manifests with `--dir DIR` or WHARF_DIR".to_owned()
            }
            Self::NoDirectory { .. } => "make it, or name another directory".to_owned(),
            Self::StatusFiles(_) => "check `--dir` and `--status-dir`; `wharf doctor` looks at both".to_owned(),
            Self::BrokenStatusFiles { .. } => {
                "the controller writes them anew; remove those that no manifest belongs to".to_owned()
            }
            Self::UnknownWorkspace { nearest, .. } => match nearest {
                Some(name) => format!("did you mean `{name}`?"),
                None => "`wharf get` lists the workspaces there are".to_owned(),
            },
            Self::UnknownSchema { known, .. } => format!("there are: {}", known.join(", ")),
            Self::UnknownCommand { .. } => "`wharf help` lists the commands".to_owned(),
            Self::LogFilter { .. } => "use one such as `info`, or `warn,wharf::controller=debug`".to_owned(),
        })
    }
}

fn quoted(names: &[String]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_can_tell_errors_apart() {
        let operation = || "list containers".to_owned();
        let unreachable = EngineError::Unavailable {
            operation: operation(),
            endpoint: "unix:///x".to_owned(),
            message: String::new(),
        };
        let refused = EngineError::Invalid { operation: operation(), message: String::new() };
        let holder = crate::store::Holder { pid: 1, what: "another".to_owned(), since: None };
        for (error, code) in [
            (CliError::Engine(unreachable), ExitCode::EngineUnreachable),
            (CliError::Engine(refused), ExitCode::Failed),
            (CliError::Store(StoreError::Held { path: "/x".into(), holder }), ExitCode::AlreadyRunning),
            (CliError::EngineAddress(ConnectError::Address("x".to_owned())), ExitCode::Usage),
            (CliError::NoSourceDirectory { path: "/x".into() }, ExitCode::Failed),
        ] {
            assert_eq!(error.exit_code(), code, "{error}");
        }
    }
}
