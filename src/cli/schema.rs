//! `wharf schema`: JSON Schemas for editors and other checkers, and the description of the control API.

use std::path::{Path, PathBuf};

use clap::Args;

use super::error::CliError;
use super::exit::ExitCode;
use super::printer::Printer;
use super::text::counted;
use super::{files, output};

/// The description of the control API, which is no JSON Schema and so has another kind of name.
const OPENAPI: &str = "openapi.json";

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
    let mut schemas = crate::manifest::schemas();
    schemas.push((OPENAPI, crate::api::openapi()));
    let known: Vec<&'static str> = schemas.iter().map(|(file, _)| short(file)).collect();
    if let Some(wanted) = &args.name {
        schemas.retain(|(file, _)| short(file) == wanted);
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
    file.strip_suffix(".schema.json").or(file.strip_suffix(".json")).unwrap_or(file)
}

fn write(directory: &Path, schemas: &[(&str, serde_json::Value)], printer: &Printer) -> Result<(), CliError> {
    for (file, schema) in schemas {
        files::write(directory, file, output::json(schema)?.as_bytes())?;
    }
    printer.note(&format!("wrote {} to {}", counted(schemas.len(), "schema"), directory.display()));
    Ok(())
}
