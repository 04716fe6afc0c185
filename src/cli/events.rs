//! `wharf events`: the event log of the controller; without one, those of the status files as one.

use std::collections::BTreeMap;

use clap::Args;
use jiff::Timestamp;

use super::client::Controller;
use super::error::CliError;
use super::exit::ExitCode;
use super::output::{self, Format, List};
use super::printer::{Printer, Tone};
use super::statuses::{Choice, Location};
use super::table::{Cell, Table, Widths};
use super::text::age;
use super::watch::Watch;
use crate::api::client::address;
use crate::api::{EventPage, Told};
use crate::model::event::{Event, EventKind, EventType};
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

    /// Only events of this kind, such as `error` or `status_changed`; may be given more than once
    #[arg(long, value_name = "KIND")]
    pub kind: Vec<EventKind>,

    /// How many of the newest events to show at most
    #[arg(long, value_name = "COUNT", default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub limit: u32,

    /// Go on and print events as they happen
    #[arg(short, long)]
    pub watch: bool,

    /// Where to look.
    #[command(flatten)]
    pub location: Location,
}

/// Prints events, newest last; with `--watch` until nobody reads any more.
pub fn run(args: &EventsArgs, printer: &mut Printer) -> Result<ExitCode, CliError> {
    let controller = args.location.controller()?;
    match page(&controller, args)? {
        Some(page) => from_controller(args, &controller, page, printer),
        None => from_files(args, printer),
    }
}

/// The newest events of the log; `None` where no controller of ours runs.
fn page(controller: &Controller, args: &EventsArgs) -> Result<Option<EventPage>, CliError> {
    let limit = args.limit.to_string();
    let mut query = filter(args);
    query.push(("limit", &limit));
    controller.find(&address(&["v1", "events"], &query))
}

/// What the controller can choose by; of several names, and of labels, the choice is ours.
fn filter(args: &EventsArgs) -> Vec<(&'static str, &str)> {
    let workspace = match args.choice.names.as_slice() {
        [one] => Some(("workspace", one.as_str())),
        _ => None,
    };
    let kinds = args.kind.iter().map(|kind| ("kind", kind.as_str()));
    workspace.into_iter().chain(kinds).collect()
}

fn from_controller(
    args: &EventsArgs,
    controller: &Controller,
    page: EventPage,
    printer: &mut Printer,
) -> Result<ExitCode, CliError> {
    let mut choice = LiveChoice { args, controller, known: BTreeMap::new() };
    let mut events = Vec::new();
    for event in page.items {
        if choice.wants(&event)? {
            events.push(event);
        }
    }
    if events.is_empty() {
        // A name that nothing ever happened to is more likely a slip of the pen.
        let chosen = args.location.read_or_say_why(&args.choice, printer)?.all_known()?;
        if !chosen.workspaces.is_empty() && !args.watch {
            printer.note("no events yet; `wharf describe NAME` shows the present state");
        }
    }
    if !args.watch {
        printer.result(&whole(args.output, &events, printer.colours())?)?;
        return Ok(ExitCode::Done);
    }
    let widths = first_of_many(args, &events, printer)?;
    let after = page.next.to_string();
    let mut query = filter(args);
    query.push(("after", &after));
    controller.follow(&address(&["v1", "events", "stream"], &query), |told| {
        match told {
            Told::Event(event) if choice.wants(&event)? => one_more(args, &event, &widths, printer)?,
            Told::Event(_) => {}
            Told::Missed(missed) => {
                let count = missed.count.map_or_else(|| "some".to_owned(), |count| count.to_string());
                printer.note(&format!("{count} events were missed; `wharf events` shows those that are kept"));
            }
        }
        Ok(!printer.reader_gone())
    })?;
    if !printer.reader_gone() {
        printer.note("the controller has ended, and with it the events");
    }
    Ok(ExitCode::Done)
}

/// Which workspaces are chosen, as the controller knows them.
struct LiveChoice<'a> {
    args: &'a EventsArgs,
    controller: &'a Controller,
    /// Whether a workspace passes the selector.
    known: BTreeMap<String, bool>,
}

impl LiveChoice<'_> {
    fn wants(&mut self, event: &Event) -> Result<bool, CliError> {
        let choice = &self.args.choice;
        let Some(name) = &event.workspace else {
            return Ok(choice.names.is_empty() && choice.selector.is_none());
        };
        let Some(selector) = &choice.selector else {
            return Ok(choice.names.is_empty() || choice.names.contains(name));
        };
        if !self.known.contains_key(name) {
            let selected = self.controller.workspaces(Some(selector.as_str()))?.unwrap_or_default();
            let is_selected = selected.iter().any(|view| view.document.metadata.name == *name);
            self.known.insert(name.clone(), is_selected);
        }
        Ok(self.known.get(name).copied().unwrap_or_default())
    }
}

