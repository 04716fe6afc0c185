//! `wharf gc`: shows what an instance has left behind on the engine, and removes it.
//!
//! The engine is listed before the records are read: a UID is recorded before there is an object that carries it, so a controller that
//! runs meanwhile makes no orphans. Everything is looked at again right before it is removed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use serde::Serialize;

use super::accounts;
use super::error::CliError;
use super::exit::ExitCode;
use super::output::{self, ReportFormat};
use super::printer::Printer;
use super::statuses::Location;
use super::text::{counted, plain};
use super::{controller, instance};
use crate::audit::{self, What};
use crate::controller::Options;
use crate::disk::Host;
use crate::engine::docker::Docker;
use crate::engine::{Engine, EngineError, Survey};
use crate::model::{Instance, labels};
use crate::plan::leftovers::{Belonging, Known, belonging, is_unused};
use crate::source::{Directory, Reading, SourceFile};
use crate::store::{Store, remembered_instance};

/// How long an orphan that runs has to end by itself.
const GRACE: Duration = Duration::from_secs(10);

/// The arguments of `wharf gc`.
#[derive(Clone, Debug, Args)]
pub struct GcArgs {
    /// Remove what is shown as orphan
    #[arg(long)]
    pub confirm: bool,

    /// Volumes, too: their data is lost
    #[arg(long)]
    pub volumes: bool,

    /// The engine's address [default: `DOCKER_HOST`, then `unix:///var/run/docker.sock`]
    #[arg(long, value_name = "ADDRESS", help_heading = "Engine")]
    pub host: Option<String>,

    /// The controller's name on the engine: objects without its label are never touched [default: that of the source]
    #[arg(long, value_name = "NAME", env = "WHARF_INSTANCE", help_heading = "Engine")]
    pub instance: Option<Instance>,

    /// The form of the result
    #[arg(short, long, value_enum, value_name = "FORM", default_value_t = ReportFormat::Text)]
    pub output: ReportFormat,

    /// Where to look.
    #[command(flatten)]
    pub location: Location,
}

/// What was found, and what came of it.
#[derive(Debug, Serialize)]
struct Report {
    instance: Instance,
    items: Vec<Item>,
}

/// One object.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Item {
    kind: Kind,
    name: String,
    result: Outcome,
    /// Why it is an orphan, or is kept, or could not be removed.
    reason: String,
    #[serde(skip)]
    id: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Container,
    Network,
    Volume,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Outcome {
    Orphan,
    Kept,
    Removed,
    Failed,
}

/// Shows orphans; with `--confirm`, removes them.
pub fn run(args: &GcArgs, printer: &mut Printer) -> Result<ExitCode, CliError> {
    let mut scene = Scene::of(args)?;
    let engine = Docker::connect(args.host.as_deref().or(args.location.host.as_deref()))?;
    let runtime = tokio::runtime::Runtime::new().map_err(CliError::Runtime)?;
    let mut report = Report { instance: scene.instance.clone(), items: Vec::new() };
    let swept = runtime.block_on(sweep(&engine, &mut scene, args, &mut report.items));
    // What was done is told, also when it came to an early end.
    account(args, &report.items, printer);
    printer.result(&text(&report, args.output)?)?;
    swept?;
    let count = |outcome| report.items.iter().filter(|item| item.result == outcome).count();
    match (count(Outcome::Orphan), count(Outcome::Failed)) {
        (_, failed @ 1..) => return Err(CliError::NotSwept { count: failed }),
        (0, 0) if count(Outcome::Removed) == 0 => {
            printer.note(&format!("instance {} has no orphans on the engine", scene.instance));
        }
        (0, 0) => {}
        (orphans, _) => {
            printer.note(&format!("`wharf gc --confirm` removes {}", counted(orphans, "orphan")));
        }
    }
    Ok(ExitCode::Done)
}

fn account(args: &GcArgs, items: &[Item], printer: &mut Printer) {
    let removed = items.iter().filter(|item| matches!(item.result, Outcome::Removed | Outcome::Failed));
    let audit_log = accounts::of(&args.location.state_dir(), printer);
    for item in removed {
        let outcome = if item.result == Outcome::Removed { audit::Outcome::Done } else { audit::Outcome::Failed };
        let deed = format!("remove {} {}", word(item.kind), item.name);
        audit_log.tell(accounts::deed("gc", What::Action, deed, outcome).because(&item.reason));
    }
    audit_log.finish();
}

