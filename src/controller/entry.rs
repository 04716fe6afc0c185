//! One workspace, as the controller knows it: what is remembered, what is declared, what was seen.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::backoff;
use super::executor::Failure;
use super::intake::Declared;
use super::job::{Before, Death, Job, RestartRule};
use crate::engine::ContainerDetail;
use crate::model::spec::{DesiredState, Fallback};
use crate::model::status::{
    ConditionStatus, ConditionType, ContainerState, ErrorClass, Health, LastError, Phase, Reason, Requested,
    RetryStatus, StatusMetrics,
};
use crate::model::{Name, Workspace, labels};
use crate::plan::{Goal, Observed, Restart, Retry};
use crate::source::Places;
use crate::store::{AdoptedSecrets, Failures, Record};

/// How long after a call without an answer its effect may still come: an engine that is that late is busy, not broken.
const LATE_CREATE: Duration = Duration::from_secs(60);

/// One workspace, as the controller knows it.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) name: Name,
    /// What is remembered; `None` until a valid manifest has been seen and the engine has been asked who was there before.
    pub(super) record: Option<Record>,
    /// What the source declares now, if that is valid.
    pub(super) declared: Option<Declared>,
    /// Why the manifest is not in force, if it is not.
    pub(super) refused: Option<(Reason, String)>,
    /// Why a deletion is held, if it is.
    pub(super) held: Option<(Reason, String)>,
    /// What the last pass saw.
    pub(super) observed: Option<Observed>,
    /// Whether a pass has come to its end, be it that it saw nothing.
    pub(super) looked: bool,
    pub(super) name_conflict: bool,
    pub(super) network_lost: Option<String>,
    /// What is going on in a pass under way.
    pub(super) progress: Option<String>,
    /// When a failed action is tried again.
    pub(super) retry_at: Option<Moment>,
    /// The death that is being waited out, since when.
    pub(super) death: Option<(Death, Moment)>,
    /// The run whose health check has not answered yet, since when.
    pub(super) unanswered: Option<(Death, Instant)>,
    /// The generation at which nothing was to be done.
    pub(super) settled_at: Option<u64>,
    /// What was last told to be in the way.
    pub(super) obstacle: Option<String>,
    /// When a container was asked for and no answer came: it may still appear.
    pub(super) unanswered_create: Option<Instant>,
    /// Passes in a row that acted and left something to do.
    pub(super) unsettled: u32,
    /// Whether it was Ready at the last telling.
    pub(super) ready: bool,
    /// Passes that have ended in this run.
    pub(super) passes: u64,
    /// The phase at the last telling in this run.
    pub(super) phase: Option<Phase>,
    /// What it uses, as its status says.
    pub(super) metrics: Option<StatusMetrics>,
    /// When that was taken over.
    pub(super) measured_at: Option<Instant>,
}

/// A point in time: for decisions by the monotonic clock, for people by the wall clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Moment {
    pub(super) instant: Instant,
    pub(super) wall: Timestamp,
}

impl Moment {
    pub(super) fn after(self, delay: Duration) -> Self {
        let wall = self.wall.checked_add(delay).unwrap_or(self.wall);
        Self { instant: self.instant + delay, wall }
    }
}

impl Entry {
    pub(super) fn new(name: Name, record: Option<Record>) -> Self {
        let settled_at = record.as_ref().and_then(settled_at);
        Self {
            name,
            record,
            declared: None,
            refused: None,
            held: None,
            observed: None,
            looked: false,
            name_conflict: false,
            network_lost: None,
            progress: None,
            retry_at: None,
            death: None,
            unanswered: None,
            settled_at,
            obstacle: None,
            unanswered_create: None,
            unsettled: 0,
            ready: false,
            passes: 0,
            phase: None,
            metrics: None,
            measured_at: None,
        }
    }

    /// The spec in force: the last valid one.
    pub(super) fn workspace(&self) -> Option<&Workspace> {
        self.record.as_ref().map(|record| &record.workspace)
    }

    /// The spec in force, with the state that was asked for instead of the manifest's.
    pub(super) fn desired(&self) -> Option<Workspace> {
        let record = self.record.as_ref()?;
        let mut workspace = record.workspace.clone();
        if let Some(requested) = record.requested {
            workspace.spec.state = requested.state;
        }
        Some(workspace)
    }

    pub(super) fn desired_state(record: &Record) -> DesiredState {
        record.requested.map_or(record.workspace.spec.state, |requested| requested.state)
    }

    /// Whether its container is given something that is read from files.
    pub(super) fn has_secrets(&self) -> bool {
        self.workspace().is_some_and(|workspace| {
            let spec = &workspace.spec;
            let in_env = spec.env.iter().any(|variable| variable.value_from.is_some());
            in_env || spec.volumes.iter().any(|volume| volume.secret.is_some())
        })
    }

