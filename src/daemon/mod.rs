//! One running Wharf: a controller, and around it what people and programs see of it and ask of it.
//!
//! ```text
//!                      ┌──────────────── Office ────────────────┐
//!   API  ──Control──►  │ tracker · hub · log · history · batches │ ──Handle──► controller
//!   monitor ──Stage──► │                                         │
//!   batches ──Desk──►  └─────────────────────────────────────────┘
//! ```
//!
//! Each of the rooms around the controller says in a trait of its own what it needs; the office fills them all. Nothing is decided here.

mod alive;
mod control;
mod history;
mod office;
mod repository;
mod sources;
mod stage;
mod statuses;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::api::{Limits, Listeners, ServeError, Server, Token};
use crate::batch::Batches;
use crate::controller::{
    self, ControllerError, Ending, Handle, Input, Options, Readings, follow_confirmations, follow_directory,
};
use crate::engine::Engine;
use crate::metrics::{Metrics, Retention};
use crate::model::source::{SourceKind, SourceStatus};
use crate::monitor::{self, Monitor};
use crate::push::Hook;
use crate::source::Source;
use crate::source::git::GitSource;
use crate::status_file::StatusFiles;
use crate::store::{Store, StoreError};
use crate::supervisor::Supervisor;
use crate::webhook::{Outgoing, Policy, Webhook, WebhookError};

use office::Office;
use repository::follow_repository;
use statuses::push_statuses;

/// What a daemon is made of; it owns all of it.
#[derive(Debug)]
pub struct Parts<E> {
    /// The engine, which the controller and the monitor share.
    pub engine: E,
    /// What is remembered.
    pub store: Store,
    /// Where the history of resource use goes; `None`: what is measured is not kept.
    pub history: Option<Store>,
    /// Where manifests come from, in the order of [`Options::places`].
    pub sources: Vec<Followed>,
    /// Where statuses go.
    pub status_files: StatusFiles,
}

/// A place that manifests come from.
#[derive(Debug)]
pub enum Followed {
    /// A directory of this machine.
    Directory(Source),
    /// A git repository.
    Git(Box<GitSource>),
}

impl Followed {
    fn status(&self, name: &str, base: &Path) -> SourceStatus {
        match self {
            Self::Directory(_) => SourceStatus::new(name, SourceKind::Directory, base.display().to_string()),
            Self::Git(source) => {
                let options = source.options();
                let subpath = options.subpath.clone();
                SourceStatus {
                    reference: Some(options.reference.to_string()),
                    path: Some(subpath).filter(|path| !path.is_empty()),
                    ..SourceStatus::new(name, SourceKind::Git, options.url.to_string())
                }
            }
        }
    }
}

/// How a daemon is to be reached, and what it measures.
#[derive(Debug)]
pub struct Settings {
    /// Whether the API listens on `wharf.sock` in the state directory.
    pub socket: bool,
    /// A loopback address on which the API listens as well, and the token that is asked for there.
    pub listen: Option<(SocketAddr, Token)>,
    /// How resource use is measured; `None`: it is not.
    pub monitor: Option<monitor::Options>,
    /// How long history is kept.
    pub retention: Retention,
    /// To whom events are brought.
    pub webhooks: Vec<Webhook>,
    /// What sources expect of forges that notify them of pushes, by the source's name.
    pub hooks: BTreeMap<String, Hook>,
}

