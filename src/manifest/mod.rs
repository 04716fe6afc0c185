//! From the bytes of a manifest file to validated workspaces, or to everything that is wrong with it. Pure.
//!
//! [`parse`] goes through these steps, and only a document without a diagnostic becomes a workspace:
//!
//! | step | in | finds |
//! |---|---|---|
//! | limits, encoding, syntax | `parse`, [`crate::yaml`] | what is wrong with the file as a whole |
//! | form | `check` | every difference from the JSON Schema that is generated from the model's types |
//! | rules | `rules` | what no schema can say: fields that exclude or need each other, duplicates |
//! | typed value | [`crate::yaml::from_node`] | nothing more: what passes the checks fits the types |
//!
//! Editor, [`explain`] and parser cannot disagree, because all three read the same generated schema. Diagnostics quote
//! names of fields, and values only where the schema gives them a `format` or an enumeration: a free text may be a secret.

mod check;
mod configuration;
mod explain;
mod mentioned;
mod parse;
mod places;
mod policy;
mod remove;
mod report;
mod rules;
mod schema;
mod shape;
mod suggest;

use std::collections::BTreeSet;

pub use configuration::{Configuration, parse_configuration, parse_policy, parse_webhooks};
pub use explain::{ExplainError, Explanation, FieldSummary, explain};
pub use parse::{MAX_BYTES, parse};
pub use remove::{Removal, RemoveError, without};
pub use schema::schemas;

use places::Places;

use crate::model::{Name, Workspace};
use crate::yaml::Position;

/// What one manifest file says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Manifest {
    /// Its documents in order; empty when the file as a whole cannot be parsed.
    pub documents: Vec<Document>,
    /// What is wrong with the file as a whole: encoding, size, syntax, nothing in it.
    pub errors: Vec<Diagnostic>,
    /// For a file with errors, every word of it that could be a workspace's name; empty for a valid file. A file that
    /// does not contain a name cannot declare it, so its errors do not hold back that workspace's deletion.
    pub mentioned: BTreeSet<String>,
}

/// One document of a manifest file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// The line it begins on, from 1.
    pub line: usize,
    /// The name it claims, as far as that can be read from a document with errors.
    pub name: Option<Name>,
    /// The workspace, or all that is wrong with it.
    pub outcome: Result<Workspace, Vec<Diagnostic>>,
    /// Of a valid document, where its fields are.
    places: Places,
}

impl Document {
    /// Where a field of a valid document is, such as `spec.volumes[0].hostPath`: its value, or that of the nearest field above it that is
    /// there. The beginning of a document with errors.
    pub fn place(&self, field: &str) -> Position {
        self.places.nearest(field).unwrap_or(Position { line: self.line, column: 1 })
    }
}

/// Something wrong with a manifest: where, what, and what would be right. Never quotes a value that may be secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// The file, as the user knows it.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// The field, such as `spec.resources.memory`; empty when the error is not about one.
    pub field: String,
    /// What is wrong.
    pub message: String,
    /// What would be right, where that is known.
    pub help: Option<String>,
}

impl std::fmt::Display for Diagnostic {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { file, line, column, message, .. } = self;
        write!(formatter, "{file}:{line}:{column}: {message}")?;
        self.help.as_ref().map_or(Ok(()), |help| write!(formatter, "; {help}"))
    }
}