fn text(report: &Report, form: ReportFormat) -> Result<String, CliError> {
    let line = |item: &Item| {
        let (result, kind) = (word(item.result), word(item.kind));
        format!("{result} {kind} {}: {}", plain(&item.name), plain(&item.reason))
    };
    match form {
        ReportFormat::Text => Ok(output::lines(report.items.iter().map(line))),
        ReportFormat::Json => output::json(report),
        ReportFormat::Yaml => output::yaml(report),
    }
}

fn word(value: impl std::fmt::Debug) -> String {
    format!("{value:?}").to_lowercase()
}

/// By what is judged.
struct Scene {
    instance: Instance,
    state_dir: PathBuf,
    directory: Directory,
}

impl Scene {
    fn of(args: &GcArgs) -> Result<Self, CliError> {
        args.location.require_all_manifests()?;
        let mut options = Options::new(std::path::absolute(&args.location.dir).map_err(CliError::Runtime)?);
        options.state_dir = std::path::absolute(args.location.state_dir()).map_err(CliError::Runtime)?;
        options.status_dir.clone_from(&args.location.status_dir);
        let instance =
            instance::of_source(&options.source, args.instance.as_ref().or(args.location.instance.as_ref()))?;
        let remembered = remembered_instance(&Host, &options.state_dir)?;
        // Records of another instance know nothing of this one's containers, so all of them would be orphans.
        let by_path = options.scope.instance == instance;
        if remembered.as_ref().map_or(!by_path, |remembered| *remembered != instance) {
            return Err(CliError::OtherInstance { given: instance, remembered, state_dir: options.state_dir });
        }
        let directory = Directory::new(&options.source, controller::excluded(&options));
        Ok(Self { instance, state_dir: options.state_dir, directory })
    }

    /// What is known now. An error where anything that could know an object cannot be read.
    fn known(&mut self) -> Result<Known, CliError> {
        let snapshot = match self.directory.scan() {
            Reading::Complete(snapshot) => snapshot,
            Reading::Lost(why) => return Err(CliError::CannotJudge { why }),
        };
        let records =
            Store::read_copy(&self.state_dir)?.ok_or_else(|| CliError::NoStore { path: self.state_dir.clone() })?;
        let remembered = records.into_iter().map(|(name, record)| (name, (record.uid, record.workspace.spec.network)));
        let mut known = Known { remembered: remembered.collect(), ..Known::default() };
        for (path, file) in snapshot.files {
            match file {
                SourceFile::Unreadable(_) => known.unreadable = Some(path),
                SourceFile::Read(file) => {
                    let declared = file.manifest.documents.iter().filter_map(|document| document.name.as_ref());
                    known.mentioned.extend(declared.map(ToString::to_string));
                    known.mentioned.extend(file.manifest.mentioned.iter().cloned());
                }
            }
        }
        Ok(known)
    }
}

/// Finds orphans, and with `--confirm` removes them: containers first, because what they use is in use.
async fn sweep<E: Engine + Survey>(
    engine: &E,
    scene: &mut Scene,
    args: &GcArgs,
    items: &mut Vec<Item>,
) -> Result<(), CliError> {
    let containers = engine.list(&scene.instance).await?;
    let networks = engine.networks(&scene.instance).await?;
    let volumes = if args.volumes { engine.volumes(&scene.instance).await? } else { Vec::new() };
    let known = scene.known()?;
    for container in &containers {
        let found = item(Kind::Container, &container.name, &container.labels, &scene.instance, &known);
        items.extend(found.map(|item| Item { id: container.id.clone(), ..item }));
    }
    let orphans: BTreeSet<String> = names_of(items, Outcome::Orphan);
    let unused = networks.iter().filter(|network| is_unused(network, &scene.instance, &known, &orphans));
    items.extend(unused.map(|network| Item {
        kind: Kind::Network,
        name: network.name.clone(),
        result: Outcome::Orphan,
        reason: "no container is on it, and no workspace needs it".to_owned(),
        id: String::new(),
    }));
    let volumes = volumes.iter();
    items.extend(volumes.filter_map(|it| item(Kind::Volume, &it.name, &it.labels, &scene.instance, &known)));
    for item in items.iter_mut().filter(|item| args.confirm && item.result == Outcome::Orphan) {
        let (result, reason) = match remove(engine, scene, item).await? {
            Removal::Done => (Outcome::Removed, item.reason.clone()),
            Removal::Kept(why) => (Outcome::Kept, why),
            Removal::Failed(error) => (Outcome::Failed, error.to_string()),
        };
        (item.result, item.reason) = (result, reason);
    }
    Ok(())
}

