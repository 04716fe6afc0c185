//! `wharf get sources` and `wharf sync --source`: where manifests come from.

use jiff::Timestamp;

use super::error::CliError;
use super::exit::ExitCode;
use super::output::{self, Format, List, ReportFormat};
use super::printer::{Printer, Tone};
use super::statuses::Location;
use super::table::{Cell, Table};
use super::text::{age, plain};
use crate::api::client::address;
use crate::api::{SourceAsked, SourceList};
use crate::model::source::{SourceOutcome, SourceStatus};
use crate::model::time::Time;

/// Digits of a commit's ID that are enough for people.
const SHORT: usize = 10;

/// Shows sources: those that are named, or all. Only a controller knows them.
pub fn show(
    names: &[String],
    format: Format,
    location: &Location,
    printer: &mut Printer,
) -> Result<ExitCode, CliError> {
    let controller = location.controller()?;
    let sources = if names.is_empty() {
        controller.get::<SourceList>("/v1/sources")?.items
    } else {
        let one = |name: &String| controller.get(&address(&["v1", "sources", name], &[]));
        names.iter().map(one).collect::<Result<_, _>>()?
    };
    let text = match (format, sources.as_slice()) {
        (Format::Table | Format::Wide, []) => {
            printer.note("the controller follows no source");
            String::new()
        }
        (Format::Table | Format::Wide, some) => table(some, format == Format::Wide).render(printer.colours()).0,
        (Format::Json, [one]) if names.len() == 1 => output::json(one)?,
        (Format::Yaml, [one]) if names.len() == 1 => output::yaml(one)?,
        (Format::Json, several) => output::json(&List::new(several))?,
        (Format::Yaml, several) => output::yaml(&List::new(several))?,
        (Format::Name, several) => output::lines(several.iter().map(|it| format!("source/{}", plain(&it.name)))),
    };
    printer.result(&text)?;
    Ok(ExitCode::Done)
}

fn table(sources: &[SourceStatus], wide: bool) -> Table {
    let now = Time::from(Timestamp::now());
    let mut header = vec!["NAME", "KIND", "OUTCOME", "WORKSPACES", "REFUSED", "SYNCED", "REVISION", "LOCATION"];
    if wide {
        header.extend(["REFERENCE", "PATH", "NEXT", "MESSAGE"]);
    }
    let mut table = Table::new(header);
    for source in sources {
        let mut row = narrow_cells(source, now);
        if wide {
            row.extend(wide_cells(source));
        }
        table.push(row);
    }
    table
}

fn narrow_cells(source: &SourceStatus, now: Time) -> Vec<Cell> {
    let tone = match source.outcome {
        SourceOutcome::Applied => Tone::Good,
        SourceOutcome::Pending | SourceOutcome::AppliedWithErrors => Tone::Attention,
        SourceOutcome::Refused => Tone::Bad,
    };
    let commit = source.revision.as_ref().map(|revision| revision.commit.chars().take(SHORT).collect::<String>());
    vec![
        Cell::new(&source.name),
        Cell::new(source.kind.to_string()),
        Cell::new(source.outcome.to_string()).toned(tone),
        Cell::new(source.workspaces.to_string()),
        Cell::new(source.refused.to_string()),
        Cell::new(source.last_sync.map(|then| age(then, now)).unwrap_or_default()),
        Cell::new(commit.unwrap_or_default()),
        Cell::new(&source.location),
    ]
}

fn wide_cells(source: &SourceStatus) -> Vec<Cell> {
    let error = source.last_error.as_ref().map(|error| error.message.as_str());
    vec![
        Cell::new(source.reference.as_deref().unwrap_or_default()),
        Cell::new(source.path.as_deref().unwrap_or_default()),
        Cell::new(source.next_sync.map(|next| next.to_string()).unwrap_or_default()),
        Cell::new(error.unwrap_or(&source.message)),
    ]
}

/// Asks that sources are looked at now: those that are named, or all.
pub fn sync(
    names: &[String],
    form: ReportFormat,
    location: &Location,
    printer: &mut Printer,
) -> Result<ExitCode, CliError> {
    let controller = location.controller()?;
    let names = if names.is_empty() {
        controller.get::<SourceList>("/v1/sources")?.items.into_iter().map(|source| source.name).collect()
    } else {
        names.to_vec()
    };
    let ask = |name: &String| controller.post(&address(&["v1", "sources", name, "sync"], &[]));
    let asked: Vec<SourceAsked> = names.iter().map(ask).collect::<Result<_, _>>()?;
    let text = match form {
        ReportFormat::Json => output::json(&List::new(&asked))?,
        ReportFormat::Yaml => output::yaml(&List::new(&asked))?,
        ReportFormat::Text => {
            output::lines(asked.iter().map(|it| format!("sync {}: {}", plain(&it.source), plain(&it.message))))
        }
    };
    printer.result(&text)?;
    printer.note("`wharf get sources` says what comes of it");
    Ok(ExitCode::Done)
}
