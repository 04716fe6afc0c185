//! `wharf events`: the event logs of workspaces as one.

use std::collections::BTreeMap;

use clap::Args;
use jiff::Timestamp;
use serde::Serialize;

use super::error::CliError;
use super::exit::ExitCode;
use super::output::{self, Format, List};
use super::printer::{Printer, Tone};
use super::statuses::{Choice, Location};
use super::table::{Cell, Table, Widths};
use super::text::age;
use super::watch::Watch;
use crate::model::event::EventType;
use crate::model::time::Time;
use crate::model::{EventRecord, WorkspaceStatus};

/// The arguments of `wharf events`.
#[derive(Clone, Debug, Args)]
pub struct EventsArgs {
    /// Which workspaces.
    #[command(flatten)]
    pub choice: Choice,

    /// The form of the result
    #[arg(short, long, value_enum, value_name = "FORM", default_value_t = Format::Table)]
    pub output: Format,

    /// Go on and print events as they happen
    #[arg(short, long)]
    pub watch: bool,

    /// Where to look.
    #[command(flatten)]
    pub location: Location,
}

/// An event and whose it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Entry {
    workspace: String,
    #[serde(flatten)]
    event: EventRecord,
}

/// Prints events, newest last; with `--watch` until nobody reads any more.
pub fn run(args: &EventsArgs, printer: &mut Printer) -> Result<ExitCode, CliError> {
    let watch = args.watch.then(|| Watch::new(&args.location));
    let chosen = args.location.read_or_say_why(&args.choice, printer)?;
    let chosen = if args.watch { chosen.all_known()? } else { chosen };
    let entries = entries(&chosen.workspaces);
    if entries.is_empty() && !chosen.workspaces.is_empty() {
        printer.note("no events yet; `wharf describe NAME` shows the present state");
    }
    let Some(watch) = watch else {
        printer.result(&whole(args.output, &entries, printer.colours())?)?;
        return chosen.verdict();
    };
    follow(args, watch, &entries, printer)
}

fn entries(workspaces: &[WorkspaceStatus]) -> Vec<Entry> {
    let of_one = |workspace: &WorkspaceStatus| {
        let name = &workspace.metadata.name;
        let entry = |event: &EventRecord| Entry { workspace: name.clone(), event: event.clone() };
        // Status files have the newest first; of two in the same second the later one must stay the later one.
        workspace.status.events.iter().rev().map(entry).collect::<Vec<_>>()
    };
    let mut entries: Vec<Entry> = workspaces.iter().flat_map(of_one).collect();
    entries.sort_by_key(|entry| entry.event.last_time);
    entries
}

fn whole(format: Format, entries: &[Entry], colours: bool) -> Result<String, CliError> {
    Ok(match format {
        Format::Table | Format::Wide if entries.is_empty() => String::new(),
        Format::Table | Format::Wide => table(entries, format).render(colours).0,
        Format::Json => output::json(&List::new(entries))?,
        Format::Yaml => output::yaml(&List::new(entries))?,
        Format::Name => output::names(entries.iter().map(|entry| entry.workspace.as_str())),
    })
}

fn follow(args: &EventsArgs, mut watch: Watch, first: &[Entry], printer: &mut Printer) -> Result<ExitCode, CliError> {
    let mut seen: BTreeMap<Identity, u32> = first.iter().map(|entry| (identity(entry), entry.event.count)).collect();
    let (text, widths) = if args.output.is_for_people() {
        table(first, args.output).render(printer.colours())
    } else {
        (one_by_one(args.output, first)?, Widths::default())
    };
    printer.result(&text)?;
    while !printer.reader_gone() {
        watch.changed();
        let now = entries(&args.location.read(&args.choice, printer)?.workspaces);
        let is_news = |entry: &&Entry| seen.get(&identity(entry)) != Some(&entry.event.count);
        let news: Vec<Entry> = now.iter().filter(is_news).cloned().collect();
        let text = if args.output.is_for_people() {
            table(&news, args.output).render_rows(printer.colours(), &widths)
        } else {
            one_by_one(args.output, &news)?
        };
        printer.result(&text)?;
        // Only what the files still hold: they keep the last ten of each workspace.
        seen = now.iter().map(|entry| (identity(entry), entry.event.count)).collect();
    }
    Ok(ExitCode::Done)
}

/// What stays the same while an event repeats: the workspace, what it says, and when it was first said.
type Identity = (String, String, Time);

fn identity(entry: &Entry) -> Identity {
    let Entry { workspace, event } = entry;
    (workspace.clone(), format!("{:?} {}", event.reason, event.message), event.first_time)
}

fn one_by_one(format: Format, entries: &[Entry]) -> Result<String, CliError> {
    entries.iter().map(|entry| output::streamed(format, entry, &entry.workspace)).collect()
}

fn table(entries: &[Entry], format: Format) -> Table {
    let now = Time::from(Timestamp::now());
    let wide = format == Format::Wide;
    let mut header = vec!["LAST SEEN", "TYPE", "REASON", "WORKSPACE", "MESSAGE"];
    if wide {
        header.extend(["COUNT", "FIRST TIME", "LAST TIME"]);
    }
    let mut table = Table::new(header);
    for Entry { workspace, event } in entries {
        let [seen, kind, reason, message] = cells(event, now);
        let mut row = vec![seen, kind, reason, Cell::new(workspace), message];
        if wide {
            row.extend(
                [event.count.to_string(), event.first_time.to_string(), event.last_time.to_string()].map(Cell::new),
            );
        }
        table.push(row);
    }
    table
}

/// The events of one workspace as a table, newest last.
///
/// `events`: as in a status file, newest first.
pub fn table_of_one(events: &[EventRecord], now: Time) -> Table {
    let mut table = Table::new(vec!["LAST SEEN", "TYPE", "REASON", "MESSAGE"]);
    for event in events.iter().rev() {
        table.push(cells(event, now).into());
    }
    table
}

fn cells(event: &EventRecord, now: Time) -> [Cell; 4] {
    let tone = match event.kind {
        EventType::Normal => Tone::Faint,
        EventType::Warning => Tone::Attention,
    };
    // As in `kubectl describe`: how often, and since when.
    let repeated = (event.count > 1).then(|| format!(" (x{} over {})", event.count, age(event.first_time, now)));
    [
        Cell::new(age(event.last_time, now)),
        Cell::new(format!("{:?}", event.kind)).toned(tone),
        Cell::new(format!("{:?}", event.reason)),
        Cell::new(format!("{}{}", event.message, repeated.unwrap_or_default())),
    ]
}
