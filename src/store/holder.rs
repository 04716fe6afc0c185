//! Who holds a state directory.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::model::time::Time;

/// Who holds a state directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// The process.
    pub pid: u32,
    /// What it does, in words for people, such as `wharf run /srv/workspaces (instance workspaces-1f2e3d4c)`.
    pub what: String,
    /// Since when.
    pub since: Option<Time>,
}

impl fmt::Display for Holder {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // The moment between locking and writing who locked.
            Self { pid: 0, .. } => formatter.write_str("another process"),
            Self { pid, what, since: Some(since) } => write!(formatter, "process {pid}, `{what}`, since {since}"),
            Self { pid, what, since: None } => write!(formatter, "process {pid}, `{what}`"),
        }
    }
}
