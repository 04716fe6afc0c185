//! Who asked for what, what was admitted, and what was done: one line of JSON each, in a file that is only added to.
//!
//! ```json
//! {"time":"2026-01-31T12:00:00.123Z","actor":"controller","what":"action","deed":"start container wharf-api","workspace":"api","outcome":"done","reason":"declared Running"}
//! ```
//!
//! | what | is written when | outcome |
//! |---|---|---|
//! | `admission` | a manifest becomes what counts, or is denied; a deletion is decided or held | `accepted`, `denied`, `held` |
//! | `action` | the engine was asked to change something | `done`, `failed`, `abandoned` |
//! | `request` | somebody asked for something through the API or by a command | `accepted`, `refused`, `abandoned` |
//! | `source` | something else came of a source than before | `accepted`, `denied` |
//! | `audit` | lines are missing before this one | `failed` |
//!
//! Nobody waits for it: lines go through a bounded channel to a thread of their own. Those that find it full, or the disk, are counted, told once
//! in the log, and told in the file as soon as that can be written again. No line has a value of an environment, a secret or a manifest's text:
//! what is written is what events and status files say, too.

mod file;
mod line;
mod writer;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

pub use file::{KEPT, MAX_BYTES};
pub use line::{Deed, Outcome, What};

use writer::Writer;

/// How long to wait at the end until everything is written.
const LAST_LINES: Duration = Duration::from_secs(3);

/// Where deeds are accounted for. A handle: clones write to the same file.
#[derive(Clone, Debug, Default)]
pub struct Audit {
    writer: Option<Arc<Writer>>,
}

/// Why deeds cannot be accounted for.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// The file cannot be written to.
    #[error("the audit log {path} cannot be written: {source}")]
    Open {
        /// Which.
        path: String,
        /// Why not.
        source: std::io::Error,
    },
    /// There is no thread to be had.
    #[error("no thread can be had for the audit log: {0}")]
    Thread(std::io::Error),
}

impl Audit {
    /// Accounts for nothing.
    pub const fn none() -> Self {
        Self { writer: None }
    }

    /// Adds to this file, if it is possible to, or as soon as its disk has room; it is made with mode 0600 unless it is there. At [`MAX_BYTES`] it becomes `FILE.1`, and what was that `FILE.2`, up to
    /// [`KEPT`] of them.
    pub fn open(path: &Path) -> Result<Self, AuditError> {
        Ok(Self { writer: Some(Arc::new(Writer::start(file::Limits::default(), path)?)) })
    }

    /// Adds to a file that a controller may be adding to, which alone makes room in it.
    pub fn join(path: &Path) -> Result<Self, AuditError> {
        let limits = file::Limits { bytes: u64::MAX, ..file::Limits::default() };
        Ok(Self { writer: Some(Arc::new(Writer::start(limits, path)?)) })
    }

    /// Accounts for something, at this moment. Never waits.
    pub fn tell(&self, deed: Deed) {
        if let Some(writer) = &self.writer {
            writer.tell(deed);
        }
    }

    /// Accounts for something that is about to begin when it is known what comes of it; or that nobody knows, once the answer is dropped.
    pub fn begin(&self, deed: Deed) -> Begun<'_> {
        Begun { audit: self, deed: Some(deed) }
    }

    /// Waits until everything that was told is written and will outlast the machine, for a few seconds at most. What is told afterwards is lost. Blocks.
    pub fn finish(&self) {
        if let Some(writer) = &self.writer {
            writer.finish(LAST_LINES);
        }
    }

    /// How many lines could not be written so far.
    pub fn lost(&self) -> u64 {
        self.writer.as_ref().map_or(0, |writer| writer.lost())
    }
}

/// Something that has begun.
#[derive(Debug)]
pub struct Begun<'a> {
    audit: &'a Audit,
    deed: Option<Deed>,
}

impl Begun<'_> {
    /// Accounts for how it ended.
    pub fn end(mut self, ended: impl FnOnce(Deed) -> Deed) {
        if let Some(deed) = self.deed.take() {
            self.audit.tell(ended(deed));
        }
    }

    /// It came to nothing that is to be accounted for.
    pub fn forget(mut self) {
        self.deed = None;
    }
}

/// Whoever did it was broken off.
impl Drop for Begun<'_> {
    fn drop(&mut self) {
        if let Some(deed) = self.deed.take() {
            self.audit.tell(deed.ended(Outcome::Abandoned));
        }
    }
}
