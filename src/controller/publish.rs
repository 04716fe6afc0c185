//! Writing status files: a task of its own, so that a slow disk delays no reconciling. The newest status of a file
//! wins, and one that cannot be written is tried again.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::{Id, JoinError, JoinHandle, JoinSet};
use tokio::time::{Instant, sleep_until};

use crate::disk::{Panicked, offload};
use crate::model::WorkspaceStatus;
use crate::status_file::{Removed, StatusFileError, StatusFiles};

/// How long to wait before a status file that could not be written is tried again.
const RETRY: Duration = Duration::from_secs(5);

/// How many files are written at once. Each waits twice for the disk, which makes several durable in the time of one.
const AT_ONCE: usize = 4;

/// Something to write.
#[derive(Debug)]
enum Order {
    /// What one manifest's status file is to say; with no documents, it is removed.
    Publish(String, Vec<WorkspaceStatus>),
    /// Remove what an earlier run left behind, except for these manifests.
    Tidy(BTreeSet<String>),
}

/// Where statuses are handed in; when it is dropped, the writer writes what it has and ends.
#[derive(Debug)]
pub(super) struct Publisher {
    orders: mpsc::UnboundedSender<Order>,
    writer: JoinHandle<()>,
}

impl Publisher {
    pub(super) fn new(files: Arc<StatusFiles>) -> Self {
        let (orders, inbox) = mpsc::unbounded_channel();
        Self { orders, writer: tokio::spawn(Writer::new(files).run(inbox)) }
    }

    /// Hands in the statuses of one manifest file.
    pub(super) fn publish(&self, manifest: String, documents: Vec<WorkspaceStatus>) {
        self.order(Order::Publish(manifest, documents));
    }

    /// Removes what an earlier run left behind, once all manifests are known.
    pub(super) fn tidy(&self, known: BTreeSet<String>) {
        self.order(Order::Tidy(known));
    }

    fn order(&self, order: Order) {
        if self.orders.send(order).is_err() {
            tracing::error!("the status writer has ended");
        }
    }

    /// Waits until everything handed in is written, or has failed once more.
    pub(super) async fn finish(self) {
        drop(self.orders);
        if let Err(error) = self.writer.await {
            tracing::error!("the status writer failed: {error}");
        }
    }
}

/// The writing side.
struct Writer {
    files: Arc<StatusFiles>,
    /// The newest documents of each manifest whose turn has not come yet.
    pending: BTreeMap<String, Vec<WorkspaceStatus>>,
    /// The manifests that are pending, each once, in the order they are written.
    turns: VecDeque<String>,
    writing: JoinSet<Result<Attempt, Panicked>>,
    under_way: HashMap<Id, String>,
    /// Those that could not be written and wait for another attempt.
    failed: BTreeMap<String, Vec<WorkspaceStatus>>,
    retry_at: Instant,
    /// What was said of manifests whose status cannot be written, so that it is said once.
    told: BTreeMap<String, String>,
}

/// One file that was written, or that could not be.
struct Attempt {
    manifest: String,
    documents: Vec<WorkspaceStatus>,
    outcome: Outcome,
}

enum Outcome {
    Done,
    /// There was nothing to remove where something should have been: it is looked for once more.
    Missing,
    Failed(String),
}

impl Writer {
    fn new(files: Arc<StatusFiles>) -> Self {
        Self {
            files,
            pending: BTreeMap::new(),
            turns: VecDeque::new(),
            writing: JoinSet::new(),
            under_way: HashMap::new(),
            failed: BTreeMap::new(),
            retry_at: Instant::now(),
            told: BTreeMap::new(),
        }
    }

    async fn run(mut self, mut inbox: mpsc::UnboundedReceiver<Order>) {
        let mut open = true;
        while open || !self.turns.is_empty() || !self.writing.is_empty() {
            self.begin();
            tokio::select! {
                biased;
                order = inbox.recv(), if open => {
                    open = order.is_some();
                    self.take(order).await;
                }
                Some(ended) = self.writing.join_next_with_id() => self.end(ended),
                () = sleep_until(self.retry_at), if open && !self.failed.is_empty() => self.retry(),
            }
        }
    }

