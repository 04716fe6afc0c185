//! The loop, and what it owns.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::deletions::Deletions;
use super::entry::{Entry, Moment};
use super::handle::Request;
use super::inbox::{self, Message};
use super::intake::Slot;
use super::inventory::Inventory;
use super::links::Links;
use super::lives::Lives;
use super::options::Options;
use super::pass::Report;
use super::publish::Publisher;
use super::queue::Queue;
use super::round::Round;
use super::tools::Tools;
use super::{Ending, Input};
use crate::engine::{ContainerSummary, Engine, EngineError, EngineEvent};
use crate::model::event::Details;
use crate::model::{Name, labels};
use crate::plan::Reach;
use crate::source::Snapshot;
use crate::status_file::StatusFiles;
use crate::store::{Store, StoreError};
use crate::tracker::Counters;

/// How long to wait before an engine that did not answer is asked again, growing with each failure in a row.
const ASK_AGAIN: [Duration; 4] =
    [Duration::from_millis(500), Duration::from_secs(1), Duration::from_secs(2), Duration::from_secs(5)];

/// How often to make sure that the state directory, and with it the lock, has not been removed (a second controller could run),
/// and that what is known is stored.
const CHECK_POSSESSION: Duration = Duration::from_secs(2);

/// Everything that is known, and the means to act. One task owns it.
pub(super) struct Core<E> {
    pub(super) options: Options,
    pub(super) tools: Arc<Tools<E>>,
    pub(super) store: Store,
    pub(super) publisher: Publisher,
    pub(super) queue: Queue,
    pub(super) entries: BTreeMap<Name, Entry>,
    /// Of the records in `entries`.
    pub(super) links: Links,
    pub(super) inventory: Inventory,
    /// What each manifest's status file shows, besides workspaces that are being deleted.
    pub(super) files: BTreeMap<String, Vec<Slot>>,
    /// The last complete reading; `None` before the first.
    pub(super) snapshot: Option<Snapshot>,
    /// Why the source cannot be read, if it cannot.
    pub(super) source_lost: Option<String>,
    /// When missing manifests are judged.
    pub(super) deletions: Deletions,
    /// Deletions that a person confirmed.
    pub(super) confirmed: BTreeSet<Name>,
    /// Held by whoever takes a document out of the source: two at once, from one file, would bring one of them back.
    pub(super) removing: Arc<tokio::sync::Mutex<()>>,
    /// To look at; what is written goes through the publisher.
    pub(super) status_files: Arc<StatusFiles>,
    /// What is known of lives that are not remembered; `None` before the first reading.
    pub(super) lives: Option<Lives>,
    pub(super) reach: Reach,
    /// Whether what an earlier run left behind has been removed.
    pub(super) tidied: bool,
    /// Whether the last reading could not be acted on completely and is to be considered again.
    pub(super) reconsider: bool,
    /// What was told last of the commit of each source.
    pub(super) commits_told: BTreeMap<String, (Details, String)>,
    /// Orphans that have been told of.
    pub(super) orphans_told: BTreeSet<String>,
    /// Workspaces of which the store does not know what is known.
    pub(super) unsaved: BTreeSet<Name>,
    /// UIDs given so far in this run; part of what makes the next one.
    pub(super) uids: u64,
    pub(super) passes: JoinSet<Report>,
    pub(super) pass_names: BTreeMap<tokio::task::Id, Name>,
    /// To tell a pass under way that what it is for has changed.
    pub(super) revocations: BTreeMap<Name, CancellationToken>,
    /// When passes under way began.
    pub(super) begun: BTreeMap<Name, Instant>,
    /// The comparison of everything that is under way.
    pub(super) round: Option<Round>,
    /// What was asked for before the source had been read: a change of a manifest that was made before that does not take it back.
    pub(super) early_requests: Vec<Request>,
    /// Events about workspaces that were being worked on when they came.
    pub(super) pending_events: BTreeMap<Name, Vec<(EngineEvent, Instant)>>,
    inbox: mpsc::UnboundedReceiver<Message>,
    pub(super) outbox: mpsc::UnboundedSender<Message>,
    progress: mpsc::UnboundedReceiver<(Name, Option<String>)>,
    shutdown: CancellationToken,
    listing: Listing,
    next_audit: Instant,
    /// When to make sure that the state directory is still ours.
    next_check: Instant,
    in_possession: bool,
}

