//! A controller that does what a batch asks of it, in a second each, and remembers what was asked through crashes.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use jiff::Timestamp;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep};
use wharf::batch::{Desk, Look};
use wharf::model::Name;
use wharf::model::batch::Verb;

use crate::told::told;

/// How long anything takes.
const WORK: Duration = Duration::from_secs(1);

/// How long after a start nothing is told of a workspace.
const FIRST_LOOK: Duration = Duration::from_millis(300);

/// How a workspace takes what is asked of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    Works,
    /// It is not even recorded.
    Refuses(&'static str),
    /// It is tried, and fails.
    Fails(&'static str),
    /// It is tried, and nothing comes of it.
    Never,
}

/// When a process ends that was asked for something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    BeforeItIsRecorded,
    BeforeTheAnswer,
}

/// What survives a crash: the source, the engine and the records.
#[derive(Default)]
struct Durable {
    spaces: BTreeMap<String, Space>,
    asked: Vec<String>,
    ready: bool,
}

#[derive(Clone)]
struct Space {
    manner: Manner,
    /// Runs that were begun by request.
    runs: u64,
    pending: Option<(Verb, String)>,
    last: Option<String>,
}

/// One life of the controller.
#[derive(Default)]
struct Live {
    passes: BTreeMap<String, u64>,
    failed: BTreeMap<String, &'static str>,
    underway: usize,
    most: usize,
    hang: Option<(usize, Moment)>,
}

/// A controller; clones are the same one.
#[derive(Clone)]
pub struct Controller(Arc<Inner>);

pub struct Inner {
    durable: Arc<Mutex<Durable>>,
    live: Mutex<Live>,
    changes: watch::Sender<u64>,
    hangs: Notify,
    /// When this life began, and the first one.
    began: Instant,
    epoch: Instant,
}

impl Controller {
    pub fn with(names: &str) -> Self {
        let space = Space { manner: Manner::Works, runs: 0, pending: None, last: None };
        let spaces = names.split_whitespace().map(|name| (name.to_owned(), space.clone())).collect();
        let durable = Durable { spaces, ready: true, ..Durable::default() };
        Self::live(Arc::new(Mutex::new(durable)), Instant::now())
    }

    fn live(durable: Arc<Mutex<Durable>>, epoch: Instant) -> Self {
        let (live, changes) = (Mutex::default(), watch::Sender::default());
        Self(Arc::new(Inner { durable, live, changes, hangs: Notify::new(), began: Instant::now(), epoch }))
    }

    /// Another one, which goes on with what was recorded.
    pub fn after_a_crash(&self) -> Self {
        let next = Self::live(Arc::clone(&self.durable), self.epoch);
        let pending: Vec<String> = {
            let durable = self.durable();
            durable.spaces.iter().filter(|(_, it)| it.pending.is_some()).map(|(name, _)| name.clone()).collect()
        };
        for name in pending {
            next.work_on(name);
        }
        next
    }

    /// Does what is recorded, unless this life ends before.
    fn work_on(&self, name: String) {
        {
            let mut live = self.live_now();
            live.underway += 1;
            live.most = live.most.max(live.underway);
        }
        let this = Arc::downgrade(&self.0);
        tokio::spawn(async move {
            sleep(WORK).await;
            if let Some(this) = this.upgrade() {
                this.finish(&name);
            }
        });
    }
}

impl std::ops::Deref for Controller {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

impl Inner {
    pub fn behaves(&self, name: &str, manner: Manner) {
        self.durable().spaces.get_mut(name).expect("known").manner = manner;
    }

    pub fn set_ready(&self, ready: bool) {
        self.durable().ready = ready;
    }

    /// Ends in the middle of a request, counted from 0; returns when it has come.
    pub async fn hang_at(&self, number: usize, moment: Moment) {
        self.live_now().hang = Some((number, moment));
        self.hangs.notified().await;
    }

