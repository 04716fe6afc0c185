//! Doing what was asked for: recorded first, durably, then left to the next pass. A request only says what is wanted from now on, so there
//! is one path to get there, whoever asked.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;

use super::core::Core;
use super::entry::{Entry, Moment};
use super::handle::{Request, RequestError};
use super::inbox::Message;
use crate::disk::offload;
use crate::engine::{ContainerDetail, Engine};
use crate::model::Name;
use crate::model::batch::Verb;
use crate::model::event::{EventReason, Occurrence};
use crate::model::source::SourceKind;
use crate::model::spec::DesiredState;
use crate::model::status::ContainerState;
use crate::model::time::Time;
use crate::plan::{Action, Step};
use crate::source::{Place, Removed, remove_document};
use crate::store::{Record, RequestedState, RestartRequest};

/// How soon a restart that could not be recorded is looked at again.
const RECORD_AGAIN: Duration = Duration::from_secs(2);

impl<E: Engine> Core<E> {
    /// Takes what is asked for; what comes before the source has been read waits until it has.
    pub(super) fn receive_request(&mut self, request: Request) {
        self.early_requests.push(request);
        self.take_early_requests();
    }

    pub(super) fn take_early_requests(&mut self) {
        // The first reading is considered when the engine has answered, or has not in time.
        let is_read = (self.snapshot.is_some() && self.lives.is_some()) || self.source_lost.is_some();
        if is_read {
            for request in std::mem::take(&mut self.early_requests) {
                self.take_request(request);
            }
        }
    }

    fn take_request(&mut self, request: Request) {
        let Request { verb, name, id, reply } = request;
        let Some(name) = name else {
            self.sync_all();
            return answer(reply, Ok(()));
        };
        match self.admit(verb, &name) {
            Err(error) => answer(reply, Err(error)),
            Ok(()) if verb == Verb::Delete => match self.note_delete_asked(&name) {
                Ok(asked_before) => {
                    self.delete_document(name, asked_before, reply);
                    // One that is held already is judged again, though the source says nothing new.
                    self.consider_snapshot();
                }
                Err(error) => answer(reply, Err(error)),
            },
            Ok(()) => {
                let done = self.do_as_asked(verb, &name, &id);
                answer(reply, done);
            }
        }
    }

    /// Whether something can be asked of a workspace.
    fn admit(&self, verb: Verb, name: &Name) -> Result<(), RequestError> {
        let entry = self.entries.get(name).ok_or_else(|| RequestError::Unknown(name.clone()))?;
        let record = entry.record.as_ref().ok_or_else(|| RequestError::NotInForce(name.clone()))?;
        if record.deletion.is_some() {
            return Err(RequestError::BeingDeleted(name.clone()));
        }
        if verb == Verb::Delete {
            let refused = |why| RequestError::Manifest { name: name.clone(), manifest: record.manifest.clone(), why };
            self.place_to_change(&record.manifest).map_err(refused)?;
        }
        let acts = matches!(verb, Verb::Start | Verb::Stop | Verb::Restart);
        if acts && record.workspace.spec.suspend {
            return Err(RequestError::Suspended(name.clone()));
        }
        match (verb, Entry::desired_state(record)) {
            (Verb::Restart, state @ (DesiredState::Stopped | DesiredState::Archived)) => {
                let why = if record.requested.is_some() { "asked for" } else { "declared" };
                Err(RequestError::NotToRun { name: name.clone(), why: format!("{why} {state:?}") })
            }
            _ => Ok(()),
        }
    }

    fn do_as_asked(&mut self, verb: Verb, name: &Name, id: &str) -> Result<(), RequestError> {
        let now = self.now();
        let Some(entry) = self.entries.get_mut(name) else { return Err(RequestError::Unknown(name.clone())) };
        let Some(before) = entry.record.clone() else { return Err(RequestError::NotInForce(name.clone())) };
        let news = entry.take_request(verb, id, now);
        self.record_request(name, before)?;
        if let Some(message) = news {
            self.log(name, Occurrence::normal(EventReason::Requested, message));
        }
        if verb == Verb::Sync {
            self.inventory.distrust_workspace(name);
        } else {
            self.revoke_pass(name);
        }
        self.enqueue(name, now.instant);
        self.publish(name);
        Ok(())
    }

    /// Stores durably what was asked for, or takes it back.
    fn record_request(&mut self, name: &Name, before: Record) -> Result<(), RequestError> {
        self.save(&BTreeSet::from([name.clone()]), true).map_err(|error| {
            if let Some(entry) = self.entries.get_mut(name) {
                entry.record = Some(before);
            }
            // Should what could not be written turn up after all, this is the last word.
            self.unsaved.insert(name.clone());
            RequestError::NotRecorded(error.to_string())
        })
    }

