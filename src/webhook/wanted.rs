//! Which events a webhook is for.

use std::collections::{BTreeMap, BTreeSet};

use super::{Chosen, Webhook};
use crate::model::Name;
use crate::model::event::{Event, EventKind};

/// The labels of a workspace, as far as it is known.
pub(super) type Labels<'a> = &'a dyn Fn(&str) -> Option<BTreeMap<String, String>>;

/// How many workspaces that a selector chose are remembered before those that are gone are forgotten.
const REMEMBERED: usize = 4096;

/// Which events are wanted.
#[derive(Debug)]
pub(super) struct Wanted {
    kinds: Vec<EventKind>,
    chosen: Option<Chosen>,
    /// Workspaces that the selector chose when they were last known: the last events of one that is deleted come when it is gone.
    selected: BTreeSet<String>,
}

impl Wanted {
    pub fn by(webhook: &Webhook) -> Self {
        Self { kinds: webhook.kinds.clone(), chosen: webhook.workspaces.clone(), selected: BTreeSet::new() }
    }

    pub fn has(&mut self, event: &Event, labels: Labels<'_>) -> bool {
        let kind = if self.kinds.is_empty() {
            event.kind != EventKind::MetricsUpdate
        } else {
            self.kinds.contains(&event.kind)
        };
        kind && self.is_about(event.workspace.as_deref(), labels)
    }

    fn is_about(&mut self, workspace: Option<&str>, labels: Labels<'_>) -> bool {
        let Some(Chosen { selector, names }) = &self.chosen else { return true };
        let Some(workspace) = workspace else { return false };
        if names.iter().map(Name::as_str).any(|name| name == workspace) {
            return true;
        }
        let Some(selector) = selector else { return false };
        let Some(labels_now) = labels(workspace) else { return self.selected.contains(workspace) };
        if !selector.selects(&labels_now) {
            self.selected.remove(workspace);
            return false;
        }
        if self.selected.len() >= REMEMBERED {
            self.selected.retain(|name| labels(name).is_some());
        }
        self.selected.insert(workspace.to_owned());
        true
    }
}