    pub(super) fn is_being_deleted(&self) -> bool {
        self.record.as_ref().is_some_and(|record| record.deletion.is_some())
    }

    /// Whether what failed was the start of a container that replaces another.
    pub(super) fn replacement_failed(&self) -> bool {
        let failures = self.record.as_ref().and_then(|record| record.failures.as_ref());
        failures.is_some_and(|failures| failures.replacement)
    }

    /// A pass over this workspace, as of now; `None` while there is nothing in force.
    pub(super) fn job(
        &self,
        places: &Places,
        containers: Vec<super::inventory::Known>,
        goal: Goal,
        waiting_for: Vec<Name>,
        former_networks: Vec<String>,
        now: Moment,
    ) -> Option<Job> {
        let record = self.record.as_ref()?;
        Some(Job {
            name: self.name.clone(),
            workspace: Arc::new(self.desired()?),
            uid: record.uid.clone(),
            generation: record.generation,
            manifest: record.manifest.clone(),
            directory: self.directory(places),
            goal,
            containers,
            name_conflict: self.name_conflict,
            network_lost: self.network_lost.clone(),
            waiting_for,
            state_asked: record.requested.is_some(),
            restart_asked: record
                .restart
                .as_ref()
                .and_then(|it| Some(Death { container: it.container.clone()?, time: it.started_at })),
            restart_to_place: record.restart.as_ref().filter(|it| it.container.is_none()).map(|it| it.id.clone()),
            former_networks,
            adopted_secrets: record.adopted_secrets.as_ref().map(|it| (it.container.clone(), it.hash.clone())),
            retry: self.retry(now),
            restarts: self.restart_rule(now),
            before: Before {
                replacement_failed: self.replacement_failed(),
                stopped_on_purpose: record.stopped_on_purpose,
                was_as_declared: self.settled_at == Some(record.generation),
            },
            silent: self
                .unanswered
                .clone()
                .filter(|_| self.answer_due().is_some_and(|due| due <= now.instant))
                .map(|it| it.0),
            revoked: CancellationToken::new(),
        })
    }

    /// Where relative paths of the manifest begin.
    fn directory(&self, places: &Places) -> PathBuf {
        let declared = self.declared.as_ref().map(|declared| declared.directory.clone());
        declared
            .unwrap_or_else(|| places.directory_of(self.record.as_ref().map_or("", |record| record.manifest.as_str())))
    }

    fn retry(&self, now: Moment) -> Retry {
        match (self.record.as_ref().and_then(|record| record.failures.as_ref()), self.retry_at) {
            (Some(failures), _) if failures.terminal => Retry::WhenManifestChanges,
            (Some(_), Some(at)) if at.instant > now.instant => Retry::At(at.wall),
            _ => Retry::Due,
        }
    }

    fn restart_rule(&self, now: Moment) -> RestartRule {
        let unused = self.record.as_ref().is_some_and(|it| it.restart_count == 0 && !it.budget_spent);
        let fixed = |restart| RestartRule { known: None, fresh: restart, unused };
        let Some(record) = &self.record else { return fixed(Restart::Due) };
        let recovery = &record.workspace.spec.recovery;
        if record.budget_spent {
            return fixed(Restart::Spent(recovery.fallback));
        }
        let restarts = self.restarts_in_window(now.wall);
        let spent = restarts >= recovery.max_retries;
        let delay = match recovery.fallback {
            Fallback::Ignore if spent => recovery.backoff.max.duration(),
            _ if spent => return fixed(Restart::Spent(recovery.fallback)),
            _ => self.delay(restarts + 1),
        };
        let wait_from = |since: Moment| {
            let due = since.after(delay);
            if due.instant <= now.instant { Restart::Due } else { Restart::At(due.wall) }
        };
        let known = self.death.as_ref().map(|(death, since)| (death.clone(), wait_from(*since)));
        RestartRule { known, fresh: wait_from(now), unused }
    }

    /// When the death that is being waited out may be followed by a restart.
    pub(super) fn restart_due(&self, now: Moment) -> Option<Instant> {
        let (_, since) = self.death.as_ref()?;
        let recovery = &self.workspace()?.spec.recovery;
        let restarts = self.restarts_in_window(now.wall);
        let delay =
            if restarts >= recovery.max_retries { recovery.backoff.max.duration() } else { self.delay(restarts + 1) };
        Some(since.instant + delay)
    }

    fn restarts_in_window(&self, now: Timestamp) -> u32 {
        let Some(record) = &self.record else { return 0 };
        let window = record.workspace.spec.recovery.window.duration();
        let oldest = now.checked_sub(window).unwrap_or(Timestamp::MIN);
        let count = record.restarts.iter().filter(|time| time.timestamp() >= oldest).count();
        u32::try_from(count).unwrap_or(u32::MAX)
    }

