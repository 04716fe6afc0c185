//! `wharf batch`: the batches there are, one of them, or its end.

use clap::Args;
use jiff::Timestamp;

use super::error::CliError;
use super::exit::ExitCode;
use super::output::{self, ReportFormat};
use super::printer::{Printer, Tone};
use super::statuses::Location;
use super::table::{Cell, Table};
use super::text::age;
use super::verbs::{follow, report};
use crate::api::BatchList;
use crate::api::client::address;
use crate::model::batch::{Batch, BatchState};
use crate::model::time::Time;

/// The arguments of `wharf batch`.
#[derive(Clone, Debug, Args)]
pub struct BatchArgs {
    /// One batch, by its id; all that are kept, without one
    #[arg(value_name = "ID")]
    pub id: Option<String>,

    /// End it: what has begun is finished, the rest is skipped
    #[arg(long, requires = "id")]
    pub cancel: bool,

    /// Wait until it has ended
    #[arg(short, long, requires = "id")]
    pub watch: bool,

    /// The form of the result
    #[arg(short, long, value_enum, value_name = "FORM", default_value_t = ReportFormat::Text)]
    pub output: ReportFormat,

    /// Where to look.
    #[command(flatten)]
    pub location: Location,
}

/// Shows batches, or ends one.
pub fn run(args: &BatchArgs, printer: &mut Printer) -> Result<ExitCode, CliError> {
    let controller = args.location.controller()?;
    let Some(id) = &args.id else {
        let list: BatchList = controller.get("/v1/batches")?;
        return all(&list, args.output, printer);
    };
    let path = address(&["v1", "batches", id], &[]);
    let batch: Batch = if args.cancel { controller.delete(&path)? } else { controller.get(&path)? };
    let batch = if args.watch { follow(&controller, batch, printer)? } else { batch };
    report(&batch, args.output, printer)
}

fn all(list: &BatchList, format: ReportFormat, printer: &mut Printer) -> Result<ExitCode, CliError> {
    let text = match format {
        ReportFormat::Json => output::json(list)?,
        ReportFormat::Yaml => output::yaml(list)?,
        ReportFormat::Text if list.items.is_empty() => {
            printer.note("no batch is kept; they are forgotten a day after their end");
            String::new()
        }
        ReportFormat::Text => table(&list.items).render(printer.colours()).0,
    };
    printer.result(&text)?;
    Ok(ExitCode::Done)
}

fn table(batches: &[Batch]) -> Table {
    let now = Time::from(Timestamp::now());
    let mut table = Table::new(vec!["ID", "VERB", "STATE", "DONE", "AGE"]);
    for batch in batches {
        let done = batch.items.iter().filter(|item| item.state.is_final()).count();
        let tone = match batch.state {
            BatchState::Running | BatchState::Canceled => Tone::Attention,
            BatchState::Succeeded => Tone::Good,
            BatchState::Failed => Tone::Bad,
        };
        table.push(vec![
            Cell::new(&batch.id),
            Cell::new(batch.verb.as_str()),
            Cell::new(format!("{:?}", batch.state)).toned(tone),
            Cell::new(format!("{done}/{}", batch.items.len())),
            Cell::new(age(batch.created_at, now)),
        ]);
    }
    table
}
