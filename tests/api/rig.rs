//! A controller that does as it is told, behind the real API on real sockets.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use futures_util::future::BoxFuture;
use futures_util::stream::{BoxStream, StreamExt, unfold};
use tokio::sync::broadcast;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use wharf::api::{
    Asked, Control, EventPage, EventQuery, Heard, Limits, Listeners, PlannedAction, PlannedWorkspace, Readiness,
    Refusal, Requested, SeriesQuery, Server, SourceAsked, Token, WorkspaceAnalysis, WorkspaceView,
};
use wharf::model::Name;
use wharf::model::batch::{Batch, BatchRequest, Verb};
use wharf::model::event::{Event, EventReason};
use wharf::model::metrics::{Metric, MetricSeries, Point, Series, Tier};
use wharf::model::source::SourceStatus;
use wharf::model::statistics::{Statistics, Summary};
use wharf::push::{Delivery, Disbelief, Hook};

use crate::samples;

/// The token of every loopback listener of these tests.
pub const TOKEN: &str = "correct-horse-battery-staple";

/// What the controller does with what it is asked.
#[derive(Clone, Debug, Default)]
pub enum Mood {
    #[default]
    Fine,
    Refuses(Refusal),
    Panics,
    Hangs,
}

/// Something that is to happen.
type Then = Box<dyn FnOnce(&Script) + Send>;

/// A controller that does as it is told.
pub struct Script {
    mood: Mutex<Mood>,
    workspaces: BTreeMap<String, Arc<WorkspaceView>>,
    pub ready: Mutex<bool>,
    /// What was asked for, one line each.
    pub asked: Mutex<Vec<String>>,
    log: Mutex<Vec<Event>>,
    /// Whether the log has dropped something.
    pub truncated: Mutex<bool>,
    live: broadcast::Sender<Arc<Event>>,
    /// Whether a deed hangs.
    reached: Mutex<bool>,
    /// Who asked for what, one line each.
    accounts: Mutex<Vec<String>>,
    /// Called once, when the log has been read, so that something can happen at that moment.
    pub after_reading: Mutex<Option<Then>>,
}

impl Script {
    /// With so many workspaces, and room for so many events in each subscription.
    pub fn new(workspaces: usize, room: usize) -> Arc<Self> {
        let names = (0..workspaces).map(|at| format!("ws-{at:03}"));
        Arc::new(Self {
            mood: Mutex::default(),
            workspaces: names.map(|name| (name.clone(), samples::workspace(&name))).collect(),
            ready: Mutex::new(true),
            asked: Mutex::default(),
            accounts: Mutex::default(),
            log: Mutex::default(),
            truncated: Mutex::default(),
            live: broadcast::channel(room).0,
            reached: Mutex::default(),
            after_reading: Mutex::default(),
        })
    }

    /// Something happens to a workspace.
    pub fn happens(&self, workspace: &str, reason: EventReason) {
        let mut log = self.log.lock().expect("not poisoned");
        let event = samples::event(Some(log.len() as u64 + 1), workspace, reason);
        log.push(event.clone());
        // Nobody has to listen.
        drop(self.live.send(Arc::new(event)));
    }

    /// Something is told and not stored.
    pub fn is_measured(&self, workspace: &str) {
        drop(self.live.send(Arc::new(samples::event(None, workspace, EventReason::Measured))));
    }

    pub fn is(&self, mood: Mood) {
        *self.mood.lock().expect("not poisoned") = mood;
    }

    /// Whether a deed hangs.
    pub fn was_reached(&self) -> bool {
        *self.reached.lock().expect("not poisoned")
    }

    /// How many listen to events.
    pub fn listeners(&self) -> usize {
        self.live.receiver_count()
    }

    /// What was asked for since the last time.
    pub fn take_asked(&self) -> Vec<String> {
        std::mem::take(&mut self.asked.lock().expect("not poisoned"))
    }

    /// What was accounted for since the last time.
    pub fn take_accounts(&self) -> Vec<String> {
        std::mem::take(&mut self.accounts.lock().expect("not poisoned"))
    }

    fn note(&self, line: String) {
        self.asked.lock().expect("not poisoned").push(line);
    }

    /// What can be refused is; what cannot goes on.
    fn feels(&self) -> Result<(), Refusal> {
        let mood = self.mood.lock().expect("not poisoned").clone();
        match mood {
            Mood::Fine | Mood::Hangs => Ok(()),
            Mood::Refuses(refusal) => Err(refusal),
            // As a panic, without the hook that prints it.
            Mood::Panics => std::panic::resume_unwind(Box::new("told to panic")),
        }
    }

    /// What a deed comes to.
    async fn comes_to<T>(&self, outcome: T) -> Result<T, Refusal> {
        let hangs = matches!(*self.mood.lock().expect("not poisoned"), Mood::Hangs);
        if hangs {
            *self.reached.lock().expect("not poisoned") = true;
            std::future::pending::<()>().await;
        }
        self.feels().map(|()| outcome)
    }