/// The lists of the engine's containers.
struct Listing {
    under_way: bool,
    /// Whether another is wanted after the one under way.
    again: bool,
    /// When the next one is due whatever happens.
    next: Instant,
    /// Failures in a row.
    failures: usize,
}

impl<E: Engine> Core<E> {
    pub(super) fn new(
        engine: E,
        store: Store,
        status_files: StatusFiles,
        options: Options,
        shutdown: CancellationToken,
    ) -> Result<Self, StoreError> {
        let (outbox, inbox) = mpsc::unbounded_channel();
        let (progress_sender, progress) = mpsc::unbounded_channel();
        let records = store.load_all()?;
        let status_files = Arc::new(status_files);
        let publisher = Publisher::new(Arc::clone(&status_files));
        let links = Links::of(records.values());
        let entries =
            records.into_iter().map(|(name, record)| (name.clone(), Entry::new(name, Some(record)))).collect();
        let tools = Tools::new(engine, &options, progress_sender, shutdown.clone());
        let now = Instant::now();
        Ok(Self {
            tools: Arc::new(tools),
            store,
            publisher,
            queue: Queue::default(),
            entries,
            links,
            inventory: Inventory::default(),
            files: BTreeMap::new(),
            snapshot: None,
            source_lost: None,
            deletions: Deletions::new(options.deletion_settle),
            confirmed: BTreeSet::new(),
            removing: Arc::default(),
            status_files,
            lives: None,
            reach: Reach::NotAsked,
            tidied: false,
            reconsider: false,
            commits_told: BTreeMap::new(),
            orphans_told: BTreeSet::new(),
            unsaved: BTreeSet::new(),
            uids: 0,
            passes: JoinSet::new(),
            pass_names: BTreeMap::new(),
            revocations: BTreeMap::new(),
            begun: BTreeMap::new(),
            round: None,
            early_requests: Vec::new(),
            pending_events: BTreeMap::new(),
            inbox,
            outbox,
            progress,
            shutdown,
            // The first list follows the first subscription, or its failure.
            listing: Listing { under_way: false, again: false, next: now + options.resync, failures: 0 },
            next_audit: now + options.audit,
            next_check: now + CHECK_POSSESSION,
            in_possession: true,
            options,
        })
    }

    /// Runs until told to end, or until settled where that is asked for.
    pub(super) async fn run(mut self, mut inputs: mpsc::UnboundedReceiver<Input>) -> Ending {
        let events = inbox::follow_events(
            Arc::clone(&self.tools),
            self.options.scope.instance.clone(),
            self.outbox.clone(),
            self.shutdown.clone(),
        );
        let events = tokio::spawn(events);
        self.counters().started(self.now().wall.into());
        let deadline = Instant::now() + self.options.once_timeout;
        let ending = loop {
            if let Some(ending) = self.settled(deadline) {
                break ending;
            }
            if !self.in_possession {
                break Ending::StateDirectoryLost;
            }
            self.take_early_requests();
            self.end_round();
            self.counters().come_round(self.queue.len(), self.passes.len());
            self.counters().set_obstacles(self.obstacles());
            let timer = self.next_timer();
            tokio::select! {
                biased;
                () = self.shutdown.cancelled() => break Ending::Shutdown,
                Some(message) = self.inbox.recv() => self.receive(message),
                Some(input) = inputs.recv() => self.take_in(input),
                Some((name, text)) = self.progress.recv() => self.show_progress(&name, text),
                Some(ended) = self.passes.join_next_with_id() => self.end_pass(ended),
                () = self.tools.place_left() => {}
                name = self.queue.next(), if self.tools.has_place() => self.begin_pass(name),
                () = sleep_until(timer) => self.tick(),
                () = sleep_until(deadline), if self.options.once => {}
            }
        };
        self.tools.shutdown.cancel();
        self.finish(events).await;
        ending
    }

