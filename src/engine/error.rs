//! What can go wrong with an engine call, in the few kinds that lead to different behaviour.

use crate::model::status::ErrorClass;

/// The kind of an engine object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ObjectKind {
    /// A container.
    Container,
    /// An image.
    Image,
    /// A network.
    Network,
    /// A volume.
    Volume,
}

impl std::fmt::Display for ObjectKind {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Container => "container",
            Self::Image => "image",
            Self::Network => "network",
            Self::Volume => "volume",
        })
    }
}

/// Why an engine call did not succeed. `operation` names the call and its object, as in `start container 4f5e…`;
/// `message` is the engine's own words, without secrets.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EngineError {
    /// The object, or one that it needs, does not exist.
    #[error("{operation}: {message}")]
    NotFound {
        /// The call and its object.
        operation: String,
        /// What does not exist.
        object: ObjectKind,
        /// The engine's words.
        message: String,
    },
    /// The name is taken, or the object is in a state that does not allow the call.
    #[error("{operation}: {message}")]
    Conflict {
        /// The call and its object.
        operation: String,
        /// The engine's words.
        message: String,
    },
    /// The engine cannot be reached, or does not speak a version that Wharf knows; the call had no effect.
    #[error("{operation}: the container engine at {endpoint} cannot be used: {message}")]
    Unavailable {
        /// The call and its object.
        operation: String,
        /// Where the engine was looked for.
        endpoint: String,
        /// Why not, and what can be done about it.
        message: String,
    },
    /// The call was sent and no answer came: it may or may not have had its effect. Observe before deciding anything.
    #[error("{operation}: no answer from the container engine ({message})")]
    OutcomeUnknown {
        /// The call and its object.
        operation: String,
        /// What happened instead of an answer.
        message: String,
    },
    /// The engine refuses the request as such; the same request will be refused again.
    #[error("{operation}: {message}")]
    Invalid {
        /// The call and its object.
        operation: String,
        /// The engine's words.
        message: String,
    },
    /// The registry answers that it was asked too often; it is to be left alone for a while, whatever the image.
    #[error("{operation}: {message}")]
    Busy {
        /// The call and its object.
        operation: String,
        /// The engine's words.
        message: String,
    },
    /// The registry refuses or fails: not found, not authorised, unreachable.
    #[error("{operation}: {message}")]
    Registry {
        /// The call and its object.
        operation: String,
        /// The engine's words.
        message: String,
    },
    /// The engine tried and failed, for instance because a port is taken or a disk is full.
    #[error("{operation}: {message}")]
    Failed {
        /// The call and its object.
        operation: String,
        /// The engine's words.
        message: String,
    },
}

impl EngineError {
    /// What a registry said, in the engine's words: only these tell that it was asked too often.
    pub(super) fn of_registry(operation: String, message: String) -> Self {
        let words = message.to_ascii_lowercase();
        if words.contains("toomanyrequests") || words.contains("429 too many requests") {
            Self::Busy { operation, message }
        } else {
            Self::Registry { operation, message }
        }
    }

    /// The class under which users see the error.
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::Registry { .. } | Self::Busy { .. } => ErrorClass::Network,
            Self::Invalid { .. } => ErrorClass::Manifest,
            Self::Failed { message, .. } if message.contains("no space left on device") => ErrorClass::Storage,
            _ => ErrorClass::Engine,
        }
    }

    /// What happened, without the call.
    pub fn message(&self) -> &str {
        match self {
            Self::NotFound { message, .. }
            | Self::Conflict { message, .. }
            | Self::Unavailable { message, .. }
            | Self::OutcomeUnknown { message, .. }
            | Self::Invalid { message, .. }
            | Self::Registry { message, .. }
            | Self::Busy { message, .. }
            | Self::Failed { message, .. } => message,
        }
    }

    /// Whether the same request would be refused again, so that only a change of the manifest helps.
    pub fn is_terminal(&self) -> bool {
        self.class().least_delay().is_none()
    }

    /// Whether the whole engine, rather than one object, seems to be the trouble.
    pub fn concerns_engine(&self) -> bool {
        matches!(self, Self::Unavailable { .. } | Self::OutcomeUnknown { .. })
    }
}
