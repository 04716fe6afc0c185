//! The reconcile loop: one queue for all triggers, one pass at a time for each workspace, one path whatever the trigger.
//!
//! ```text
//!  source ──readings──┐                            ┌── pass (a task): look → plan → act → look again
//!  engine ──events────┤                            │
//!         ──lists─────┼──► Core ──keys──► Queue ───┘
//!  passes ──reports───┤      │
//!  timers ────────────┘      ├──► Store    what must be remembered
//!                            └──► Publisher ──► status files
//! ```
//!
//! `Core` owns everything that is known and is one task, so nothing is shared and nothing locked. A pass gets an
//! owned snapshot and hands back a report. Triggers carry identity, never state: they only add a key to the queue.

mod accounts;
mod admission;
mod aftermath;
mod backoff;
mod claims;
mod core;
mod deletions;
mod entry;
mod executor;
mod handle;
mod inbox;
mod intake;
mod inventory;
mod job;
mod links;
mod lives;
mod look;
mod measured;
mod memory;
mod occurrence;
mod options;
mod pass;
mod passes;
mod preview;
mod publish;
mod queue;
mod readings;
mod requests;
mod round;
mod rounds;
mod telling;
mod tools;
mod verdict;

use std::collections::BTreeSet;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

pub use handle::{Handle, Request, RequestError};
pub use inbox::{Readings, follow_confirmations, follow_directory};
pub use options::{Clock, Options};
pub use preview::{Preview, PreviewError, WorkspacePreview, preview};

use crate::engine::Engine;
use crate::model::Name;
use crate::model::metrics::{AlertChange, Usage};
use crate::source::Reading;
use crate::status_file::StatusFiles;
use crate::store::{Store, StoreError};

/// What the source and people say. [`follow_directory`] brings those of a directory.
#[derive(Debug)]
pub enum Input {
    /// The source was read.
    Reading(Reading),
    /// A person confirmed that these workspaces may be deleted.
    Confirmed(BTreeSet<Name>),
    /// A person or program asks for something; see [`Handle::ask`].
    Request(Request),
    /// What workspaces use, for their statuses.
    Measured(Vec<(Name, Usage)>),
    /// Thresholds that were passed.
    Alerts(Vec<(Name, AlertChange)>),
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// It was told to.
    Shutdown,
    /// With [`Options::once`]: everything settled, and every workspace is as declared.
    Settled,
    /// With [`Options::once`]: everything settled or the time was up, and not every workspace is as declared.
    NotAsDeclared,
    /// With [`Options::once`]: the engine cannot be reached.
    EngineUnreachable,
    /// The state directory was removed or replaced while it was in use, and with it the lock that keeps others away.
    StateDirectoryLost,
}

/// Why a controller could not run.
#[derive(Debug, thiserror::Error)]
pub enum ControllerError {
    /// What is remembered cannot be read.
    #[error("cannot read what is remembered")]
    Store(#[from] StoreError),
}

/// Runs a controller until `shutdown` is cancelled (or, with [`Options::once`], until everything has settled).
///
/// Owns the engine, the store and the status files while it runs. At the end, actions under way are finished within
/// [`Options::shutdown_grace`], memory is flushed and pending statuses are written. Containers keep running.
///
/// `inputs` brings readings of the source; the first must come soon, nothing is done before it.
pub async fn run<E: Engine>(
    engine: E,
    store: Store,
    status_files: StatusFiles,
    inputs: mpsc::UnboundedReceiver<Input>,
    options: Options,
    shutdown: CancellationToken,
) -> Result<Ending, ControllerError> {
    let core = core::Core::new(engine, store, status_files, options, shutdown)?;
    Ok(core.run(inputs).await)
}