fn from_files(args: &EventsArgs, printer: &mut Printer) -> Result<ExitCode, CliError> {
    let watch = args.watch.then(|| Watch::new(&args.location));
    let chosen = args.location.read_or_say_why(&args.choice, printer)?;
    let chosen = if args.watch { chosen.all_known()? } else { chosen };
    let events = of_files(args, &chosen.workspaces);
    if events.is_empty() && !chosen.workspaces.is_empty() {
        printer.note("no events yet; `wharf describe NAME` shows the present state");
    }
    let Some(watch) = watch else {
        printer.result(&whole(args.output, &events, printer.colours())?)?;
        return chosen.verdict();
    };
    follow(args, watch, &events, printer)
}

fn of_files(args: &EventsArgs, workspaces: &[WorkspaceStatus]) -> Vec<Event> {
    let of_one = |workspace: &WorkspaceStatus| {
        let name = &workspace.metadata.name;
        let event = |record: &EventRecord| Event {
            sequence: None,
            kind: record.reason.kind(),
            workspace: Some(name.clone()),
            record: record.clone(),
            usage: None,
        };
        // Status files have the newest first; of two in the same second the later one must stay the later one.
        workspace.status.events.iter().rev().map(event).collect::<Vec<_>>()
    };
    let mut events: Vec<Event> = workspaces.iter().flat_map(of_one).collect();
    events.retain(|event| args.kind.is_empty() || args.kind.contains(&event.kind));
    events.sort_by_key(|event| event.record.last_time);
    events
}

fn whole(format: Format, events: &[Event], colours: bool) -> Result<String, CliError> {
    Ok(match format {
        Format::Table | Format::Wide if events.is_empty() => String::new(),
        Format::Table | Format::Wide => table(events, format).render(colours).0,
        Format::Json => output::json(&List::new(events))?,
        Format::Yaml => output::yaml(&List::new(events))?,
        Format::Name => output::names(events.iter().map(subject)),
    })
}

/// The workspace that an event is about; `-` where it is about all.
fn subject(event: &Event) -> &str {
    event.workspace.as_deref().unwrap_or("-")
}

/// What there is already, before what comes.
fn first_of_many(args: &EventsArgs, events: &[Event], printer: &mut Printer) -> Result<Widths, CliError> {
    let (text, widths) = if args.output.is_for_people() {
        table(events, args.output).render(printer.colours())
    } else {
        (events.iter().map(|event| streamed(args.output, event)).collect::<Result<_, _>>()?, Widths::default())
    };
    printer.result(&text)?;
    Ok(widths)
}

fn one_more(args: &EventsArgs, event: &Event, widths: &Widths, printer: &mut Printer) -> Result<(), CliError> {
    let text = if args.output.is_for_people() {
        table(std::slice::from_ref(event), args.output).render_rows(printer.colours(), widths)
    } else {
        streamed(args.output, event)?
    };
    printer.result(&text)
}

fn streamed(format: Format, event: &Event) -> Result<String, CliError> {
    output::streamed(format, event, subject(event))
}

fn follow(args: &EventsArgs, mut watch: Watch, first: &[Event], printer: &mut Printer) -> Result<ExitCode, CliError> {
    let mut seen: BTreeMap<Identity, u32> = first.iter().map(|event| (identity(event), event.record.count)).collect();
    let widths = first_of_many(args, first, printer)?;
    while !printer.reader_gone() {
        watch.changed();
        let now = of_files(args, &args.location.read(&args.choice, printer)?.workspaces);
        for event in now.iter().filter(|event| seen.get(&identity(event)) != Some(&event.record.count)) {
            one_more(args, event, &widths, printer)?;
        }
        // Only what the files still hold: they keep the last ten of each workspace.
        seen = now.iter().map(|event| (identity(event), event.record.count)).collect();
    }
    Ok(ExitCode::Done)
}

/// What stays the same while an event repeats: the workspace, what it says, and when it was first said.
type Identity = (String, String, Time);

fn identity(event: &Event) -> Identity {
    let record = &event.record;
    (subject(event).to_owned(), format!("{:?} {}", record.reason, record.message), record.first_time)
}

fn table(events: &[Event], format: Format) -> Table {
    let now = Time::from(Timestamp::now());
    let wide = format == Format::Wide;
    let mut header = vec!["LAST SEEN", "TYPE", "REASON", "WORKSPACE", "MESSAGE"];
    if wide {
        header.extend(["COUNT", "FIRST TIME", "LAST TIME"]);
    }
    let mut table = Table::new(header);
    for event in events {
        let record = &event.record;
        let [seen, kind, reason, message] = cells(record, now);
        let mut row = vec![seen, kind, reason, Cell::new(subject(event)), message];
        if wide {
            row.extend(
                [record.count.to_string(), record.first_time.to_string(), record.last_time.to_string()].map(Cell::new),
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
