//! Beginning passes, and taking in what they come to.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::SignedDuration;
use tokio::task::{Id, JoinError};
use tokio::time::Instant;

use super::core::Core;
use super::entry::{Entry, Moment};
use super::executor::{ExecutionError, Failure};
use super::inventory::Known;
use super::job::Job;
use super::occurrence;
use super::pass::{self, Course, Report};
use crate::engine::Engine;
use crate::model::event::{Details, EventReason, Occurrence};
use crate::model::spec::{DeletionPolicy, DesiredState};
use crate::model::status::{ActionResult, Health, LastAction};
use crate::model::{Name, Workspace};
use crate::plan::{Action, Blocked, Cause, Goal, Hold, Observed, Plan, Reach, Step};

/// How often a directory that is missing is looked for: that costs no engine call.
const LOOK_FOR_DIRECTORY: Duration = Duration::from_secs(2);
/// How often the engine is asked again about what it does not tell by events of ours: foreign names, images.
const LOOK_FOR_OBSTACLE: Duration = Duration::from_secs(30);
/// How often a container between two states is looked at.
const LOOK_FOR_TRANSITION: Duration = Duration::from_secs(1);
/// How soon a pass that met an unreachable engine is repeated; the engine's absence then holds it.
const ENGINE_PAUSE: Duration = Duration::from_secs(1);

impl<E: Engine> Core<E> {
    /// Begins a pass over a workspace, unless the engine is away: then all are queued again when it is back.
    pub(super) fn begin_pass(&mut self, name: Name) {
        self.look_before_restart(&name);
        let job = if self.reach == Reach::Answers { self.job(&name) } else { None };
        match job {
            Some(job) => {
                self.begun.insert(name.clone(), Instant::now());
                self.revocations.insert(name.clone(), job.revoked.clone());
                let handle = self.passes.spawn(pass::run(job, std::sync::Arc::clone(&self.tools), self.tools.place()));
                self.pass_names.insert(handle.id(), name);
            }
            None => self.queue.done(&name),
        }
    }

    /// What a pass under way is for has changed: it ends after the action it is at, and another follows.
    pub(super) fn revoke_pass(&self, name: &Name) {
        if let Some(revoked) = self.revocations.get(name) {
            revoked.cancel();
        }
    }

    /// A snapshot of what is known about one workspace.
    pub(super) fn job(&self, name: &Name) -> Option<Job> {
        let entry = self.entries.get(name)?;
        let record = entry.record.as_ref()?;
        let containers = self.inventory.of(name, &record.uid);
        let waiting_for = self.waiting_for(&record.workspace);
        let former_networks = self.former_networks(entry, &containers);
        entry.job(&self.options.places, containers, self.goal(entry), waiting_for, former_networks, self.now())
    }

    fn goal(&self, entry: &Entry) -> Goal {
        if !entry.is_being_deleted() {
            return Goal::Keep;
        }
        Goal::Delete { network: self.network_of(entry).filter(|network| !self.others_need(entry, network)) }
    }

    /// The networks of groups that containers of a workspace are on, and that neither it nor another one needs any more.
    fn former_networks(&self, entry: &Entry, containers: &[Known]) -> Vec<String> {
        let own = self.network_of(entry);
        let is_former = |name: &&String| self.options.scope.is_group_network(name) && own.as_ref() != Some(*name);
        let networks: BTreeSet<&String> =
            containers.iter().flat_map(|it| &it.summary.networks).filter(is_former).collect();
        networks.into_iter().filter(|name| !self.others_need(entry, name)).cloned().collect()
    }

    fn network_of(&self, entry: &Entry) -> Option<String> {
        self.options.scope.network(&entry.workspace()?.spec.network).map(|it| it.name)
    }

    /// Whether a network is that of another workspace's spec, or of a predecessor that may have to run again.
    fn others_need(&self, entry: &Entry, network: &str) -> bool {
        // Of several that are deleted or moved together each tries, and the engine lets the last one succeed.
        let goes = |other: &Entry| {
            let policy = other.workspace().map(|it| it.spec.deletion_policy);
            other.is_being_deleted() && policy == Some(DeletionPolicy::Delete)
        };
        let returns = |other: &Entry| {
            other.replacement_failed()
                && self.inventory.named(&other.name).any(|it| it.networks.iter().any(|own| own == network))
        };
        let mut others = self.entries.values().filter(|other| other.name != entry.name && !goes(other));
        others.any(|other| self.network_of(other).as_deref() == Some(network) || returns(other))
    }

