//! The rules. Each function reads as the rule it is; what they emit is in `action`.

use std::time::Duration;

use super::action::{Action, Cause, Step, Target};
use super::cast::{Cast, broken, kept, may_run, unfit};
use super::names::Names;
use super::situation::{Asked, Blocked, Goal, Hold, Image, Plan, ProjectDir, Restart, Retry, Situation};
use super::vacate::with_former_networks;
use crate::engine::ContainerDetail;
use crate::model::spec::{DeletionPolicy, DesiredState, Fallback, PullPolicy};
use crate::model::status::{ContainerState, Health};

const STATE_NOT_KNOWN: &str = "the engine reports a state of the container that this version of Wharf does not know";

/// Decides what to do about one workspace. The same situation always gives the same plan; carrying a plan out in part and
/// deciding again leads to the same end, so that a crash between any two steps does no harm.
pub fn plan(situation: &Situation<'_>) -> Plan {
    match situation.goal {
        Goal::Delete { network } => with_former_networks(situation, delete(situation, network.as_deref())),
        Goal::Keep if situation.workspace().spec.suspend => {
            let otherwise = keep(situation).to_string();
            Plan::held(Hold::Suspended(otherwise.lines().collect::<Vec<_>>().join(", then ")))
        }
        Goal::Keep => admitted(situation, keep(situation)),
    }
}

/// What policies deny is not begun. What only ends or removes something is done all the same, unless it makes room for what may not begin.
fn admitted(situation: &Situation<'_>, plan: Plan) -> Plan {
    let Some(denied) = &situation.observed.denied else { return plan };
    let runs = |it: &&ContainerDetail| matches!(it.state, ContainerState::Running | ContainerState::Paused);
    let running: Vec<&ContainerDetail> = situation.observed.containers.iter().filter(runs).collect();
    let ends = |step: &Step| {
        matches!(step.action, Action::Stop(..) | Action::Remove(_) | Action::RemoveVolume(_) | Action::RemoveNetwork(_))
    };
    let steps = if denied.stop && !running.is_empty() {
        running.into_iter().map(|it| stop(situation, target(it), Cause::Denied)).collect()
    } else if plan.steps.iter().all(ends) {
        plan.steps
    } else {
        Vec::new()
    };
    Plan { steps, blocked: None, hold: Some(Hold::Denied(denied.message.clone())) }
}

fn keep(situation: &Situation<'_>) -> Plan {
    with_former_networks(situation, keep_as_declared(situation))
}

fn keep_as_declared(situation: &Situation<'_>) -> Plan {
    let state = situation.workspace().spec.state;
    if let Some(blocked) = waiting_for_retry(situation) {
        let steps = if state == DesiredState::Running { keep_predecessor(situation) } else { Vec::new() };
        return Plan::blocked(steps, blocked);
    }
    match state {
        DesiredState::Running => keep_running(situation),
        DesiredState::Stopped => keep_stopped(situation),
        DesiredState::Archived => remove_all(situation, &all(situation), &wanted(situation, state)),
    }
}

/// Nothing is tried before its time.
fn waiting_for_retry(situation: &Situation<'_>) -> Option<Blocked> {
    match situation.retry {
        Retry::Due => None,
        Retry::At(time) => Some(Blocked::RetryAt(time)),
        Retry::WhenManifestChanges => Some(Blocked::Rejected),
    }
}

fn keep_running(situation: &Situation<'_>) -> Plan {
    let cast = Cast::of(situation);
    match cast.current {
        Some(current) => tend(situation, current, &cast.others),
        None => renew(situation, &cast.others),
    }
}

/// While a replacement waits for its next attempt, its predecessor runs. Nothing else was tried with the predecessor, so
/// that its own deaths, its network and the project directory count as they always do.
fn keep_predecessor(situation: &Situation<'_>) -> Vec<Step> {
    let cast = Cast::of(situation);
    let replacement_is_down = cast.current.is_none_or(|current| !may_run(current));
    let Some(predecessor) = cast.others.first().filter(|_| situation.replacement_failed && replacement_is_down) else {
        return Vec::new();
    };
    if predecessor.state != ContainerState::Exited
        || broken(situation, predecessor).is_some()
        || start_blocked(situation).is_some()
    {
        return Vec::new();
    }
    match (situation.stopped_on_purpose, situation.restart) {
        (true, _) => vec![step(Action::Start(target(predecessor)), Cause::ReplacementFailed)],
        (false, Restart::Due) => vec![step(Action::Start(target(predecessor)), death_of(predecessor))],
        (false, Restart::At(_) | Restart::Spent(_)) => Vec::new(),
    }
}