    /// How long to wait after so many failures in a row.
    pub(super) fn delay(&self, failures: u32) -> Duration {
        use std::hash::{DefaultHasher, Hash, Hasher};
        let mut seed = DefaultHasher::new();
        self.name.hash(&mut seed);
        let policy = self.workspace().map(|workspace| &workspace.spec.recovery.backoff);
        policy.map_or(Duration::ZERO, |policy| backoff::delay(policy, failures, seed.finish()))
    }

    /// Takes in what a pass saw.
    pub(super) fn observe(&mut self, mut observed: Observed) {
        if self.record.as_ref().is_some_and(|record| record.stopped_on_purpose) {
            // An end that we brought about says nothing about the workspace.
            for container in &mut observed.containers {
                container.exit_code = container.exit_code.filter(|_| container.state != ContainerState::Exited);
            }
        }
        self.observed = Some(observed);
    }

    /// Notes what was seen of the secrets; returns whether they are others than those that earlier attempts were made with.
    ///
    /// Those that are there at the first look at a container count as what it was given, where it does not tell itself.
    pub(super) fn note_secrets(&mut self, observed: &Observed, labels: &BTreeMap<String, String>) -> bool {
        let Some(now) = &observed.secrets.now else { return false };
        let Some(record) = &mut self.record else { return false };
        let template = labels.get(labels::SPEC_HASH);
        let current = observed.containers.iter().find(|it| it.labels.get(labels::SPEC_HASH) == template);
        if let Some(silent) = current.filter(|container| observed.secrets.in_force(container).is_none()) {
            record.adopted_secrets = Some(AdoptedSecrets { container: silent.id.clone(), hash: now.clone() });
        }
        let before = self.observed.as_ref().and_then(|observed| observed.secrets.now.as_ref());
        let changed = before.is_some_and(|before| before != now);
        if changed {
            self.forget_failures();
        }
        changed
    }

    /// Notes a failed attempt.
    pub(super) fn note_failure(&mut self, failure: &Failure, now: Moment) {
        let Some(record) = &mut self.record else { return };
        let before = record.failures.as_ref();
        let attempts = before.map_or(0, |failures| failures.attempts).saturating_add(1);
        let replacement = failure.replacement || before.is_some_and(|failures| failures.replacement);
        // A replacement that never starts would take its predecessor down again and again.
        let given_up = replacement && attempts > record.workspace.spec.recovery.max_retries;
        let since = before.map_or(Some(now.wall.into()), |failures| failures.since);
        record.errors = record.errors.saturating_add(1);
        record.last_error_time = Some(now.wall.into());
        record.failures = Some(Failures {
            attempts,
            since,
            terminal: failure.error.is_terminal() || given_up,
            replacement,
            last_error: LastError {
                class: failure.error.class(),
                message: failure.error.to_string(),
                time: now.wall.into(),
            },
        });
        self.retry_at = Some(now.after(self.retry_delay(failure.error.class(), attempts)));
    }

    /// How long to wait after so many failures in a row, the last of which was of this class. The longest delay that the workspace allows
    /// stays the longest.
    fn retry_delay(&self, class: ErrorClass, failures: u32) -> Duration {
        let longest = self.workspace().map_or(Duration::MAX, |it| it.spec.recovery.backoff.max.duration());
        self.delay(failures).max(class.least_delay().unwrap_or_default().min(longest))
    }

    /// Puts the next attempt off, if it would come before this time.
    pub(super) fn retry_not_before(&mut self, time: Instant, now: Moment) {
        let put_off = now.after(time.saturating_duration_since(now.instant));
        self.retry_at = self.retry_at.map(|at| if at.instant < put_off.instant { put_off } else { at });
    }

    /// Notes that an attempt found nothing wrong; returns the failures that it ends.
    pub(super) fn note_success(&mut self) -> Option<Failures> {
        self.retry_at = None;
        self.record.as_mut()?.failures.take()
    }

    /// Notes restarts after a death.
    pub(super) fn note_restart(&mut self, now: Moment) {
        self.death = None;
        let Some(record) = &mut self.record else { return };
        let window = record.workspace.spec.recovery.window.duration();
        let oldest = now.wall.checked_sub(window).unwrap_or(Timestamp::MIN);
        record.restarts.retain(|time| time.timestamp() >= oldest);
        record.restarts.push(now.wall.into());
        record.restart_count = record.restart_count.saturating_add(1);
    }