/// Why a daemon could not run.
#[derive(Debug, thiserror::Error)]
pub enum DaemonError {
    /// The controller could not.
    #[error(transparent)]
    Controller(#[from] ControllerError),
    /// What is remembered of batches cannot be read.
    #[error("cannot read what is remembered of batches")]
    Store(#[from] StoreError),
    /// The API cannot be reached where it should be.
    #[error(transparent)]
    Api(#[from] ServeError),
    /// Events cannot be brought to anybody.
    #[error(transparent)]
    Webhook(#[from] WebhookError),
}

/// How long the tasks around the controller have to end once it has.
const GRACE: Duration = Duration::from_secs(5);

/// Runs a controller with all that is around it until `shutdown` is cancelled, or until it ends by itself.
///
/// The caller holds the lock of the state directory. What cannot be reached where it should be is found out before anything is done.
pub async fn run<E: Engine>(
    parts: Parts<E>,
    settings: Settings,
    options: Options,
    shutdown: CancellationToken,
) -> Result<Ending, DaemonError> {
    let Parts { engine, store, history, sources: followed, status_files } = parts;
    let engine = Arc::new(engine);
    let server = Server::bind(Listeners {
        socket: settings.socket.then(|| options.state_dir.join("wharf.sock")),
        tcp: settings.listen,
        limits: Limits::default(),
    })
    .await?;
    let (inputs, receiver) = mpsc::unbounded_channel();
    let around = CancellationToken::new();
    let has_webhooks = !settings.webhooks.is_empty();
    let outgoing = Outgoing::new(settings.webhooks, Policy::default())?;
    let office = Office {
        handle: Handle::new(inputs.clone()),
        tracker: options.tracker.clone(),
        hub: options.hub.clone(),
        store: store.clone(),
        metrics: history.map(|history| Metrics::new(history, settings.retention)),
        monitor: settings.monitor.map(Monitor::new),
        deliveries: outgoing.deliveries(),
        clock: Arc::clone(&options.clock),
        audit_log: options.audit_log.clone(),
        hooks: settings.hooks,
        batches: std::sync::OnceLock::new(),
    };
    let office = Arc::new(office);
    let batches =
        Batches::take_up(store.clone(), Arc::clone(&office) as Arc<dyn crate::batch::Desk>, shutdown.clone())?;
    let batches = office.batches.get_or_init(|| batches).clone();

    let audit_log = options.audit_log.clone();
    let mut tasks = JoinSet::new();
    push_statuses(&mut tasks, &followed, &options, &around);
    follow(&mut tasks, followed, &options, &inputs, &shutdown);
    let (disk, state_dir) = (Arc::clone(&options.disk), options.state_dir.clone());
    tasks.spawn(follow_confirmations(disk, state_dir, options.poll, inputs, shutdown.clone()));
    let control = Arc::clone(&office) as Arc<dyn crate::api::Control>;
    let until = around.clone();
    tasks.spawn(async move { server.serve(control, until).await });
    if has_webhooks {
        tasks.spawn(bring_events(outgoing, Arc::clone(&office), around.clone()));
    }
    measure(&mut tasks, &office, &engine, &shutdown, &around);
    tasks.spawn(alive::supervise(Supervisor::from_env(), Arc::clone(&office), shutdown.clone()));
    let ending = controller::run(engine, store, status_files, receiver, options, shutdown.clone()).await;
    // Whoever asks how it ends is answered until it has.
    shutdown.cancel();
    around.cancel();
    let rest = async {
        batches.rest().await;
        while tasks.join_next().await.is_some() {}
    };
    if tokio::time::timeout(GRACE, rest).await.is_err() {
        tracing::warn!("something around the controller did not end in time");
    }
    // It waits for a disk.
    if tokio::task::spawn_blocking(move || audit_log.finish()).await.is_err() {
        tracing::error!("the audit log met a defect at its end");
    }
    Ok(ending?)
}

/// Follows all sources, each by itself.
fn follow(
    tasks: &mut JoinSet<()>,
    followed: Vec<Followed>,
    options: &Options,
    inputs: &mpsc::UnboundedSender<Input>,
    shutdown: &CancellationToken,
) {
    let readings = Readings::new(&options.places, options.tracker.sources().clone(), inputs.clone());
    for (which, (source, place)) in followed.into_iter().zip(options.places.iter()).enumerate() {
        readings.sources().set(source.status(readings.name(which), &place.base));
        let (readings, shutdown) = (readings.clone(), shutdown.clone());
        match source {
            Followed::Directory(source) => tasks.spawn(follow_directory(source, which, readings, shutdown)),
            Followed::Git(source) => tasks.spawn(follow_repository(*source, which, readings, shutdown)),
        };
    }
}

/// Brings events to webhooks.
async fn bring_events(outgoing: Outgoing, office: Arc<Office>, until: CancellationToken) {
    let subscription = office.hub.subscribe();
    let labels = move |name: &str| Some(office.tracker.get(name)?.document.metadata.labels.clone());
    outgoing.deliver(subscription, labels, until).await;
}

/// Measures what workspaces use, and keeps it, where that is wanted. What was measured is written once more when the controller has ended.
fn measure<E: Engine>(
    tasks: &mut JoinSet<()>,
    office: &Arc<Office>,
    engine: &Arc<E>,
    shutdown: &CancellationToken,
    around: &CancellationToken,
) {
    if let Some(monitor) = office.monitor.clone() {
        let (stage, engine, until) = (Arc::clone(office), Arc::clone(engine), shutdown.clone());
        tasks.spawn(async move { monitor.run(stage, engine, until).await });
    }
    if let Some(metrics) = office.metrics.clone() {
        tasks.spawn(history::forget_gone(metrics.clone(), office.store.clone(), shutdown.clone()));
        let until = around.clone();
        tasks.spawn(async move { metrics.run(until).await });
    }
}
