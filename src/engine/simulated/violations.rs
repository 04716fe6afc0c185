//! What a controller must never do.

use std::fmt;

use super::calls::Operation;

/// A rule that a controller broke.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Violation {
    /// More than one container of one workspace runs, after a call that the controller made.
    SeveralRunning {
        /// The workspace's UID.
        uid: String,
        /// Names of the containers, oldest first.
        containers: Vec<String>,
    },
    /// One workspace has more than two containers: more than the present one and its replacement.
    TooMany {
        /// The workspace's UID.
        uid: String,
        /// Names of the containers, oldest first.
        containers: Vec<String>,
    },
    /// A call that changes an object which does not carry the instance's label.
    ForeignTouched {
        /// The call.
        operation: Operation,
        /// Its object.
        object: String,
    },
}

impl fmt::Display for Violation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SeveralRunning { uid, containers } => {
                write!(formatter, "several containers of {uid} run: {}", containers.join(", "))
            }
            Self::TooMany { uid, containers } => {
                write!(formatter, "too many containers of {uid}: {}", containers.join(", "))
            }
            Self::ForeignTouched { operation, object } => write!(formatter, "{operation} of foreign {object}"),
        }
    }
}
