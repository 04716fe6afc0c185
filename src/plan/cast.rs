//! The containers of one workspace by the part they play.

use std::cmp::Reverse;

use super::action::Cause;
use super::situation::Situation;
use crate::engine::ContainerDetail;
use crate::model::labels;
use crate::model::status::ContainerState;

/// The containers of a workspace that is to run.
pub(super) struct Cast<'a> {
    /// What the spec describes; at most one.
    pub(super) current: Option<&'a ContainerDetail>,
    /// All others; the predecessor first, which is what runs, or else what ran last.
    pub(super) others: Vec<&'a ContainerDetail>,
}

impl<'a> Cast<'a> {
    pub(super) fn of(situation: &Situation<'a>) -> Self {
        let mut all: Vec<&ContainerDetail> = situation.observed.containers.iter().collect();
        all.sort_by_key(|container| Reverse((standing(container.state), age(container))));
        let current = all.iter().position(|container| unfit(situation, container).is_none());
        let current = current.map(|index| all.remove(index));
        Self { current, others: all }
    }
}

/// The container to keep of a workspace that is not to run, and the others. What ran counts more than what fits: a
/// replacement that was never started has not proved itself. The choice does not depend on whether a container still runs,
/// so that it stays the same while all are stopped.
pub(super) fn kept<'a>(situation: &Situation<'a>) -> Option<(&'a ContainerDetail, Vec<&'a ContainerDetail>)> {
    let mut all: Vec<&ContainerDetail> = situation.observed.containers.iter().collect();
    all.sort_by_key(|container| {
        let ran = standing(container.state).min(standing(ContainerState::Exited));
        Reverse((ran, unfit(situation, container).is_none(), age(container)))
    });
    let mut all = all.into_iter();
    let kept = all.next()?;
    Some((kept, all.collect()))
}

/// The newest is the greatest; the ID makes the order total.
fn age(container: &ContainerDetail) -> impl Ord + use<'_> {
    (container.created_at, container.id.as_str())
}

/// How much a container counts among its likes.
fn standing(state: ContainerState) -> u8 {
    match state {
        ContainerState::Running => 4,
        // One that may run comes before all that do not: a replacement stops it last.
        ContainerState::Paused | ContainerState::Restarting | ContainerState::Unknown => 3,
        ContainerState::Exited => 2,
        ContainerState::Created => 1,
        ContainerState::Removing | ContainerState::Dead => 0,
    }
}

/// Why a container cannot be what the spec describes; `None` when it can.
pub(super) fn unfit(situation: &Situation<'_>, container: &ContainerDetail) -> Option<Cause> {
    let declared = &situation.subject.container.limits;
    let lifted = |now: bool, wanted: bool| now && !wanted;
    if let Some(broken) = broken(situation, container) {
        Some(broken)
    } else if !is_of_present_spec(situation, container) {
        Some(Cause::SpecChanged)
    } else if has_other_secrets(situation, container) {
        Some(Cause::SecretChanged)
    } else if lifted(container.limits.cpu.is_some(), declared.cpu.is_some())
        || lifted(container.limits.memory.is_some(), declared.memory.is_some())
    {
        Some(Cause::LimitLifted)
    } else {
        None
    }
}

/// Why a container must never run again, as what it is or as a predecessor; `None` when it may.
pub(super) fn broken(situation: &Situation<'_>, container: &ContainerDetail) -> Option<Cause> {
    if container.state == ContainerState::Dead {
        Some(Cause::Broken("container is dead"))
    } else if situation.observed.network_lost.as_deref() == Some(container.id.as_str()) {
        Some(Cause::Broken("its network is gone"))
    } else if is_misplaced(situation, container) {
        Some(Cause::Broken("not on its declared network alone"))
    } else {
        None
    }
}

/// Whether somebody attached it to another network, which ends its isolation. Only a container of the present spec can be
/// judged: which network another was created with is not known. An empty list is an engine that does not tell.
fn is_misplaced(situation: &Situation<'_>, container: &ContainerDetail) -> bool {
    is_of_present_spec(situation, container)
        && !container.networks.is_empty()
        && container.networks != [situation.subject.container.network_name()]
}

fn is_of_present_spec(situation: &Situation<'_>, container: &ContainerDetail) -> bool {
    container.labels.get(labels::SPEC_HASH).map(String::as_str) == Some(situation.subject.template.as_str())
}

/// Whether it was given other secrets than a new one would be. What cannot be told is no reason to replace it.
fn has_other_secrets(situation: &Situation<'_>, container: &ContainerDetail) -> bool {
    let secrets = &situation.observed.secrets;
    secrets.in_force(container).is_some_and(|in_force| Some(in_force) != secrets.now)
}

/// Whether processes of it may exist, so that ending it takes a stop. A state that is not known is stopped to be sure: that
/// is harmless for a container that does not run.
pub(super) fn may_run(container: &ContainerDetail) -> bool {
    matches!(
        container.state,
        ContainerState::Running | ContainerState::Paused | ContainerState::Restarting | ContainerState::Unknown
    )
}