/// A container that fits exists: put right what differs, then let go of the others. Never do two run at once, and no other
/// is removed before the current one has started.
fn tend(situation: &Situation<'_>, current: &ContainerDetail, others: &[&ContainerDetail]) -> Plan {
    let mut steps: Vec<Step> = put_limits_right(situation, current).into_iter().collect();
    steps.extend(put_files_right(situation, current));
    let run = match current.state {
        ContainerState::Running if situation.asked.restart => restart(situation, current),
        ContainerState::Running if current.health == Some(Health::Unhealthy) => {
            recover(situation, current, &[], Cause::Unhealthy)
        }
        ContainerState::Running => Plan::default(),
        ContainerState::Paused => Plan::steps(vec![step(Action::Unpause(target(current)), Cause::Paused)]),
        ContainerState::Created => start_new(situation, current),
        ContainerState::Exited => recover(situation, current, others, end_of(situation, current)),
        // A restart policy that somebody set is put right first: without it, the end of the present run is the last.
        ContainerState::Restarting => {
            return Plan::blocked(steps, Blocked::Transitional("the engine is restarting the container"));
        }
        ContainerState::Removing => {
            return Plan::blocked(Vec::new(), Blocked::Transitional("the engine is still removing the container"));
        }
        ContainerState::Unknown | ContainerState::Dead => {
            return Plan::blocked(Vec::new(), Blocked::Transitional(STATE_NOT_KNOWN));
        }
    };
    if current.state == ContainerState::Running {
        steps.extend(stop_others(situation, others));
        let tidy = let_go(situation, current, others, steps);
        return Plan {
            steps: [tidy.steps, run.steps].concat(),
            blocked: run.blocked.or(tidy.blocked),
            hold: tidy.hold,
        };
    }
    if run.blocked.is_some() {
        return run;
    }
    steps.extend(stop_others(situation, others));
    steps.extend(run.steps);
    let_go(situation, current, others, steps)
}

/// The manifest's state, or the one that was asked for instead.
fn wanted(situation: &Situation<'_>, state: DesiredState) -> Cause {
    if situation.asked.state { Cause::Asked(state) } else { Cause::Declared(state) }
}

/// Ends a run and begins another, unless it could not begin.
fn restart(situation: &Situation<'_>, current: &ContainerDetail) -> Plan {
    if let Some(blocked) = start_blocked(situation) {
        return Plan::blocked(Vec::new(), blocked);
    }
    Plan::steps(vec![
        stop(situation, target(current), Cause::RestartAsked),
        step(Action::Start(target(current)), Cause::RestartAsked),
    ])
}

fn put_limits_right(situation: &Situation<'_>, current: &ContainerDetail) -> Option<Step> {
    let declared = situation.subject.container.limits;
    let cause = if current.limits != declared {
        Cause::Limits { from: current.limits, to: declared }
    } else if current.engine_restarts {
        Cause::EngineRestarts
    } else {
        return None;
    };
    Some(step(Action::Update(target(current), declared), cause))
}

/// A container that runs is given new files of secrets in place; any other gets them with its start.
fn put_files_right(situation: &Situation<'_>, current: &ContainerDetail) -> Option<Step> {
    let has_them = matches!(current.state, ContainerState::Running | ContainerState::Paused);
    (has_them && situation.observed.secrets.files_differ).then(|| step(Action::WriteSecrets, Cause::SecretChanged))
}

fn stop_others(situation: &Situation<'_>, others: &[&ContainerDetail]) -> Vec<Step> {
    let up = others.iter().filter(|other| may_run(other));
    up.map(|other| stop(situation, target(other), Cause::Replaced)).collect()
}

/// After `steps`, the others are removed and the current container gets its name.
fn let_go(
    situation: &Situation<'_>,
    current: &ContainerDetail,
    others: &[&ContainerDetail],
    mut steps: Vec<Step>,
) -> Plan {
    for other in others.iter().filter(|other| other.state != ContainerState::Removing) {
        steps.push(step(Action::Remove(target(other)), Cause::Replaced));
    }
    put_name_right(situation, current, others, steps)
}

