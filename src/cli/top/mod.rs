//! `wharf top`: what workspaces use, as it changes.
//!
//! ```text
//!   keys ──┐                ┌──► draw ──► screen
//!          ├──► state ──────┤                         (state and draw are pure)
//!   feed ──┘                └──► which history is asked for
//! ```

mod details;
mod draw;
mod feed;
mod row;
mod screen;
mod state;
#[cfg(test)]
mod tests;

use std::time::Duration;

use clap::Args;

use super::client::workspaces;
use super::error::CliError;
use super::exit::ExitCode;
use super::get::phase_tone;
use super::printer::Printer;
use super::statuses::{Choice, Location};
use super::table::{Cell, Table};
use super::units::bytes;
use super::values::period;

use row::Sort;
use screen::now;
use state::{News, State};

/// The arguments of `wharf top`.
#[derive(Clone, Debug, Args)]
pub struct TopArgs {
    /// Which workspaces.
    #[command(flatten)]
    pub choice: Choice,

    /// By what to sort
    #[arg(long, value_enum, value_name = "COLUMN", default_value_t = Sort::Cpu)]
    pub sort: Sort,

    /// Sort the other way round
    #[arg(long)]
    pub reverse: bool,

    /// How often to ask for everything
    #[arg(long, value_name = "DURATION", value_parser = period, default_value = "2s")]
    pub interval: Duration,

    /// Print one table and end, as without a terminal
    #[arg(long)]
    pub once: bool,

    /// Where to look.
    #[command(flatten)]
    pub location: Location,
}

/// Shows what workspaces use: on a terminal until somebody has seen enough, else once.
pub fn run(args: &TopArgs, printer: &mut Printer) -> Result<ExitCode, CliError> {
    let controller = args.location.controller()?;
    let mut state = State::new(args.choice.clone(), args.sort, args.reverse, now());
    // Whoever has no controller reads that as an error, and not on a screen that goes on.
    let (views, summary) = controller.run(async |client| {
        let views = workspaces(&client, None).await?;
        Ok::<_, CliError>((views, client.get("/v1/summary").await?))
    })?;
    state.take(News::Workspaces(views, summary), now());
    if args.once || !Printer::output_is_terminal() {
        printer.result(&table(&state).render(printer.colours()).0)?;
        return Ok(ExitCode::Done);
    }
    let (colours, every) = (printer.colours(), args.interval);
    controller.run(|client| screen::show(client, state, colours, every))
}

fn table(state: &State) -> Table {
    let columns = [Sort::Cpu, Sort::Memory, Sort::Network, Sort::Block, Sort::Pids, Sort::Uptime];
    let header =
        ["NAME", "PHASE", "CPU %", "MEM / LIMIT", "NET RX/TX A SECOND", "BLOCK R/W A SECOND", "PIDS", "UPTIME"];
    let mut table = Table::new(header.to_vec());
    for row in state.visible() {
        let phase = row.view.document.status.phase;
        let mut cells = vec![Cell::new(row.name()), Cell::new(format!("{phase:?}")).toned(phase_tone(phase))];
        cells.extend(columns.map(|column| Cell::new(row.text(column, state.now, bytes))));
        table.push(cells);
    }
    table
}
