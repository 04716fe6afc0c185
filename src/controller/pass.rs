//! One pass over one workspace: look, decide, act, look again. Shares nothing but the tools.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::time::Instant;
use tracing::Instrument;

use super::aftermath::after;
use super::executor::{self, Failure};
use super::inventory::{Known, Seen};
use super::job::{Death, Job};
use super::look::{denied, project_dir, secrets};
use super::tools::{Place, Tools};
use crate::engine::{ContainerDetail, Engine, EngineError};
use crate::model::event::Occurrence;
use crate::model::spec::{DeletionPolicy, DesiredState};
use crate::model::status::{ContainerState, Health};
use crate::model::{Instance, Name, Uid, labels};
use crate::plan::{Action, Goal, Image, Observed, Plan, Retry, Scope, Situation, Step, Subject, plan};

/// What a pass was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Course {
    /// An attempt.
    Attempt,
    /// A look while the next attempt is waited for.
    Look,
    /// Broken off, because what it was for had changed.
    Revoked,
}

/// What a pass comes to.
#[derive(Debug)]
pub(super) struct Report {
    pub(super) name: Name,
    pub(super) uid: Uid,
    /// The generation that the pass was for.
    pub(super) generation: u64,
    /// What the pass was to bring about.
    pub(super) goal: Goal,
    pub(super) course: Course,
    /// What is known of the containers now. `None`: they could not be seen.
    pub(super) seen: Option<Vec<Seen>>,
    /// Containers that were acted on and could not be looked at afterwards, one that was just created among them.
    pub(super) unclear: Vec<String>,
    /// The labels of the container that was to be there.
    pub(super) labels: BTreeMap<String, String>,
    pub(super) observed: Observed,
    /// A container that was seen to have ended or to be unhealthy, for the first time.
    pub(super) died: Option<ContainerDetail>,
    /// The steps that were carried out.
    pub(super) done: Vec<Step>,
    pub(super) failure: Option<Failure>,
    pub(super) occurrences: Vec<Occurrence>,
    pub(super) name_conflict: bool,
    /// Whether nobody knew of that conflict before, so that who holds the name is to be looked at first of all.
    pub(super) conflict_is_new: bool,
    pub(super) network_lost: Option<String>,
    /// The request for a restart that was recorded before this pass looked, while nobody knew which run is to end.
    pub(super) restart_to_place: Option<String>,
}

/// Runs one pass.
pub(super) async fn run<E: Engine>(job: Job, tools: Arc<Tools<E>>, mut place: Place) -> Report {
    let mut report = Report {
        name: job.name.clone(),
        uid: job.uid.clone(),
        generation: job.generation,
        goal: job.goal.clone(),
        course: if job.retry == Retry::Due { Course::Attempt } else { Course::Look },
        seen: None,
        unclear: Vec::new(),
        labels: BTreeMap::new(),
        observed: Observed::default(),
        died: None,
        done: Vec::new(),
        failure: None,
        occurrences: Vec::new(),
        name_conflict: job.name_conflict,
        conflict_is_new: false,
        network_lost: job.network_lost.clone(),
        restart_to_place: job.restart_to_place.clone(),
    };
    let span = tools.span();
    if let Err(error) = pass(&job, &tools, &mut place, &mut report).instrument(span).await {
        report.failure = Some(Failure::of_observation(error));
    }
    report
}

/// What was seen and what is to be done about it.
pub(super) struct Decision {
    pub(super) subject: Subject,
    pub(super) seen: Vec<Seen>,
    pub(super) observed: Observed,
    pub(super) plan: Plan,
}

/// The first half of a pass, which changes nothing.
pub(super) async fn look_and_decide<E: Engine>(
    job: &Job,
    tools: &Tools<E>,
    place: &mut Place,
) -> Result<Decision, EngineError> {
    let subject = tools.subject(job);
    let mut seen = look(tools, place, &job.containers).await?;
    for it in &mut seen {
        let waits = it.detail.health == Some(Health::Starting);
        if waits && job.silent.as_ref().is_some_and(|run| *run == Death::of(&it.detail)) {
            it.detail.health = Some(Health::Unhealthy);
        }
    }
    let mut observed = observe(job, tools, place, &subject, &mut seen).await?;
    let mut plan = decide(job, &tools.scope, &subject, &observed);
    if creates(&plan) {
        observed.image = tools.images.state(place, &tools.engine, &subject.container.image).await?;
        plan = decide(job, &tools.scope, &subject, &observed);
    }
    Ok(Decision { subject, seen, observed, plan })
}

