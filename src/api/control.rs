//! What the API asks of the program that it is a door to.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;

use super::refusal::Refusal;
use super::requested::Requested;
use super::wire::{Asked, EventPage, PlannedWorkspace, Readiness, SourceAsked, WorkspaceAnalysis, WorkspaceView};
use crate::model::Name;
use crate::model::batch::{Batch, BatchRequest, Verb};
use crate::model::event::{Event, EventKind};
use crate::model::metrics::{Metric, Series};
use crate::model::period::Period;
use crate::model::source::SourceStatus;
use crate::model::statistics::{Statistics, Summary};
use crate::model::time::Time;
use crate::push::{Delivery, Disbelief};

/// A running controller, as far as the API needs one.
///
/// Reads answer from memory: they never wait for the engine or a disk, so that they are quick while the engine hangs. Deeds are futures; one
/// that is dropped (the client went away, or it took too long) is either not begun or carried on.
pub trait Control: Send + Sync + 'static {
    /// All workspaces, sorted by name, and by manifest where two claim one name.
    fn workspaces(&self) -> Vec<Arc<WorkspaceView>>;

    /// The workspace of that name; of two that claim it, the one that has it.
    fn workspace(&self, name: &str) -> Option<Arc<WorkspaceView>>;

    /// What would be done about these workspaces now, in this order; about all, by name, when there are no names. As far as
    /// is known from the last look; changes nothing. [`Refusal::NotFound`] for a name that is unknown.
    fn plan(&self, names: Vec<Name>) -> BoxFuture<'_, Result<Vec<PlannedWorkspace>, Refusal>>;

    /// A part of the event log. What subscribers were told before a call of this is in its answer, where it is stored at all.
    fn events(&self, query: EventQuery) -> Result<EventPage, Refusal>;

    /// Events from now on, those with a sequence in its order. What happens after this call is heard, or counted as missed. Never holds up who
    /// tells: a subscriber that does not listen misses events. Ends with the controller.
    fn subscribe(&self) -> BoxStream<'static, Heard>;

    /// What a workspace used, of a workspace that is known. A future, because history is on a disk.
    fn series(&self, name: Name, query: SeriesQuery) -> BoxFuture<'_, Result<Series, Refusal>>;

    /// What the history of a workspace says, of one that is known. A future, because history is on a disk.
    fn analysis(&self, name: Name) -> BoxFuture<'_, Result<WorkspaceAnalysis, Refusal>>;

    /// What came of all workspaces together.
    fn summary(&self) -> Summary;

    /// What the controller has done.
    fn statistics(&self) -> Statistics;

    /// The same and more in the text format of Prometheus.
    fn exposition(&self) -> String;

    /// Whether it does its work.
    fn readiness(&self) -> Readiness;

    /// Whether it is of use to wait for it; `false`: only a restart helps.
    fn is_alive(&self) -> bool;

    /// Asks something of one workspace. Answers when it is recorded, not when it is done.
    fn ask(&self, verb: Verb, name: Name) -> BoxFuture<'_, Result<Asked, Refusal>>;

    /// Asks that the source and all workspaces are looked at now. Answers at once.
    fn sync_all(&self) -> BoxFuture<'_, Result<Asked, Refusal>>;

    /// Begins a batch. Answers when it is recorded durably. The API has checked what the schema says and that exactly one of `names`,
    /// `selector` and `all` is there; not whether the workspaces exist.
    fn begin_batch(&self, request: BatchRequest) -> BoxFuture<'_, Result<Batch, Refusal>>;

    /// Where manifests come from, by name.
    fn sources(&self) -> Vec<SourceStatus>;

    /// The source of that name.
    fn source(&self, name: &str) -> Option<SourceStatus>;

    /// Asks that a source is looked at now. [`Refusal::NotFound`] where there is none of that name.
    fn sync_source(&self, name: &str) -> Result<SourceAsked, Refusal>;

    /// A forge says that somebody pushed; what comes of it where it is to be believed. Anybody may call this: a source that is not there, and one that
    /// expects no messages, are answered as a message that nothing proves, and no sooner.
    fn pushed(&self, name: &str, delivery: &Delivery<'_>) -> Result<SourceAsked, Disbelief>;

    /// Is told of every request that was to change something, by somebody who was let in. Must not wait.
    fn requested(&self, request: &Requested<'_>);

    /// All batches that are kept, newest first.
    fn batches(&self) -> Vec<Batch>;

    /// The batch of that id.
    fn batch(&self, id: &str) -> Option<Batch>;

    /// Asks for the end of a batch: what has begun is finished, the rest is skipped. Nothing happens to one that has ended.
    fn cancel_batch(&self, id: String) -> BoxFuture<'_, Result<Batch, Refusal>>;
}

/// Which part of the event log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventQuery {
    /// Only of this workspace, which need not exist any more.
    pub workspace: Option<String>,
    /// Only of these kinds; all when empty.
    pub kinds: Vec<EventKind>,
    /// The first events after this sequence; `None`: the newest ones.
    pub after: Option<u64>,
    /// At most so many, at least 1.
    pub limit: usize,
}

impl EventQuery {
    /// Whether an event is of the workspace and the kinds that are asked for, wherever it is in the log.
    pub fn selects(&self, event: &Event) -> bool {
        let wanted = self.workspace.is_none() || event.workspace == self.workspace;
        wanted && (self.kinds.is_empty() || self.kinds.contains(&event.kind))
    }
}

/// Which part of the history of resource use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeriesQuery {
    /// Which metrics, none twice; all when empty.
    pub metrics: Vec<Metric>,
    /// From when.
    pub from: Time,
    /// Until when; after `from`.
    pub to: Time,
    /// One point for each so long; `None`: what suits the length.
    pub step: Option<Period>,
}

/// What a subscriber gets.
#[derive(Clone, Debug, PartialEq)]
pub enum Heard {
    /// Something happened.
    Event(Arc<Event>),
    /// So many events came while the subscriber did not listen.
    Missed(u64),
}