    fn waiting_for(&self, workspace: &Workspace) -> Vec<Name> {
        let ready = |name: &&Name| !self.entries.get(*name).is_some_and(|entry| entry.ready);
        workspace.spec.depends_on.iter().filter(ready).cloned().collect()
    }

    /// Ends a pass: the key is free again, and what was learned is taken in.
    pub(super) fn end_pass(&mut self, ended: Result<(Id, Report), JoinError>) {
        let now = self.now();
        match ended {
            Ok((id, report)) => {
                let name = report.name.clone();
                self.pass_names.remove(&id);
                self.revocations.remove(&name);
                self.queue.done(&name);
                self.count(&name, &report, now);
                self.take_report(report, now);
                self.replay_events(&name);
            }
            Err(error) => {
                let Some(name) = self.pass_names.remove(&error.id()) else { return };
                self.revocations.remove(&name);
                self.queue.done(&name);
                self.pass_broke(&name, &error, now);
                self.replay_events(&name);
            }
        }
    }

    /// A panic stays in the workspace it happened in.
    fn pass_broke(&mut self, name: &Name, error: &JoinError, now: Moment) {
        if error.is_cancelled() {
            return;
        }
        tracing::error!(workspace = %name, "a pass panicked: {error}");
        self.inventory.distrust_workspace(name);
        if let Some(entry) = self.entries.get_mut(name) {
            entry.progress = None;
            entry.looked = true;
        }
        let failure = Failure::of_defect("a pass panicked");
        self.take_failure(name, &failure, now);
        self.remember(name);
        self.publish(name);
    }

    /// Events that came while the workspace was being worked on: those that the pass has not seen yet are news.
    fn replay_events(&mut self, name: &Name) {
        for (event, received_at) in self.pending_events.remove(name).unwrap_or_default() {
            if self.inventory.apply_event(&event, received_at) {
                self.enqueue(name, received_at);
            }
        }
    }

    fn take_report(&mut self, report: Report, now: Moment) {
        let name = report.name.clone();
        match report.seen {
            Some(seen) => {
                self.inventory.apply_look(name.as_str(), &report.uid, seen);
                for id in &report.unclear {
                    self.inventory.doubt(&name, id, &report.labels);
                }
            }
            None => self.inventory.distrust_workspace(&name),
        }
        for occurrence in report.died.as_ref().map(occurrence::died).into_iter().chain(report.occurrences) {
            self.log(&name, occurrence);
        }
        let Some(entry) = self.entries.get_mut(&name) else { return };
        entry.progress = None;
        entry.looked = true;
        entry.name_conflict = report.name_conflict;
        entry.network_lost = report.network_lost;
        if let Some(dead) = &report.died {
            entry.note_death(dead, now);
        }
        note_steps(entry, &report.done, report.failure.as_ref(), now);
        let is_clear = report.unclear.is_empty();
        if is_clear && report.failure.as_ref().is_none_or(|failure| failure.step.is_some()) {
            if entry.note_secrets(&report.observed, &report.labels) {
                // What the old ones ran into says nothing about the new ones.
                self.queue.add(&name, now.instant);
            }
            entry.observe(report.observed);
            if let Some(id) = &report.restart_to_place {
                self.place_restart(&name, id, &report.done, now);
            }
        }
        let Some(entry) = self.entries.get_mut(&name) else { return };
        let current = entry.record.as_ref().is_some_and(|record| record.generation == report.generation);
        match &report.failure {
            // What an older spec ran into says nothing about the present one.
            Some(_) if !current => self.enqueue(&name, now.instant),
            Some(_) if report.conflict_is_new => self.enqueue(&name, now.instant),
            Some(failure) if report.course == Course::Attempt => self.take_failure(&name, failure, now),
            Some(failure) => self.take_setback(&name, failure, now),
            None if report.course == Course::Attempt => self.take_success(&name),
            None => {}
        }
        // Once the fallback has removed it, nothing is there any more that tells.
        if current && report.done.iter().any(|step| step.cause == Cause::BudgetSpent) {
            self.note_budget(&name);
        }
        // Only what was seen after the deletion was decided tells that it is over.
        let may_be_over = matches!(report.goal, Goal::Delete { .. }) && report.failure.is_none();
        if may_be_over && self.end_deletion(&name, now) {
            return;
        }
        self.go_on(&name, !report.done.is_empty(), report.failure.is_some(), now);
    }