fn names_of(items: &[Item], result: Outcome) -> BTreeSet<String> {
    items.iter().filter(|item| item.result == result).map(|item| item.name.clone()).collect()
}

/// What is to be said of an object; nothing where all is well.
fn item(kind: Kind, name: &str, labels: &BTreeMap<String, String>, instance: &Instance, known: &Known) -> Option<Item> {
    let (result, reason) = match belonging(labels, instance, known) {
        Belonging::Known => return None,
        Belonging::Orphan(why) => (Outcome::Orphan, why),
        Belonging::Unclear(why) => (Outcome::Kept, why),
    };
    Some(Item { kind, name: name.to_owned(), result, reason, id: String::new() })
}

/// What came of a removal.
enum Removal {
    Done,
    /// It is no orphan any more.
    Kept(String),
    Failed(EngineError),
}

/// Removes an orphan, if it still is one. An error ends it all: then nothing can be judged.
async fn remove<E: Engine + Survey>(engine: &E, scene: &mut Scene, item: &Item) -> Result<Removal, CliError> {
    let removed = match item.kind {
        Kind::Container => remove_container(engine, scene, &item.id).await,
        Kind::Network => remove_network(engine, scene, &item.name).await,
        Kind::Volume => remove_volume(engine, scene, &item.name).await,
    };
    match removed {
        // Who cannot be reached cannot be asked about the others either.
        Err(CliError::Engine(error)) if !error.concerns_engine() => Ok(Removal::Failed(error)),
        outcome => outcome,
    }
}

async fn remove_container<E: Engine>(engine: &E, scene: &mut Scene, id: &str) -> Result<Removal, CliError> {
    // Once more after the stop, which may take a while.
    for stopped in [false, true] {
        let seen = match engine.inspect(id).await {
            Err(EngineError::NotFound { .. }) => return Ok(Removal::Done),
            seen => seen?,
        };
        if let Some(kept) = reason_to_keep(&seen.labels, scene)? {
            return Ok(kept);
        }
        if !stopped {
            engine.stop(&seen.id, GRACE).await?;
        }
    }
    engine.remove(id).await?;
    Ok(Removal::Done)
}

/// Why something is no orphan now. Called after the engine was asked: what is known is younger than what was seen.
fn reason_to_keep(labels: &BTreeMap<String, String>, scene: &mut Scene) -> Result<Option<Removal>, CliError> {
    let known = scene.known()?;
    Ok(match belonging(labels, &scene.instance, &known) {
        Belonging::Orphan(_) => None,
        Belonging::Unclear(why) => Some(Removal::Kept(why)),
        Belonging::Known => {
            let workspace = labels.get(labels::WORKSPACE).map_or("a workspace", String::as_str);
            Some(Removal::Kept(format!("it belongs to {workspace} by now")))
        }
    })
}

async fn remove_network<E: Engine + Survey>(engine: &E, scene: &mut Scene, name: &str) -> Result<Removal, CliError> {
    let networks = engine.networks(&scene.instance).await?;
    let known = scene.known()?;
    let is_unused = |network: &&_| is_unused(network, &scene.instance, &known, &BTreeSet::new());
    let named: Vec<_> = networks.iter().filter(|network| network.name == name).collect();
    if !named.iter().all(is_unused) {
        return Ok(Removal::Kept("it is in use, or needed, by now".to_owned()));
    }
    engine.remove_network(&scene.instance, name).await?;
    Ok(Removal::Done)
}

async fn remove_volume<E: Engine>(engine: &E, scene: &mut Scene, name: &str) -> Result<Removal, CliError> {
    let volumes = engine.volumes(&scene.instance).await?;
    let Some(volume) = volumes.into_iter().find(|volume| volume.name == name) else { return Ok(Removal::Done) };
    if let Some(kept) = reason_to_keep(&volume.labels, scene)? {
        return Ok(kept);
    }
    engine.remove_volume(name).await?;
    Ok(Removal::Done)
}