    /// Notes, before its document goes, that a workspace is deleted because somebody asked for it: the guard is for accidents. Returns
    /// when that was asked for before.
    fn note_delete_asked(&mut self, name: &Name) -> Result<Option<Time>, RequestError> {
        let now = self.now();
        let record = self.entries.get_mut(name).and_then(|entry| entry.record.as_mut());
        let Some(record) = record else { return Err(RequestError::Unknown(name.clone())) };
        let before = record.clone();
        record.delete_asked = Some(now.wall.into());
        let asked_before = before.delete_asked;
        self.record_request(name, before).map(|()| asked_before)
    }

    /// A document that was to be removed is still there, or is somewhere else: who was told so has not asked for anything.
    pub(super) fn take_back_delete(&mut self, name: &Name, asked_before: Option<Time>) {
        if let Some(record) = self.entries.get_mut(name).and_then(|entry| entry.record.as_mut()) {
            record.delete_asked = asked_before;
            self.remember(name);
        }
    }

    fn sync_all(&mut self) {
        let now = self.now();
        for entry in self.entries.values_mut() {
            entry.retry_at_once();
        }
        tracing::info!("everything is compared with the engine by request");
        self.begin_round();
        self.inventory.distrust();
        self.request_list();
        let names: Vec<Name> = self.entries.keys().cloned().collect();
        for name in names {
            self.enqueue(&name, now.instant);
        }
    }

    /// Removes a workspace's document from the source. The rest is what happens to any workspace that nothing declares any more.
    fn delete_document(
        &self,
        name: Name,
        asked_before: Option<Time>,
        reply: oneshot::Sender<Result<(), RequestError>>,
    ) {
        let Some(record) = self.entries.get(&name).and_then(|entry| entry.record.as_ref()) else {
            return answer(reply, Err(RequestError::Unknown(name)));
        };
        let manifest = record.manifest.clone();
        let within = self.options.places.within(&manifest).to_owned();
        let place = match self.place_to_change(&manifest) {
            Ok(place) => place,
            Err(why) => return answer(reply, Err(RequestError::Manifest { name, manifest, why })),
        };
        // Where a manifest declares it, there must be something to remove: it may just have been moved.
        let is_there = asked_before.is_none() && self.entries.get(&name).is_some_and(|entry| entry.declared.is_some());
        let disk = Arc::clone(&self.options.disk);
        let (removing, outbox) = (Arc::clone(&self.removing), self.outbox.clone());
        tokio::spawn(async move {
            let _alone = removing.lock_owned().await;
            let (files, of) = (Arc::clone(&disk), name.clone());
            let removed = offload(&disk, move || match remove_document(&*files, &place, &within, &of) {
                Ok(Removed::Nothing) if is_there => {
                    Err("it does not declare the workspace any more; ask again when its new place has been read"
                        .to_owned())
                }
                removed => removed.map(drop).map_err(|error| error.to_string()),
            });
            let removed = removed.await.unwrap_or_else(|error| Err(error.to_string()));
            if removed.is_err() {
                let _ = outbox.send(Message::NotRemoved(name.clone(), asked_before));
            }
            answer(reply, removed.map_err(|why| RequestError::Manifest { name, manifest, why }));
        });
    }

    /// The directory of a manifest that may be changed, or why it may not.
    fn place_to_change(&self, manifest: &str) -> Result<PathBuf, String> {
        match self.options.places.of(manifest) {
            Some((_, Place { kind: SourceKind::Directory, base, .. })) => Ok(base.clone()),
            Some((_, Place { kind: SourceKind::Git, .. })) => {
                Err("it comes from a git repository: remove it there, and push".to_owned())
            }
            None => {
                Err("its source is not configured any more; `wharf prune --confirm` deletes what it declared"
                    .to_owned())
            }
        }
    }

    /// Which run is to end because of a restart is not a matter of what was seen before that was asked for.
    pub(super) fn look_before_restart(&mut self, name: &Name) {
        let restart = self.entries.get(name).and_then(|entry| entry.record.as_ref()?.restart.as_ref());
        if restart.is_some_and(|it| it.container.is_none()) {
            self.inventory.distrust_workspace(name);
        }
    }

