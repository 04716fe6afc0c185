//! The way of a file: limits and encoding, YAML, then each document by itself.

use std::collections::HashMap;

use super::check::check;
use super::mentioned::mentioned;
use super::places::Places;
use super::report::{Path, Report};
use super::suggest::{nearest, shown};
use super::{Diagnostic, Document, Manifest, rules, shape};
use crate::model::{Name, Workspace};
use crate::yaml::{self, Node, Position, Scalar, Value};

/// The size of the largest manifest file. Readers need not read more than one byte beyond it.
pub const MAX_BYTES: usize = 256 * 1024;

const API_VERSION: &str = "wharf/v1";
const KIND: &str = "Workspace";

/// Reads a manifest file: YAML or JSON in UTF-8, with any number of documents.
///
/// `file` is what diagnostics call it. Every error of the file is reported, in the order of their places (at most one
/// hundred a document); one bad document does not spoil the others, but what is not YAML spoils the file. Documents that
/// hold only comments are skipped; a file without even those is an error.
pub fn parse(file: &str, bytes: &[u8]) -> Manifest {
    let mut manifest = match nodes(file, bytes) {
        Ok(nodes) => Manifest { documents: documents(file, &nodes), ..Manifest::default() },
        Err(error) => Manifest { errors: vec![error], ..Manifest::default() },
    };
    if !manifest.errors.is_empty() || manifest.documents.iter().any(|document| document.outcome.is_err()) {
        manifest.mentioned = mentioned(bytes);
    }
    manifest
}

/// The documents of a file: its size, encoding and syntax are as they have to be.
pub(super) fn nodes(file: &str, bytes: &[u8]) -> Result<Vec<Node>, Diagnostic> {
    let whole = |at: Position, message: String, help: &str| Diagnostic {
        file: file.to_owned(),
        line: at.line,
        column: at.column,
        field: String::new(),
        message,
        help: Some(help.to_owned()).filter(|help| !help.is_empty()),
    };
    if bytes.len() > MAX_BYTES {
        let message = format!("the file is larger than {} KiB", MAX_BYTES / 1024);
        return Err(whole(Position { line: 1, column: 1 }, message, "divide it into several files"));
    }
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let at = end_of(&String::from_utf8_lossy(&bytes[..error.valid_up_to()]));
        whole(at, "the file is not UTF-8 text".to_owned(), "save it in UTF-8")
    })?;
    // What a full disk or an interrupted save leaves. A file that is meant to declare nothing can say so in a comment.
    if text.trim_start_matches('\u{feff}').trim().is_empty() {
        let help = "write a manifest, or delete the file; an emptied file deletes nothing";
        return Err(whole(Position { line: 1, column: 1 }, "the file is empty".to_owned(), help));
    }
    yaml::parse(text).map_err(|error| whole(error.at, error.message, ""))
}

/// The place just behind a text.
fn end_of(text: &str) -> Position {
    let last = text.rsplit('\n').next().unwrap_or_default();
    Position { line: text.matches('\n').count() + 1, column: last.chars().count() + 1 }
}

fn documents(file: &str, nodes: &[Node]) -> Vec<Document> {
    let mut lines: HashMap<Name, usize> = HashMap::new();
    let comments_only = |node: &&Node| matches!(&node.value, Value::Scalar(Scalar { text, .. }) if text.is_empty());
    let mut documents = Vec::with_capacity(nodes.len());
    for node in nodes.iter().filter(|node| !comments_only(node)) {
        let mut report = Report::new(file);
        let name = name(node);
        if let Some((name, at)) = &name {
            match lines.get(name) {
                Some(line) => refuse_second(name, *at, *line, &mut report),
                None => drop(lines.insert(name.clone(), node.at.line)),
            }
        }
        let workspace = workspace(node, &mut report);
        let outcome = workspace.ok_or_else(|| report.into_diagnostics());
        let places = if outcome.is_ok() { Places::of(node) } else { Places::default() };
        documents.push(Document { line: node.at.line, name: name.map(|(name, _)| name), outcome, places });
    }
    documents
}

/// The name that a document claims, whatever else is wrong with it.
fn name(document: &Node) -> Option<(Name, Position)> {
    let node = document.get("metadata")?.get("name")?;
    Some((node.as_text()?.parse().ok()?, node.at))
}

fn refuse_second(name: &Name, at: Position, line: usize, report: &mut Report<'_>) {
    let message = format!("the name `{name}` is taken by the document on line {line}");
    report.add(at, "metadata.name", message, "give each workspace its own name");
}

/// The workspace that a document declares; `None` when the report has something against it.
fn workspace(document: &Node, report: &mut Report<'_>) -> Option<Workspace> {
    if is_foreign(document, report) {
        return None;
    }
    check(shape::workspace(), document, Path::Document, report);
    rules::check(document, report);
    if !report.is_empty() {
        return None;
    }
    // The reason is not told: it could quote a value.
    yaml::from_node(document).ok().or_else(|| {
        let message = "the document passes every check and is still no workspace".to_owned();
        report.add(document.at, "", message, "this is a defect of Wharf: please report it");
        None
    })
}

/// Whether a document is something else, so that comparing it with a workspace would only make noise. A misspelt kind
/// is left to the check.
fn is_foreign(document: &Node, report: &mut Report<'_>) -> bool {
    for (field, supported) in [("apiVersion", API_VERSION), ("kind", KIND)] {
        let Some(node) = document.get(field) else { continue };
        let Some(found) = node.as_text().filter(|found| *found != supported) else { continue };
        if field == "apiVersion" || nearest(found, [KIND]).is_none() {
            let message = format!("`{field}` is `{}`, which is not supported", shown(found));
            report.add(node.at, field, message, format!("only `{supported}` is"));
            return true;
        }
    }
    false
}