    fn record(&self, verb: Verb, workspace: Option<Name>) -> Asked {
        let name = workspace.as_ref().map_or("all", |name| name.as_str()).to_owned();
        self.note(format!("{verb} {name}"));
        Asked { verb, workspace, message: format!("{verb} of {name} is recorded") }
    }

    fn known(&self, name: &Name) -> Result<(), Refusal> {
        let unknown = || Refusal::no_workspace(name.as_str(), self.workspaces.keys().map(String::as_str));
        self.workspaces.get(name.as_str()).map(drop).ok_or_else(unknown)
    }

    fn page(&self, query: &EventQuery) -> EventPage {
        let log = self.log.lock().expect("not poisoned");
        let fits = |event: &&Event| query.selects(event) && event.sequence > query.after;
        let found: Vec<&Event> = log.iter().filter(fits).collect();
        let skip = if query.after.is_some() { 0 } else { found.len().saturating_sub(query.limit) };
        let items: Vec<Event> = found.iter().skip(skip).take(query.limit).copied().cloned().collect();
        let more = skip + items.len() < found.len();
        let end = if more { items.last() } else { log.last() };
        let next = end.and_then(|event| event.sequence).or(query.after).unwrap_or_default();
        EventPage { items, next, more, truncated: *self.truncated.lock().expect("not poisoned") }
    }
}

impl Control for Script {
    fn workspaces(&self) -> Vec<Arc<WorkspaceView>> {
        drop(self.feels());
        self.workspaces.values().cloned().collect()
    }

    fn workspace(&self, name: &str) -> Option<Arc<WorkspaceView>> {
        drop(self.feels());
        self.workspaces.get(name).cloned()
    }

