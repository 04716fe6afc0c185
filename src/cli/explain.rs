//! `wharf explain`: the documentation of the manifest's fields.

use clap::Args;

use super::error::CliError;
use super::exit::ExitCode;
use super::printer::Printer;

/// The arguments of `wharf explain`.
#[derive(Clone, Debug, Args)]
pub struct ExplainArgs {
    /// A field, such as `workspace.spec.network`
    #[arg(value_name = "FIELD", default_value = "workspace")]
    pub field: String,
}

/// Prints what a field means.
pub fn run(args: &ExplainArgs, printer: &mut Printer) -> Result<ExitCode, CliError> {
    let explanation = crate::manifest::explain(&args.field)?;
    printer.result(&explanation.to_string())?;
    Ok(ExitCode::Done)
}
