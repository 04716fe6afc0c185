//! Networks that a workspace leaves behind when it moves to another one.

use super::action::{Action, Cause, Step};
use super::situation::{Plan, Situation};
use crate::engine::ContainerDetail;

/// Removes each former network right after the last container on it: an engine has addresses for few networks only. Which
/// network it was is known from the container alone, so that a crash between the two steps leaves the network behind.
pub(super) fn with_former_networks(situation: &Situation<'_>, plan: Plan) -> Plan {
    let mut present: Vec<&ContainerDetail> = situation.observed.containers.iter().collect();
    let mut steps = Vec::new();
    for step in plan.steps {
        let removed = match &step.action {
            Action::Remove(target) => present.iter().position(|it| target.id.as_ref() == Some(&it.id)),
            _ => None,
        };
        steps.push(step);
        let Some(gone) = removed.map(|index| present.remove(index)) else { continue };
        let former = gone.networks.iter().filter(|name| situation.former_networks.contains(name));
        let left = former.filter(|name| !present.iter().any(|other| may_be_on(&other.networks, name)));
        steps.extend(left.map(|name| Step { action: Action::RemoveNetwork(name.clone()), cause: Cause::NotNamed }));
    }
    Plan { steps, ..plan }
}

/// Whether a container that is on these networks may be on one. An empty list is an engine that does not tell.
pub(super) fn may_be_on(networks: &[String], name: &str) -> bool {
    networks.is_empty() || networks.iter().any(|own| own == name)
}
