//! The thread that writes, and the channel to it.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, TrySendError, channel, sync_channel};
use std::thread;
use std::time::Duration;

use super::AuditError;
use super::file::{Limits, Rotated};
use super::line::{Deed, Outcome, What};

/// Lines that wait to be written. A disk that hangs costs lines, never the controller's time.
const WAITING: usize = 4_096;

/// What the thread is told.
enum Word {
    Line(Deed),
    /// Write what is there, and say so.
    Finish(Sender<()>),
}

/// Hands lines to the thread.
#[derive(Debug)]
pub(super) struct Writer {
    words: SyncSender<Word>,
    losses: Arc<Losses>,
}

/// Lines that could not be written.
#[derive(Debug, Default)]
struct Losses {
    all: AtomicU64,
    /// Those that the file does not tell of yet.
    untold: AtomicU64,
    /// Whether the log has been told since a line could be written.
    warned: AtomicBool,
}

impl Losses {
    fn count(&self, why: &str) {
        self.all.fetch_add(1, Ordering::Relaxed);
        self.untold.fetch_add(1, Ordering::Relaxed);
        if !self.warned.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                "the audit log is not complete, {why}; the controller goes on, and the file says later how many lines it lacks"
            );
        }
    }
}

impl Writer {
    pub(super) fn start(limits: Limits, path: &Path) -> Result<Self, AuditError> {
        let file = match Rotated::open(path, limits) {
            Ok(file) => Some(file),
            // Room may be made, and nobody has to come for that.
            Err(error) if error.kind() == io::ErrorKind::StorageFull => None,
            Err(source) => return Err(AuditError::Open { path: path.display().to_string(), source }),
        };
        let journal = Journal { path: path.to_owned(), limits, file };
        let (words, receiver) = sync_channel(WAITING);
        let losses = Arc::new(Losses::default());
        let counted = Arc::clone(&losses);
        let thread = thread::Builder::new().name("audit".to_owned());
        thread.spawn(move || write(journal, &receiver, &counted)).map_err(AuditError::Thread)?;
        Ok(Self { words, losses })
    }

    pub(super) fn tell(&self, deed: Deed) {
        match self.words.try_send(Word::Line(deed)) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => self.losses.count("its disk is too slow"),
            Err(TrySendError::Disconnected(_)) => self.losses.count("it has been closed"),
        }
    }

    pub(super) fn finish(&self, patience: Duration) {
        let (done, answer) = channel();
        let sent = self.words.try_send(Word::Finish(done));
        if sent.is_err() || answer.recv_timeout(patience) == Err(RecvTimeoutError::Timeout) {
            tracing::warn!("the last lines of the audit log are not known to be written");
        }
    }

    pub(super) fn lost(&self) -> u64 {
        self.losses.all.load(Ordering::Relaxed)
    }
}

/// The file, once it could be opened.
struct Journal {
    path: PathBuf,
    limits: Limits,
    file: Option<Rotated>,
}

impl Journal {
    fn add(&mut self, deed: &Deed) -> io::Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            closed => closed.insert(Rotated::open(&self.path, self.limits)?),
        };
        file.add(&deed.line())
    }

    fn sync(&self) -> io::Result<()> {
        self.file.as_ref().map_or(Ok(()), Rotated::sync)
    }
}

/// Writes until nobody has more to tell.
fn write(mut journal: Journal, words: &Receiver<Word>, losses: &Losses) {
    while let Ok(word) = words.recv() {
        match word {
            Word::Line(deed) => {
                admit_losses(&mut journal, losses);
                match journal.add(&deed) {
                    Ok(()) => losses.warned.store(false, Ordering::Relaxed),
                    Err(error) => losses.count(&format!("it cannot be written: {error}")),
                }
            }
            Word::Finish(done) => {
                admit_losses(&mut journal, losses);
                if let Err(error) = journal.sync() {
                    tracing::warn!("the audit log may lack its last lines: {error}");
                }
                // Who asked may have lost patience.
                let _ = done.send(());
            }
        }
    }
}

/// An account that lacks something says so.
fn admit_losses(journal: &mut Journal, losses: &Losses) {
    let lost = losses.untold.load(Ordering::Relaxed);
    if lost > 0 {
        let deed = Deed::of_controller(What::Audit, format!("{lost} lines are missing"), Outcome::Failed);
        if journal.add(&deed).is_ok() {
            losses.untold.fetch_sub(lost, Ordering::Relaxed);
        }
    }
}
