//! Acting: carries out a plan step by step and decides nothing. The first failure ends it.

use std::sync::Mutex;
use std::time::Duration;

use tokio::time::Instant;

use super::job::Job;
use super::look::denied;
use super::occurrence;
use super::tools::{Place, Tools};
use crate::audit::{Begun, Deed, Outcome as Ended, What};
use crate::engine::{ContainerSpec, Engine, EngineError, EnvValue, ObjectKind, PullProgress};
use crate::model::Name;
use crate::model::event::{EventReason, Occurrence};
use crate::model::reference::ImageReference;
use crate::model::status::ErrorClass;
use crate::plan::{Action, Cause, Plan, Step, Target};
use crate::secrets::{SecretError, Secrets};

/// How often the progress of a pull is told.
const PROGRESS_PERIOD: Duration = Duration::from_secs(1);

/// How far a plan was carried out.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    pub(super) done: Vec<Step>,
    pub(super) failure: Option<Failure>,
    /// The container that was created, if one was.
    pub(super) created: Option<String>,
    pub(super) occurrences: Vec<Occurrence>,
    /// Whether it was broken off because what it was for had changed.
    pub(super) was_revoked: bool,
}

/// Why a pass did not come to its end.
#[derive(Debug)]
pub(super) struct Failure {
    /// The step that failed; `None`: looking failed.
    pub(super) step: Option<Step>,
    pub(super) error: ExecutionError,
    /// Whether it was the start of a container that replaces another.
    pub(super) replacement: bool,
}

/// Why a step failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum ExecutionError {
    /// The engine.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// A secret cannot be read, or its files cannot be written.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// A policy.
    #[error("{0}")]
    Denied(String),
    /// A defect.
    #[error("internal error: {0}; please report it")]
    Internal(String),
}

impl ExecutionError {
    pub(super) fn class(&self) -> ErrorClass {
        match self {
            Self::Engine(error) => error.class(),
            Self::Secret(_) => ErrorClass::Storage,
            Self::Denied(_) => ErrorClass::Policy,
            Self::Internal(_) => ErrorClass::Internal,
        }
    }

    pub(super) fn is_terminal(&self) -> bool {
        self.class().least_delay().is_none()
    }
}

impl Failure {
    pub(super) fn of_observation(error: EngineError) -> Self {
        Self { step: None, error: error.into(), replacement: false }
    }

    /// Something that should not happen.
    pub(super) fn of_defect(what: &str) -> Self {
        Self { step: None, error: ExecutionError::Internal(what.to_owned()), replacement: false }
    }

    fn of_step(step: Step, error: ExecutionError, planned: &Plan) -> Self {
        // What a plan starts replaces what it removes afterwards.
        let replaces = |step: &Step| matches!(step.action, Action::Remove(_)) && step.cause == Cause::Replaced;
        let replacement = matches!(step.action, Action::Start(_)) && planned.steps.iter().any(replaces);
        Self { step: Some(step), error, replacement }
    }

    /// What the event log says of it.
    pub(super) fn occurrence(&self) -> Occurrence {
        Occurrence::warning(EventReason::Failed, self.error.to_string())
    }

    /// Whether the engine as a whole seems to be the trouble.
    pub(super) fn concerns_engine(&self) -> bool {
        matches!(&self.error, ExecutionError::Engine(error) if error.concerns_engine())
    }

    /// Whether the action may have had its effect all the same.
    pub(super) fn is_unanswered(&self) -> bool {
        matches!(&self.error, ExecutionError::Engine(EngineError::OutcomeUnknown { .. }))
    }

    /// Whether a name that we need is taken.
    pub(super) fn is_name_conflict(&self) -> bool {
        let names = matches!(self.step.as_ref().map(|step| &step.action), Some(Action::Create(_) | Action::Rename(..)));
        names && matches!(&self.error, ExecutionError::Engine(EngineError::Conflict { .. }))
    }

    /// The image whose registry was asked too often.
    pub(super) fn too_early_pull(&self) -> Option<&ImageReference> {
        match (&self.step.as_ref()?.action, &self.error) {
            (Action::Pull(image), ExecutionError::Engine(EngineError::Busy { .. })) => Some(image),
            _ => None,
        }
    }

    /// The container that could not be started because its network is gone.
    pub(super) fn lost_network_of(&self) -> Option<String> {
        match (&self.step.as_ref()?.action, &self.error) {
            (
                Action::Start(target),
                ExecutionError::Engine(EngineError::NotFound { object: ObjectKind::Network, .. }),
            ) => target.id.clone(),
            _ => None,
        }
    }
}