/// The others have been removed by `steps`, as far as the engine was not at it already.
fn put_name_right(
    situation: &Situation<'_>,
    current: &ContainerDetail,
    others: &[&ContainerDetail],
    mut steps: Vec<Step>,
) -> Plan {
    if others.iter().any(|other| other.state == ContainerState::Removing) {
        return Plan::blocked(
            steps,
            Blocked::Transitional("the engine is still removing another container of the workspace"),
        );
    }
    let names = Names::of(situation);
    if current.name == names.container {
        return Plan::steps(steps);
    }
    let ours_holds_it = others.iter().any(|other| other.name == names.container);
    if let Some(hold) = name_conflict(situation, &names).filter(|_| !ours_holds_it) {
        return Plan { steps, hold: Some(hold), blocked: None };
    }
    let cause = if ours_holds_it || current.name == names.next { Cause::TakesOver } else { Cause::Renamed };
    steps.push(step(Action::Rename(target(current), names.container), cause));
    Plan::steps(steps)
}

fn name_conflict(situation: &Situation<'_>, names: &Names) -> Option<Hold> {
    let holder = situation.observed.name_holder.clone()?;
    Some(Hold::NameConflict { name: names.container.clone(), holder })
}

fn death_of(container: &ContainerDetail) -> Cause {
    Cause::Exited { code: container.exit_code.unwrap_or_default(), oom_killed: container.oom_killed }
}

/// Why a container that ended is started again.
fn end_of(situation: &Situation<'_>, container: &ContainerDetail) -> Cause {
    match situation.asked {
        Asked { restart: true, .. } => Cause::RestartAsked,
        _ if situation.stopped_on_purpose => wanted(situation, DesiredState::Running),
        _ => death_of(container),
    }
}

fn start_new(situation: &Situation<'_>, current: &ContainerDetail) -> Plan {
    match start_blocked(situation) {
        Some(blocked) => Plan::blocked(Vec::new(), blocked),
        None => Plan::steps(vec![step(Action::Start(target(current)), Cause::NotStarted)]),
    }
}

/// A container that ended or is unhealthy: restart it in time, or fall back, together with those others that are still
/// there. A spent budget comes first: even a container that the fallback stopped on purpose is not started again.
fn recover(situation: &Situation<'_>, current: &ContainerDetail, others: &[&ContainerDetail], cause: Cause) -> Plan {
    if let Restart::Spent(fallback) = situation.restart
        && !situation.asked.restart
    {
        // The current one last: should only the others be gone, its end still says that the budget is spent.
        return fall_back(situation, fallback, &[others, &[current]].concat());
    }
    // Before the stop: an unhealthy container is better than one that cannot be started again.
    if let Some(blocked) = start_blocked(situation) {
        return Plan::blocked(Vec::new(), blocked);
    }
    match situation.restart {
        Restart::At(time) if cause.is_death() => Plan::blocked(Vec::new(), Blocked::BackOff(time)),
        _ => {
            let mut steps = Vec::new();
            if may_run(current) {
                steps.push(stop(situation, target(current), cause.clone()));
            }
            steps.push(step(Action::Start(target(current)), cause));
            Plan::steps(steps)
        }
    }
}

fn fall_back(situation: &Situation<'_>, fallback: Fallback, containers: &[&ContainerDetail]) -> Plan {
    let plan = match fallback {
        Fallback::Ignore => Plan::default(),
        Fallback::Stop => stop_all(situation, containers, &Cause::BudgetSpent),
        Fallback::Remove => remove_all(situation, containers, &Cause::BudgetSpent),
    };
    Plan { blocked: Some(Blocked::BudgetSpent), ..plan }
}

/// What must be there before a container may start.
fn start_blocked(situation: &Situation<'_>) -> Option<Blocked> {
    if !situation.waiting_for.is_empty() {
        return Some(Blocked::Dependencies(situation.waiting_for.to_vec()));
    }
    let path = || situation.subject.project.clone().unwrap_or_default();
    match situation.observed.project {
        ProjectDir::NotAsked | ProjectDir::Present => None,
        ProjectDir::Missing => Some(Blocked::ProjectDirMissing(path())),
        ProjectDir::NotADirectory => Some(Blocked::ProjectNotADirectory(path())),
    }
}

