//! `wharf schema`: JSON Schemas for editors and other checkers.

use std::path::{Path, PathBuf};

use clap::Args;

use super::error::CliError;
use super::exit::ExitCode;
use super::printer::Printer;
use super::text::counted;
use super::{files, output};

const EXTENSION: &str = ".schema.json";

/// The arguments of `wharf schema`.
#[derive(Clone, Debug, Args)]
pub struct SchemaArgs {
    /// The schema to print; without one, the names of all are printed
    #[arg(value_name = "NAME")]
    pub name: Option<String>,

    /// Write schemas to files in this directory instead: the one that is named, or all
    #[arg(long, value_name = "DIR")]
    pub write: Option<PathBuf>,
}

/// Prints or writes schemas.
pub fn run(args: &SchemaArgs, printer: &mut Printer) -> Result<ExitCode, CliError> {
    let mut schemas: Vec<_> =
        crate::manifest::schemas().into_iter().map(|(file, schema)| (short(file), schema)).collect();
    let known: Vec<&'static str> = schemas.iter().map(|(name, _)| *name).collect();
    if let Some(wanted) = &args.name {
        schemas.retain(|(name, _)| name == wanted);
        if schemas.is_empty() {
            return Err(CliError::UnknownSchema { name: wanted.clone(), known });
        }
    }
    match (&args.write, schemas.as_slice()) {
        (Some(directory), schemas) => write(directory, schemas, printer)?,
        (None, [(_, schema)]) if args.name.is_some() => printer.result(&output::json(schema)?)?,
        (None, _) => printer.result(&format!("{}\n", known.join("\n")))?,
    }
    Ok(ExitCode::Done)
}

/// The name of a schema, from that of its file.
fn short(file: &'static str) -> &'static str {
    file.strip_suffix(EXTENSION).unwrap_or(file)
}

fn write(directory: &Path, schemas: &[(&str, serde_json::Value)], printer: &Printer) -> Result<(), CliError> {
    for (name, schema) in schemas {
        files::write(directory, &format!("{name}{EXTENSION}"), output::json(schema)?.as_bytes())?;
    }
    printer.note(&format!("wrote {} to {}", counted(schemas.len(), "schema"), directory.display()));
    Ok(())
}
