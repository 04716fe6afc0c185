//! What is known once a pass has acted. A call that succeeded has had its effect; only where that does not tell how a
//! container is now, another look is needed.

use std::collections::BTreeSet;

use super::executor::Outcome;
use super::inventory::Seen;
use crate::engine::{Change, ContainerDetail, Limits};
use crate::model::status::ContainerState;
use crate::plan::Action;

/// Brings what was seen before a pass acted up to date; returns the containers that have to be looked at again.
pub(super) fn after(seen: &mut Vec<Seen>, outcome: &Outcome) -> BTreeSet<String> {
    let mut unclear: BTreeSet<String> = outcome.created.iter().cloned().collect();
    for step in &outcome.done {
        let Some(id) = step.action.target().and_then(|target| target.id.as_ref()) else { continue };
        let known = seen.iter_mut().find(|it| it.detail.id == *id);
        match (&step.action, known) {
            (Action::Remove(_), _) => {
                seen.retain(|it| it.detail.id != *id);
                unclear.remove(id);
            }
            (Action::Update(_, limits), Some(known)) => {
                limit(&mut known.detail, limits);
                known.echoes.push(Change::Updated);
            }
            (Action::Stop(..), Some(known)) if runs(&known.detail) => end(&mut known.detail),
            _ => drop(unclear.insert(id.clone())),
        }
    }
    let failed = outcome.failure.as_ref().and_then(|failure| failure.step.as_ref());
    unclear.extend(failed.and_then(|step| step.action.target()).and_then(|target| target.id.clone()));
    unclear
}

/// As an update leaves it, see [`Engine::update`](crate::engine::Engine::update).
fn limit(detail: &mut ContainerDetail, limits: &Limits) {
    detail.limits = Limits {
        cpu: limits.cpu.or(detail.limits.cpu),
        memory: limits.memory.or(detail.limits.memory),
        pids: limits.pids,
    };
    detail.engine_restarts = false;
}

fn runs(detail: &ContainerDetail) -> bool {
    matches!(detail.state, ContainerState::Running | ContainerState::Paused)
}

/// As a stop leaves it. The exit code is known at the next look, which a stop on purpose is not worth.
fn end(detail: &mut ContainerDetail) {
    detail.state = ContainerState::Exited;
    detail.health = None;
    detail.ip = None;
    detail.ports.clear();
}