async fn pass<E: Engine>(
    job: &Job,
    tools: &Tools<E>,
    place: &mut Place,
    report: &mut Report,
) -> Result<(), EngineError> {
    let Decision { subject, mut seen, mut observed, plan } = look_and_decide(job, tools, place).await?;
    report.name_conflict = observed.name_holder.is_some();
    report.died = new_death(job, &observed, &plan);
    let outcome = executor::execute(&plan, job, &subject.container, tools, place).await;
    let unclear = after(&mut seen, &outcome);
    if outcome.was_revoked {
        report.course = Course::Revoked;
    }
    report.done = outcome.done;
    report.occurrences = outcome.occurrences;
    if let Some(failure) = outcome.failure {
        report.name_conflict |= failure.is_name_conflict();
        report.conflict_is_new = failure.is_name_conflict() && !job.name_conflict;
        report.network_lost = failure.lost_network_of().or(report.network_lost.take());
        report.failure = Some(failure);
    }
    for id in unclear {
        match inspect(tools, place, &id).await {
            Ok(found) => {
                seen.retain(|it| it.detail.id != id);
                seen.extend(found);
            }
            // What was done must be known all the same: who forgets a container makes another.
            Err(error) => {
                report.unclear.push(id);
                report.failure.get_or_insert_with(|| Failure::of_observation(error));
            }
        }
    }
    report.labels.clone_from(&subject.container.labels);
    observed.containers = seen.iter().map(|it| it.detail.clone()).collect();
    observed.network_known = network_known(job, tools, &subject);
    let writes = |step: &Step| matches!(step.action, Action::Create(_) | Action::Start(_) | Action::WriteSecrets);
    observed.secrets.files_differ &= !report.done.iter().any(writes);
    tidy_secrets(job, tools, &subject, &observed).await;
    report.network_lost = report.network_lost.take().filter(|id| observed.containers.iter().any(|c| c.id == *id));
    observed.network_lost.clone_from(&report.network_lost);
    report.observed = observed;
    report.seen = Some(seen);
    Ok(())
}

/// Decides on what was observed; also what `wharf plan` prints and what a status says remains to be done.
pub(super) fn decide(job: &Job, scope: &Scope, subject: &Subject, observed: &Observed) -> Plan {
    plan(&Situation {
        scope,
        subject,
        goal: &job.goal,
        observed,
        retry: job.retry,
        replacement_failed: job.before.replacement_failed,
        restart: job.restarts.verdict(&observed.containers, subject.template.as_str()),
        stopped_on_purpose: job.before.stopped_on_purpose,
        waiting_for: &job.waiting_for,
        asked: job.asked(&observed.containers),
        former_networks: &job.former_networks,
    })
}

/// A container that a plan restarts because of its end, unless that end was seen before.
fn new_death(job: &Job, observed: &Observed, plan: &Plan) -> Option<ContainerDetail> {
    let mut restarted = plan.steps.iter().filter(|step| step.cause.is_death()).filter_map(|step| step.action.target());
    let id = restarted.next()?.id.as_ref()?;
    observed.containers.iter().find(|it| it.id == *id && !job.restarts.knows(it)).cloned()
}

fn creates(plan: &Plan) -> bool {
    plan.steps.iter().any(|step| matches!(step.action, Action::Create(_)))
}

/// Inspects what is not known in detail.
async fn look<E: Engine>(tools: &Tools<E>, place: &mut Place, known: &[Known]) -> Result<Vec<Seen>, EngineError> {
    let mut seen = Vec::new();
    for it in known {
        match &it.detail {
            Some(detail) => {
                seen.push(Seen { detail: detail.clone(), asked_at: it.asked_at, echoes: it.echoes.clone() });
            }
            None => seen.extend(inspect(tools, place, &it.summary.id).await?),
        }
    }
    Ok(seen)
}