    /// A failure of what is done while a failed action waits for its next attempt: tried again by itself.
    fn take_setback(&mut self, name: &Name, failure: &Failure, now: Moment) {
        if failure.concerns_engine() {
            self.request_list();
        }
        let Some(entry) = self.entries.get_mut(name) else { return };
        entry.unsettled += 1;
        self.queue.add(name, now.instant + entry.delay(entry.unsettled));
        self.log(name, failure.occurrence());
    }

    fn take_failure(&mut self, name: &Name, failure: &Failure, now: Moment) {
        if failure.concerns_engine() {
            self.request_list();
        }
        let Some(entry) = self.entries.get_mut(name) else { return };
        if let ExecutionError::Engine(crate::engine::EngineError::Unavailable { .. }) = &failure.error {
            // Not this workspace's failure: it waits for the engine with all others.
            self.queue.add(name, now.instant + ENGINE_PAUSE);
            return;
        }
        entry.note_failure(failure, now);
        if let Some(end) = failure.too_early_pull().and_then(|image| self.tools.images.paused_until(image)) {
            entry.retry_not_before(end, now);
        }
        if let Some(retry) = entry.retry_at {
            self.queue.add(name, retry.instant);
        }
        let attempts =
            entry.record.as_ref().and_then(|it| it.failures.as_ref()).map_or(1, |failures| failures.attempts);
        let details = Details::Failure { class: failure.error.class(), attempts };
        self.log(name, failure.occurrence().with(details));
    }

    fn take_success(&mut self, name: &Name) {
        let failures = self.entries.get_mut(name).and_then(Entry::note_success);
        // That nothing was tried is no recovery.
        let settled = self.remaining(name).is_some_and(|plan| plan.is_settled());
        if let Some(failures) = failures.filter(|_| settled) {
            let message = format!("works again; failed attempts: {}", failures.attempts);
            let since =
                failures.since.map_or(SignedDuration::ZERO, |since| self.now().wall.duration_since(since.timestamp()));
            let after_millis = u64::try_from(since.as_millis()).unwrap_or_default();
            let details = Details::Recovery { after_millis, attempts: failures.attempts };
            self.log(name, Occurrence::normal(EventReason::Recovered, message).with(details));
        }
    }

    /// Tells once what is in the way, where a person or another workspace has to do something about it.
    fn note_obstacle(&mut self, name: &Name, plan: &Plan) {
        let obstacle = match (&plan.blocked, &plan.hold) {
            (Some(blocked @ Blocked::Dependencies(_)), _) => {
                Some(Occurrence::normal(EventReason::Waiting, blocked.to_string()))
            }
            (
                Some(
                    blocked @ (Blocked::ProjectDirMissing(_)
                    | Blocked::ProjectNotADirectory(_)
                    | Blocked::ImageMissing(_)),
                ),
                _,
            ) => Some(Occurrence::warning(EventReason::Waiting, blocked.to_string())),
            (_, Some(hold @ (Hold::NameConflict { .. } | Hold::Denied(_)))) => {
                Some(Occurrence::warning(EventReason::Held, hold.to_string()))
            }
            (_, Some(hold @ Hold::Suspended(_))) => Some(Occurrence::normal(EventReason::Held, hold.to_string())),
            _ => None,
        };
        let Some(entry) = self.entries.get_mut(name) else { return };
        let trouble = entry.observed.as_ref().and_then(|observed| observed.secrets.trouble.clone());
        let obstacle = obstacle.or_else(|| trouble.map(|trouble| Occurrence::warning(EventReason::Waiting, trouble)));
        let message = obstacle.as_ref().map(|it| it.message.clone());
        if std::mem::replace(&mut entry.obstacle, message.clone()) != message
            && let Some(obstacle) = obstacle
        {
            self.log(name, obstacle);
        }
    }

    /// Decides again on what was seen last, to say what remains and when to go on.
    fn go_on(&mut self, name: &Name, acted: bool, failed: bool, now: Moment) {
        if let Some(entry) = self.entries.get_mut(name) {
            entry.note_unanswered(now);
        }
        let death = self.entries.get_mut(name).and_then(|entry| entry.note_deaths(now));
        if let Some(dead) = death {
            self.log(name, occurrence::died(&dead));
        }
        if let Some(plan) = self.remaining(name) {
            self.note_progress(name, &plan, acted, failed);
            self.schedule(name, &plan, acted, now);
            if plan.blocked == Some(Blocked::BudgetSpent) {
                self.note_budget(name);
            }
            self.note_obstacle(name, &plan);
        }
        self.note_restart_asked(name);
        self.remember(name);
        self.publish(name);
    }

