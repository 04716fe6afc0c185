//! How a run ends: as declared, in bounded time, and then nothing more is done or written.

use std::sync::Arc;
use std::time::Duration;

use wharf::engine::ContainerDetail;
use wharf::model::labels;
use wharf::model::spec::DesiredState;
use wharf::model::status::{ConditionType, ContainerState, WorkspaceStatus};

use crate::scenario::{CANARY, Spec, State};
use crate::world::{SOURCE, World};

/// How long after the last fault everything is as declared. The longest waits are a minute for a container whose creation was
/// never answered and half a minute until a name that was taken is tried again.
const CONVERGENCE: Duration = Duration::from_secs(150);
/// How often a workspace may be looked at or acted on until then.
const CALLS_EACH: usize = 120;
/// Two resyncs and an audit.
const REST: Duration = Duration::from_secs(25);

impl World {
    pub async fn come_to_rest(&mut self) {
        let begun = self.elapsed();
        let calls = self.stage.engine.calls().len();
        while let Err(why) = self.is_as_declared() {
            if self.is_over() {
                return;
            }
            if self.elapsed() > begun + CONVERGENCE {
                return self.judge.violate(10, format!("not as declared after {CONVERGENCE:?}: {why}"));
            }
            self.pass(Duration::from_secs(5)).await;
        }
        let calls = self.stage.engine.calls().len() - calls;
        let bound = CALLS_EACH * (self.wanted.len() + 2);
        if calls > bound {
            self.judge.violate(10, format!("{calls} calls until all was as declared, more than {bound}"));
        }
        // What was done last is written down.
        self.pass(Duration::from_secs(12)).await;
        let (mutations, writes) = (self.stage.engine.mutations(), self.writes());
        self.pass(REST).await;
        if self.is_over() {
            return;
        }
        if self.stage.engine.mutations() != mutations {
            let calls = self.stage.engine.calls();
            let last: Vec<String> = calls.iter().rev().take(12).map(ToString::to_string).collect();
            self.judge.violate(10, format!("acts though all is as declared; newest first: {}", last.join(", ")));
        }
        if self.writes() != writes {
            self.judge.violate(10, format!("writes though nothing changes: {writes:?}, then {:?}", self.writes()));
        }
        if let Err(why) = self.is_as_declared() {
            self.judge.violate(10, format!("did not stay as declared: {why}"));
        }
        if let Err(why) = self.is_as_promised() {
            self.judge.violate(15, why);
        }
        if self.stage.medium.contains(CANARY.as_bytes()) {
            self.judge.violate(13, "the secret is in the store");
        }
    }

    /// What was asked for and acknowledged has come about, unless the workspace has become another one or has got another spec since.
    fn is_as_promised(&self) -> Result<(), String> {
        for (name, wanted) in &self.wanted {
            let record = name.parse().ok().and_then(|name| self.stage.medium.record(&name));
            let (Some(promise), Some(record)) = (self.requests.promise(name), record) else { continue };
            if (&promise.uid, promise.generation) != (&record.uid, record.generation) {
                continue;
            }
            let state = record.requested.map(|it| it.state);
            ensure(promise.states.contains(&state), || {
                format!(
                    "{name}: {state:?} was asked for, it is remembered, though {:?} was acknowledged",
                    promise.states
                )
            })?;
            let Some(least) = promise.new_run.filter(|_| !self.is_waiting(name, wanted)) else { continue };
            let containers = self.stage.engine.snapshot();
            let own =
                |it: &&ContainerDetail| it.labels.get(labels::UID).map(String::as_str) == Some(record.uid.as_str());
            let began = containers.iter().filter(own).filter_map(|it| it.started_at).max();
            ensure(self.state(name, wanted) != State::Running || began.is_some_and(|began| began >= least), || {
                format!("{name}: a restart was acknowledged at {least}, but it runs since {began:?}")
            })?;
        }
        Ok(())
    }

    /// What a workspace is to be: what was asked for, or else what its manifest says.
    fn state(&self, name: &str, wanted: &Spec) -> State {
        let record = name.parse().ok().and_then(|name| self.stage.medium.record(&name));
        match record.and_then(|record| record.requested).map(|requested| requested.state) {
            Some(DesiredState::Running) => State::Running,
            Some(DesiredState::Stopped) => State::Stopped,
            Some(DesiredState::Archived) => State::Archived,
            None => wanted.state,
        }
    }

    fn is_as_declared(&self) -> Result<(), String> {
        let containers = self.stage.engine.snapshot();
        for name in ["a", "b", "c", "d", "e"] {
            let ours = |it: &&ContainerDetail| {
                it.labels.get(labels::WORKSPACE).is_some_and(|own| own == name)
                    && it.labels.get(labels::INSTANCE).is_some_and(|own| own == self.stage.instance.as_str())
            };
            let ours: Vec<&ContainerDetail> = containers.iter().filter(ours).collect();
            self.check_workspace(name, &ours).map_err(|why| format!("{name}: {why}"))?;
        }
        for (id, (_, name)) in &self.strangers {
            if !containers.iter().any(|it| it.id == *id) {
                return Err(format!("the stranger {name} is gone"));
            }
        }
        Ok(())
    }

