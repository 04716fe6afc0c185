//! What people and programs ask the controller for, and what must come of it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use wharf::controller::{Handle, RequestError};
use wharf::model::batch::Verb;
use wharf::model::spec::DesiredState;
use wharf::model::{Name, Uid};
use wharf::store::Record;

use crate::judge::{Judge, Stage};
use crate::scenario::Request;
use crate::world::World;

/// Everything that was asked for. Clones are the same.
#[derive(Clone, Debug, Default)]
pub struct Requests {
    shared: Arc<Mutex<Ledger>>,
}

#[derive(Debug, Default)]
struct Ledger {
    made: u64,
    /// How many times everything was forgotten.
    lives: u64,
    /// The last restart of each workspace that was asked for.
    restarts: BTreeMap<String, String>,
    traffic: BTreeMap<String, Traffic>,
    promises: BTreeMap<String, Promise>,
}

/// The requests about one workspace.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Traffic {
    asked: u64,
    answered: u64,
}

/// What was promised about a workspace.
#[derive(Clone, Debug)]
pub struct Promise {
    /// Whose, and of which spec: another one ends it.
    pub uid: Uid,
    pub generation: u64,
    /// What may be in force instead of the manifest's state: one thing, unless nobody knows whether a request was recorded.
    pub states: Vec<Option<DesiredState>>,
    /// A run that began no earlier than this is to come.
    pub new_run: Option<Timestamp>,
}

/// A request on its way.
struct Question {
    requests: Requests,
    judge: Judge,
    stage: Stage,
    name: Name,
    verb: Verb,
    process: u64,
    lives: u64,
    asked_at: Timestamp,
    before: Option<Record>,
    /// Whether what is in the store is what the controller knows.
    is_clear: bool,
    /// With this one. Another that is answered meanwhile may change the answer, and be taken back by a third.
    traffic: Traffic,
}

impl Requests {
    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The store is lost, and with it what was asked for.
    pub fn forget(&self) {
        let mut ledger = self.ledger();
        ledger.lives += 1;
        ledger.promises.clear();
    }

    pub fn promise(&self, name: &str) -> Option<Promise> {
        self.ledger().promises.get(name).cloned()
    }

    /// Counts a request, which is counted by its answer, too.
    fn begin(&self, name: &str) -> Traffic {
        let mut ledger = self.ledger();
        let traffic = ledger.traffic.entry(name.to_owned()).or_default();
        traffic.asked += 1;
        *traffic
    }

    /// The ID of a request.
    fn id(&self, name: &str, request: Request) -> String {
        let mut ledger = self.ledger();
        if let (Request::RestartAgain, Some(id)) = (request, ledger.restarts.get(name)) {
            return id.clone();
        }
        ledger.made += 1;
        let id = format!("request-{}", ledger.made);
        if matches!(request, Request::Restart | Request::RestartAgain) {
            ledger.restarts.insert(name.to_owned(), id.clone());
        }
        id
    }
}

impl World {
    pub fn ask(&self, handle: &Handle, name: &str, request: Request) {
        self.judge.excuse(name);
        let verb = match request {
            Request::Start => Verb::Start,
            Request::Stop => Verb::Stop,
            Request::Restart | Request::RestartAgain => Verb::Restart,
            Request::Resume => Verb::Resume,
            Request::Delete => Verb::Delete,
            Request::Sync => Verb::Sync,
            Request::SyncAll => {
                let handle = handle.clone();
                tokio::spawn(async move { handle.sync_all().await });
                return;
            }
        };
        let is_repeated = request == Request::RestartAgain && self.requests.ledger().restarts.contains_key(name);
        let id = self.requests.id(name, request);
        let name: Name = name.parse().expect("a name");
        let traffic = self.requests.begin(name.as_str());
        let question = Question {
            requests: self.requests.clone(),
            judge: self.judge.clone(),
            stage: self.stage.clone(),
            verb,
            process: self.judge.process(),
            lives: self.requests.ledger().lives,
            asked_at: self.stage.engine.now(),
            before: self.stage.medium.record(&name),
            is_clear: !self.has_lost_memory,
            traffic,
            name: name.clone(),
        };
        let handle = handle.clone();
        tokio::spawn(async move {
            let answer = handle.ask(verb, name, id).await;
            question.end(&answer, is_repeated);
        });
    }
}