    /// Lets actions under way end, then puts everything to rest.
    async fn finish(mut self, events: tokio::task::JoinHandle<()>) {
        let deadline = Instant::now() + self.options.shutdown_grace;
        while let Ok(Some(ended)) = tokio::time::timeout_at(deadline, self.passes.join_next_with_id()).await {
            self.end_pass(ended);
        }
        self.passes.shutdown().await;
        events.abort();
        self.save_all().await;
        self.publisher.finish().await;
    }

    pub(super) fn now(&self) -> Moment {
        Moment { instant: Instant::now(), wall: (self.options.clock)() }
    }

    pub(super) fn counters(&self) -> &Counters {
        self.options.tracker.counters()
    }

    /// What keeps everything from being kept as declared, one line each.
    fn obstacles(&self) -> Vec<String> {
        let engine = match &self.reach {
            Reach::Answers => None,
            Reach::NotAsked => Some("the engine has not answered yet".to_owned()),
            Reach::Silent(why) => Some(why.clone()),
        };
        let unread = self.snapshot.is_none().then(|| "the source has not been read yet".to_owned());
        engine.into_iter().chain(self.source_lost.clone().or(unread)).collect()
    }

    fn receive(&mut self, message: Message) {
        match message {
            Message::Subscribed => {
                // What happened before is not known: everything is looked at again.
                self.inventory.distrust();
                self.request_list();
            }
            Message::Unsubscribed(why) => {
                // While the engine is known to be away, that is no news.
                if self.reach == Reach::Answers {
                    tracing::warn!("no events from the engine, relisting: {why}");
                }
                self.request_list();
            }
            Message::Event(event, received_at) => self.hear(event, received_at),
            Message::Listed(Ok((list, local)), asked_at) => self.engine_answers(list, local, asked_at),
            Message::Listed(Err(error), _) => self.engine_is_silent(&error),
            Message::NotRemoved(name, asked_before) => self.take_back_delete(&name, asked_before),
        }
    }

    /// An event: only says which workspace to look at.
    fn hear(&mut self, event: EngineEvent, received_at: Instant) {
        let Some(name) = event.labels.get(labels::WORKSPACE).and_then(|text| text.parse::<Name>().ok()) else {
            return;
        };
        let lag = self.now().wall.duration_since(event.time);
        self.counters().event_lag(lag.try_into().unwrap_or_default());
        tracing::debug!(workspace = %name, change = ?event.change, container = %event.id, "event");
        if self.queue.is_in_flight(&name) {
            self.pending_events.entry(name).or_default().push((event, received_at));
        } else if self.inventory.apply_event(&event, received_at) {
            self.enqueue(&name, received_at);
        }
    }

    /// Asks for a list, unless one is under way: then another follows it.
    pub(super) fn request_list(&mut self) {
        if self.listing.under_way {
            self.listing.again = true;
            return;
        }
        self.begin_round();
        self.listing.under_way = true;
        let first = self.reach != Reach::Answers;
        tokio::spawn(inbox::list(Arc::clone(&self.tools), first, self.outbox.clone()));
    }

    pub(super) const fn is_listing(&self) -> bool {
        self.listing.under_way
    }

    fn list_ended(&mut self, next: Duration) {
        self.listing.under_way = false;
        self.listing.next = Instant::now() + next;
        if std::mem::take(&mut self.listing.again) {
            self.request_list();
        }
    }

    pub(super) fn engine_answers(&mut self, list: Vec<ContainerSummary>, local: bool, asked_at: Instant) {
        self.listing.failures = 0;
        self.list_ended(self.options.resync);
        let was = std::mem::replace(&mut self.reach, Reach::Answers);
        self.counters().engine_reachable(true);
        self.tools.set_shares_files(local);
        let (queue, now) = (&self.queue, Instant::now());
        let in_flight = |workspace: &str| workspace.parse().is_ok_and(|name| queue.is_in_flight(&name));
        let entries = &self.entries;
        let ours = |container: &ContainerSummary| {
            let uid = container.labels.get(labels::UID).map(String::as_str);
            let name = container.labels.get(labels::WORKSPACE).and_then(|name| name.parse::<Name>().ok());
            let record = name.and_then(|name| entries.get(&name)).and_then(|entry| entry.record.as_ref());
            record.is_some_and(|record| Some(record.uid.as_str()) == uid)
        };
        let news = self.inventory.apply_list(list, asked_at, in_flight, ours);
        if was == Reach::Answers {
            for name in news.iter().filter_map(|name| name.parse().ok()) {
                self.enqueue(&name, now);
            }
        } else {
            tracing::info!("the engine answers");
            self.tools.forget_engine();
            self.consider_snapshot();
            self.enqueue_all();
        }
        self.tell_orphans();
    }

