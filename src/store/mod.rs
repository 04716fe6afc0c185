//! Memory: what is remembered about workspaces between runs. Losing it loses history, never a workspace.
//!
//! The only room that uses sled, and in it only `database.rs` names it. What the other files add to a plain
//! key-value store ([`Medium`]): one owner at a time ([`Lock`]), a database that is set aside when it is damaged and refused when
//! it is newer than this program ([`Outcome`], [`StoreError::Newer`]), acknowledged writes that are never lost
//! silently, and a handle that outlives a full disk ([`StoreError::Full`]).
//!
//! ```text
//! <state directory>/lock                   who holds the directory; the lock itself ends with the process
//!                  /db/format.json         the schema, and the Wharf that wrote it: readable without opening the database
//!                  /db/acknowledged        number of the last acknowledged flush
//!                  /db/…                   sled's own files
//!                  /confirmed.json         deletions that a person confirmed and no controller has acted on yet
//!                  /instance               the instance that a controller ran as here last
//!                  /db.corrupt-<time>/     databases that were set aside, at most three
//!                  /history/…              the same for series: much larger, and nothing waits for it
//! ```

mod batches;
mod confirmation;
mod copy;
mod database;
mod encoding;
mod error;
mod events;
mod folder;
mod format;
mod handle;
mod holder;
mod instance;
mod lock;
mod medium;
mod open;
mod record;
mod series;
pub mod simulated;

pub use confirmation::{confirm, confirmed, forget_confirmed};
pub use error::StoreError;
pub use events::{DEDUPLICATION_WINDOW, MAX_EVENT_AGE, MAX_EVENTS, MAX_EVENTS_PER_WORKSPACE};
pub use format::Format;
pub use handle::{Batch, Opened, Scratch, Store};
pub use holder::Holder;
pub use instance::{remember_instance, remembered_instance};
pub use lock::Lock;
pub use medium::{Changes, Database, Medium, Pair};
pub use open::Outcome;
pub use record::{AdoptedSecrets, Deletion, Failures, Record, RequestedState, RestartRequest};
pub use series::SeriesBatch;
