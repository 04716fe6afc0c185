//! What all passes share: the engine, the names, and what is looked up once for all of them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::admission::Admission;
use super::claims::Claims;
use super::job::Job;
use super::options::Options;
use crate::audit::Audit;
use crate::disk::Disk;
use crate::engine::{Engine, EngineError, NetworkSpec, PullProgress};
use crate::model::Name;
use crate::model::reference::ImageReference;
use crate::plan::{Image, Scope, Subject};
use crate::secrets::Secrets;

/// What all passes share. Each part locks for itself, never across a call.
#[derive(Debug)]
pub(super) struct Tools<E> {
    pub(super) engine: E,
    /// Where project directories are.
    pub(super) disk: Arc<dyn Disk>,
    pub(super) scope: Scope,
    pub(super) admission: Admission,
    pub(super) claims: Claims,
    pub(super) secrets: Secrets,
    pub(super) images: Images,
    pub(super) networks: Networks,
    /// Where passes tell of progress while they last.
    pub(super) progress: mpsc::UnboundedSender<(Name, Option<String>)>,
    places: Places,
    shares_files: AtomicBool,
    /// Passes that have begun.
    begun: AtomicU64,
    /// Where actions are accounted for.
    pub(super) audit_log: Audit,
    /// When cancelled, passes end after the action they are at.
    pub(super) shutdown: CancellationToken,
}

impl<E: Engine> Tools<E> {
    pub(super) fn new(
        engine: E,
        options: &Options,
        progress: mpsc::UnboundedSender<(Name, Option<String>)>,
        shutdown: CancellationToken,
    ) -> Self {
        Self {
            engine,
            disk: Arc::clone(&options.disk),
            scope: options.scope.clone(),
            admission: options.admission(),
            claims: Claims::default(),
            secrets: Secrets::new(
                Arc::clone(&options.disk),
                &options.state_dir,
                &options.scope.instance,
                &options.secrets,
            ),
            audit_log: options.audit_log.clone(),
            images: Images::default(),
            networks: Networks::default(),
            progress,
            places: Places { free: Arc::new(Semaphore::new(options.concurrency.max(1))), left: Arc::default() },
            shares_files: AtomicBool::new(false),
            begun: AtomicU64::new(0),
            shutdown,
        }
    }

    /// The workspace of a job as it is to be.
    pub(super) fn subject(&self, job: &Job) -> Subject {
        self.admission.compile(&self.scope, &job.workspace, job.origin())
    }

    /// What the lines that a new pass logs have in common: its number in this run.
    pub(super) fn span(&self) -> tracing::Span {
        tracing::info_span!("pass", number = self.begun.fetch_add(1, Ordering::Relaxed) + 1)
    }

    /// A place for a new pass, taken already if one is free.
    pub(super) fn place(&self) -> Place {
        Place { taken: Arc::clone(&self.places.free).try_acquire_owned().ok(), places: self.places.clone() }
    }

    /// Whether another pass may begin.
    pub(super) fn has_place(&self) -> bool {
        self.places.free.available_permits() > 0
    }

    /// Waits until a pass has left its place and goes on. The end of a pass is known anyhow.
    pub(super) async fn place_left(&self) {
        self.places.left.notified().await;
    }

    /// Whether host paths mean the same to the engine and to this process.
    pub(super) fn shares_files(&self) -> bool {
        self.shares_files.load(Ordering::Relaxed)
    }

    /// What was learned about the engine when it answered.
    pub(super) fn set_shares_files(&self, shares: bool) {
        self.shares_files.store(shares, Ordering::Relaxed);
    }

    /// Forgets what was learned about an engine that was away: it may be another one now.
    pub(super) fn forget_engine(&self) {
        self.images.forget_all();
        self.networks.forget_all();
    }
}

/// Bounds the short calls under way at once.
#[derive(Clone, Debug)]
struct Places {
    free: Arc<Semaphore>,
    left: Arc<Notify>,
}

/// A pass's place among those that call the engine.
///
/// Kept from one short call to the next, so that workspaces are finished one after the other rather than all begun first. Left
/// while the pass waits for anybody else (a registry, a process, a disk): a slow workspace delays no other.
#[derive(Debug)]
pub(super) struct Place {
    taken: Option<OwnedSemaphorePermit>,
    places: Places,
}

impl Place {
    /// Waits for a place, unless there is one already.
    pub(super) async fn take(&mut self) {
        if self.taken.is_none() {
            // The semaphore is never closed, so there is always a permit in the end.
            self.taken = Arc::clone(&self.places.free).acquire_owned().await.ok();
        }
    }

    pub(super) fn leave(&mut self) {
        if self.taken.take().is_some() {
            self.places.left.notify_one();
        }
    }
}

/// Which images the engine has, each asked for once and pulled once at a time.
#[derive(Debug, Default)]
pub(super) struct Images {
    present: Mutex<BTreeSet<ImageReference>>,
    turns: Mutex<BTreeMap<ImageReference, Arc<tokio::sync::Mutex<()>>>>,
    /// Registries that were asked too often, by host.
    pauses: Mutex<BTreeMap<String, Pause>>,
}

