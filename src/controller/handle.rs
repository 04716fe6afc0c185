//! What a running controller can be asked for, by whoever has a handle on it.

use tokio::sync::{mpsc, oneshot};

use super::Input;
use crate::model::Name;
use crate::model::batch::Verb;
use crate::model::metrics::{AlertChange, Usage};

/// A handle on a running controller; clones are handles on the same one.
#[derive(Clone, Debug)]
pub struct Handle {
    inputs: mpsc::UnboundedSender<Input>,
}

/// Something that was asked for, and who waits for the answer.
#[derive(Debug)]
pub struct Request {
    pub(super) verb: Verb,
    /// `None`: all.
    pub(super) name: Option<Name>,
    pub(super) id: String,
    pub(super) reply: oneshot::Sender<Result<(), RequestError>>,
}

/// Why something that was asked for is not going to happen.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// Nobody has heard of it.
    #[error("there is no workspace `{0}`")]
    Unknown(Name),
    /// Its manifest has never been valid.
    #[error("workspace `{0}` has no valid manifest yet; `wharf validate` says what is wrong with it")]
    NotInForce(Name),
    /// It is on its way out.
    #[error("workspace `{0}` is being deleted")]
    BeingDeleted(Name),
    /// Its manifest says that nothing is to be done.
    #[error("workspace `{0}` is suspended; set spec.suspend to false first")]
    Suspended(Name),
    /// What does not run cannot be restarted.
    #[error("workspace `{name}` is not to run ({why}); start it with `wharf start {name}`")]
    NotToRun {
        /// Which.
        name: Name,
        /// Who says so.
        why: String,
    },
    /// Its document cannot be removed from the source.
    #[error("the manifest {manifest} of workspace `{name}` cannot be changed: {why}")]
    Manifest {
        /// Which workspace.
        name: Name,
        /// Its manifest, relative to the source.
        manifest: String,
        /// Why not.
        why: String,
    },
    /// It could not be recorded, and what is not recorded is not done.
    #[error("the request cannot be recorded: {0}")]
    NotRecorded(String),
    /// The controller is ending.
    #[error("the controller is ending")]
    Ending,
}

impl Handle {
    /// A handle on the controller that takes these inputs.
    pub const fn new(inputs: mpsc::UnboundedSender<Input>) -> Self {
        Self { inputs }
    }

    /// Asks for something about one workspace. When this returns, it is recorded and survives the controller; it comes about afterwards.
    ///
    /// `id` names the request: a restart that has come about is not done again for the same one, whatever was interrupted.
    pub async fn ask(&self, verb: Verb, name: Name, id: String) -> Result<(), RequestError> {
        self.send(verb, Some(name), id).await
    }

    /// Compares everything with the engine now; what waits for its next attempt is tried at once.
    pub async fn sync_all(&self) -> Result<(), RequestError> {
        self.send(Verb::Sync, None, String::new()).await
    }

    /// Hands in what workspaces use, for their statuses.
    pub fn measured(&self, readings: Vec<(Name, Usage)>) {
        // A controller that is ending needs no measurements.
        let _ = self.inputs.send(Input::Measured(readings));
    }

    /// Hands in thresholds that were passed.
    pub fn alerts(&self, changes: Vec<(Name, AlertChange)>) {
        let _ = self.inputs.send(Input::Alerts(changes));
    }

    async fn send(&self, verb: Verb, name: Option<Name>, id: String) -> Result<(), RequestError> {
        let (reply, answer) = oneshot::channel();
        let request = Input::Request(Request { verb, name, id, reply });
        self.inputs.send(request).map_err(|_| RequestError::Ending)?;
        answer.await.unwrap_or(Err(RequestError::Ending))
    }
}
