//! `wharf start|stop|restart|sync|resume|delete`: asked of the controller as a batch, and followed until it has come about.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::accounts;
use super::client::Controller;
use super::error::CliError;
use super::exit::ExitCode;
use super::output::{self, ReportFormat};
use super::printer::Printer;
use super::sources;
use super::statuses::{Choice, Location};
use super::text::counted;
use crate::api::client::{ClientError, address};
use crate::audit::{Outcome, What};
use crate::disk::Host;
use crate::model::Name;
use crate::model::batch::{Batch, BatchRequest, BatchState, ItemState, Verb};
use crate::source::remove_document;
use crate::store::{Lock, Store, confirm};

/// The arguments of the commands that ask for something.
#[derive(Clone, Debug, Args)]
#[group(id = "whom", required = true, args = ["names", "selector", "all"])]
pub struct VerbArgs {
    /// Which workspaces.
    #[command(flatten)]
    pub choice: Choice,

    /// All workspaces
    #[arg(long, conflicts_with_all = ["names", "selector"])]
    pub all: bool,

    /// How many workspaces to work on at once [default: 4]
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=64))]
    pub parallelism: Option<u32>,

    /// After more failures than this, leave alone those that have not begun [default: no limit]
    #[arg(long, value_name = "COUNT")]
    pub max_failures: Option<u32>,

    /// Do not wait until it has come about; prints the batch's id, for `wharf batch`
    #[arg(long)]
    pub detach: bool,

    /// The form of the result
    #[arg(short, long, value_enum, value_name = "FORM", default_value_t = ReportFormat::Text)]
    pub output: ReportFormat,

    /// Where to look.
    #[command(flatten)]
    pub location: Location,
}

/// The arguments of `wharf sync`.
#[derive(Clone, Debug, Args)]
pub struct SyncArgs {
    /// What to ask.
    #[command(flatten)]
    pub verb: VerbArgs,

    /// Look at this source instead, to find what has changed in it; several are separated by commas
    #[arg(long, value_name = "NAME", value_delimiter = ',', group = "whom", conflicts_with_all = WORKSPACES)]
    pub source: Vec<String>,

    /// Look at all sources instead
    #[arg(long, group = "whom", conflicts_with_all = WORKSPACES, conflicts_with = "source")]
    pub sources: bool,
}

/// What is about workspaces.
const WORKSPACES: [&str; 6] = ["names", "selector", "all", "parallelism", "max_failures", "detach"];

/// Asks for a look at workspaces, or at sources.
pub fn sync(args: &SyncArgs, printer: &mut Printer) -> Result<ExitCode, CliError> {
    if args.sources || !args.source.is_empty() {
        return sources::sync(&args.source, args.verb.output, &args.verb.location, printer);
    }
    run(Verb::Sync, &args.verb, printer)
}

/// How long a controller may be away while its batch is followed: a restart takes seconds.
const PATIENCE: Duration = Duration::from_secs(60);

/// How often to look how far a batch is.
const LOOK: Duration = Duration::from_millis(200);

/// Asks for something, and waits until it has come about.
pub fn run(verb: Verb, args: &VerbArgs, printer: &mut Printer) -> Result<ExitCode, CliError> {
    let controller = args.location.controller()?;
    let request = BatchRequest {
        verb,
        names: args.choice.names.clone(),
        selector: args.choice.selector.as_ref().map(|selector| selector.as_str().to_owned()),
        all: args.all,
        parallelism: args.parallelism,
        max_failures: args.max_failures,
    };
    let batch: Batch = match controller.send("/v1/batches", &request) {
        Err(CliError::Api(ClientError::NotRunning { .. })) if verb == Verb::Delete => {
            return delete_alone(args, printer);
        }
        answer => answer?,
    };
    if batch.items.is_empty() {
        printer.note("no workspace is selected; `wharf get` lists those there are");
    }
    if args.detach {
        printer.result(&format!("{}\n", batch.id))?;
        return Ok(ExitCode::Done);
    }
    let batch = follow(&controller, batch, printer)?;
    report(&batch, args.output, printer)
}

