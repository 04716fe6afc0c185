//! What a pass is given: owned by its task, shared with nobody.

use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::inventory::Known;
use crate::engine::ContainerDetail;
use crate::model::hash::KeyedFingerprint;
use crate::model::{Name, Uid, Workspace, labels};
use crate::plan::{Asked, Goal, Origin, Restart, Retry};

/// What a pass is given: a snapshot of what the controller knows, taken when the pass begins.
#[derive(Clone, Debug)]
pub(super) struct Job {
    pub(super) name: Name,
    pub(super) workspace: Arc<Workspace>,
    pub(super) uid: Uid,
    pub(super) generation: u64,
    pub(super) manifest: String,
    pub(super) directory: PathBuf,
    pub(super) goal: Goal,
    pub(super) containers: Vec<Known>,
    /// Whether our container's name may be held by another's: an earlier pass ran into it.
    pub(super) name_conflict: bool,
    pub(super) network_lost: Option<String>,
    pub(super) waiting_for: Vec<Name>,
    /// Whether the workspace's state is one that was asked for, instead of the manifest's.
    pub(super) state_asked: bool,
    /// The run that is to end because a restart was asked for.
    pub(super) restart_asked: Option<Death>,
    /// The request for a restart of which it is not known yet which run is to end.
    pub(super) restart_to_place: Option<String>,
    /// Networks of its containers that nobody needs any more.
    pub(super) former_networks: Vec<String>,
    /// The container whose secrets are not told by its label, and the hash of what counts as those.
    pub(super) adopted_secrets: Option<(String, KeyedFingerprint)>,
    pub(super) retry: Retry,
    pub(super) restarts: RestartRule,
    pub(super) before: Before,
    /// A run whose health check will not answer any more: it counts as unhealthy.
    pub(super) silent: Option<Death>,
    /// Cancelled when what the pass is for has changed.
    pub(super) revoked: CancellationToken,
}

/// What earlier passes came to, as far as this one has to know.
#[derive(Clone, Copy, Debug)]
pub(super) struct Before {
    /// What failed was the start of a container that replaces another.
    pub(super) replacement_failed: bool,
    /// The container was stopped by us, so that its end is not a death.
    pub(super) stopped_on_purpose: bool,
    /// Nothing was to be done once, under the present manifest: what is to be done now was caused by something else.
    pub(super) was_as_declared: bool,
}

/// When a container that died may be restarted, given which death it is.
///
/// A death is known by its container and the time the engine gives for it; the controller says from when the waiting counts.
#[derive(Clone, Debug)]
pub(super) struct RestartRule {
    /// The death that is being waited out, and what the rule says of it.
    pub(super) known: Option<(Death, Restart)>,
    /// What the rule says of any other death: it has just been seen.
    pub(super) fresh: Restart,
    /// Whether nothing has been restarted under the present spec: where no container is of that spec, none of its has died.
    pub(super) unused: bool,
}

/// One run of a container: its end, or one spell of bad health.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Death {
    pub(super) container: String,
    pub(super) time: Option<Timestamp>,
}

impl Death {
    pub(super) fn of(container: &ContainerDetail) -> Self {
        let ended = container.exit_code.is_some();
        let time = if ended { container.finished_at } else { container.started_at };
        Self { container: container.id.clone(), time }
    }
}

impl RestartRule {
    /// Whether a container's end is the one that is being waited out.
    pub(super) fn knows(&self, container: &ContainerDetail) -> bool {
        self.known.as_ref().is_some_and(|(death, _)| *death == Death::of(container))
    }

    /// What the rule says of these containers, of which those with this template are of the present spec.
    pub(super) fn verdict(&self, containers: &[ContainerDetail], template: &str) -> Restart {
        let is_present = |it: &ContainerDetail| it.labels.get(labels::SPEC_HASH).map(String::as_str) == Some(template);
        if self.unused && !containers.iter().any(is_present) {
            return Restart::Due;
        }
        let same = |(death, _): &&(Death, Restart)| containers.iter().any(|container| Death::of(container) == *death);
        self.known.as_ref().filter(same).map_or(self.fresh, |(_, restart)| *restart)
    }
}

impl Job {
    /// What was asked for by command, as far as it concerns these containers.
    pub(super) fn asked(&self, containers: &[ContainerDetail]) -> Asked {
        let is_to_end = |run: &Death| containers.iter().any(|it| it.id == run.container && it.started_at == run.time);
        Asked { state: self.state_asked, restart: self.restart_asked.as_ref().is_some_and(is_to_end) }
    }

    pub(super) fn origin(&self) -> Origin<'_> {
        Origin { uid: &self.uid, generation: self.generation, manifest: &self.manifest, directory: &self.directory }
    }
}