/// How long a registry is left alone at first, and at most.
const SHORTEST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(5 * 60);

/// A registry is left alone: whose image it is does not matter to it.
#[derive(Clone, Debug)]
struct Pause {
    end: Instant,
    length: Duration,
    /// The registry's words.
    message: String,
}

impl Images {
    /// Whether the engine has an image. That it has is remembered until it turns out otherwise; that it has not is not.
    pub(super) async fn state<E: Engine>(
        &self,
        place: &mut Place,
        engine: &E,
        image: &ImageReference,
    ) -> Result<Image, EngineError> {
        if locked(&self.present).contains(image) {
            return Ok(Image::Present);
        }
        // Another pass may be pulling it.
        place.leave();
        let turn = self.turn(image);
        let _turn = turn.lock().await;
        // Another pass may have asked while this one waited for its turn.
        if locked(&self.present).contains(image) {
            return Ok(Image::Present);
        }
        if engine.image(image).await?.is_none() {
            return Ok(Image::Missing);
        }
        locked(&self.present).insert(image.clone());
        Ok(Image::Present)
    }

    /// Pulls an image; passes that want the same one at the same time share one pull unless `always`.
    pub(super) async fn pull<E: Engine>(
        &self,
        engine: &E,
        image: &ImageReference,
        always: bool,
        progress: &(dyn Fn(PullProgress) + Send + Sync),
    ) -> Result<(), EngineError> {
        let turn = self.turn(image);
        let _turn = turn.lock().await;
        if !always && locked(&self.present).contains(image) {
            return Ok(());
        }
        self.heed_pause(image)?;
        let pulled = engine.pull(image, progress).await;
        self.note_answer(image, &pulled);
        pulled?;
        locked(&self.present).insert(image.clone());
        Ok(())
    }

    /// Until when the registry of an image is left alone, if it is.
    pub(super) fn paused_until(&self, image: &ImageReference) -> Option<Instant> {
        locked(&self.pauses).get(image.registry()).map(|pause| pause.end)
    }

    /// What the registry said last, for as long as it is not to be asked again.
    fn heed_pause(&self, image: &ImageReference) -> Result<(), EngineError> {
        match locked(&self.pauses).get(image.registry()) {
            Some(pause) if pause.end > Instant::now() => {
                Err(EngineError::Busy { operation: format!("pull image {image}"), message: pause.message.clone() })
            }
            _ => Ok(()),
        }
    }

    fn note_answer(&self, image: &ImageReference, answer: &Result<(), EngineError>) {
        let (mut pauses, now) = (locked(&self.pauses), Instant::now());
        match answer {
            Ok(()) => drop(pauses.remove(image.registry())),
            Err(EngineError::Busy { message, .. }) => {
                let before = pauses.get(image.registry());
                // Several pulls that were under way together are one reason to wait, not several.
                if before.is_none_or(|pause| pause.end <= now) {
                    let length = before.map_or(SHORTEST_PAUSE, |pause| (pause.length * 2).min(LONGEST_PAUSE));
                    let pause = Pause { end: now + length, length, message: message.clone() };
                    pauses.insert(image.registry().to_owned(), pause);
                }
            }
            Err(_) => {}
        }
    }

    /// An image turned out to be gone.
    pub(super) fn forget(&self, image: &ImageReference) {
        locked(&self.present).remove(image);
    }

    fn forget_all(&self) {
        locked(&self.present).clear();
    }

    fn turn(&self, image: &ImageReference) -> Arc<tokio::sync::Mutex<()>> {
        let mut turns = locked(&self.turns);
        // Turns that nobody waits for are not kept.
        turns.retain(|_, turn| Arc::strong_count(turn) > 1);
        Arc::clone(turns.entry(image.clone()).or_default())
    }
}

/// What is known about networks.
#[derive(Debug, Default)]
pub(super) struct Networks {
    known: Mutex<BTreeMap<String, Presence>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Presence {
    /// It exists.
    There,
    /// It was removed, or somebody else uses it: there is nothing left to remove.
    LetGo,
}

impl Networks {
    /// Whether a network is known to exist; none is needed for `None`.
    pub(super) fn knows(&self, network: Option<&NetworkSpec>) -> bool {
        network.is_none_or(|network| self.presence(network) == Some(Presence::There))
    }

    /// Whether a network may be there to be removed, as after a start, when nothing is known.
    pub(super) fn may_exist(&self, network: Option<&NetworkSpec>) -> bool {
        network.is_some_and(|network| self.presence(network) != Some(Presence::LetGo))
    }

    fn presence(&self, network: &NetworkSpec) -> Option<Presence> {
        locked(&self.known).get(&network.name).copied()
    }

    pub(super) fn learn(&self, name: &str) {
        locked(&self.known).insert(name.to_owned(), Presence::There);
    }

    pub(super) fn forget(&self, name: &str) {
        locked(&self.known).remove(name);
    }

    pub(super) fn let_go(&self, name: &str) {
        locked(&self.known).insert(name.to_owned(), Presence::LetGo);
    }

    fn forget_all(&self) {
        locked(&self.known).clear();
    }
}

/// A collection that was being changed when a pass panicked is still one.
fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
