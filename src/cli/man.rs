//! `wharf man`: manual pages, one for `wharf` and one for each command.

use std::path::{Path, PathBuf};

use clap::{Args, Command, CommandFactory};
use clap_mangen::Man;

use super::Cli;
use super::error::CliError;
use super::exit::ExitCode;
use super::files;
use super::printer::Printer;
use super::text::counted;

/// The arguments of `wharf man`.
#[derive(Clone, Debug, Args)]
pub struct ManArgs {
    /// The command whose page to print; without one, the page of `wharf` itself
    #[arg(value_name = "COMMAND", conflicts_with = "write")]
    pub command: Option<String>,

    /// Write every page to a file in this directory instead, such as `wharf-get.1`
    #[arg(long, value_name = "DIR")]
    pub write: Option<PathBuf>,
}

/// Prints or writes manual pages.
pub fn run(args: &ManArgs, printer: &mut Printer) -> Result<ExitCode, CliError> {
    let pages = pages();
    if let Some(directory) = &args.write {
        write(directory, pages, printer)?;
        return Ok(ExitCode::Done);
    }
    let wanted = args.command.as_deref().unwrap_or("wharf");
    let page = pages.into_iter().find(|page| page.get_name() == wanted);
    let page = page.ok_or_else(|| CliError::UnknownCommand { name: wanted.to_owned() })?;
    printer.result(&String::from_utf8_lossy(&render(&manual(page))?))?;
    Ok(ExitCode::Done)
}

/// The commands that have a page: `wharf` itself and each of its commands.
fn pages() -> Vec<Command> {
    let mut root = Cli::command().disable_help_subcommand(true);
    // Building gives commands the global options and the name of their page, such as `wharf-get`.
    root.build();
    let commands: Vec<Command> = root.get_subcommands().cloned().collect();
    std::iter::once(root).chain(commands).collect()
}

fn write(directory: &Path, pages: Vec<Command>, printer: &Printer) -> Result<(), CliError> {
    let count = pages.len();
    for page in pages {
        let page = manual(page);
        files::write(directory, &page.get_filename(), &render(&page)?)?;
    }
    printer.note(&format!("wrote {} to {}", counted(count, "manual page"), directory.display()));
    Ok(())
}

fn manual(page: Command) -> Man {
    Man::new(page).source(concat!("wharf ", env!("CARGO_PKG_VERSION"))).manual("Wharf Manual")
}

fn render(page: &Man) -> Result<Vec<u8>, CliError> {
    let mut text = Vec::new();
    page.render(&mut text).map_err(|source| CliError::Format { format: "a manual page", source: Box::new(source) })?;
    Ok(text)
}