/// Carries out a plan.
///
/// `container`: what its secrets are written for, when one of its containers is started.
pub(super) async fn execute<E: Engine>(
    plan: &Plan,
    job: &Job,
    container: &ContainerSpec,
    tools: &Tools<E>,
    place: &mut Place,
) -> Outcome {
    let mut outcome = Outcome::default();
    for step in &plan.steps {
        // A manifest that is back is not to find its container removed, nor its volumes.
        if job.revoked.is_cancelled() {
            outcome.was_revoked = true;
            break;
        }
        // What has begun is brought to its end, or a workspace would be left without a container that runs.
        if tools.shutdown.is_cancelled() && !has_begun(&outcome.done) {
            break;
        }
        let drift = occurrence::drift(step, job).filter(|it| !outcome.occurrences.contains(it));
        outcome.occurrences.extend(drift);
        let mut step = step.clone();
        if let Some(id) = &outcome.created {
            step.action = step.action.on_created(id);
        }
        // A shared network is made sure of by each workspace that needs it: only its creation is news.
        let is_shared = matches!(step.action, Action::EnsureNetwork(_));
        if !is_shared {
            announce(&step, job);
        }
        let account = tools.audit_log.begin(account_of(&step, &job.name));
        let result = perform(&step.action, job, container, tools, place).await;
        end(account, &result);
        match result {
            Ok(effect) => {
                if effect != Effect::Nothing {
                    if is_shared {
                        announce(&step, job);
                    }
                    outcome.occurrences.push(occurrence::done(&step));
                }
                if let Effect::Created(id) = effect {
                    outcome.created = Some(id);
                }
                outcome.done.push(step);
            }
            Err(error) => {
                forget_what_is_gone(&error, &step.action, job, tools);
                outcome.failure = Some(Failure::of_step(step, error, plan));
                break;
            }
        }
    }
    outcome
}

/// An action that is about to begin, as it is accounted for.
fn account_of(step: &Step, workspace: &Name) -> Deed {
    let deed = Deed::of_controller(What::Action, step.action.to_string(), Ended::Done);
    deed.about(workspace).because(step.cause.to_string())
}

/// What came of it. What was so already is no deed.
fn end(account: Begun<'_>, result: &Result<Effect, ExecutionError>) {
    match result {
        Ok(Effect::Nothing) => account.forget(),
        Ok(Effect::Done | Effect::Created(_)) => account.end(|deed| deed),
        Err(error) => account.end(|deed| deed.failed(error.to_string())),
    }
}

/// Says what is done.
fn announce(step: &Step, job: &Job) {
    tracing::info!(workspace = %job.name, cause = %step.cause, "{}", step.action);
}

/// Whether more than preparations have been made.
fn has_begun(done: &[Step]) -> bool {
    done.iter().any(|step| !matches!(step.action, Action::Pull(_) | Action::EnsureNetwork(_)))
}

/// What came of an action.
#[derive(Debug, PartialEq, Eq)]
enum Effect {
    /// A container with this ID.
    Created(String),
    /// What it says.
    Done,
    /// It was so already.
    Nothing,
}

/// Carries out one action.
async fn perform<E: Engine>(
    action: &Action,
    job: &Job,
    container: &ContainerSpec,
    tools: &Tools<E>,
    place: &mut Place,
) -> Result<Effect, ExecutionError> {
    let engine = &tools.engine;
    // These wait for registries, processes and disks before or while they wait for the engine.
    if matches!(action, Action::Pull(_) | Action::Stop(..)) || uses_files(action, container) {
        place.leave();
    } else {
        place.take().await;
    }
    match action {
        Action::Pull(image) => pull(image, job, tools).await?,
        Action::Stop(target, grace) => engine.stop(id(target)?, *grace).await?,
        Action::Create(spec) => {
            admit(job, tools, place).await?;
            let spec = tools.secrets.fill(spec, &job.uid).await?;
            place.take().await;
            return Ok(Effect::Created(engine.create(&spec).await?));
        }
        Action::EnsureNetwork(network) => {
            let created = engine.ensure_network(network).await?;
            tools.networks.learn(&network.name);
            return Ok(if created { Effect::Done } else { Effect::Nothing });
        }
        Action::WriteSecrets => tools.secrets.write(container, &job.uid, false).await?,
        Action::Start(target) => {
            admit(job, tools, place).await?;
            // They are in memory: since it ran last, the machine may have started anew.
            tools.secrets.write(container, &job.uid, true).await?;
            place.take().await;
            engine.start(id(target)?).await?;
        }
        Action::Unpause(target) => engine.unpause(id(target)?).await?,
        Action::Rename(target, name) => engine.rename(id(target)?, name).await?,
        Action::Update(target, limits) => engine.update(id(target)?, limits).await?,
        Action::Remove(target) => engine.remove(id(target)?).await?,
        Action::RemoveVolume(name) => engine.remove_volume(name).await?,
        Action::RemoveNetwork(name) => return remove_network(name, tools).await,
    }
    Ok(Effect::Done)
}