    /// The workspaces that were asked for something, in order.
    pub fn asked(&self) -> Vec<String> {
        self.durable().asked.clone()
    }

    pub fn most_at_once(&self) -> usize {
        self.live_now().most
    }

    /// How often each that is left was begun anew.
    pub fn runs(&self) -> Vec<(String, u64)> {
        self.durable().spaces.iter().map(|(name, space)| (name.clone(), space.runs)).collect()
    }

    fn durable(&self) -> MutexGuard<'_, Durable> {
        self.durable.lock().expect("not poisoned")
    }

    fn live_now(&self) -> MutexGuard<'_, Live> {
        self.live.lock().expect("not poisoned")
    }

    fn finish(&self, name: &str) {
        let mut durable = self.durable();
        let mut live = self.live_now();
        live.underway -= 1;
        let Some(space) = durable.spaces.get_mut(name) else { return };
        let Some((verb, id)) = space.pending.take() else { return };
        *live.passes.entry(name.to_owned()).or_default() += 1;
        match space.manner {
            Manner::Never => space.pending = Some((verb, id)),
            Manner::Fails(why) => drop(live.failed.insert(name.to_owned(), why)),
            Manner::Works | Manner::Refuses(_) if verb == Verb::Delete => drop(durable.spaces.remove(name)),
            Manner::Works | Manner::Refuses(_) => {
                space.runs += u64::from(verb == Verb::Restart);
                space.last = Some(id);
            }
        }
        self.changes.send_modify(|tick| *tick += 1);
    }
}

impl Desk for Controller {
    fn ask(&self, verb: Verb, name: Name, id: String) -> BoxFuture<'_, Result<(), String>> {
        async move {
            let name = name.to_string();
            let number = self.durable().asked.len();
            let hang = self.live_now().hang.filter(|(at, _)| *at == number).map(|(_, moment)| moment);
            if hang == Some(Moment::BeforeItIsRecorded) {
                self.hangs.notify_one();
                std::future::pending::<()>().await;
            }
            let is_new = {
                let mut durable = self.durable();
                durable.asked.push(name.clone());
                let space = durable.spaces.get_mut(&name).ok_or_else(|| format!("there is no workspace `{name}`"))?;
                if let Manner::Refuses(why) = space.manner {
                    return Err(why.to_owned());
                }
                let is_known =
                    space.last.as_ref() == Some(&id) || space.pending.as_ref().is_some_and(|(_, own)| *own == id);
                if !is_known {
                    space.pending = Some((verb, id));
                }
                !is_known
            };
            if is_new {
                self.work_on(name);
            } else {
                *self.live_now().passes.entry(name).or_default() += 1;
                self.changes.send_modify(|tick| *tick += 1);
            }
            if hang == Some(Moment::BeforeTheAnswer) {
                self.hangs.notify_one();
                std::future::pending::<()>().await;
            }
            Ok(())
        }
        .boxed()
    }

    fn is_ready(&self) -> bool {
        self.durable().ready
    }

    fn look(&self, name: &Name) -> Option<Look> {
        let durable = self.durable();
        let space = durable.spaces.get(name.as_str())?;
        let is_told = Instant::now() >= self.began + FIRST_LOOK || self.began == self.epoch;
        let live = self.live_now();
        let passes = live.passes.get(name.as_str()).copied().unwrap_or_default();
        let words = match (live.failed.contains_key(name.as_str()), &space.pending) {
            (true, _) => "retry",
            (false, Some((Verb::Restart, _))) => "ready reconciled running restarting",
            (false, Some(_)) => "running",
            (false, None) => "ready reconciled running",
        };
        is_told.then(|| told(words, passes))
    }

    fn knows(&self, name: Name) -> BoxFuture<'_, bool> {
        std::future::ready(self.durable().spaces.contains_key(name.as_str())).boxed()
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    fn now(&self) -> Timestamp {
        Timestamp::constant(1_767_225_600, 0) + self.epoch.elapsed()
    }
}
