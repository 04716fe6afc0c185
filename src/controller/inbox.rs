//! What reaches the controller from outside: readings of the source, lists and events of the engine. Tasks bring them;
//! they decide nothing.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::StreamExt;
use jiff::Timestamp;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::Input;
use crate::disk::{Disk, offload};
use crate::engine::{Change, ContainerSummary, Engine, EngineError, EngineEvent};
use crate::model::source::{ONLY, SourceError, SourceStatus};
use crate::model::time::Time;
use crate::model::{Instance, Name};
use crate::source::{Combined, Places, Reading, Source};
use crate::store::confirmed;
use crate::tracker::Sources;

/// Something that reached the controller.
#[derive(Debug)]
pub(super) enum Message {
    /// The event stream stands: what is listed from now on misses nothing.
    Subscribed,
    /// The event stream has ended; it is set up again by itself.
    Unsubscribed(String),
    /// Something changed on the engine.
    Event(EngineEvent, Instant),
    /// The engine's containers, asked for at a time, and whether it shares our files.
    Listed(Result<(Vec<ContainerSummary>, bool), EngineError>, Instant),
    /// A document could not be taken out of the source, and when that had been asked for before.
    NotRemoved(Name, Option<Time>),
}

/// How long to wait before subscribing again, growing with each failure in a row.
const RESUBSCRIBE: [Duration; 5] = [
    Duration::from_millis(200),
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(5),
    Duration::from_secs(10),
];

/// Brings events for as long as the controller lives.
pub(super) async fn follow_events<E: Engine>(
    tools: Arc<super::tools::Tools<E>>,
    instance: Instance,
    inbox: mpsc::UnboundedSender<Message>,
    shutdown: CancellationToken,
) {
    let mut failures = 0;
    while !shutdown.is_cancelled() && !inbox.is_closed() {
        let mut events = tools.engine.events(&instance);
        let ended = loop {
            let Some(event) = shutdown.run_until_cancelled(events.next()).await else { return };
            match event {
                Some(Ok(event)) => {
                    failures = 0;
                    deliver(&inbox, event);
                }
                Some(Err(error)) => break error.to_string(),
                None => break "the engine ended the event stream".to_owned(),
            }
        };
        let _ = inbox.send(Message::Unsubscribed(ended));
        let delay = RESUBSCRIBE[failures.min(RESUBSCRIBE.len() - 1)];
        failures += 1;
        if shutdown.run_until_cancelled(sleep(delay)).await.is_none() {
            return;
        }
    }
}

/// The controller has ended when nobody receives; the caller's loop notices.
fn deliver(inbox: &mpsc::UnboundedSender<Message>, event: EngineEvent) {
    let message = match event.change {
        Change::Subscribed => Message::Subscribed,
        _ => Message::Event(event, Instant::now()),
    };
    let _ = inbox.send(message);
}

/// Where those who follow a source hand in what they read. Clones are the same.
#[derive(Clone, Debug)]
pub struct Readings {
    combined: Arc<Mutex<Combined>>,
    names: Arc<[String]>,
    sources: Sources,
    inputs: mpsc::UnboundedSender<Input>,
}

impl Readings {
    /// The readings of these places, for the controller that takes these inputs. `sources`: where is told how the places stand.
    pub fn new(places: &Places, sources: Sources, inputs: mpsc::UnboundedSender<Input>) -> Self {
        let names = places.iter().map(|place| place.name.as_ref().map_or_else(|| ONLY.to_owned(), ToString::to_string));
        Self { combined: Arc::new(Mutex::new(places.combined())), names: names.collect(), sources, inputs }
    }

    /// Takes what one place says now, by its precedence.
    pub fn take(&self, which: usize, reading: Reading) {
        // Kept until it is sent: of two that are taken at once, the later one knows of the earlier.
        let mut combined = self.combined.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(reading) = combined.take(which, reading) {
            let _ = self.inputs.send(Input::Reading(reading));
        }
    }

    /// What a place is called where it is told of.
    pub fn name(&self, which: usize) -> &str {
        self.names.get(which).map_or(ONLY, String::as_str)
    }

    /// Where is told how the places stand.
    pub fn sources(&self) -> &Sources {
        &self.sources
    }

    /// Whether the controller has ended.
    pub fn is_closed(&self) -> bool {
        self.inputs.is_closed()
    }
}

/// Brings the readings of a directory, each that differs from the one before, until `shutdown` or until nobody receives. `which`: its
/// precedence among the places.
pub async fn follow_directory(mut source: Source, which: usize, readings: Readings, shutdown: CancellationToken) {
    let disk = Arc::clone(source.disk());
    let mut last = None;
    while !readings.is_closed() {
        tokio::select! {
            biased;
            () = shutdown.cancelled() => return,
            () = source.changed() => {}
            () = readings.sources().asked(readings.name(which)) => {}
        }
        let reading: Reading = source.scan().await;
        let now = Timestamp::try_from(disk.now()).ok().map(Time::from);
        readings.sources().update(readings.name(which), |status| note_reading(status, &reading, now));
        if last.as_ref() != Some(&reading) {
            last = Some(reading.clone());
            readings.take(which, reading);
        }
    }
}

/// What a reading says of its source.
fn note_reading(status: &mut SourceStatus, reading: &Reading, now: Option<Time>) {
    match reading {
        Reading::Complete(_) => {
            status.last_sync = now.or(status.last_sync);
            status.last_error = None;
        }
        Reading::Lost(why) if status.last_error.as_ref().is_none_or(|error| error.message != *why) => {
            status.last_error = now.map(|since| SourceError { message: why.clone(), since });
        }
        Reading::Lost(_) => {}
    }
}

/// Brings deletions that are confirmed in the state directory, until `shutdown` or until nobody receives.
pub async fn follow_confirmations(
    disk: Arc<dyn Disk>,
    state_dir: PathBuf,
    period: Duration,
    inputs: mpsc::UnboundedSender<Input>,
    shutdown: CancellationToken,
) {
    while !inputs.is_closed() {
        let (place, path) = (Arc::clone(&disk), state_dir.clone());
        match offload(&disk, move || confirmed(&*place, &path)).await {
            Ok(Ok(names)) if names.is_empty() => {}
            // Sent again at each look until the controller has acted on them.
            Ok(Ok(names)) => drop(inputs.send(Input::Confirmed(names))),
            Ok(Err(error)) => tracing::warn!("{error}"),
            Err(error) => tracing::error!("{error}"),
        }
        if shutdown.run_until_cancelled(sleep(period)).await.is_none() {
            return;
        }
    }
}

/// Lists the engine's containers once.
pub(super) async fn list<E: Engine>(
    tools: Arc<super::tools::Tools<E>>,
    first: bool,
    inbox: mpsc::UnboundedSender<Message>,
) {
    let asked_at = Instant::now();
    let result = ask(&tools, first).await;
    let _ = inbox.send(Message::Listed(result, asked_at));
}

/// An engine that was away is asked who it is before it is asked what it has.
pub(super) async fn ask<E: Engine>(
    tools: &super::tools::Tools<E>,
    first: bool,
) -> Result<(Vec<ContainerSummary>, bool), EngineError> {
    let local = if first { tools.engine.info().await?.local } else { tools.shares_files() };
    let list = tools.engine.list(&tools.scope.instance).await?;
    Ok((list, local))
}
