//! An engine whose calls a witness sees.

use std::future::{Future, pending};
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::BoxStream;

use super::{Boundary, Fate, Side, Witness};
use crate::engine::{
    ContainerDetail, ContainerSpec, ContainerSummary, Engine, EngineError, EngineEvent, EngineInfo, Limits,
    NetworkSpec, PullProgress, Stats, VolumeSummary,
};
use crate::model::Instance;
use crate::model::reference::ImageReference;

/// An engine whose calls a witness sees. Once the witness says that the process has ended, no call returns.
#[derive(Clone, Debug)]
pub struct WitnessedEngine<E> {
    inner: E,
    witness: Arc<dyn Witness>,
}

impl<E> WitnessedEngine<E> {
    /// Decorates an engine.
    pub fn new(inner: E, witness: Arc<dyn Witness>) -> Self {
        Self { inner, witness }
    }

    async fn call<T>(
        &self,
        operation: &'static str,
        object: &str,
        call: impl Future<Output = Result<T, EngineError>>,
    ) -> Result<T, EngineError> {
        self.cross(operation, object, Side::Before).await;
        let answer = call.await;
        self.cross(operation, object, Side::behind(&answer)).await;
        answer
    }

    async fn cross(&self, operation: &'static str, object: &str, side: Side) {
        if self.witness.crosses(&Boundary { operation, object, side }) == Fate::Ended {
            pending::<()>().await;
        }
    }
}

impl<E: Engine> Engine for WitnessedEngine<E> {
    async fn info(&self) -> Result<EngineInfo, EngineError> {
        self.call("engine.info", "", self.inner.info()).await
    }

    async fn list(&self, instance: &Instance) -> Result<Vec<ContainerSummary>, EngineError> {
        self.call("engine.list", "", self.inner.list(instance)).await
    }

    async fn inspect(&self, id: &str) -> Result<ContainerDetail, EngineError> {
        self.call("engine.inspect", id, self.inner.inspect(id)).await
    }

    async fn stats(&self, id: &str) -> Result<Stats, EngineError> {
        self.call("engine.stats", id, self.inner.stats(id)).await
    }

    async fn find_by_name(&self, name: &str) -> Result<ContainerDetail, EngineError> {
        self.call("engine.find", name, self.inner.find_by_name(name)).await
    }

    async fn create(&self, spec: &ContainerSpec) -> Result<String, EngineError> {
        self.call("engine.create", &spec.name, self.inner.create(spec)).await
    }

    async fn start(&self, id: &str) -> Result<(), EngineError> {
        self.call("engine.start", id, self.inner.start(id)).await
    }

    async fn stop(&self, id: &str, grace: Duration) -> Result<(), EngineError> {
        self.call("engine.stop", id, self.inner.stop(id, grace)).await
    }

    async fn unpause(&self, id: &str) -> Result<(), EngineError> {
        self.call("engine.unpause", id, self.inner.unpause(id)).await
    }

    async fn rename(&self, id: &str, name: &str) -> Result<(), EngineError> {
        self.call("engine.rename", id, self.inner.rename(id, name)).await
    }

    async fn update(&self, id: &str, limits: &Limits) -> Result<(), EngineError> {
        self.call("engine.update", id, self.inner.update(id, limits)).await
    }

    async fn remove(&self, id: &str) -> Result<(), EngineError> {
        self.call("engine.remove", id, self.inner.remove(id)).await
    }

    async fn image(&self, image: &ImageReference) -> Result<Option<String>, EngineError> {
        self.call("engine.image", image.as_str(), self.inner.image(image)).await
    }

    async fn pull(
        &self,
        image: &ImageReference,
        progress: &(dyn Fn(PullProgress) + Send + Sync),
    ) -> Result<(), EngineError> {
        self.call("engine.pull", image.as_str(), self.inner.pull(image, progress)).await
    }

    async fn ensure_network(&self, network: &NetworkSpec) -> Result<bool, EngineError> {
        self.call("engine.ensure-network", &network.name, self.inner.ensure_network(network)).await
    }

    async fn remove_network(&self, instance: &Instance, name: &str) -> Result<(), EngineError> {
        self.call("engine.remove-network", name, self.inner.remove_network(instance, name)).await
    }

    async fn volumes(&self, instance: &Instance) -> Result<Vec<VolumeSummary>, EngineError> {
        self.call("engine.volumes", "", self.inner.volumes(instance)).await
    }

    async fn remove_volume(&self, name: &str) -> Result<(), EngineError> {
        self.call("engine.remove-volume", name, self.inner.remove_volume(name)).await
    }

    fn events(&self, instance: &Instance) -> BoxStream<'static, Result<EngineEvent, EngineError>> {
        let witness = Arc::clone(&self.witness);
        let heard = move |_: &_| {
            let boundary = Boundary { operation: "engine.event", object: "", side: Side::After };
            std::future::ready(witness.crosses(&boundary) == Fate::GoesOn)
        };
        self.inner.events(instance).take_while(heard).boxed()
    }
}
