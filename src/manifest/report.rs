//! The diagnostics of one document while they are collected, and the path of the field they are about.

use std::fmt;

use super::Diagnostic;
use crate::yaml::Position;

/// Nobody corrects more than this at once, and a hostile file must not cost more than it is worth.
const LIMIT: usize = 100;

/// The schema of manifests.
const MANIFEST: &str = "workspace";

/// What is wrong with one document.
pub(super) struct Report<'a> {
    file: &'a str,
    schema: &'static str,
    found: Vec<Diagnostic>,
}

impl<'a> Report<'a> {
    /// Of a document of a manifest.
    pub fn new(file: &'a str) -> Self {
        Self::of(file, MANIFEST)
    }

    /// Of a document with the schema of that name.
    pub fn of(file: &'a str, schema: &'static str) -> Self {
        Self { file, schema, found: Vec::new() }
    }

    /// The command that tells what a field is for.
    pub fn described(&self, place: Path<'_>) -> String {
        if [MANIFEST, "policy"].contains(&self.schema) {
            format!("`wharf explain {}{}` describes it", self.schema, place.explained())
        } else {
            format!("`wharf schema {}` describes it", self.schema)
        }
    }

    /// `help` is what would be right; empty where that is not known, or said already.
    pub fn add(&mut self, at: Position, field: impl fmt::Display, message: String, help: impl Into<String>) {
        if self.is_full() {
            return;
        }
        let help = Some(help.into()).filter(|help| !help.is_empty());
        let Position { line, column } = at;
        self.found.push(Diagnostic {
            file: self.file.to_owned(),
            line,
            column,
            field: field.to_string(),
            message,
            help,
        });
    }

    /// Whether further checks are of no use.
    pub fn is_full(&self) -> bool {
        self.found.len() >= LIMIT
    }

    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// By position.
    pub fn into_diagnostics(mut self) -> Vec<Diagnostic> {
        let full = self.is_full();
        self.found.sort_by_key(|found| (found.line, found.column));
        if full && let Some(last) = self.found.last() {
            let message = format!("more than {LIMIT} errors in this document; further ones are not listed");
            self.found.push(Diagnostic { field: String::new(), message, help: None, ..last.clone() });
        }
        self.found
    }
}

/// Where a value is in its document, as a chain that lives on the stack: most paths are never printed.
#[derive(Clone, Copy)]
pub(super) enum Path<'a> {
    Document,
    Field(&'a Self, &'a str),
    Item(&'a Self, usize),
}

impl Path<'_> {
    /// For the middle of a sentence.
    pub fn quoted(&self) -> String {
        if matches!(self, Self::Document) { "the document".to_owned() } else { format!("`{self}`") }
    }

    /// As `wharf explain` takes it, behind the name of the schema.
    pub fn explained(&self) -> String {
        match self {
            Self::Document => String::new(),
            Self::Field(parent, name) => format!("{}.{name}", parent.explained()),
            Self::Item(parent, _) => parent.explained(),
        }
    }
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Document => Ok(()),
            Self::Field(Self::Document, name) => formatter.write_str(name),
            Self::Field(parent, name) => write!(formatter, "{parent}.{name}"),
            Self::Item(parent, index) => write!(formatter, "{parent}[{index}]"),
        }
    }
}
