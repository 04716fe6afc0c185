//! Why a command failed: what, where, and the next step.

use std::path::PathBuf;

use super::config::ConfigurationError;
use super::exit::ExitCode;
use super::policy::PolicyError;
use super::text::counted;
use crate::api::TokenError;
use crate::api::client::ClientError;
use crate::audit::AuditError;
use crate::controller::PreviewError;
use crate::daemon::DaemonError;
use crate::engine::docker::ConnectError;
use crate::engine::{EngineError, ObjectKind};
use crate::manifest::ExplainError;
use crate::model::{Instance, labels};
use crate::source::RemoveDocumentError;
use crate::source::git::OpenError;
use crate::status_file::StatusFileError;
use crate::store::StoreError;
use crate::webhook::WebhookError;

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
    /// The copy of a repository cannot be used.
    #[error(transparent)]
    Repository(#[from] OpenError),
    /// The configuration, or what the command line says instead of it, is of no use.
    #[error(transparent)]
    Configuration(#[from] ConfigurationError),
    /// Secrets would be put where other things are kept.
    #[error("the runtime directory {} is inside of {}, where secrets must not be", path.display(), inside.display())]
    RuntimeDirectory {
        /// The directory that was asked for.
        path: PathBuf,
        /// The source or the state directory.
        inside: PathBuf,
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
    /// A workspace that has no container to look into.
    #[error("workspace `{workspace}` has no container: {summary}")]
    NoContainer {
        /// Its name.
        workspace: String,
        /// The status in a few words.
        summary: String,
    },
    /// A status file that names somebody else's container.
    #[error("container `{}` is not the container of workspace `{workspace}`, although its status file says so", container.escape_debug())]
    ForeignContainer {
        /// The workspace's name.
        workspace: String,
        /// The container's name.
        container: String,
    },
    /// The engine does not do what it was asked about a workspace's container.
    #[error("workspace `{workspace}`: {source}")]
    Container {
        /// The workspace's name.
        workspace: String,
        /// What it says.
        source: EngineError,
    },
    /// A command that cannot be run in a container.
    #[error("cannot run `{}` in workspace `{workspace}`: {reason}", program.escape_debug())]
    NotRun {
        /// The workspace's name.
        workspace: String,
        /// The program.
        program: String,
        /// The engine's words.
        reason: String,
        /// Whether there is no such program.
        missing: bool,
    },
    /// A terminal was asked for where there is none to give.
    #[error("a terminal is asked for, and standard input is none")]
    NoTerminal,
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
    /// The controller, or what is around it, could not run.
    #[error(transparent)]
    Daemon(#[from] DaemonError),
    /// The controller does not answer, or says why not.
    #[error(transparent)]
    Api(#[from] ClientError),
    /// A document cannot be removed from the source.
    #[error("the manifest cannot be changed: {0}")]
    Remove(#[from] RemoveDocumentError),
    /// Sources have no stream of changes.
    #[error("sources cannot be watched")]
    SourcesNotWatched,
    /// The audit log cannot be written.
    #[error(transparent)]
    Audit(#[from] AuditError),
    /// The file that says to whom events are brought is of no use.
    #[error(transparent)]
    Webhooks(#[from] WebhookError),
    /// The files that say what manifests may ask for are of no use.
    #[error(transparent)]
    Policies(#[from] PolicyError),
    /// The file with the token of the control API is of no use.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// What would be done could not be worked out.
    #[error("cannot work out what would be done")]
    Preview(#[from] PreviewError),
    /// There are no records to judge by.
    #[error("there is no store in {}, so that nothing can be said to be an orphan", path.display())]
    NoStore {
        /// The state directory.
        path: PathBuf,
    },
    /// The source cannot be read, so that anything may be declared.
    #[error("nothing can be said to be an orphan: {why}")]
    CannotJudge {
        /// Why not.
        why: String,
    },
    /// The records are not about the instance that was asked for.
    #[error("the records in {} are not about instance {given}{}", state_dir.display(), remembered.as_ref().map(|it| format!(" but {it}")).unwrap_or_default())]
    OtherInstance {
        /// The instance that was asked for.
        given: Instance,
        /// The instance that a controller ran as there last, if one has said so.
        remembered: Option<Instance>,
        /// The state directory.
        state_dir: PathBuf,
    },
    /// Some orphans are still there; each was told on its own.
    #[error("{} could not be removed", counted(*count, "orphan"))]
    NotSwept {
        /// How many.
        count: usize,
    },
    /// A container that no manifest can declare.
    #[error("container {} cannot be declared: {why}", container.escape_debug())]
    NotDeclarable {
        /// Its name.
        container: String,
        /// Why not.
        why: String,
    },
    /// An instance without containers.
    #[error("the engine has no container of instance {instance}")]
    NoSuchInstance {
        /// The instance.
        instance: Instance,
    },
    /// The file that says which instance a source is cannot be used.
    #[error("cannot read which instance the source is from {}", path.display())]
    InstanceNote {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
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
            Self::UnknownCommand { .. }
            | Self::LogFilter { .. }
            | Self::EngineAddress(_)
            | Self::NoTerminal
            | Self::SourcesNotWatched => ExitCode::Usage,
            Self::Configuration(error) if error.is_usage() => ExitCode::Usage,
            Self::Engine(error)
            | Self::Container { source: error, .. }
            | Self::Preview(PreviewError::Engine(error))
                if error.concerns_engine() =>
            {
                ExitCode::EngineUnreachable
            }
            Self::NotRun { missing, .. } => ExitCode::Command(if *missing { 127 } else { 126 }),
            Self::Store(StoreError::Held { .. }) => ExitCode::AlreadyRunning,
            _ => ExitCode::Failed,
        }
    }

    /// The next step, where there is one to name.
    pub fn help(&self) -> Option<String> {
        Some(match self {
            // These say themselves what to do.
            Self::UnknownField(_)
            | Self::EngineAddress(_)
            | Self::Store(_)
            | Self::Daemon(_)
            | Self::Token(_)
            | Self::Policies(_)
            | Self::Repository(_)
            | Self::Webhooks(_) => return None,
            Self::Configuration(error) => return error.help(),
            Self::Api(error) => about_controller(error),
            Self::Remove(_) => "change or remove the document by hand: that deletes the workspace, too".to_owned(),
            Self::Runtime(_) => "look at the limits of processes and open files (`ulimit -a`)".to_owned(),
            Self::Engine(_) | Self::Preview(_) => {
                "`wharf doctor` looks at the engine and says what is wrong".to_owned()
            }
            Self::NoContainer { workspace, .. } => {
                format!("`wharf describe {workspace}` says why, and what happens next")
            }
            Self::ForeignContainer { .. } => {
                "the controller writes the status file anew: is one running? `wharf get` says so".to_owned()
            }
            Self::Container { workspace, source } => about_container(workspace, source),
            Self::NotRun { missing: true, .. } => {
                "name a program that the image has; most have `sh`, some have nothing but their own".to_owned()
            }
            Self::NotRun { .. } => "check the program's mode, `--user` and `--workdir`".to_owned(),
            Self::NoTerminal => "leave out `-t`: `-i` alone passes standard input on".to_owned(),
            Self::Output { .. } => "is the disk full that standard output goes to?".to_owned(),
            Self::Format { .. } => "ask for another form with `-o`".to_owned(),
            Self::Write { .. } => "check that the directory exists and that you may write to it".to_owned(),
            Self::NoSourceDirectory { .. } => {
                "name the directory with the manifests with `--dir DIR` or WHARF_DIR".to_owned()
            }
            Self::NoDirectory { .. } => "make it, or name another directory".to_owned(),
            Self::RuntimeDirectory { .. } => "name a directory on a tmpfs, such as one below /run".to_owned(),
            Self::StatusFiles(_) => "check `--dir` and `--status-dir`; `wharf doctor` looks at both".to_owned(),
            Self::BrokenStatusFiles { .. } => {
                "the controller writes them anew; remove those that no manifest belongs to".to_owned()
            }
            Self::UnknownWorkspace { nearest, .. } => match nearest {
                Some(name) => format!("did you mean `{name}`?"),
                None => "`wharf get` lists the workspaces there are".to_owned(),
            },
            Self::NoStore { .. } => {
                "start the controller once: it takes over the containers whose workspaces are declared".to_owned()
            }
            Self::CannotJudge { .. } => "nothing further was removed; bring the source back first".to_owned(),
            Self::OtherInstance { remembered: Some(instance), .. } => {
                format!("ask for `--instance {instance}`, or name the source of the other one with `--dir`")
            }
            Self::OtherInstance { given, .. } => {
                format!("start the controller as `wharf run DIR --instance {given}` once, if it is that of this source")
            }
            Self::NotDeclarable { .. } => "write a manifest by hand: `wharf explain workspace.spec`".to_owned(),
            Self::NoSuchInstance { .. } => about_instances(),
            Self::SourcesNotWatched => "leave out `--watch`; `wharf events --watch` shows what happens".to_owned(),
            Self::Audit(_) => "name another file with `--audit-log-path`, or `none`".to_owned(),
            Self::NotSwept { .. } => "try again when what uses them is gone; the lines above say what it is".to_owned(),
            Self::InstanceNote { .. } => {
                "write it anew with `wharf adopt --instance NAME --dir DIR --confirm`, or remove it".to_owned()
            }
            Self::UnknownSchema { known, .. } => format!("there are: {}", known.join(", ")),
            Self::UnknownCommand { .. } => "`wharf help` lists the commands".to_owned(),
            Self::LogFilter { .. } => "use one such as `info`, or `warn,wharf::controller=debug`".to_owned(),
        })
    }
}

fn about_instances() -> String {
    let label = labels::INSTANCE;
    format!(
        "`docker ps -a --filter label={label} --format '{{{{.Label \"{label}\"}}}} {{{{.Names}}}}'` shows whose there are"
    )
}

fn about_controller(error: &ClientError) -> String {
    match error {
        ClientError::Problem(problem) => match &problem.nearest {
            Some(name) => format!("did you mean `{name}`?"),
            None => problem.help.clone(),
        },
        ClientError::NotRunning { .. } => {
            "start it with `wharf run DIR`, or name its directory with `--dir DIR` or WHARF_DIR".to_owned()
        }
        ClientError::Socket { .. } => "the controller talks to its own user and to root".to_owned(),
        ClientError::TimedOut { .. } | ClientError::Protocol { .. } => {
            "its log says what it does; `wharf --version` must be that of the controller".to_owned()
        }
    }
}

fn about_container(workspace: &str, error: &EngineError) -> String {
    match error {
        EngineError::NotFound { object: ObjectKind::Container, .. } => format!(
            "the status file is older than that: try again, and look whether a controller is running (`wharf get {workspace}`)"
        ),
        EngineError::Conflict { .. } => format!("`wharf describe {workspace}` says why it does not run"),
        error if error.concerns_engine() => "`wharf doctor` looks at the engine and says what is wrong".to_owned(),
        _ => format!("`wharf describe {workspace}` shows its state"),
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