/// No container fits: create one. A predecessor is stopped only when its replacement is there, and removed only when that
/// has started.
fn renew(situation: &Situation<'_>, others: &[&ContainerDetail]) -> Plan {
    if let Restart::Spent(fallback) = situation.restart
        && others.iter().all(|other| !may_run(other))
    {
        return fall_back(situation, fallback, others);
    }
    if let Some(blocked) = start_blocked(situation) {
        return Plan::blocked(Vec::new(), blocked);
    }
    if others.iter().any(|other| other.state == ContainerState::Removing) {
        return Plan::blocked(Vec::new(), Blocked::Transitional("the engine is still removing the old container"));
    }
    // The name is free as soon as it is not the predecessor's, unless somebody else took it.
    let names = Names::of(situation);
    let predecessor_has_name = others.first().is_some_and(|predecessor| predecessor.name == names.container);
    if let Some(hold) = name_conflict(situation, &names).filter(|_| !predecessor_has_name) {
        return Plan::held(hold);
    }
    let name = if predecessor_has_name { &names.next } else { &names.container };
    let steps = match prepare(situation) {
        Ok(steps) => steps,
        Err(blocked) => return Plan::blocked(Vec::new(), blocked),
    };
    match others {
        [] => create_first(situation, name, steps),
        [predecessor, stale @ ..] => replace(situation, predecessor, stale, name, steps),
    }
}

fn create_first(situation: &Situation<'_>, name: &str, mut steps: Vec<Step>) -> Plan {
    steps.push(create(situation, name, Cause::NoContainer));
    steps.push(step(Action::Start(Target::created(name)), Cause::NotStarted));
    Plan::steps(steps)
}

fn replace(
    situation: &Situation<'_>,
    predecessor: &ContainerDetail,
    stale: &[&ContainerDetail],
    name: &str,
    mut steps: Vec<Step>,
) -> Plan {
    // At most two containers of a workspace exist at any time: leftovers of an interrupted replacement go first.
    for container in stale {
        if may_run(container) {
            steps.push(stop(situation, target(container), Cause::Surplus));
        }
        steps.push(step(Action::Remove(target(container)), Cause::Surplus));
    }
    let cause = unfit(situation, predecessor).unwrap_or(Cause::SpecChanged);
    steps.push(create(situation, name, cause));
    if may_run(predecessor) {
        steps.push(stop(situation, target(predecessor), Cause::Replaced));
    }
    steps.push(step(Action::Start(Target::created(name)), Cause::NotStarted));
    steps.push(step(Action::Remove(target(predecessor)), Cause::Replaced));
    let names = Names::of(situation);
    if name != names.container {
        steps.push(step(Action::Rename(Target::created(name), names.container), Cause::TakesOver));
    }
    Plan::steps(steps)
}

/// What a new container needs: its image and its network.
fn prepare(situation: &Situation<'_>) -> Result<Vec<Step>, Blocked> {
    let spec = &situation.workspace().spec;
    let mut steps = Vec::new();
    match (spec.image_pull_policy, situation.observed.image) {
        (PullPolicy::Never, Image::Missing) => return Err(Blocked::ImageMissing(spec.image.clone())),
        (PullPolicy::Always, _) => steps.push(step(Action::Pull(spec.image.clone()), Cause::PullAlways)),
        (PullPolicy::IfNotPresent, Image::Missing) => {
            steps.push(step(Action::Pull(spec.image.clone()), Cause::ImageMissing));
        }
        (PullPolicy::IfNotPresent | PullPolicy::Never, Image::Present | Image::NotAsked) => {}
    }
    if let Some(network) = situation.subject.network.as_ref().filter(|_| !situation.observed.network_known) {
        steps.push(step(Action::EnsureNetwork(network.clone()), Cause::NetworkMissing));
    }
    Ok(steps)
}