    /// Takes an order, or the end of orders.
    async fn take(&mut self, order: Option<Order>) {
        match order {
            None => self.retry(),
            Some(Order::Publish(manifest, documents)) => {
                self.failed.remove(&manifest);
                self.add(manifest, documents);
            }
            Some(Order::Tidy(known)) => {
                // The temporary files of what is being written look like those that an earlier run left behind.
                while let Some(ended) = self.writing.join_next_with_id().await {
                    self.end(ended);
                }
                let files = Arc::clone(&self.files);
                match offload(self.files.disk(), move || tidy(&files, &known)).await {
                    Ok(Ok(())) => {}
                    Ok(Err(error)) => tracing::warn!("left-over status files not removed: {error}"),
                    Err(error) => tracing::error!("removing left-over status files failed: {error}"),
                }
            }
        }
    }

    fn add(&mut self, manifest: String, documents: Vec<WorkspaceStatus>) {
        if self.pending.insert(manifest.clone(), documents).is_none() {
            self.turns.push_back(manifest);
        }
    }

    /// Begins as many as may be written at once; one file is never written by two.
    fn begin(&mut self) {
        while self.under_way.len() < AT_ONCE {
            let is_free = |manifest: &String| self.under_way.values().all(|busy| busy != manifest);
            let Some(position) = self.turns.iter().position(is_free) else { return };
            let Some(manifest) = self.turns.remove(position) else { return };
            let Some(documents) = self.pending.remove(&manifest) else { continue };
            let (files, busy) = (Arc::clone(&self.files), manifest.clone());
            let disk = Arc::clone(self.files.disk());
            let work = async move { offload(&disk, move || write(&files, manifest, documents)).await };
            let handle = self.writing.spawn(work);
            self.under_way.insert(handle.id(), busy);
        }
    }

    fn end(&mut self, ended: Result<(Id, Result<Attempt, Panicked>), JoinError>) {
        let Attempt { manifest, documents, outcome } = match ended {
            Ok((id, Ok(attempt))) => {
                self.under_way.remove(&id);
                attempt
            }
            Ok((id, Err(error))) => {
                self.under_way.remove(&id);
                tracing::error!("writing a status file failed: {error}");
                return;
            }
            Err(error) => {
                self.under_way.remove(&error.id());
                tracing::error!("writing a status file failed: {error}");
                return;
            }
        };
        match outcome {
            Outcome::Done => {
                self.told.remove(&manifest);
                return;
            }
            Outcome::Missing => {}
            Outcome::Failed(error) => self.tell(&manifest, error),
        }
        if self.failed.is_empty() {
            self.retry_at = Instant::now() + RETRY;
        }
        // A newer status has its own turn.
        if !self.pending.contains_key(&manifest) {
            self.failed.insert(manifest, documents);
        }
    }

    /// Says once why a status cannot be written.
    fn tell(&mut self, manifest: &str, error: String) {
        if self.told.get(manifest) != Some(&error) {
            tracing::warn!(%manifest, "status not written, trying again: {error}");
        }
        self.told.insert(manifest.to_owned(), error);
    }

    fn retry(&mut self) {
        for (manifest, documents) in std::mem::take(&mut self.failed) {
            self.add(manifest, documents);
        }
    }
}

fn write(files: &StatusFiles, manifest: String, documents: Vec<WorkspaceStatus>) -> Attempt {
    let done = if documents.is_empty() {
        files
            .remove(&manifest)
            .map(|removed| if removed == Removed::Missing { Outcome::Missing } else { Outcome::Done })
    } else {
        files.write(&manifest, &documents).map(|_| Outcome::Done)
    };
    let outcome = match done {
        Ok(outcome) => outcome,
        // Where the manifest's directory has gone with it, nobody looks for its status there.
        Err(error) if error.is_without_directory() => Outcome::Done,
        Err(error) => Outcome::Failed(error.to_string()),
    };
    Attempt { manifest, documents, outcome }
}

fn tidy(files: &StatusFiles, known: &BTreeSet<String>) -> Result<(), StatusFileError> {
    files.remove_temporaries()?;
    for manifest in files.stale(known)? {
        tracing::info!(%manifest, "status of an earlier run removed");
        files.remove(&manifest)?;
    }
    Ok(())
}
