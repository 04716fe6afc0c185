//! `wharf get`: workspaces at a glance; and sources.

use std::collections::BTreeMap;

use clap::Args;
use jiff::Timestamp;

use super::error::CliError;
use super::exit::ExitCode;
use super::output::{self, Format};
use super::printer::{Printer, Tone};
use super::sources;
use super::statuses::{Choice, Chosen, Location};
use super::table::{Cell, Table, Widths};
use super::text::age;
use super::watch::Watch;
use crate::model::WorkspaceStatus;
use crate::model::status::{ConditionStatus, ConditionType, Phase};
use crate::model::time::Time;

/// The arguments of `wharf get`.
#[derive(Clone, Debug, Args)]
pub struct GetArgs {
    /// Which workspaces.
    #[command(flatten)]
    pub choice: Choice,

    /// The form of the result
    #[arg(short, long, value_enum, value_name = "FORM", default_value_t = Format::Table)]
    pub output: Format,

    /// Go on and print each workspace again when it changes
    #[arg(short, long)]
    pub watch: bool,

    /// Where to look.
    #[command(flatten)]
    pub location: Location,
}

/// The word for sources, which no workspace is looked for by; `wharf describe` finds one that has the name.
const SOURCES: &str = "sources";

/// Prints workspaces; with `--watch` until nobody reads any more.
pub fn run(args: &GetArgs, printer: &mut Printer) -> Result<ExitCode, CliError> {
    if let Some((_, names)) = args.choice.names.split_first().filter(|(first, _)| *first == SOURCES) {
        return if args.watch {
            Err(CliError::SourcesNotWatched)
        } else {
            sources::show(names, args.output, &args.location, printer)
        };
    }
    let watch = args.watch.then(|| Watch::new(&args.location));
    let chosen = args.location.read_or_say_why(&args.choice, printer)?;
    if let Some(watch) = watch {
        return follow(args, watch, chosen.all_known()?, printer);
    }
    let text = match chosen.workspaces.as_slice() {
        [] if args.output.is_for_people() => String::new(),
        some if args.output.is_for_people() => table(some, args.output).render(printer.colours()).0,
        some => output::documents(args.output, some, args.choice.names.len() == 1)?,
    };
    printer.result(&text)?;
    chosen.verdict()
}

fn follow(args: &GetArgs, mut watch: Watch, first: Chosen, printer: &mut Printer) -> Result<ExitCode, CliError> {
    let (text, widths) = if args.output.is_for_people() {
        table(&first.workspaces, args.output).render(printer.colours())
    } else {
        (one_by_one(args.output, &first.workspaces)?, Widths::default())
    };
    printer.result(&text)?;
    let mut seen = by_identity(first.workspaces);
    while !printer.reader_gone() {
        watch.changed();
        let now = by_identity(args.location.read(&args.choice, printer)?.workspaces);
        let changed = now.iter().filter(|(key, status)| seen.get(*key) != Some(status));
        let changed: Vec<WorkspaceStatus> = changed.map(|(_, status)| status.clone()).collect();
        let text = if args.output.is_for_people() {
            table(&changed, args.output).render_rows(printer.colours(), &widths)
        } else {
            one_by_one(args.output, &changed)?
        };
        printer.result(&text)?;
        for (name, _) in seen.keys().filter(|key| !now.contains_key(*key)) {
            printer.note(&format!("workspace/{name} is gone"));
        }
        seen = now;
    }
    Ok(ExitCode::Done)
}

/// A stream of documents, for a list has no end while it is watched.
fn one_by_one(format: Format, workspaces: &[WorkspaceStatus]) -> Result<String, CliError> {
    workspaces.iter().map(|status| output::streamed(format, status, &status.metadata.name)).collect()
}

/// Two manifests that claim one name have a status each.
fn by_identity(workspaces: Vec<WorkspaceStatus>) -> BTreeMap<(String, String), WorkspaceStatus> {
    let key = |status: &WorkspaceStatus| (status.metadata.name.clone(), status.metadata.manifest.clone());
    workspaces.into_iter().map(|status| (key(&status), status)).collect()
}

fn table(workspaces: &[WorkspaceStatus], format: Format) -> Table {
    let now = Time::from(Timestamp::now());
    let wide = format == Format::Wide;
    let mut header = vec!["NAME", "PHASE", "READY", "RESTARTS", "AGE", "IMAGE", "SUMMARY"];
    if wide {
        header.extend(["GENERATION", "CONTAINER", "IP", "PORTS", "MANIFEST"]);
    }
    let mut table = Table::new(header);
    for status in workspaces {
        let mut row = narrow_cells(status, now);
        if wide {
            row.extend(wide_cells(status));
        }
        table.push(row);
    }
    table
}

fn narrow_cells(workspace: &WorkspaceStatus, now: Time) -> Vec<Cell> {
    let WorkspaceStatus { metadata, status, .. } = workspace;
    let container = status.container.as_ref();
    let restarts = container.map_or(0, |container| container.restarts);
    let created = metadata.creation_timestamp;
    vec![
        Cell::new(&metadata.name),
        Cell::new(format!("{:?}", status.phase)).toned(phase_tone(status.phase)),
        ready(workspace),
        Cell::new(restarts.to_string()),
        Cell::new(created.map(|created| age(created, now)).unwrap_or_default()),
        Cell::new(container.map_or("", |container| container.image.as_str())),
        Cell::new(&status.summary),
    ]
}

fn wide_cells(workspace: &WorkspaceStatus) -> Vec<Cell> {
    let WorkspaceStatus { metadata, status, .. } = workspace;
    let container = status.container.as_ref();
    let id = container.map(|container| container.id.chars().take(12).collect::<String>()).unwrap_or_default();
    vec![
        Cell::new(metadata.generation.to_string()),
        Cell::new(id),
        Cell::new(container.and_then(|container| container.ip.as_deref()).unwrap_or_default()),
        Cell::new(container.map(|container| container.ports.join(",")).unwrap_or_default()),
        Cell::new(&metadata.manifest),
    ]
}

fn ready(workspace: &WorkspaceStatus) -> Cell {
    match workspace.status.condition(ConditionType::Ready).map(|condition| condition.status) {
        Some(ConditionStatus::True) => Cell::new("True").toned(Tone::Good),
        Some(ConditionStatus::False) => Cell::new("False").toned(Tone::Attention),
        Some(ConditionStatus::Unknown) => Cell::new("Unknown").toned(Tone::Attention),
        None => Cell::new(""),
    }
}

/// How a phase looks, wherever one is shown.
pub const fn phase_tone(phase: Phase) -> Tone {
    match phase {
        Phase::Active => Tone::Good,
        Phase::Pending | Phase::Terminating | Phase::Unknown => Tone::Attention,
        Phase::Failed => Tone::Bad,
        Phase::Inactive | Phase::Archived => Tone::Faint,
    }
}
