//! The engine as the controller needs it: a narrow trait, its errors, and the snapshots it answers with.
//!
//! Two implementations: [`docker`] and [`simulated`]. The same conformance bodies run on both (`tests/conformance`).

pub mod console;
pub mod container;
pub mod docker;
pub mod error;
pub mod network;
pub mod observed;
mod shared;
pub mod simulated;
pub mod survey;

use std::future::Future;
use std::time::Duration;

use futures_util::stream::BoxStream;

pub use console::{Chunk, Console, ExecOptions, Execution, Input, LogOptions, OutputStream, TerminalSize};
pub use container::{ContainerSpec, EnvValue, Limits, Mount, MountSource};
pub use error::{EngineError, ObjectKind};
pub use network::NetworkSpec;
pub use observed::{
    Change, ContainerDetail, ContainerSummary, EngineEvent, EngineInfo, PullProgress, Stats, VolumeSummary,
};
pub use survey::{DescribedCheck, DescribedMount, DescribedSource, Description, NetworkSummary, Survey};

use crate::model::Instance;
use crate::model::reference::ImageReference;

/// What Wharf asks of a container engine. Every call is idempotent or says clearly that the goal is already reached, ends
/// within the implementation's timeout, and may be repeated after [`EngineError::OutcomeUnknown`].
///
/// Containers are addressed by the engine's ID, never by name, except in [`Engine::find_by_name`].
pub trait Engine: Send + Sync + 'static {
    /// Who answers, and whether anyone does.
    fn info(&self) -> impl Future<Output = Result<EngineInfo, EngineError>> + Send;

    /// All containers, in any state, that carry the label of `instance`; one engine call.
    fn list(&self, instance: &Instance) -> impl Future<Output = Result<Vec<ContainerSummary>, EngineError>> + Send;

    /// One container in full. `NotFound` when it is gone.
    fn inspect(&self, id: &str) -> impl Future<Output = Result<ContainerDetail, EngineError>> + Send;

    /// One reading of what a container uses, taken now. `Conflict` when it does not run (a paused one does), `NotFound` when it
    /// is gone. Takes up to a second on engines that read all containers together once a second: ask for several at once.
    fn stats(&self, id: &str) -> impl Future<Output = Result<Stats, EngineError>> + Send;

    /// The container that holds a name, whoever owns it. `NotFound` when none does.
    fn find_by_name(&self, name: &str) -> impl Future<Output = Result<ContainerDetail, EngineError>> + Send;

    /// Creates a container and returns its ID. `Conflict` when the name is taken; `NotFound` with the kind of what is
    /// missing (image or network); `Failed` when a host directory is missing.
    fn create(&self, spec: &ContainerSpec) -> impl Future<Output = Result<String, EngineError>> + Send;

    /// Starts a container; one that runs already is a success, and so is one that the engine itself is about to restart. `NotFound` when the container or its network is missing;
    /// `Failed` when a port is taken or the command cannot be run.
    fn start(&self, id: &str) -> impl Future<Output = Result<(), EngineError>> + Send;

    /// Stops a container: the stop signal, `grace`, then a kill. One that is stopped or gone already is a success. One that the
    /// engine was about to restart stays as it ended, and no event tells of it.
    fn stop(&self, id: &str, grace: Duration) -> impl Future<Output = Result<(), EngineError>> + Send;

    /// Lets a paused container go on; one that is not paused is a success.
    fn unpause(&self, id: &str) -> impl Future<Output = Result<(), EngineError>> + Send;

    /// Renames a container. `Conflict` when the name is taken.
    fn rename(&self, id: &str, name: &str) -> impl Future<Output = Result<(), EngineError>> + Send;

    /// Changes the limits of a container in place, and sees to it that the engine itself does not restart it. `cpu` and `memory`
    /// stay as they are when they are `None`, because engines cannot lift them; `pids` is lifted.
    /// `Failed` when the memory in use is more than the new limit; the old limits then stay in force.
    fn update(&self, id: &str, limits: &Limits) -> impl Future<Output = Result<(), EngineError>> + Send;

    /// Removes a container with its anonymous volumes, killing it if it still runs. One that is gone already is a success.
    fn remove(&self, id: &str) -> impl Future<Output = Result<(), EngineError>> + Send;

    /// The engine's ID of an image; `None` when it does not have it.
    fn image(&self, image: &ImageReference) -> impl Future<Output = Result<Option<String>, EngineError>> + Send;

    /// Pulls an image. `progress` is told about each step; it must return quickly.
    fn pull(
        &self,
        image: &ImageReference,
        progress: &(dyn Fn(PullProgress) + Send + Sync),
    ) -> impl Future<Output = Result<(), EngineError>> + Send;

    /// Makes sure that a network with this name and the instance's label exists; returns whether it had to be created.
    /// `Conflict` when the name is held by a network without the label.
    fn ensure_network(&self, network: &NetworkSpec) -> impl Future<Output = Result<bool, EngineError>> + Send;

    /// Removes a network by name if it carries the label of `instance`. One that is gone already is a success; `Conflict` while
    /// running containers use it. Stopped ones do not hold it, yet are bound to it: they never start again, even when there is
    /// another network with its name (`NotFound` of a network at the start), and have to be created anew.
    fn remove_network(&self, instance: &Instance, name: &str) -> impl Future<Output = Result<(), EngineError>> + Send;

    /// All volumes that carry the label of `instance`; one engine call.
    fn volumes(&self, instance: &Instance) -> impl Future<Output = Result<Vec<VolumeSummary>, EngineError>> + Send;

    /// Removes a volume by name. One that is gone already is a success; `Conflict` while a container uses it.
    fn remove_volume(&self, name: &str) -> impl Future<Output = Result<(), EngineError>> + Send;

    /// What changes from now on on containers of `instance`. The first item is [`Change::Subscribed`] once the engine
    /// has accepted the subscription; a list taken after it misses nothing, and what happened just before it may be told too. The
    /// stream ends, or yields an error and ends, when the connection does: subscribe again and list.
    fn events(&self, instance: &Instance) -> BoxStream<'static, Result<EngineEvent, EngineError>>;
}
