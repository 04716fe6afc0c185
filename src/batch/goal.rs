//! Whether what an item asks for has come about, from what is told of the workspace. Pure.

use super::Look;
use crate::model::batch::Verb;
use crate::model::status::{ConditionType, ContainerState, Phase, Reason, Status};

/// Where the workspace of an item stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// As was asked.
    Reached,
    /// On its way.
    Underway,
    /// Not as was asked, and not on its way; why.
    Failed(String),
}

/// Where a workspace stands after something was asked of it. `passes_before`: how many passes over it had ended by then.
pub fn standing(verb: Verb, look: Option<&Look>, passes_before: u64) -> Standing {
    let Some(look) = look else {
        return match verb {
            Verb::Delete => Standing::Reached,
            _ => Standing::Failed("the workspace is gone".to_owned()),
        };
    };
    let status = &look.status.status;
    if look.passes <= passes_before {
        return Standing::Underway;
    }
    if is_reached(verb, status) {
        return Standing::Reached;
    }
    obstacle(verb, status).map_or(Standing::Underway, Standing::Failed)
}

fn is_reached(verb: Verb, status: &Status) -> bool {
    let is_restarting = status.requested.is_some_and(|requested| requested.restart);
    let runs = status.container.as_ref().is_some_and(|container| {
        !matches!(container.state, ContainerState::Created | ContainerState::Exited | ContainerState::Dead)
    });
    match verb {
        Verb::Start => status.is(ConditionType::Ready),
        Verb::Restart => status.is(ConditionType::Ready) && !is_restarting,
        Verb::Stop => status.is(ConditionType::Reconciled) && !runs,
        Verb::Sync | Verb::Resume => status.is(ConditionType::Reconciled),
        Verb::Delete => false,
    }
}

/// What keeps it from coming about, unless somebody does something.
fn obstacle(verb: Verb, status: &Status) -> Option<String> {
    let message = |kind| status.condition(kind).map(|condition| condition.message.clone());
    if status.phase == Phase::Failed {
        return Some(status.summary.clone());
    }
    if status.is(ConditionType::Held) {
        return message(ConditionType::Held);
    }
    if let Some(retry) = &status.retry {
        return Some(format!("{}: {}", class(retry.last_error.class), retry.last_error.message));
    }
    let reconciled = status.condition(ConditionType::Reconciled)?;
    let waits_for_people =
        matches!(reconciled.reason, Reason::Rejected | Reason::ProjectDirMissing | Reason::ImageMissing);
    let is_refused = verb != Verb::Delete && waits_for_people;
    is_refused.then(|| reconciled.message.clone())
}

fn class(class: crate::model::status::ErrorClass) -> String {
    format!("{class:?}")
}
