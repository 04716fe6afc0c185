//! Files of the controller's own configuration: one document, checked as manifests are, against the schema of its type.

use serde::de::DeserializeOwned;

use super::Diagnostic;
use super::check::check;
use super::parse::nodes;
use super::report::{Path, Report};
use super::rules;
use super::shape::{Shape, configuration, policy, webhooks};
use crate::model::configuration::ControllerConfiguration;
use crate::model::policy::Policy;
use crate::model::webhook::WebhooksFile;
use crate::yaml::{self, Node, Position};

/// A configuration, and where in its file each part of it is.
#[derive(Clone, Debug)]
pub struct Configuration<T> {
    /// What it says.
    pub value: T,
    /// The same with its places, for what no schema can say.
    pub node: Node,
}

/// Reads a file of webhooks: YAML or JSON in UTF-8. `file` is what diagnostics call it.
///
/// # Errors
/// Everything that is wrong with it, in the order of the places.
pub fn parse_webhooks(file: &str, bytes: &[u8]) -> Result<Configuration<WebhooksFile>, Vec<Diagnostic>> {
    read(file, bytes, "webhooks", webhooks(), |_, _| {})
}

/// Reads a file of a policy: YAML or JSON in UTF-8. `file` is what diagnostics call it.
///
/// # Errors
/// Everything that is wrong with it, in the order of the places.
pub fn parse_policy(file: &str, bytes: &[u8]) -> Result<Configuration<Policy>, Vec<Diagnostic>> {
    read(file, bytes, "policy", policy(), super::policy::rules)
}

/// Reads a controller's configuration: YAML or JSON in UTF-8. `file` is what diagnostics call it.
///
/// # Errors
/// Everything that is wrong with it, in the order of the places.
pub fn parse_configuration(
    file: &str,
    bytes: &[u8],
) -> Result<Configuration<ControllerConfiguration>, Vec<Diagnostic>> {
    read(file, bytes, "configuration", configuration(), rules::configuration::check)
}

fn read<T: DeserializeOwned>(
    file: &str,
    bytes: &[u8],
    schema: &'static str,
    shape: &Shape,
    rules: fn(&Node, &mut Report<'_>),
) -> Result<Configuration<T>, Vec<Diagnostic>> {
    let mut nodes = nodes(file, bytes).map_err(|error| vec![error])?;
    let mut report = Report::of(file, schema);
    if let Some(second) = nodes.get(1) {
        report.add(second.at, "", "a second document".to_owned(), "such a file has one document: remove `---`");
    }
    let Some(node) = nodes.drain(..).next() else {
        let help = format!("`wharf schema {schema}` describes what it can say");
        report.add(Position { line: 1, column: 1 }, "", "the file says nothing".to_owned(), help);
        return Err(report.into_diagnostics());
    };
    check(shape, &node, Path::Document, &mut report);
    rules(&node, &mut report);
    if !report.is_empty() {
        return Err(report.into_diagnostics());
    }
    // The reason is not told: it could quote a value.
    if let Ok(value) = yaml::from_node(&node) {
        return Ok(Configuration { value, node });
    }
    let message = "the document passes every check and still has not the expected form".to_owned();
    report.add(node.at, "", message, "this is a defect of Wharf: please report it");
    Err(report.into_diagnostics())
}
