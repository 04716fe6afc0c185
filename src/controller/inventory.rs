//! What is known of the engine's containers: the last list, refined by later looks.
//!
//! Details come from inspections and stay valid until something says otherwise: an event that they do not show already,
//! or a list that differs. So an idle resync costs one list and nothing else.

use std::collections::BTreeMap;

use tokio::time::Instant;

use crate::engine::{Change, ContainerDetail, ContainerSummary, EngineEvent};
use crate::model::status::ContainerState;
use crate::model::{Name, Uid, labels};

/// The containers with our instance's label.
#[derive(Debug, Default)]
pub(crate) struct Inventory {
    workspaces: BTreeMap<String, BTreeMap<String, Known>>,
}

/// One container, as far as it is known.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    /// From a list, or from the detail when that is newer.
    pub(crate) summary: ContainerSummary,
    /// From the last inspection; `None` before the first one and when something may have changed since.
    pub(crate) detail: Option<ContainerDetail>,
    /// When the last inspection (or, before the first, the list) was asked for.
    pub(crate) asked_at: Instant,
    /// Changes that our own calls made since the last inspection, of which the engine's events are no news.
    pub(crate) echoes: Vec<Change>,
}

/// A container as it was seen, or as it is known to be since.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) detail: ContainerDetail,
    /// When it was asked for.
    pub(super) asked_at: Instant,
    /// Changes that our own calls made since, of which the engine's events are no news.
    pub(super) echoes: Vec<Change>,
}

impl Known {
    fn unseen(summary: ContainerSummary, asked_at: Instant) -> Self {
        Self { summary, detail: None, asked_at, echoes: Vec::new() }
    }
}

impl Inventory {
    /// Takes in a list that was asked for at a time. Workspaces that are being worked on are left alone: their worker looks for
    /// itself, later than this list. What is missing from it and is `ours` is not taken for gone but looked at: a list may be older
    /// than it should, and who believes it makes a second container. Returns the workspaces with news.
    pub(crate) fn apply_list(
        &mut self,
        list: Vec<ContainerSummary>,
        asked_at: Instant,
        in_flight: impl Fn(&str) -> bool,
        ours: impl Fn(&ContainerSummary) -> bool,
    ) -> Vec<String> {
        let mut news = Vec::new();
        let mut listed: BTreeMap<String, BTreeMap<String, ContainerSummary>> = BTreeMap::new();
        for summary in list {
            let workspace = workspace_of(&summary.labels).to_owned();
            listed.entry(workspace).or_default().insert(summary.id.clone(), summary);
        }
        for workspace in self.workspaces.keys() {
            listed.entry(workspace.clone()).or_default();
        }
        for (workspace, summaries) in listed {
            if in_flight(&workspace) {
                continue;
            }
            if self.apply_workspace(&workspace, summaries, asked_at, &ours) {
                news.push(workspace);
            }
        }
        self.workspaces.retain(|_, containers| !containers.is_empty());
        news
    }

    fn apply_workspace(
        &mut self,
        workspace: &str,
        mut listed: BTreeMap<String, ContainerSummary>,
        asked_at: Instant,
        ours: impl Fn(&ContainerSummary) -> bool,
    ) -> bool {
        let known = self.workspaces.entry(workspace.to_owned()).or_default();
        let before = known.len();
        // What was seen after the list was asked for is newer than the list.
        let stays = |id: &String, it: &Known| listed.contains_key(id) || it.asked_at > asked_at || ours(&it.summary);
        known.retain(|id, it| stays(id, it));
        let mut news = known.len() != before;
        for (id, it) in known.iter_mut() {
            let Some(summary) = listed.remove(id) else {
                if it.asked_at <= asked_at {
                    it.detail = None;
                    news = true;
                }
                continue;
            };
            if it.asked_at <= asked_at && !same(&it.summary, &summary) {
                *it = Known::unseen(summary, asked_at);
                news = true;
            }
        }
        for (id, summary) in listed {
            known.insert(id, Known::unseen(summary, asked_at));
            news = true;
        }
        news
    }

    /// Takes in what a worker saw of one workspace.
    pub(crate) fn apply_look(&mut self, workspace: &str, uid: &Uid, seen: Vec<Seen>) {
        let known = self.workspaces.entry(workspace.to_owned()).or_default();
        known.retain(|_, it| !has_uid(&it.summary, uid));
        for Seen { detail, asked_at, echoes } in seen {
            let summary = summary_of(&detail);
            known.insert(detail.id.clone(), Known { summary, detail: Some(detail), asked_at, echoes });
        }
        if known.is_empty() {
            self.workspaces.remove(workspace);
        }
    }

