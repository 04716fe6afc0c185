//! `wharf adopt`: what a container of somebody else's would be as a workspace, and whose instance a source is that was moved.
//!
//! Labels of a container cannot be changed, so that a stranger's never becomes one of ours: its manifest is written, and Wharf makes
//! another. Containers of a source that was moved are ours as they are, once it is said that the source is still the same instance.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use clap::Args;

use super::adopted::{is_manifest_path, manifest_of, name_of};
use super::error::CliError;
use super::exit::ExitCode;
use super::printer::Printer;
use super::statuses::Location;
use super::text::{counted, plain};
use super::{controller, instance, output};
use crate::controller::Options;
use crate::engine::docker::Docker;
use crate::engine::{ContainerSummary, Engine, Survey};
use crate::model::{Instance, Name, labels};
use crate::source::{Directory, Reading, SourceFile};
use crate::store::{Lock, Store};

/// The arguments of `wharf adopt`.
#[derive(Clone, Debug, Args)]
#[group(id = "what", required = true, args = ["container", "instance"])]
pub struct AdoptArgs {
    /// A container, by name or ID: print the manifest that declares what it is
    #[arg(value_name = "CONTAINER")]
    pub container: Option<String>,

    /// The workspace's name in the manifest [default: made from the container's]
    #[arg(long, value_name = "NAME", requires = "container")]
    pub name: Option<Name>,

    /// Write the manifest to this file, which must not exist
    #[arg(long, value_name = "FILE", requires = "container")]
    pub write: Option<PathBuf>,

    /// The instance that the source was before it was moved: show which of its containers belong to the manifests
    #[arg(long, value_name = "OLD", conflicts_with = "container")]
    pub instance: Option<Instance>,

    /// Let the source be that instance from now on
    #[arg(long, requires = "instance")]
    pub confirm: bool,

    /// The engine's address [default: `DOCKER_HOST`, then `unix:///var/run/docker.sock`]
    #[arg(long, value_name = "ADDRESS", help_heading = "Engine")]
    pub host: Option<String>,

    /// Where to look.
    #[command(flatten)]
    pub location: Location,
}

/// Prints a manifest, or takes up an instance.
pub fn run(args: &AdoptArgs, printer: &mut Printer) -> Result<ExitCode, CliError> {
    let engine = Docker::connect(args.host.as_deref().or(args.location.host.as_deref()))?;
    let runtime = tokio::runtime::Runtime::new().map_err(CliError::Runtime)?;
    match (&args.container, &args.instance) {
        (Some(container), _) => runtime.block_on(declare(&engine, container, args, printer)),
        (None, Some(old)) => runtime.block_on(take_up(&engine, old, args, printer)),
        (None, None) => Ok(ExitCode::Usage),
    }
}

async fn declare(
    engine: &impl Survey,
    container: &str,
    args: &AdoptArgs,
    printer: &mut Printer,
) -> Result<ExitCode, CliError> {
    let seen = engine.describe(container).await?;
    if let (Some(instance), Some(workspace)) = (seen.labels.get(labels::INSTANCE), seen.labels.get(labels::WORKSPACE)) {
        printer.note(&format!("it is Wharf's already: workspace {workspace} of instance {instance}"));
    }
    let name = args.name.clone().or_else(|| name_of(&seen.name));
    let name = name.ok_or_else(|| CliError::NotDeclarable {
        container: seen.name.clone(),
        why: "no name of a workspace can be made from its own; give one with `--name`".to_owned(),
    })?;
    let text = manifest_of(&name, &seen)?;
    match &args.write {
        Some(path) => {
            write_new(path, &text)?;
            printer.note(&format!("{} declares workspace {name}; `wharf validate` checks it", path.display()));
            if !is_manifest_path(path) {
                printer.note("a source reads files that end in .yaml, .yml or .json");
            }
        }
        None => printer.result(&text)?,
    }
    printer.note(&format!(
        "read it, put it into the source, stop container {} and start the controller: it makes a container of its own, and this one stays",
        seen.name
    ));
    Ok(ExitCode::Done)
}

fn write_new(path: &Path, text: &str) -> Result<(), CliError> {
    let written = OpenOptions::new().write(true).create_new(true).open(path);
    written
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(|source| CliError::Write { path: path.to_owned(), source })
}

async fn take_up(
    engine: &impl Engine,
    old: &Instance,
    args: &AdoptArgs,
    printer: &mut Printer,
) -> Result<ExitCode, CliError> {
    args.location.require_all_manifests()?;
    let source = std::path::absolute(&args.location.dir).map_err(CliError::Runtime)?;
    let mut options = Options::new(source.clone());
    options.state_dir = std::path::absolute(args.location.state_dir()).map_err(CliError::Runtime)?;
    options.status_dir.clone_from(&args.location.status_dir);
    // Who changes its instance while a controller runs would be told the old one for as long as it does.
    let lock = args.confirm.then(|| Lock::acquire(&options.state_dir, "wharf adopt")).transpose()?;
    let containers = engine.list(old).await?;
    let declared = declared(&options)?;
    let records = Store::read_copy(&options.state_dir)?.unwrap_or_default();
    let uids = records.into_iter().map(|(name, record)| (name.to_string(), record.uid.to_string())).collect();
    let lines = containers.iter().map(|container| line(container, &declared, &uids));
    printer.result(&output::lines(lines))?;
    let belongs = |container: &&ContainerSummary| workspace_of(container).is_some_and(|it| declared.contains_key(it));
    let count = counted(containers.iter().filter(belongs).count(), "container");
    if containers.is_empty() {
        return Err(CliError::NoSuchInstance { instance: old.clone() });
    }
    if args.confirm {
        instance::note(&source, old)?;
        drop(lock);
        printer.note(&format!(
            "{} is instance {old} from now on, with {count}: `wharf run {}` goes on with them",
            source.display(),
            args.location.dir.display()
        ));
    } else {
        printer.note(&format!(
            "{count} of instance {old} belong to manifests here; `--confirm` lets this source be that instance, and so does `--instance {old}` or WHARF_INSTANCE with each command"
        ));
    }
    Ok(ExitCode::Done)
}

/// The workspaces that manifests declare, each with its file.
fn declared(options: &Options) -> Result<BTreeMap<String, String>, CliError> {
    let snapshot = match Directory::new(&options.source, controller::excluded(options)).scan() {
        Reading::Complete(snapshot) => snapshot,
        Reading::Lost(why) => return Err(CliError::CannotJudge { why }),
    };
    let mut declared = BTreeMap::new();
    for (path, file) in snapshot.files {
        let SourceFile::Read(file) = file else { continue };
        for name in file.manifest.documents.iter().filter_map(|document| document.name.as_ref()) {
            declared.entry(name.to_string()).or_insert_with(|| path.clone());
        }
    }
    Ok(declared)
}

fn workspace_of(container: &ContainerSummary) -> Option<&str> {
    container.labels.get(labels::WORKSPACE).map(String::as_str)
}

fn line(container: &ContainerSummary, declared: &BTreeMap<String, String>, uids: &BTreeMap<String, String>) -> String {
    let workspace = workspace_of(container).unwrap_or_default();
    let uid = container.labels.get(labels::UID);
    let whose = match (declared.get(workspace), uids.get(workspace)) {
        (Some(file), Some(known)) if Some(known) != uid => format!(
            "workspace {workspace} in {file}, but of another life than the one that is remembered; without the state directory it is taken over"
        ),
        (Some(file), _) => format!("workspace {workspace} in {file}"),
        (None, _) => format!("no manifest here declares workspace {workspace}"),
    };
    format!("{}: {}", plain(&container.name), plain(&whose))
}