    fn check_workspace(&self, name: &str, containers: &[&ContainerDetail]) -> Result<(), String> {
        let statuses = self.statuses(name)?;
        let uid = statuses.iter().find_map(|status| status.metadata.uid.as_ref().map(ToString::to_string));
        let own = |it: &&&ContainerDetail| match &uid {
            Some(uid) => it.labels.get(labels::UID) == Some(uid),
            // Whatever a stranger has copied.
            None => !self.resembling.contains(&it.id),
        };
        let containers: Vec<&ContainerDetail> = containers.iter().filter(own).copied().collect();
        let Some(wanted) = self.wanted.get(name) else {
            // What nobody remembers is nobody's to delete: it is told of as an orphan.
            let record = name.parse().ok().and_then(|name| self.stage.medium.record(&name));
            let is_orphan = self.has_lost_memory && record.is_none();
            ensure(containers.is_empty() || is_orphan, || {
                format!("it was deleted, but there is {}", containers[0].name)
            })?;
            return ensure(statuses.is_empty() || is_orphan, || "it was deleted, but there is its status".to_owned());
        };
        let [status] = statuses.as_slice() else { return Err(format!("{} statuses", statuses.len())) };
        self.check_containers(name, wanted, &containers)?;
        let status = &status.status;
        if self.is_waiting(name, wanted) {
            return Ok(());
        }
        let is_restarting = status.requested.is_some_and(|requested| requested.restart);
        ensure(!is_restarting, || "a restart is still to come".to_owned())?;
        let state = self.state(name, wanted);
        let says = |kind| status.condition(kind).map(|it| format!("{:?} {} {}", it.status, it.reason, it.message));
        for kind in [ConditionType::Accepted, ConditionType::Reconciled] {
            ensure(status.is(kind), || format!("{kind:?} is {:?}", says(kind)))?;
        }
        let ready = status.is(ConditionType::Ready);
        ensure(ready == (state == State::Running), || {
            format!("it is {state:?}, Ready is {:?}", says(ConditionType::Ready))
        })?;
        ensure(status.retry.is_none(), || "a retry is still told of".to_owned())?;
        ensure(!status.is(ConditionType::Held), || format!("Held is {:?}", says(ConditionType::Held)))
    }

    fn check_containers(&self, name: &str, wanted: &Spec, containers: &[&ContainerDetail]) -> Result<(), String> {
        let states = || containers.iter().map(|it| format!("{} {}", it.name, it.state)).collect::<Vec<_>>().join(", ");
        match self.state(name, wanted) {
            State::Archived => ensure(containers.is_empty(), || format!("it is archived, but there is {}", states())),
            State::Stopped => {
                let down = containers.iter().all(|it| it.state != ContainerState::Running);
                ensure(down && containers.len() <= 1, || format!("it is to be stopped, but there is {}", states()))
            }
            // A replacement that was interrupted may wait together with what it replaces.
            State::Running if self.is_waiting(name, wanted) => Ok(()),
            State::Running => {
                let [container] = containers else { return Err(format!("not one container: {}", states())) };
                ensure(container.state == ContainerState::Running, || format!("{} does not run", states()))?;
                let told = (container.name.as_str(), container.image.as_str());
                let (own_name, image) = (format!("wharf-{name}"), wanted.image());
                ensure(told == (own_name.as_str(), image.as_str()), || format!("{told:?}, not {own_name} of {image}"))?;
                let memory = container.limits.memory.map(|memory| memory.bytes() >> 20);
                ensure(memory == wanted.memory, || format!("memory is {memory:?}, not {:?}", wanted.memory))
            }
        }
    }

    /// Whether it waits for another one that does not run, directly or not.
    fn is_waiting(&self, name: &str, wanted: &Spec) -> bool {
        let Some(other) = &wanted.depends_on else { return false };
        let waits = |spec: &Spec| self.state(other, spec) != State::Running || self.is_waiting(other, spec);
        self.state(name, wanted) == State::Running && self.wanted.get(other).is_none_or(waits)
    }

    /// The documents of a status file, which is parsed once for as long as it stays as it is.
    fn documents(&self, path: &str, bytes: &Arc<[u8]>) -> Result<Vec<WorkspaceStatus>, String> {
        let mut parsed = self.parsed.borrow_mut();
        if let Some((known, documents)) = parsed.get(path)
            && Arc::ptr_eq(known, bytes)
        {
            return Ok(documents.clone());
        }
        let text = String::from_utf8_lossy(bytes);
        let documents: Vec<WorkspaceStatus> =
            wharf::yaml::from_str(&text).map_err(|error| format!("{path} cannot be read: {error}"))?;
        parsed.insert(path.to_owned(), (Arc::clone(bytes), documents.clone()));
        Ok(documents)
    }

    fn statuses(&self, name: &str) -> Result<Vec<WorkspaceStatus>, String> {
        let mut found = Vec::new();
        for place in ["", "team/"] {
            let path = format!("{SOURCE}/{place}{name}.status.yaml");
            let Some(bytes) = self.stage.disk.bytes(path.as_ref()) else { continue };
            found.extend(self.documents(&path, &bytes)?);
        }
        Ok(found)
    }
}

fn ensure(holds: bool, why: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(why()) }
}