    /// Notes durably which run is to end because of a restart that was asked for, before anything is done about it: whatever is
    /// interrupted, the run that follows is another. `done`: what the pass did that has looked.
    pub(super) fn place_restart(&mut self, name: &Name, id: &str, done: &[Step], now: Moment) {
        let Some(entry) = self.entries.get_mut(name) else { return };
        let run = entry.last_run();
        let Some(record) = &mut entry.record else { return };
        let Some(request) = record.restart.as_mut().filter(|it| it.id == id && it.container.is_none()) else { return };
        let has_begun = done.iter().any(|step| matches!(step.action, Action::Start(_)));
        match run.filter(|_| !has_begun) {
            Some(run) => (request.container, request.started_at) = (Some(run.id), run.started_at),
            // The next run is another one anyway, or this pass has begun it.
            None => record.drop_restart(),
        }
        let saved = self.save(&BTreeSet::from([name.clone()]), true);
        let next = if saved.is_ok() { now.instant } else { now.instant + RECORD_AGAIN };
        if let Err(error) = saved {
            tracing::error!(workspace = %name, "a restart waits until it can be recorded: {error}");
            let record = self.entries.get_mut(name).and_then(|entry| entry.record.as_mut());
            if let Some(request) = record.and_then(|record| record.restart.as_mut()) {
                (request.container, request.started_at) = (None, None);
            }
        }
        self.enqueue(name, next);
    }

    /// A restart has come about when another run than the one that was to end is on.
    pub(super) fn note_restart_asked(&mut self, name: &Name) {
        let Some(entry) = self.entries.get_mut(name) else { return };
        let containers = entry.observed.as_ref().map_or(&[][..], |observed| &observed.containers);
        let Some(record) = &mut entry.record else { return };
        if record.restart.as_ref().is_some_and(|request| is_over(request, containers)) {
            record.drop_restart();
            self.remember(name);
        }
    }
}

/// Who asked may have gone away.
fn answer(reply: oneshot::Sender<Result<(), RequestError>>, with: Result<(), RequestError>) {
    let _ = reply.send(with);
}

fn is_over(request: &RestartRequest, containers: &[ContainerDetail]) -> bool {
    let Some(container) = &request.container else { return false };
    let runs = |it: &&ContainerDetail| it.state == ContainerState::Running;
    containers.iter().filter(runs).any(|it| it.id != *container || it.started_at != request.started_at)
}

impl Entry {
    /// Takes note of what was asked for; returns what to tell of it, if it is news.
    fn take_request(&mut self, verb: Verb, id: &str, now: Moment) -> Option<String> {
        let ended = self.last_run().filter(|run| !is_on(run));
        let record = self.record.as_mut()?;
        match verb {
            Verb::Start => {
                let news = self.ask_for(DesiredState::Running, now);
                let record = self.record.as_mut()?;
                // A run that has ended is followed by another, whatever its end was; one that is to end anyway still is.
                if let Some(run) = ended.filter(|_| record.restart.is_none()) {
                    let (container, started_at) = (Some(run.id), run.started_at);
                    record.restart =
                        Some(RestartRequest { id: String::new(), time: now.wall.into(), container, started_at });
                }
                news
            }
            Verb::Stop => {
                record.drop_restart();
                self.ask_for(DesiredState::Stopped, now)
            }
            Verb::Restart => {
                if record.last_restart.as_deref() == Some(id) || record.restart.as_ref().is_some_and(|it| it.id == id) {
                    return None;
                }
                record.drop_restart();
                let (container, started_at) = (None, None);
                record.restart =
                    Some(RestartRequest { id: id.to_owned(), time: now.wall.into(), container, started_at });
                self.forget_failures();
                Some("restart asked for".to_owned())
            }
            Verb::Sync => {
                self.retry_at_once();
                None
            }
            Verb::Resume => {
                let requested = record.requested.take();
                let was_asked = requested.is_some() || record.restart.is_some();
                record.drop_restart();
                was_asked.then(|| "what was asked for is taken back".to_owned())
            }
            Verb::Delete => None,
        }
    }

    fn ask_for(&mut self, state: DesiredState, now: Moment) -> Option<String> {
        let record = self.record.as_mut()?;
        let is_news = Self::desired_state(record) != state;
        // What the manifest says anyway needs no override: it would outlive the next change of mind.
        record.requested =
            (record.workspace.spec.state != state).then(|| RequestedState { state, time: now.wall.into() });
        self.forget_failures();
        is_news.then(|| format!("{state:?} asked for"))
    }

    /// The run that is on, or else the last one that was seen to have ended.
    fn last_run(&self) -> Option<ContainerDetail> {
        let containers = self.observed.as_ref().map_or(&[][..], |observed| &observed.containers);
        let ended = containers.iter().filter(|it| it.state == ContainerState::Exited);
        containers.iter().find(|it| is_on(it)).or_else(|| ended.max_by_key(|it| it.created_at)).cloned()
    }

    /// The next attempt is due.
    pub(super) fn retry_at_once(&mut self) {
        let is_terminal = |record: &Record| record.failures.as_ref().is_some_and(|failures| failures.terminal);
        if !self.record.as_ref().is_some_and(is_terminal) {
            self.retry_at = None;
        }
    }
}

fn is_on(container: &ContainerDetail) -> bool {
    matches!(container.state, ContainerState::Running | ContainerState::Paused)
}