    /// What remains to be done about a workspace, as far as is known; `None` before the first look.
    pub(super) fn remaining(&self, name: &Name) -> Option<Plan> {
        let entry = self.entries.get(name)?;
        let observed: &Observed = entry.observed.as_ref()?;
        let job = self.job(name)?;
        Some(pass::decide(&job, &self.options.scope, &self.tools.subject(&job), observed))
    }

    /// Notes whether passes lead anywhere.
    fn note_progress(&mut self, name: &Name, plan: &Plan, acted: bool, failed: bool) {
        let Some(entry) = self.entries.get_mut(name) else { return };
        if acted && !plan.steps.is_empty() {
            entry.unsettled += 1;
        } else if plan.steps.is_empty() && !failed {
            entry.unsettled = 0;
        }
        if plan.is_settled() {
            entry.settled_at = entry.record.as_ref().map(|record| record.generation);
        }
    }

    /// When to look at a workspace again, other than at the next event or list.
    fn schedule(&mut self, name: &Name, plan: &Plan, acted: bool, now: Moment) {
        let Some(entry) = self.entries.get_mut(name) else { return };
        let failing = entry.record.as_ref().is_some_and(|record| record.failures.is_some());
        let at = match (&plan.blocked, &plan.hold) {
            (Some(Blocked::BackOff(_)), _) => entry.restart_due(now),
            (Some(Blocked::RetryAt(_)), _) => entry.retry_at.map(|at| at.instant),
            (Some(Blocked::ProjectDirMissing(_) | Blocked::ProjectNotADirectory(_)), _) => {
                Some(now.instant + LOOK_FOR_DIRECTORY)
            }
            (Some(Blocked::ImageMissing(_)), _) | (_, Some(Hold::NameConflict { .. } | Hold::Denied(_))) => {
                Some(now.instant + LOOK_FOR_OBSTACLE)
            }
            (Some(Blocked::Transitional(_)), _) => Some(now.instant + LOOK_FOR_TRANSITION),
            // An event, a list or the manifest will say when.
            (Some(Blocked::Dependencies(_) | Blocked::Rejected | Blocked::BudgetSpent) | None, _) => None,
        };
        // Steps that remain: go on at once, but not in a hot loop. After a failure its retry is the time, except for what can
        // be done while that is waited for.
        let waits = matches!(plan.blocked, Some(Blocked::RetryAt(_) | Blocked::Rejected));
        let idle = !acted && entry.unsettled == 0;
        let pause = if idle { LOOK_FOR_TRANSITION } else { entry.delay(entry.unsettled) };
        let more = (!plan.steps.is_empty() && (waits || !failing)).then(|| now.instant + pause);
        // A predecessor that is to run while its replacement waits may have ended, too. Once that is due it is a step.
        let restart = entry.restart_due(now).filter(|due| waits && *due > now.instant);
        if matches!(plan.blocked, Some(Blocked::Transitional(_))) {
            self.inventory.distrust_workspace(name);
        }
        // A health check that should have answered by then is looked at.
        let answer = entry.answer_due().filter(|due| *due > now.instant);
        // What is due and blocked all the same is no reason for a hot loop either.
        let later = |at: Instant| if at > now.instant { at } else { now.instant + LOOK_FOR_TRANSITION };
        if let Some(at) = at.into_iter().chain(restart).map(later).chain(more).chain(answer).min() {
            self.queue.add(name, at);
        }
    }

    fn note_budget(&mut self, name: &Name) {
        let Some(record) = self.entries.get_mut(name).and_then(|entry| entry.record.as_mut()) else { return };
        if !std::mem::replace(&mut record.budget_spent, true) {
            let recovery = &record.workspace.spec.recovery;
            let message = format!(
                "{} restarts within {} did not help; fallback {:?} applies until the manifest changes",
                recovery.max_retries, recovery.window, recovery.fallback
            );
            self.log(name, Occurrence::warning(EventReason::BudgetSpent, message));
        }
    }

    /// Forgets a workspace whose deletion is over; returns whether it is.
    fn end_deletion(&mut self, name: &Name, now: Moment) -> bool {
        let (Some(entry), Some(plan)) = (self.entries.get(name), self.remaining(name)) else { return false };
        let kept = entry.workspace().is_some_and(|it| it.spec.deletion_policy != DeletionPolicy::Delete);
        let gone = entry.observed.as_ref().is_some_and(|observed| observed.containers.is_empty());
        let over = entry.is_being_deleted() && plan.is_settled() && (kept || gone);
        // A container that appears when nobody remembers whose it was would stay.
        let may_appear = entry.may_appear_until(now).filter(|_| over);
        if let Some(until) = may_appear {
            self.queue.add(name, until);
        } else if over {
            self.forget(name);
        }
        over && may_appear.is_none()
    }

