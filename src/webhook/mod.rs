//! Webhooks: events brought to whoever asked for them, over HTTP.
//!
//! Each event is one `POST` of its JSON, as the control API has it, with these headers:
//!
//! | header | |
//! |---|---|
//! | `Wharf-Event` | its kind, such as `status_changed` |
//! | `Wharf-Delivery` | an ID (ULID), the same for each attempt: a receiver that has it already has seen the event |
//! | `Wharf-Timestamp` | seconds since 1970, of the attempt |
//! | `Wharf-Signature-256` | `sha256=` and HMAC-SHA256 of timestamp, `.` and body, in hexadecimal; only with a secret. See [`signature`] |
//!
//! ```text
//!   hub ──► one task: who wants it? ──► a queue for each webhook, bounded ──► a task for each webhook: one event after the other,
//!                                       full: the oldest becomes a dead letter                          each until it is taken or dead
//! ```
//!
//! A receiver that is slow or gone costs its own events, never those of others, and holds up nobody who tells. What is not brought when
//! the controller ends is lost here, and still in the log: events carry their place in it (`sequence`), so a receiver sees the gap.

mod address;
mod attempt;
mod deliver;
mod file;
mod policy;
mod queue;
mod signature;
mod tally;
mod wanted;

use std::collections::BTreeSet;
use std::fmt;

use secrecy::SecretSlice;

pub use address::Address;
pub use deliver::{Deliveries, Outgoing};
pub use file::read;
pub use policy::Policy;
pub use signature::signature;

use crate::manifest::Diagnostic;
use crate::model::Name;
use crate::model::event::EventKind;
use crate::model::selector::Selector;

/// Somebody to whom events are brought.
#[derive(Clone)]
pub struct Webhook {
    /// What it is called in logs and metrics, unlike all others.
    pub name: String,
    /// Where events are posted to.
    pub address: Address,
    /// What messages are signed with; without it they are not signed.
    pub secret: Option<SecretSlice<u8>>,
    /// Only events of these kinds; empty: all but `metrics_update`.
    pub kinds: Vec<EventKind>,
    /// Only events about these workspaces; `None`: all events, also those about no workspace.
    pub workspaces: Option<Chosen>,
}

/// Which workspaces a webhook is about: those that are named, and those that are selected.
#[derive(Clone, Debug, Default)]
pub struct Chosen {
    /// By label.
    pub selector: Option<Selector>,
    /// By name.
    pub names: BTreeSet<Name>,
}

/// The secret is not told, and of the address only the host.
impl fmt::Debug for Webhook {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Webhook")
            .field("name", &self.name)
            .field("address", &self.address)
            .field("signed", &self.secret.is_some())
            .field("kinds", &self.kinds)
            .field("workspaces", &self.workspaces)
            .finish()
    }
}

/// Why there can be no webhooks.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WebhookError {
    /// The file cannot be read.
    #[error("cannot read the webhooks in `{file}`: check that the file exists and that this user may read it")]
    Read {
        /// The file, as given.
        file: String,
        /// Why.
        source: std::io::Error,
    },
    /// Something is wrong with what the file says, or with a secret that it names. Each on a line: where, what, what would be right.
    #[error("{}", lines(.0))]
    Invalid(Vec<Diagnostic>),
    /// No HTTP client can be made, as without any certificate authority on this machine.
    #[error(
        "cannot prepare HTTPS for webhooks: check that the machine's certificate authorities are installed (Debian's package ca-certificates)"
    )]
    Client(#[source] Box<dyn std::error::Error + Send + Sync>),
}

fn lines(diagnostics: &[Diagnostic]) -> String {
    diagnostics.iter().map(Diagnostic::to_string).collect::<Vec<_>>().join("\n")
}