    fn engine_is_silent(&mut self, error: &EngineError) {
        let delay = ASK_AGAIN[self.listing.failures.min(ASK_AGAIN.len() - 1)];
        self.listing.failures += 1;
        self.list_ended(delay);
        let reach = Reach::Silent(error.to_string());
        if self.reach == reach {
            return;
        }
        tracing::error!("{error}");
        let first = self.reach == Reach::NotAsked;
        self.reach = reach;
        self.counters().engine_reachable(false);
        self.inventory.distrust();
        if first {
            self.consider_snapshot();
        }
        self.publish_all();
    }

    fn next_timer(&self) -> Instant {
        let timers = [self.listing.next, self.next_audit, self.next_check];
        timers.into_iter().chain(self.deletions.due()).min().unwrap_or(self.next_check)
    }

    fn tick(&mut self) {
        let now = Instant::now();
        if self.deletions.due().is_some_and(|due| due <= now) {
            self.consider_snapshot();
        }
        if now >= self.next_check {
            self.next_check = now + CHECK_POSSESSION;
            self.in_possession = self.store.is_in_possession();
            self.save_again();
            if self.status_files.have_moved() {
                // Those of another directory, or of the one that is back: some may be of workspaces that are gone.
                self.tidied = false;
                self.consider_snapshot();
            }
        }
        self.resync(now);
    }

    fn resync(&mut self, now: Instant) {
        if now >= self.next_audit {
            self.next_audit = now + self.options.audit;
            self.inventory.distrust();
            self.enqueue_all();
        }
        if now >= self.listing.next {
            self.listing.next = now + self.options.resync;
            self.request_list();
            self.look_at_secrets(now);
            if std::mem::take(&mut self.reconsider) {
                self.consider_snapshot();
            }
        }
    }

    /// Nothing tells that a secret has changed, so that each workspace that has one is looked at: where none has, that costs no
    /// engine call and reads nothing.
    fn look_at_secrets(&mut self, now: Instant) {
        for entry in self.entries.values().filter(|entry| entry.has_secrets()) {
            self.queue.add(&entry.name, now);
        }
    }

    /// Adds a workspace to the queue, if it is one of ours.
    pub(super) fn enqueue(&mut self, name: &Name, at: Instant) {
        if self.entries.contains_key(name) {
            self.queue.add(name, at);
        }
    }

    fn enqueue_all(&mut self) {
        let now = Instant::now();
        for name in self.entries.keys() {
            self.queue.add(name, now);
        }
    }

    /// With `once`: how it ended, as soon as it has.
    fn settled(&self, deadline: Instant) -> Option<Ending> {
        if !self.options.once {
            return None;
        }
        if let Reach::Silent(_) = self.reach {
            return Some(Ending::EngineUnreachable);
        }
        let now = Instant::now();
        let out_of_time = now >= deadline;
        let read = self.snapshot.is_some() || self.source_lost.is_some();
        let ready = self.reach == Reach::Answers && read && !self.listing.under_way && !self.queue.is_busy(now);
        let ready = ready && self.deletions.due().is_none();
        if !out_of_time && (!ready || self.entries.values().any(|entry| self.is_progressing(entry))) {
            return None;
        }
        let as_declared = self.source_lost.is_none()
            && !self.files.values().flatten().any(|slot| matches!(slot, Slot::Refused { .. }))
            && self.entries.values().all(|entry| self.is_as_declared(entry));
        Some(if as_declared { Ending::Settled } else { Ending::NotAsDeclared })
    }
}