    /// Notes since when a health check is waited for.
    pub(super) fn note_unanswered(&mut self, now: Moment) {
        let containers = self.observed.as_ref().map_or(&[][..], |observed| &observed.containers);
        let running = || containers.iter().filter(|it| it.state == ContainerState::Running);
        // A run that counts as unhealthy, because no answer came, is told as starting by the engine again and again.
        let in_question = |it: &&ContainerDetail| matches!(it.health, Some(Health::Starting | Health::Unhealthy));
        let is_known = |known: &Death| running().filter(in_question).any(|it| Death::of(it) == *known);
        if !self.unanswered.as_ref().is_some_and(|(known, _)| is_known(known)) {
            let run = running().find(|it| it.health == Some(Health::Starting));
            self.unanswered = run.map(|it| (Death::of(it), now.instant));
        }
    }

    /// When a health check must have answered. One that has not is not run: after a restart with `live-restore`, engines before
    /// Docker 23 watch no container until it is started again (moby#41871).
    pub(super) fn answer_due(&self) -> Option<Instant> {
        const SLACK: Duration = Duration::from_secs(10);
        let (_, since) = self.unanswered.as_ref()?;
        let check = self.workspace()?.spec.health_check.as_ref()?;
        let probe = check.interval.duration() + check.timeout.duration();
        Some(*since + check.start_period.duration() + probe * check.retries.saturating_add(1) + SLACK)
    }

    /// Notes what the containers' states mean for recovery; returns the container that has just been seen to have died.
    pub(super) fn note_deaths(&mut self, now: Moment) -> Option<ContainerDetail> {
        let record = self.record.as_mut()?;
        let containers = self.observed.as_ref().map_or(&[][..], |observed| &observed.containers);
        let healthy =
            |it: &&ContainerDetail| it.state == ContainerState::Running && it.health != Some(Health::Unhealthy);
        // Whoever started it: its next end is not the stop that was.
        record.stopped_on_purpose &= !containers.iter().any(|container| container.state == ContainerState::Running);
        if containers.iter().any(|container| healthy(&container)) {
            self.death = None;
            // A person has started it, so they want to know whether it works now.
            if std::mem::take(&mut record.budget_spent) {
                record.restarts.clear();
            }
            return None;
        }
        if record.stopped_on_purpose || Self::desired_state(record) != DesiredState::Running {
            return None;
        }
        let died = |it: &&ContainerDetail| {
            it.state == ContainerState::Exited
                || it.state == ContainerState::Running && it.health == Some(Health::Unhealthy)
        };
        let dead = containers.iter().filter(died).max_by_key(|container| container.finished_at)?;
        let death = Death::of(dead);
        if self.death.as_ref().is_some_and(|(known, _)| *known == death) {
            return None;
        }
        self.death = Some((death, now));
        record.errors = record.errors.saturating_add(1);
        record.last_error_time = Some(now.wall.into());
        Some(dead.clone())
    }

    /// Until when a container may appear that was asked for without an answer.
    pub(super) fn may_appear_until(&self, now: Moment) -> Option<Instant> {
        self.unanswered_create.map(|at| at + LATE_CREATE).filter(|until| *until > now.instant)
    }

    /// Notes that a container was seen to have died before it was acted on.
    pub(super) fn note_death(&mut self, dead: &ContainerDetail, now: Moment) {
        self.death = Some((Death::of(dead), now));
        if let Some(record) = &mut self.record {
            record.errors = record.errors.saturating_add(1);
            record.last_error_time = Some(now.wall.into());
        }
    }

    /// What was asked for by command, as a status tells it.
    pub(super) fn requested_status(&self) -> Option<Requested> {
        let record = self.record.as_ref()?;
        let state = record.requested.map(|requested| requested.state);
        let time = record.requested.map(|it| it.time).or_else(|| record.restart.as_ref().map(|it| it.time))?;
        Some(Requested { state, restart: record.restart.is_some(), time })
    }

    /// What a status says of failures.
    pub(super) fn retry_status(&self) -> Option<RetryStatus> {
        let failures = self.record.as_ref()?.failures.as_ref()?;
        Some(RetryStatus {
            attempts: failures.attempts,
            next_attempt_time: self.retry_at.filter(|_| !failures.terminal).map(|at| at.wall.into()),
            last_error: failures.last_error.clone(),
        })
    }

    /// A change of the spec: what was learned about the old one counts no more.
    pub(super) fn forget_failures(&mut self) {
        self.retry_at = None;
        self.death = None;
        self.unsettled = 0;
        if let Some(record) = &mut self.record {
            record.failures = None;
            record.restarts.clear();
            record.restart_count = 0;
            record.budget_spent = false;
        }
    }
}

/// The generation that an earlier run told to be reconciled.
fn settled_at(record: &Record) -> Option<u64> {
    let told = record.conditions.iter().find(|condition| condition.kind == ConditionType::Reconciled)?;
    (told.status == ConditionStatus::True).then_some(told.observed_generation)
}