    fn forget(&mut self, name: &Name) {
        let Some(mut entry) = self.entries.remove(name) else { return };
        let record = entry.record.take();
        if let Some(record) = &record {
            self.tools.claims.release(&record.uid);
            self.lives.iter_mut().for_each(|lives| lives.end(record));
        }
        let manifest = record.map(|record| record.manifest);
        tracing::info!(workspace = %name, "deleted");
        self.remember(name);
        // Or its file would still show it, as one that was never in force.
        self.links.forget(name, manifest.as_deref().unwrap_or_default());
        if entry.refused.is_some() {
            self.entries.insert(name.clone(), Entry::new(name.clone(), None));
            self.consider_snapshot();
        }
        self.publish_files(manifest);
    }

    /// With `once`: whether a workspace is on its way without anything having failed, or one that it waits for is.
    pub(super) fn is_progressing(&self, entry: &Entry) -> bool {
        let mut seen = BTreeSet::from([&entry.name]);
        let mut waiting = vec![entry];
        while let Some(entry) = waiting.pop() {
            let Some(plan) = self.remaining(&entry.name) else {
                if entry.record.is_some() {
                    return true;
                }
                continue;
            };
            if let Some(Blocked::Dependencies(names)) = &plan.blocked {
                let unseen = names.iter().filter_map(|name| self.entries.get(name)).filter(|it| seen.insert(&it.name));
                waiting.extend(unseen);
            } else if is_moving(entry, &plan) {
                return true;
            }
        }
        false
    }

    /// Whether a workspace is what its manifest says, as far as that can be now.
    pub(super) fn is_as_declared(&self, entry: &Entry) -> bool {
        let wants_to_run =
            entry.workspace().is_some_and(|it| it.spec.state == DesiredState::Running && !it.spec.suspend);
        let done = self.remaining(&entry.name).is_some_and(|plan| plan.steps.is_empty() && plan.blocked.is_none());
        entry.refused.is_none() && entry.held.is_none() && done && (entry.ready || !wants_to_run)
    }
}

/// Whether something will come of waiting, which nobody has to do anything for. Failures may pass, for as many attempts as
/// the manifest gives a container.
fn is_moving(entry: &Entry, plan: &Plan) -> bool {
    let failures = entry.record.as_ref().and_then(|record| record.failures.as_ref());
    let attempts = entry.workspace().map_or(0, |workspace| workspace.spec.recovery.max_retries);
    let may_pass = failures.is_none_or(|failures| !failures.terminal && failures.attempts <= attempts);
    let mut containers = entry.observed.iter().flat_map(|observed| &observed.containers);
    match &plan.blocked {
        Some(Blocked::BackOff(_) | Blocked::Transitional(_)) => true,
        Some(Blocked::RetryAt(_)) => may_pass,
        Some(_) => false,
        None if plan.steps.is_empty() => containers.any(|it| it.health == Some(Health::Starting)),
        None => may_pass,
    }
}

/// Notes what was done, for the status and for recovery.
fn note_steps(entry: &mut Entry, done: &[Step], failure: Option<&Failure>, now: Moment) {
    // A restart is told by its start, which a stop may precede.
    let restarts = done.iter().filter(|step| step.cause.is_death() && matches!(step.action, Action::Start(_))).count();
    for _ in 0..restarts {
        entry.note_restart(now);
    }
    let failed = failure.and_then(|failure| failure.step.as_ref());
    let Some(record) = &mut entry.record else { return };
    for step in done {
        match &step.action {
            Action::Stop(..) => record.stopped_on_purpose = true,
            Action::Start(_) => record.stopped_on_purpose = false,
            _ => {}
        }
    }
    match failed.filter(|_| failure.is_some_and(Failure::is_unanswered)).map(|step| &step.action) {
        // Mostly it had its effect; should it run all the same, it will be seen to.
        Some(Action::Stop(..)) => record.stopped_on_purpose = true,
        Some(Action::Create(_)) => entry.unanswered_create = Some(now.instant),
        _ => {}
    }
    let last = failed.map(|step| (step, ActionResult::Failed));
    if let Some((step, result)) = last.or_else(|| done.last().map(|step| (step, ActionResult::Succeeded))) {
        record.last_action = Some(LastAction {
            action: step.action.to_string(),
            cause: step.cause.to_string(),
            result,
            time: now.wall.into(),
        });
    }
}