/// Follows a batch to its end, with a bar where somebody looks.
pub fn follow(controller: &Controller, mut batch: Batch, printer: &mut Printer) -> Result<Batch, CliError> {
    let bar = bar(&batch);
    let path = address(&["v1", "batches", &batch.id], &[]);
    while batch.ended_at.is_none() {
        std::thread::sleep(LOOK);
        let away = || bar.suspend(|| printer.note("the controller does not answer; the batch goes on when it is back"));
        batch = controller.get_patiently(&path, PATIENCE, away)?;
        let done = batch.items.iter().filter(|item| item.state.is_final()).count();
        let failed = count(&batch, ItemState::Failed);
        bar.set_position(u64::try_from(done).unwrap_or_default());
        bar.set_message(if failed == 0 { String::new() } else { format!("{failed} failed") });
    }
    bar.finish_and_clear();
    Ok(batch)
}

/// On standard error, and only on a terminal.
fn bar(batch: &Batch) -> ProgressBar {
    let length = u64::try_from(batch.items.len()).unwrap_or_default();
    let bar = ProgressBar::with_draw_target(Some(length), ProgressDrawTarget::stderr());
    if let Ok(style) = ProgressStyle::with_template("{prefix} [{bar:30}] {pos}/{len} {msg}") {
        bar.set_style(style.progress_chars("=> "));
    }
    bar.set_prefix(batch.verb.to_string());
    bar
}

fn count(batch: &Batch, state: ItemState) -> usize {
    batch.items.iter().filter(|item| item.state == state).count()
}

/// Says how a batch has ended: each workspace as `NAME: STATE`, with the reason where there is one.
pub fn report(batch: &Batch, format: ReportFormat, printer: &mut Printer) -> Result<ExitCode, CliError> {
    let text = match format {
        ReportFormat::Json => output::json(batch)?,
        ReportFormat::Yaml => output::yaml(batch)?,
        ReportFormat::Text => output::lines(batch.items.iter().map(|item| {
            let state = format!("{:?}", item.state).to_lowercase();
            let why = item.error.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
            format!("{} {} {state}{why}", batch.verb, item.workspace)
        })),
    };
    printer.result(&text)?;
    if batch.state == BatchState::Succeeded {
        return Ok(ExitCode::Done);
    }
    let (failed, skipped) = (count(batch, ItemState::Failed), count(batch, ItemState::Skipped));
    let ended = if batch.ended_at.is_some() { "" } else { " so far" };
    printer.note(&format!("{failed} failed, {skipped} skipped{ended}, of {}", counted(batch.items.len(), "workspace")));
    Ok(if batch.ended_at.is_some() { ExitCode::Failed } else { ExitCode::Done })
}

/// Without a controller: the documents are removed, and that is confirmed, so that the next controller deletes the workspaces.
fn delete_alone(args: &VerbArgs, printer: &mut Printer) -> Result<ExitCode, CliError> {
    args.location.require_source()?;
    let state_dir = args.location.state_dir();
    // Held while files change: a controller that starts now waits for its first reading.
    let lock = Lock::acquire(&state_dir, "wharf delete")?;
    let records = Store::read_copy(&state_dir)?.unwrap_or_default();
    let chosen: BTreeSet<Name> = if args.choice.names.is_empty() {
        let selected = records
            .iter()
            .filter(|(name, record)| args.all || args.choice.selects(name.as_str(), &record.workspace.metadata.labels));
        selected.map(|(name, _)| name.clone()).collect()
    } else {
        let known = args.choice.names.iter().filter_map(|name| name.parse().ok());
        known.filter(|name| records.contains_key(name)).collect()
    };
    let unknown = args.choice.names.iter().filter(|name| chosen.iter().all(|known| known.as_str() != *name));
    let unknown: Vec<String> = unknown.cloned().collect();
    if !unknown.is_empty() {
        return Err(CliError::UnknownWorkspace { names: unknown, directory: state_dir, nearest: None });
    }
    let audit_log = accounts::of(&state_dir, printer);
    for name in &chosen {
        let manifest = records.get(name).map(|record| record.manifest.as_str()).unwrap_or_default();
        remove(&args.location.dir, &state_dir, manifest, name)?;
        audit_log.tell(accounts::deed("delete", What::Request, "deleteWorkspace", Outcome::Accepted).about(name));
        printer.result(&format!("delete {name} recorded\n"))?;
    }
    audit_log.finish();
    drop(lock);
    printer.note("no controller is running: the workspaces are deleted when one is started");
    Ok(ExitCode::Done)
}

fn remove(source: &Path, state_dir: &Path, manifest: &str, name: &Name) -> Result<(), CliError> {
    remove_document(&Host, source, manifest, name)?;
    Ok(confirm(&Host, state_dir, &BTreeSet::from([name.clone()]))?)
}