    /// Takes in an event that was received at a time; returns whether it is news.
    pub(crate) fn apply_event(&mut self, event: &EngineEvent, received_at: Instant) -> bool {
        let containers = self.workspaces.entry(workspace_of(&event.labels).to_owned()).or_default();
        match containers.get_mut(&event.id) {
            // What was asked for after the event arrived shows its effect.
            Some(known) if known.asked_at >= received_at => false,
            Some(known) => {
                if let Some(echo) = known.echoes.iter().position(|change| *change == event.change) {
                    known.echoes.remove(echo);
                    return false;
                }
                let news = known.detail.as_ref().is_none_or(|detail| is_news(event, detail));
                if news {
                    known.detail = None;
                }
                news
            }
            // Often one that we removed. Should it still be there, the next list says so.
            None if matches!(event.change, Change::Destroyed | Change::Died) => false,
            None => {
                let summary = ContainerSummary {
                    id: event.id.clone(),
                    name: event.name.clone(),
                    labels: event.labels.clone(),
                    state: ContainerState::Unknown,
                    health: None,
                    networks: Vec::new(),
                };
                containers.insert(event.id.clone(), Known::unseen(summary, received_at));
                true
            }
        }
    }

    /// Takes note of a container that is there, or may be, and was not seen since something was done to it.
    pub(crate) fn doubt(&mut self, workspace: &Name, id: &str, labels: &BTreeMap<String, String>) {
        let containers = self.workspaces.entry(workspace.to_string()).or_default();
        if let Some(known) = containers.get_mut(id) {
            known.detail = None;
            return;
        }
        let summary = ContainerSummary {
            id: id.to_owned(),
            name: String::new(),
            labels: labels.clone(),
            state: ContainerState::Unknown,
            health: None,
            networks: Vec::new(),
        };
        containers.insert(id.to_owned(), Known::unseen(summary, Instant::now()));
    }

    /// Forgets the details of one workspace's containers, so that each is inspected again.
    pub(crate) fn distrust_workspace(&mut self, workspace: &Name) {
        for known in self.workspaces.get_mut(workspace.as_str()).into_iter().flat_map(BTreeMap::values_mut) {
            known.detail = None;
        }
    }

    /// Forgets the details of every container, so that each is inspected again.
    pub(crate) fn distrust(&mut self) {
        for known in self.workspaces.values_mut().flat_map(BTreeMap::values_mut) {
            known.detail = None;
        }
    }

    /// The containers of one life of a workspace.
    pub(crate) fn of(&self, workspace: &Name, uid: &Uid) -> Vec<Known> {
        let containers = self.workspaces.get(workspace.as_str()).into_iter().flat_map(BTreeMap::values);
        containers.filter(|it| has_uid(&it.summary, uid)).cloned().collect()
    }

    /// All containers that carry a workspace's name, of whatever UID.
    pub(crate) fn named(&self, workspace: &Name) -> impl Iterator<Item = &ContainerSummary> {
        self.workspaces.get(workspace.as_str()).into_iter().flat_map(BTreeMap::values).map(|it| &it.summary)
    }

    /// Every container, with the workspace it says it belongs to.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&str, &ContainerSummary)> {
        self.workspaces
            .iter()
            .flat_map(|(workspace, containers)| containers.values().map(move |it| (workspace.as_str(), &it.summary)))
    }
}

fn workspace_of(labels: &BTreeMap<String, String>) -> &str {
    labels.get(labels::WORKSPACE).map_or("", String::as_str)
}

fn has_uid(summary: &ContainerSummary, uid: &Uid) -> bool {
    summary.labels.get(labels::UID).map(String::as_str) == Some(uid.as_str())
}

fn same(before: &ContainerSummary, now: &ContainerSummary) -> bool {
    (&before.name, before.state, before.health, &before.networks) == (&now.name, now.state, now.health, &now.networks)
}

fn summary_of(detail: &ContainerDetail) -> ContainerSummary {
    ContainerSummary {
        id: detail.id.clone(),
        name: detail.name.clone(),
        labels: detail.labels.clone(),
        state: detail.state,
        // A list tells health only of containers that run.
        health: detail.health.filter(|_| detail.state == ContainerState::Running),
        networks: detail.networks.clone(),
    }
}

/// Whether a detail does not show an event already. Times are compared only with times of the same engine.
fn is_news(event: &EngineEvent, detail: &ContainerDetail) -> bool {
    let up = matches!(detail.state, ContainerState::Running | ContainerState::Paused);
    match event.change {
        Change::Created | Change::Subscribed | Change::OutOfMemory => false,
        Change::Started => !up && detail.finished_at.is_none_or(|finished| finished < event.time),
        Change::Died => up && detail.started_at.is_none_or(|started| started < event.time),
        Change::Paused => detail.state != ContainerState::Paused,
        Change::Unpaused => detail.state == ContainerState::Paused,
        Change::Renamed => detail.name != event.name,
        Change::Health(health) => detail.health != Some(health),
        Change::Updated | Change::Destroyed | Change::Other => true,
    }
}
