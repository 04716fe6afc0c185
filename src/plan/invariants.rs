//! What no plan may ever do, whatever the situation. Tests check every plan of a run against these.

use std::collections::BTreeMap;

use super::action::{Action, Cause, Step, Target};
use super::cast::may_run;
use super::names::Names;
use super::situation::{Goal, Plan, Restart, Retry, Situation};
use super::vacate::may_be_on;
use crate::model::spec::{DeletionPolicy, DesiredState, Fallback};
use crate::model::status::ContainerState;

/// The statements that a plan violates, in words; empty for a good plan.
pub fn violations(situation: &Situation<'_>, plan: &Plan) -> Vec<String> {
    let mut walk = Walk::new(situation);
    let mut found: Vec<String> = plan.steps.iter().filter_map(|step| untimely(situation, step)).collect();
    for step in &plan.steps {
        found.extend(walk.foreign_target(step));
        found.extend(walk.too_many_containers(step));
        found.extend(walk.early_removal(step));
        found.extend(walk.taken_name(step));
        found.extend(walk.leftover_in_use(step));
        walk.take(&step.action);
    }
    found
}

/// Whether the spec wants a container to run.
fn wanted_to_run(situation: &Situation<'_>) -> bool {
    *situation.goal == Goal::Keep && situation.workspace().spec.state == DesiredState::Running
}

/// Steps that the goal, suspension or a failure before do not allow, whatever the containers.
fn untimely(situation: &Situation<'_>, step: &Step) -> Option<String> {
    let spec = &situation.workspace().spec;
    let deletes = matches!(situation.goal, Goal::Delete { .. });
    let starts = matches!(step.action, Action::Create(_) | Action::Start(_) | Action::Unpause(_));
    let stands_in = matches!(step.cause, Cause::ReplacementFailed | Cause::Exited { .. });
    if spec.suspend && !deletes {
        Some(format!("acts although suspended: {step}"))
    } else if deletes && spec.deletion_policy == DeletionPolicy::Orphan {
        Some(format!("acts on an orphan: {step}"))
    } else if starts && !wanted_to_run(situation) {
        Some(format!("starts what is not to run: {step}"))
    } else if situation.retry != Retry::Due && !(matches!(step.action, Action::Start(_)) && stands_in) {
        Some(format!("acts before its time: {step}"))
    } else if matches!(step.action, Action::RemoveVolume(_)) && !(spec.delete_volumes && deletes) {
        Some(format!("removes a volume without deleteVolumes: {step}"))
    } else if matches!(&step.action, Action::RemoveNetwork(name) if !deletes && !situation.former_networks.contains(name))
    {
        Some(format!("removes a network that is needed: {step}"))
    } else {
        None
    }
}

/// The workspace's containers while a plan is carried out.
struct Walk<'a> {
    situation: &'a Situation<'a>,
    /// By ID; the empty one is the container that the plan creates.
    containers: BTreeMap<String, Part>,
}

/// What matters of a container.
struct Part {
    name: String,
    /// Processes of it may exist.
    up: bool,
    /// It serves: started, and neither paused nor in a state that is not known.
    runs: bool,
    networks: Vec<String>,
}

impl<'a> Walk<'a> {
    fn new(situation: &'a Situation<'a>) -> Self {
        let parts = situation.observed.containers.iter().map(|container| {
            let runs = container.state == ContainerState::Running;
            let (name, networks) = (container.name.clone(), container.networks.clone());
            (container.id.clone(), Part { name, up: may_run(container), runs, networks })
        });
        Self { situation, containers: parts.collect() }
    }

    fn key(target: &Target) -> String {
        target.id.clone().unwrap_or_default()
    }

    /// The containers other than one.
    fn others(&self, target: &Target) -> impl Iterator<Item = &Part> {
        let key = Self::key(target);
        self.containers.iter().filter(move |(id, _)| **id != key).map(|(_, part)| part)
    }

    /// Only containers of this workspace's UID are acted on, and only while they exist.
    fn foreign_target(&self, step: &Step) -> Option<String> {
        let target = step.action.target()?;
        let known = self.containers.contains_key(&Self::key(target));
        (!known).then(|| format!("acts on a container that is not there or not this workspace's: {step}"))
    }

    /// At most two containers of a workspace exist once one is created, and none is started beside one that may run.
    fn too_many_containers(&self, step: &Step) -> Option<String> {
        match &step.action {
            Action::Create(_) if self.containers.len() >= 2 => Some(format!("a third container: {step}")),
            Action::Start(target) | Action::Unpause(target) if self.others(target).any(|other| other.up) => {
                Some(format!("a second running container: {step}"))
            }
            _ => None,
        }
    }

    /// A container is removed only when it is not wanted any more: after its replacement has started, while another one is
    /// kept, or because the spec says so.
    fn early_removal(&self, step: &Step) -> Option<String> {
        let Action::Remove(target) = &step.action else { return None };
        let spec = &self.situation.workspace().spec;
        let allowed = match (self.situation.goal, &step.cause) {
            (Goal::Delete { .. }, Cause::ManifestGone(policy)) => {
                *policy == spec.deletion_policy && *policy == DeletionPolicy::Delete
            }
            (Goal::Keep, Cause::Declared(DesiredState::Archived)) => spec.state == DesiredState::Archived,
            (Goal::Keep, Cause::Replaced) => self.others(target).any(|other| other.runs),
            (Goal::Keep, Cause::Surplus) => self.others(target).next().is_some(),
            (Goal::Keep, Cause::BudgetSpent) => self.situation.restart == Restart::Spent(Fallback::Remove),
            _ => false,
        };
        (!allowed).then(|| format!("removes a container that is wanted: {step}"))
    }

    /// A name is taken only when nobody has it.
    fn taken_name(&self, step: &Step) -> Option<String> {
        let name = match &step.action {
            Action::Create(spec) => &spec.name,
            Action::Rename(_, name) => name,
            _ => return None,
        };
        let ours = self.containers.values().any(|part| part.name == *name);
        let of_others = self.situation.observed.name_holder.is_some() && *name == Names::of(self.situation).container;
        (ours || of_others).then(|| format!("takes a name that is held: {step}"))
    }

    /// Networks and volumes go after the containers that use them.
    fn leftover_in_use(&self, step: &Step) -> Option<String> {
        let in_use = match &step.action {
            Action::RemoveVolume(_) => !self.containers.is_empty(),
            Action::RemoveNetwork(name) => self.containers.values().any(|part| may_be_on(&part.networks, name)),
            _ => false,
        };
        in_use.then(|| format!("removes what a container still uses: {step}"))
    }

    fn take(&mut self, action: &Action) {
        if let Action::Create(spec) = action {
            let (name, networks) = (spec.name.clone(), vec![spec.network_name().to_owned()]);
            self.containers.insert(String::new(), Part { name, up: false, runs: false, networks });
        }
        let Some(target) = action.target() else { return };
        let key = Self::key(target);
        if matches!(action, Action::Remove(_)) {
            self.containers.remove(&key);
        }
        let Some(part) = self.containers.get_mut(&key) else { return };
        match action {
            Action::Start(_) | Action::Unpause(_) => (part.up, part.runs) = (true, true),
            Action::Stop(..) => (part.up, part.runs) = (false, false),
            Action::Rename(_, name) => part.name.clone_from(name),
            _ => {}
        }
    }
}