impl Question {
    fn end(self, answer: &Result<(), RequestError>, is_repeated: bool) {
        let after = self.stage.medium.record(&self.name);
        let lives = self.judge.lives() && self.judge.process() == self.process;
        let mut ledger = self.requests.ledger();
        let was_alone = self.was_alone(&mut ledger);
        if ledger.lives != self.lives {
            return;
        }
        self.judge.note(|| format!("{} {}: {answer:?}", self.verb, self.name));
        match answer {
            Ok(()) if lives => self.promise(&mut ledger, after.as_ref(), is_repeated),
            Ok(()) | Err(RequestError::NotRecorded(_) | RequestError::Ending) => self.leave_open(&mut ledger),
            Err(_) => {}
        }
        drop(ledger);
        if lives && self.is_clear && was_alone {
            self.check(answer, after.as_ref());
        }
    }

    /// Whether no other request about the workspace was on its way at any time of this one, which ends now.
    fn was_alone(&self, ledger: &mut Ledger) -> bool {
        let traffic = ledger.traffic.entry(self.name.to_string()).or_default();
        let was_alone = *traffic == self.traffic && traffic.asked == traffic.answered + 1;
        traffic.answered += 1;
        was_alone
    }

    /// It is recorded.
    fn promise(&self, ledger: &mut Ledger, after: Option<&Record>, is_repeated: bool) {
        let name = self.name.as_str();
        let (Some(before), Some(after)) = (&self.before, after) else {
            ledger.promises.remove(name);
            return;
        };
        if (&before.uid, before.generation) != (&after.uid, after.generation) {
            // Nobody knows which of the two it was about.
            ledger.promises.remove(name);
            return;
        }
        let earlier = ledger.promises.get(name).filter(|it| (&it.uid, it.generation) == (&after.uid, after.generation));
        let earlier_run = earlier.and_then(|it| it.new_run);
        let states = match self.verb {
            Verb::Start | Verb::Stop | Verb::Resume => vec![self.asked_for(after)],
            _ => earlier.map_or_else(|| vec![after.requested.map(|it| it.state)], |it| it.states.clone()),
        };
        let new_run = match self.verb {
            Verb::Restart if !is_repeated => Some(self.asked_at),
            Verb::Stop | Verb::Resume => None,
            _ => earlier_run,
        };
        let promise = Promise { uid: after.uid.clone(), generation: after.generation, states, new_run };
        ledger.promises.insert(name.to_owned(), promise);
    }

    /// What is in force instead of the manifest's state, once this is recorded.
    fn asked_for(&self, record: &Record) -> Option<DesiredState> {
        let state = match self.verb {
            Verb::Start => DesiredState::Running,
            Verb::Stop => DesiredState::Stopped,
            _ => return None,
        };
        Some(state).filter(|state| record.workspace.spec.state != *state)
    }

    /// It may have been recorded.
    fn leave_open(&self, ledger: &mut Ledger) {
        let Some(before) = &self.before else { return };
        let Some(promise) = ledger.promises.get_mut(self.name.as_str()) else { return };
        if matches!(self.verb, Verb::Start | Verb::Stop | Verb::Resume) {
            promise.states.push(self.asked_for(before));
        }
        if matches!(self.verb, Verb::Stop | Verb::Resume) {
            promise.new_run = None;
        }
    }

    /// Whether that was the right answer, where nothing else happened meanwhile.
    fn check(&self, answer: &Result<(), RequestError>, after: Option<&Record>) {
        let (Some(before), Some(after)) = (&self.before, after) else { return };
        let life = |it: &Record| (it.uid.clone(), it.generation, it.deletion.is_some());
        if life(before) != life(after) || answer.is_ok() && self.verb != Verb::Restart {
            return;
        }
        let state = before.requested.map_or(before.workspace.spec.state, |it| it.state);
        let has_changed = before.requested != after.requested;
        let is_right = match answer {
            Ok(()) | Err(RequestError::NotToRun { .. }) if self.verb == Verb::Restart => {
                has_changed || (state == DesiredState::Running) == answer.is_ok()
            }
            Err(RequestError::BeingDeleted(_)) => before.deletion.is_some(),
            Err(RequestError::NotRecorded(_) | RequestError::Ending) => true,
            _ => false,
        };
        if !is_right {
            self.judge
                .violate(15, format!("{} of {}, which is {state:?}, was answered {answer:?}", self.verb, self.name));
        }
    }
}