/// Declared Stopped: one container may stay, and none runs. All are stopped before any is removed.
fn keep_stopped(situation: &Situation<'_>) -> Plan {
    let Some((kept, surplus)) = kept(situation) else { return Plan::default() };
    let mut steps = Vec::new();
    let usable = !matches!(kept.state, ContainerState::Unknown | ContainerState::Removing | ContainerState::Dead);
    if kept.engine_restarts && usable {
        // With its own limits: they are put right when it is started.
        steps.push(step(Action::Update(target(kept), kept.limits), Cause::EngineRestarts));
    }
    if may_run(kept) && usable {
        steps.push(stop(situation, target(kept), wanted(situation, DesiredState::Stopped)));
    }
    for other in surplus.iter().filter(|other| may_run(other)) {
        steps.push(stop(situation, target(other), Cause::Surplus));
    }
    for other in surplus.iter().filter(|other| other.state != ContainerState::Removing) {
        steps.push(step(Action::Remove(target(other)), Cause::Surplus));
    }
    match kept.state {
        ContainerState::Unknown => Plan::blocked(steps, Blocked::Transitional(STATE_NOT_KNOWN)),
        ContainerState::Removing => {
            Plan::blocked(steps, Blocked::Transitional("the engine is still removing the container"))
        }
        _ => put_name_right(situation, kept, &surplus, steps),
    }
}

fn all<'a>(situation: &Situation<'a>) -> Vec<&'a ContainerDetail> {
    situation.observed.containers.iter().collect()
}

/// Stops and removes containers, except those that the engine is already about to remove, which are waited for.
fn remove_all(situation: &Situation<'_>, containers: &[&ContainerDetail], cause: &Cause) -> Plan {
    let (removing, present): (Vec<_>, Vec<_>) =
        containers.iter().copied().partition(|container| container.state == ContainerState::Removing);
    let up = present.iter().filter(|container| may_run(container));
    let stops = up.map(|container| stop(situation, target(container), cause.clone()));
    let removals = present.iter().map(|container| step(Action::Remove(target(container)), cause.clone()));
    let blocked = (!removing.is_empty()).then_some(Blocked::Transitional("the engine is still removing the container"));
    Plan { steps: stops.chain(removals).collect(), blocked, hold: None }
}

/// Stops containers, except those in a state that is not known, which are waited for.
fn stop_all(situation: &Situation<'_>, containers: &[&ContainerDetail], cause: &Cause) -> Plan {
    let (unknown, known): (Vec<_>, Vec<_>) =
        containers.iter().copied().partition(|container| container.state == ContainerState::Unknown);
    let up = known.into_iter().filter(|container| may_run(container));
    let steps = up.map(|container| stop(situation, target(container), cause.clone())).collect();
    Plan { steps, blocked: (!unknown.is_empty()).then_some(Blocked::Transitional(STATE_NOT_KNOWN)), hold: None }
}

fn delete(situation: &Situation<'_>, network: Option<&str>) -> Plan {
    if let Some(blocked) = waiting_for_retry(situation) {
        return Plan::blocked(Vec::new(), blocked);
    }
    let policy = situation.workspace().spec.deletion_policy;
    let cause = Cause::ManifestGone(policy);
    match policy {
        DeletionPolicy::Orphan => Plan::default(),
        DeletionPolicy::Stop => stop_all(situation, &all(situation), &cause),
        DeletionPolicy::Delete => delete_all(situation, network, &cause),
    }
}

/// The containers, then what they use.
fn delete_all(situation: &Situation<'_>, network: Option<&str>, cause: &Cause) -> Plan {
    let mut plan = remove_all(situation, &all(situation), cause);
    if plan.blocked.is_some() {
        return plan;
    }
    if situation.workspace().spec.delete_volumes {
        let volumes = situation.observed.volumes.iter();
        plan.steps.extend(volumes.map(|name| step(Action::RemoveVolume(name.clone()), cause.clone())));
    }
    // Also when the container has gone before, as after a crash; but not for ever, or a deletion would never be settled.
    if let Some(name) = network.filter(|_| !plan.steps.is_empty() || situation.observed.network_known) {
        plan.steps.push(step(Action::RemoveNetwork(name.to_owned()), cause.clone()));
    }
    plan
}

fn step(action: Action, cause: Cause) -> Step {
    Step { action, cause }
}

fn target(container: &ContainerDetail) -> Target {
    Target::existing(&container.id, &container.name)
}

fn stop(situation: &Situation<'_>, target: Target, cause: Cause) -> Step {
    let grace: Duration = situation.workspace().spec.stop_grace_period.duration();
    step(Action::Stop(target, grace), cause)
}

fn create(situation: &Situation<'_>, name: &str, cause: Cause) -> Step {
    let mut spec = situation.subject.container.clone();
    name.clone_into(&mut spec.name);
    step(Action::Create(Box::new(spec)), cause)
}
