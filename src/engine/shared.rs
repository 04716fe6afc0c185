//! An engine that several hold.

use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::BoxStream;

use super::{
    ContainerDetail, ContainerSpec, ContainerSummary, Engine, EngineError, EngineEvent, EngineInfo, Limits,
    NetworkSpec, PullProgress, Stats, VolumeSummary,
};
use crate::model::Instance;
use crate::model::reference::ImageReference;

/// Who controls containers and who watches them may ask the same engine, and share what it knows of the other side.
impl<E: Engine> Engine for Arc<E> {
    async fn info(&self) -> Result<EngineInfo, EngineError> {
        E::info(self).await
    }

    async fn list(&self, instance: &Instance) -> Result<Vec<ContainerSummary>, EngineError> {
        E::list(self, instance).await
    }

    async fn inspect(&self, id: &str) -> Result<ContainerDetail, EngineError> {
        E::inspect(self, id).await
    }

    async fn stats(&self, id: &str) -> Result<Stats, EngineError> {
        E::stats(self, id).await
    }

    async fn find_by_name(&self, name: &str) -> Result<ContainerDetail, EngineError> {
        E::find_by_name(self, name).await
    }

    async fn create(&self, spec: &ContainerSpec) -> Result<String, EngineError> {
        E::create(self, spec).await
    }

    async fn start(&self, id: &str) -> Result<(), EngineError> {
        E::start(self, id).await
    }

    async fn stop(&self, id: &str, grace: Duration) -> Result<(), EngineError> {
        E::stop(self, id, grace).await
    }

    async fn unpause(&self, id: &str) -> Result<(), EngineError> {
        E::unpause(self, id).await
    }

    async fn rename(&self, id: &str, name: &str) -> Result<(), EngineError> {
        E::rename(self, id, name).await
    }

    async fn update(&self, id: &str, limits: &Limits) -> Result<(), EngineError> {
        E::update(self, id, limits).await
    }

    async fn remove(&self, id: &str) -> Result<(), EngineError> {
        E::remove(self, id).await
    }

    async fn image(&self, image: &ImageReference) -> Result<Option<String>, EngineError> {
        E::image(self, image).await
    }

    async fn pull(
        &self,
        image: &ImageReference,
        progress: &(dyn Fn(PullProgress) + Send + Sync),
    ) -> Result<(), EngineError> {
        E::pull(self, image, progress).await
    }

    async fn ensure_network(&self, network: &NetworkSpec) -> Result<bool, EngineError> {
        E::ensure_network(self, network).await
    }

    async fn remove_network(&self, instance: &Instance, name: &str) -> Result<(), EngineError> {
        E::remove_network(self, instance, name).await
    }

    async fn volumes(&self, instance: &Instance) -> Result<Vec<VolumeSummary>, EngineError> {
        E::volumes(self, instance).await
    }

    async fn remove_volume(&self, name: &str) -> Result<(), EngineError> {
        E::remove_volume(self, name).await
    }

    fn events(&self, instance: &Instance) -> BoxStream<'static, Result<EngineEvent, EngineError>> {
        E::events(self, instance)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::simulated::Simulated;

    async fn ask(engine: impl Engine) -> Result<EngineInfo, EngineError> {
        engine.info().await
    }

    #[tokio::test(start_paused = true)]
    async fn several_ask_the_same_engine() {
        let engine = Arc::new(Simulated::new(1));
        ask(Arc::clone(&engine)).await.expect("it answers");
        ask(Arc::clone(&engine)).await.expect("it answers");
        assert_eq!(engine.calls().len(), 2);
    }
}