/// Judges a workspace once more, right before a container of it is made or begins a run: since the pass looked, a directory of it may have
/// been exchanged for a link.
async fn admit<E: Engine>(job: &Job, tools: &Tools<E>, place: &mut Place) -> Result<(), ExecutionError> {
    match denied(tools, place, &tools.subject(job), false).await {
        Some(denied) => Err(ExecutionError::Denied(denied.message)),
        None => Ok(()),
    }
}

/// Whether an action reads or writes files before the engine is called, if it is.
fn uses_files(action: &Action, container: &ContainerSpec) -> bool {
    let has_files = Secrets::has_files(container);
    match action {
        Action::Create(spec) => has_files || spec.env.iter().any(|(_, value)| !matches!(value, EnvValue::Plain(_))),
        Action::Start(_) | Action::WriteSecrets => has_files,
        _ => false,
    }
}

async fn remove_network<E: Engine>(name: &str, tools: &Tools<E>) -> Result<Effect, ExecutionError> {
    // Until it is known to have been removed, or not.
    tools.networks.forget(name);
    let effect = match tools.engine.remove_network(&tools.scope.instance, name).await {
        Ok(()) => Effect::Done,
        // Somebody's container is still on it: it is not ours alone, so it stays.
        Err(EngineError::Conflict { message, .. }) => {
            tracing::info!(network = %name, "network stays: {message}");
            Effect::Nothing
        }
        Err(error) => return Err(error.into()),
    };
    tools.networks.let_go(name);
    Ok(effect)
}

fn id(target: &Target) -> Result<&str, ExecutionError> {
    let missing = || ExecutionError::Internal(format!("container {target} was to be created first"));
    target.id.as_deref().ok_or_else(missing)
}

/// What turned out to be gone is looked for again in the next pass.
fn forget_what_is_gone<E: Engine>(error: &ExecutionError, action: &Action, job: &Job, tools: &Tools<E>) {
    let ExecutionError::Engine(EngineError::NotFound { object, .. }) = error else { return };
    match (object, action) {
        (ObjectKind::Image, Action::Create(spec)) => tools.images.forget(&spec.image),
        (ObjectKind::Network, _) => {
            if let Some(network) = tools.scope.network(&job.workspace.spec.network) {
                tools.networks.forget(&network.name);
            }
        }
        _ => {}
    }
}

async fn pull<E: Engine>(image: &ImageReference, job: &Job, tools: &Tools<E>) -> Result<(), ExecutionError> {
    let always = job.workspace.spec.image_pull_policy == crate::model::spec::PullPolicy::Always;
    let last = Mutex::new(None::<Instant>);
    let tell = |step: PullProgress| {
        let Ok(mut last) = last.lock() else { return };
        if last.is_none_or(|time| time.elapsed() >= PROGRESS_PERIOD) {
            *last = Some(Instant::now());
            let text = progress_text(image, &step);
            tracing::info!(workspace = %job.name, "{text}");
            // The controller has ended when nobody listens.
            let _ = tools.progress.send((job.name.clone(), Some(text)));
        }
    };
    tell(PullProgress { fetched_bytes: 0, total_bytes: 0, message: String::new() });
    let pull = tools.images.pull(&tools.engine, image, always, &tell);
    // A pull may take long and does no harm when it is broken off.
    let wanted = job.revoked.run_until_cancelled(pull);
    let result = tools.shutdown.run_until_cancelled(wanted).await.flatten();
    let _ = tools.progress.send((job.name.clone(), None));
    Ok(result.unwrap_or(Ok(()))?)
}

fn progress_text(image: &ImageReference, step: &PullProgress) -> String {
    const MIB: u64 = 1 << 20;
    if step.total_bytes == 0 {
        format!("pulling image {image}")
    } else {
        format!("pulling image {image}: {} of {} MiB", step.fetched_bytes / MIB, step.total_bytes.div_ceil(MIB))
    }
}
