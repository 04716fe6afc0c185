//! The file of webhooks, and the secrets that it names.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use super::{Address, Chosen, Webhook, WebhookError};
use crate::disk::read_secret;
use crate::manifest::{Configuration, Diagnostic, MAX_BYTES, parse_webhooks};
use crate::model::webhook::{WebhookSpec, WebhookWorkspaces, WebhooksFile};
use crate::yaml::{Node, Position};

/// Reads a file of webhooks, and the secrets that it names. Blocks; for the start of a program.
///
/// # Errors
/// When the file cannot be read, or with all that is wrong with it.
pub fn read(path: &Path) -> Result<Vec<Webhook>, WebhookError> {
    let file = path.display().to_string();
    let bytes = bytes(path, MAX_BYTES).map_err(|source| WebhookError::Read { file: file.clone(), source })?;
    let Configuration { value: WebhooksFile { webhooks: specs }, node } =
        parse_webhooks(&file, &bytes).map_err(WebhookError::Invalid)?;
    let mut found = Found { file, diagnostics: Vec::new() };
    let directory = path.parent().unwrap_or(Path::new(""));
    let items = node.get("webhooks").map(Node::items).unwrap_or_default();
    let read = specs.iter().zip(items).enumerate();
    let webhooks: Vec<Webhook> =
        read.filter_map(|(index, (spec, node))| Entry { spec, node, index, directory }.webhook(&mut found)).collect();
    refuse_equal_names(&specs, items, &mut found);
    if !found.diagnostics.is_empty() {
        return Err(WebhookError::Invalid(found.diagnostics));
    }
    Ok(numbered(webhooks, &specs))
}

/// What is wrong with a file.
struct Found {
    file: String,
    diagnostics: Vec<Diagnostic>,
}

impl Found {
    fn add(&mut self, at: Position, field: String, message: &str, help: impl Into<String>) {
        let message = format!("`{field}`: {message}");
        let (file, Position { line, column }, help) = (self.file.clone(), at, Some(help.into()));
        self.diagnostics.push(Diagnostic { file, line, column, field, message, help });
    }
}

/// One webhook as written.
struct Entry<'a> {
    spec: &'a WebhookSpec,
    node: &'a Node,
    index: usize,
    directory: &'a Path,
}

impl Entry<'_> {
    /// `None` when something is wrong with it, which `found` then has.
    fn webhook(&self, found: &mut Found) -> Option<Webhook> {
        let address = match Address::parse(&self.spec.url, self.spec.insecure) {
            Ok(address) => Some(address),
            Err((message, help)) => {
                self.add("url", &message, help, found);
                None
            }
        };
        let secret_file = self.spec.secret_file.as_deref().map(|file| self.directory.join(file));
        let secret = match secret_file.as_deref().map(read_secret).transpose() {
            Ok(secret) => Some(secret),
            Err(error) => {
                self.add("secretFile", &error.to_string(), error.help(), found);
                None
            }
        };
        let workspaces = self.spec.workspaces.as_ref().map(|workspaces| self.chosen(workspaces, found));
        let (address, secret, workspaces) =
            (address?, secret?, workspaces.map_or(Some(None), |chosen| chosen.map(Some))?);
        let name = self.spec.name.as_ref().map_or_else(|| address.host().to_owned(), ToString::to_string);
        Some(Webhook { name, address, secret, kinds: self.spec.events.clone(), workspaces })
    }

    fn add(&self, field: &str, message: &str, help: impl Into<String>, found: &mut Found) {
        let at = field.split('.').try_fold(self.node, |node, key| node.get(key)).unwrap_or(self.node).at;
        found.add(at, format!("webhooks[{}].{field}", self.index), message, help);
    }

    fn chosen(&self, workspaces: &WebhookWorkspaces, found: &mut Found) -> Option<Chosen> {
        let names = workspaces.names.iter().cloned().collect();
        let selector = match workspaces.selector.as_deref().map(str::parse).transpose() {
            Ok(selector) => selector,
            Err(error) => {
                let error: crate::model::selector::InvalidSelector = error;
                self.add("workspaces.selector", &error.to_string(), "such as `team=web,!legacy`", found);
                return None;
            }
        };
        if selector.is_none() && workspaces.names.is_empty() {
            let help = "give `names` or a `selector`, or leave out `workspaces` for all";
            self.add("workspaces", "chooses no workspace", help, found);
            return None;
        }
        Some(Chosen { selector, names })
    }
}

fn bytes(path: &Path, limit: usize) -> std::io::Result<Vec<u8>> {
    if !fs::metadata(path)?.is_file() {
        return Err(std::io::Error::other("not a file"));
    }
    let mut bytes = Vec::new();
    // One byte more, so that a file that is too large is seen to be.
    File::open(path)?.take(limit as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Names that are written are unlike all others; those that come from hosts get numbers instead.
fn refuse_equal_names(specs: &[WebhookSpec], items: &[Node], found: &mut Found) {
    let mut first: BTreeMap<&str, usize> = BTreeMap::new();
    for (index, (spec, node)) in specs.iter().zip(items).enumerate() {
        let Some(name) = spec.name.as_ref() else { continue };
        let at = node.get("name").unwrap_or(node).at;
        if let Some(other) = first.insert(name.as_str(), index) {
            let message = format!("`{name}` is the name of webhooks[{other}], too");
            found.add(at, format!("webhooks[{index}].name"), &message, "give each webhook its own name");
        }
    }
}

/// Gives webhooks without a name whose host is taken a number: `hooks.example.com`, `hooks.example.com#2`.
fn numbered(webhooks: Vec<Webhook>, specs: &[WebhookSpec]) -> Vec<Webhook> {
    let written = specs.iter().filter_map(|spec| spec.name.as_ref());
    let mut taken: BTreeMap<String, usize> = written.map(|name| (name.to_string(), 1)).collect();
    let number = |(mut webhook, spec): (Webhook, &WebhookSpec)| {
        if spec.name.is_none() {
            let count = taken.entry(webhook.name.clone()).or_default();
            *count += 1;
            if *count > 1 {
                webhook.name = format!("{}#{count}", webhook.name);
            }
        }
        webhook
    };
    webhooks.into_iter().zip(specs).map(number).collect()
}