    fn plan(&self, names: Vec<Name>) -> BoxFuture<'_, Result<Vec<PlannedWorkspace>, Refusal>> {
        Box::pin(async move {
            names.iter().try_for_each(|name| self.known(name))?;
            let all = || self.workspaces.keys().map(|name| name.parse().expect("a name")).collect();
            let names: Vec<Name> = if names.is_empty() { all() } else { names };
            let action = || PlannedAction { action: "start container".to_owned(), cause: "it does not run".to_owned() };
            let planned =
                |workspace| PlannedWorkspace { workspace, actions: vec![action()], blocked: None, held: None };
            self.comes_to(names.into_iter().map(planned).collect()).await
        })
    }

    fn events(&self, query: EventQuery) -> Result<EventPage, Refusal> {
        self.feels()?;
        let page = self.page(&query);
        let then = self.after_reading.lock().expect("not poisoned").take();
        if let Some(then) = then {
            then(self);
        }
        Ok(page)
    }

    fn subscribe(&self) -> BoxStream<'static, Heard> {
        drop(self.feels());
        let heard = async |mut receiver: broadcast::Receiver<Arc<Event>>| match receiver.recv().await {
            Ok(event) => Some((Heard::Event(event), receiver)),
            Err(broadcast::error::RecvError::Lagged(count)) => Some((Heard::Missed(count), receiver)),
            Err(broadcast::error::RecvError::Closed) => None,
        };
        unfold(self.live.subscribe(), heard).boxed()
    }

    fn series(&self, name: Name, query: SeriesQuery) -> BoxFuture<'_, Result<Series, Refusal>> {
        Box::pin(async move {
            self.known(&name)?;
            let words = query.metrics.iter().map(|metric| metric.as_str()).collect::<Vec<_>>().join(",");
            let length = query.to.timestamp().as_second() - query.from.timestamp().as_second();
            let step = query.step.map(|step| step.to_string()).unwrap_or_default();
            self.note(format!("series of {name}: [{words}] over {length} s by [{step}]"));
            let point = Point { time: query.from, min: 1.0, mean: 2.0, max: 3.0, last: 2.0, count: 3 };
            let all = if query.metrics.is_empty() { Metric::ALL.to_vec() } else { query.metrics };
            let metrics =
                all.into_iter().map(|metric| MetricSeries { metric, unit: metric.unit(), points: vec![point] });
            let (from, to, metrics) = (query.from, query.to, metrics.collect());
            self.comes_to(Series { from, to, step_seconds: 60, tier: Tier::Minute, metrics }).await
        })
    }

    fn analysis(&self, name: Name) -> BoxFuture<'_, Result<WorkspaceAnalysis, Refusal>> {
        Box::pin(async move {
            self.known(&name)?;
            self.comes_to(samples::analysis(name)).await
        })
    }

    fn summary(&self) -> Summary {
        drop(self.feels());
        Summary { workspaces: self.workspaces.len() as u64, ..Summary::default() }
    }

    fn statistics(&self) -> Statistics {
        drop(self.feels());
        Statistics { engine_reachable: true, passes: 7, ..Statistics::default() }
    }

    fn exposition(&self) -> String {
        drop(self.feels());
        "# TYPE wharf_passes counter\nwharf_passes_total 7\n".to_owned()
    }

    fn readiness(&self) -> Readiness {
        drop(self.feels());
        let ready = *self.ready.lock().expect("not poisoned");
        let reasons = if ready { Vec::new() } else { vec!["the engine does not answer".to_owned()] };
        Readiness { ready, reasons }
    }

    fn is_alive(&self) -> bool {
        drop(self.feels());
        *self.ready.lock().expect("not poisoned")
    }

    fn ask(&self, verb: Verb, name: Name) -> BoxFuture<'_, Result<Asked, Refusal>> {
        Box::pin(async move {
            self.known(&name)?;
            self.comes_to(()).await?;
            Ok(self.record(verb, Some(name)))
        })
    }

    fn sync_all(&self) -> BoxFuture<'_, Result<Asked, Refusal>> {
        Box::pin(async move {
            self.comes_to(()).await?;
            Ok(self.record(Verb::Sync, None))
        })
    }

    fn sources(&self) -> Vec<SourceStatus> {
        drop(self.feels());
        vec![samples::source()]
    }

    fn source(&self, name: &str) -> Option<SourceStatus> {
        drop(self.feels());
        (name == samples::SOURCE).then(samples::source)
    }

    fn sync_source(&self, name: &str) -> Result<SourceAsked, Refusal> {
        self.feels()?;
        if name != samples::SOURCE {
            return Err(Refusal::no_source(name, [samples::SOURCE]));
        }
        self.note(format!("sync source {name}"));
        Ok(SourceAsked { source: name.to_owned(), message: "the source is looked at now".to_owned() })
    }

    fn pushed(&self, name: &str, delivery: &Delivery<'_>) -> Result<SourceAsked, Disbelief> {
        drop(self.feels());
        // A source that is there and one that is not have secrets of their own.
        let secret = if name == samples::SOURCE { samples::SECRET.to_owned() } else { name.repeat(9) };
        let hook = Hook::new(secret.into_bytes().into()).following("refs/heads/main");
        let verdict = hook.judge(delivery)?;
        self.note(format!("pushed {name}: {verdict:?}"));
        Ok(SourceAsked { source: name.to_owned(), message: format!("{verdict:?}") })
    }

    fn requested(&self, request: &Requested<'_>) {
        let Requested { caller, operation, workspace, source, detail, outcome } = request;
        let about: Vec<&str> = [workspace, source, detail].into_iter().flatten().copied().collect();
        let line = format!("{caller}: {operation} [{}] {outcome:?}", about.join(", "));
        self.accounts.lock().expect("not poisoned").push(line);
    }

    fn begin_batch(&self, request: BatchRequest) -> BoxFuture<'_, Result<Batch, Refusal>> {
        Box::pin(async move {
            self.comes_to(()).await?;
            for name in &request.names {
                let name: Name = name.parse().expect("the API has looked at names");
                self.known(&name)?;
            }
            let selector = request.selector.unwrap_or_default();
            self.note(format!(
                "batch {} [{}] [{selector}] all: {}",
                request.verb,
                request.names.join(","),
                request.all
            ));
            Ok(samples::batch(request.verb))
        })
    }

    fn batches(&self) -> Vec<Batch> {
        drop(self.feels());
        vec![samples::batch(Verb::Restart)]
    }

    fn batch(&self, id: &str) -> Option<Batch> {
        drop(self.feels());
        (id == samples::BATCH).then(|| samples::batch(Verb::Restart))
    }

    fn cancel_batch(&self, id: String) -> BoxFuture<'_, Result<Batch, Refusal>> {
        Box::pin(async move {
            self.comes_to(()).await?;
            let batch = self.batch(&id).ok_or_else(|| Refusal::no_batch(&id))?;
            self.note(format!("cancel {id}"));
            Ok(Batch { canceled: true, ..batch })
        })
    }
}

/// The API on sockets of its own, which end with this.
pub struct Rig {
    pub script: Arc<Script>,
    pub directory: tempfile::TempDir,
    pub address: SocketAddr,
    pub shutdown: CancellationToken,
    pub served: Option<JoinHandle<()>>,
}

impl Rig {
    pub async fn start() -> Self {
        Self::with(Script::new(5, 1024), Limits::default()).await
    }

    pub async fn with(script: Arc<Script>, limits: Limits) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        std::fs::set_permissions(directory.path(), PermissionsExt::from_mode(0o700)).expect("protected");
        let token = Token::new(TOKEN).expect("a fit token");
        let socket = Some(directory.path().join("wharf.sock"));
        let listeners = Listeners { socket, tcp: Some((([127, 0, 0, 1], 0).into(), token)), limits };
        let bound = Server::bind(listeners).await.expect("bound");
        let address = bound.address().expect("a port");
        let shutdown = CancellationToken::new();
        let served = tokio::spawn(bound.serve(Arc::clone(&script) as Arc<dyn Control>, shutdown.clone()));
        Self { script, directory, address, shutdown, served: Some(served) }
    }

    pub fn socket(&self) -> PathBuf {
        self.directory.path().join("wharf.sock")
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}