/// One container; `None` when it is gone.
async fn inspect<E: Engine>(tools: &Tools<E>, place: &mut Place, id: &str) -> Result<Option<Seen>, EngineError> {
    place.take().await;
    let asked_at = Instant::now();
    match tools.engine.inspect(id).await {
        Ok(detail) => Ok(Some(Seen { detail, asked_at, echoes: Vec::new() })),
        Err(EngineError::NotFound { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Looks at who holds the name of our container, if an earlier pass ran into it: one of ours, of which nobody told, is seen
/// from now on; of another's, whose it is in words.
async fn look_at_name<E: Engine>(
    job: &Job,
    tools: &Tools<E>,
    place: &mut Place,
    seen: &mut Vec<Seen>,
) -> Result<Option<String>, EngineError> {
    if !job.name_conflict {
        return Ok(None);
    }
    place.take().await;
    let asked_at = Instant::now();
    match tools.engine.find_by_name(&tools.scope.container_name(&job.name)).await {
        Ok(holder) if is_ours(&holder, &tools.scope.instance, &job.uid) => {
            if seen.iter().all(|it| it.detail.id != holder.id) {
                seen.push(Seen { detail: holder, asked_at, echoes: Vec::new() });
            }
            Ok(None)
        }
        Ok(holder) => Ok(Some(in_words(&holder))),
        Err(EngineError::NotFound { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Looks at everything else that the decision needs.
async fn observe<E: Engine>(
    job: &Job,
    tools: &Tools<E>,
    place: &mut Place,
    subject: &Subject,
    seen: &mut Vec<Seen>,
) -> Result<Observed, EngineError> {
    let name_holder = look_at_name(job, tools, place, seen).await?;
    Ok(Observed {
        containers: seen.iter().map(|it| it.detail.clone()).collect(),
        image: Image::NotAsked,
        project: project_dir(tools, place, subject.project.as_deref()).await,
        name_holder,
        network_known: network_known(job, tools, subject),
        network_lost: job.network_lost.clone(),
        secrets: secrets(job, tools, place, &subject.container).await,
        volumes: doomed_volumes(job, tools, place).await?,
        denied: if job.goal == Goal::Keep { denied(tools, place, subject, runs(seen)).await } else { None },
    })
}

fn runs(seen: &[Seen]) -> bool {
    let is_down = |state| matches!(state, ContainerState::Created | ContainerState::Exited | ContainerState::Dead);
    seen.iter().any(|it| !is_down(it.detail.state))
}

/// To make it, a network must be known to be there; to remove it, it is enough that nothing is known.
fn network_known<E: Engine>(job: &Job, tools: &Tools<E>, subject: &Subject) -> bool {
    let network = subject.network.as_ref();
    match job.goal {
        Goal::Keep => tools.networks.knows(network),
        Goal::Delete { .. } => tools.networks.may_exist(network),
    }
}

fn is_ours(container: &ContainerDetail, instance: &Instance, uid: &Uid) -> bool {
    container.labels.get(labels::INSTANCE).map(String::as_str) == Some(instance.as_str())
        && container.labels.get(labels::UID).map(String::as_str) == Some(uid.as_str())
}

/// A container of somebody else, as its holder's name in a message.
fn in_words(holder: &ContainerDetail) -> String {
    let id: String = holder.id.chars().take(12).collect();
    let label = |key| holder.labels.get(key).map(String::as_str);
    match (label(labels::INSTANCE), label(labels::WORKSPACE)) {
        (Some(instance), Some(workspace)) => {
            format!("container {id} of workspace {workspace} of Wharf instance {instance}")
        }
        _ => format!("container {id}, which Wharf did not create"),
    }
}

/// Removes the files of secrets that nothing mounts any more: of a workspace that is not to run, all, once nothing of it runs; of one that runs
/// as declared, those of earlier specs.
async fn tidy_secrets<E: Engine>(job: &Job, tools: &Tools<E>, subject: &Subject, observed: &Observed) {
    let template = Some(subject.template.as_str());
    let is_present = |it: &ContainerDetail| it.labels.get(labels::SPEC_HASH).map(String::as_str) == template;
    let is_down = |it: &ContainerDetail| matches!(it.state, ContainerState::Created | ContainerState::Exited);
    let is_to_run = job.goal == Goal::Keep && job.workspace.spec.state == DesiredState::Running;
    if is_to_run && matches!(observed.containers.as_slice(), [one] if is_present(one)) {
        tools.secrets.tidy(Some(&subject.container), &job.uid).await;
    } else if !is_to_run && observed.containers.iter().all(is_down) {
        tools.secrets.tidy(None, &job.uid).await;
    }
}

async fn doomed_volumes<E: Engine>(job: &Job, tools: &Tools<E>, place: &mut Place) -> Result<Vec<String>, EngineError> {
    let spec = &job.workspace.spec;
    let doomed = spec.delete_volumes && spec.deletion_policy == DeletionPolicy::Delete;
    if !doomed || job.goal == Goal::Keep {
        return Ok(Vec::new());
    }
    place.take().await;
    let volumes = tools.engine.volumes(&tools.scope.instance).await?;
    let ours =
        volumes.into_iter().filter(|it| it.labels.get(labels::UID).map(String::as_str) == Some(job.uid.as_str()));
    Ok(ours.map(|volume| volume.name).collect())
}
