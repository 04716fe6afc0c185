//! `wharf completions`: what a shell needs to complete commands and options.

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::Cli;
use super::error::CliError;
use super::exit::ExitCode;
use super::printer::Printer;

/// The arguments of `wharf completions`.
#[derive(Clone, Debug, Args)]
pub struct CompletionsArgs {
    /// The shell
    #[arg(value_enum, value_name = "SHELL")]
    pub shell: Shell,
}

/// Prints a completion script.
pub fn run(args: &CompletionsArgs, printer: &mut Printer) -> Result<ExitCode, CliError> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "wharf", &mut script);
    printer.result(&String::from_utf8_lossy(&script))?;
    Ok(ExitCode::Done)
}
