//! Images: looking them up, and pulling them.

use std::collections::BTreeMap;

use bollard::errors::Error;
use bollard::models::CreateImageInfo;
use bollard::query_parameters::CreateImageOptionsBuilder;
use futures_util::StreamExt;
use tokio::time::timeout;

use super::failure::Call;
use super::{Docker, patience};
use crate::engine::{EngineError, ObjectKind, PullProgress};
use crate::model::reference::ImageReference;

impl Docker {
    pub(super) async fn image_id(&self, image: &ImageReference) -> Result<Option<String>, EngineError> {
        // The reference's grammar admits nothing that leads to another path.
        let call = Call::about(ObjectKind::Image, format!("inspect image {image}"));
        match self.run(&call, patience::QUICK, self.client.inspect_image(image.as_str())).await {
            Ok(answer) => Ok(answer.id),
            Err(EngineError::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    pub(super) async fn pull_image(
        &self,
        image: &ImageReference,
        progress: &(dyn Fn(PullProgress) + Send + Sync),
    ) -> Result<(), EngineError> {
        let call = Call::about(ObjectKind::Image, format!("pull image {image}"));
        if self.transport.minor_version().is_none() {
            self.negotiate(&call).await?;
        }
        let (repository, tag) = image.repository_and_tag();
        let options = CreateImageOptionsBuilder::new().from_image(repository).tag(tag).build();
        let mut steps = Box::pin(self.client.create_image(Some(options), None, None));
        let mut layers = Layers::default();
        loop {
            let Ok(step) = timeout(patience::PULL_SILENCE, steps.next()).await else {
                let message = format!("no progress for {} s", patience::PULL_SILENCE.as_secs());
                return Err(EngineError::Registry { operation: call.operation, message });
            };
            match step {
                None => return Ok(()),
                Some(Ok(step)) => progress(layers.after(step)),
                Some(Err(error)) => return Err(self.pull_failed(&call, error)),
            }
        }
    }

    /// Whatever the engine reports about a pull, before or within the stream, comes from the registry or the way to it,
    /// except for a full disk and for an engine that cannot be talked to.
    fn pull_failed(&self, call: &Call, error: Error) -> EngineError {
        match self.failed(call, error) {
            EngineError::Failed { operation, message } if !message.contains("no space left on device") => {
                EngineError::of_registry(operation, message)
            }
            EngineError::NotFound { operation, message, .. } | EngineError::Conflict { operation, message } => {
                EngineError::of_registry(operation, message)
            }
            other => other,
        }
    }
}

/// The layers of an image on their way, by their short IDs.
#[derive(Default)]
struct Layers(BTreeMap<String, Layer>);

#[derive(Default)]
struct Layer {
    fetched: u64,
    total: u64,
}

impl Layers {
    /// Takes in one message of the engine and sums up.
    fn after(&mut self, step: CreateImageInfo) -> PullProgress {
        let status = step.status.unwrap_or_default();
        let id = step.id.unwrap_or_default();
        let detail = step.progress_detail.unwrap_or_default();
        let amount = |bytes: Option<i64>| bytes.and_then(|bytes| u64::try_from(bytes).ok()).unwrap_or_default();
        match status.as_str() {
            "Downloading" => {
                let layer = Layer { fetched: amount(detail.current), total: amount(detail.total) };
                self.0.insert(id.clone(), layer);
            }
            // Also said of layers that are too small to report any progress.
            "Download complete" | "Pull complete" => {
                let layer = self.0.entry(id.clone()).or_default();
                layer.fetched = layer.total;
            }
            _ => {}
        }
        PullProgress {
            fetched_bytes: self.0.values().map(|layer| layer.fetched).sum(),
            total_bytes: self.0.values().map(|layer| layer.total).sum(),
            message: if id.is_empty() { status } else { format!("{id}: {status}") },
        }
    }
}

#[cfg(test)]
mod tests {
    use bollard::models::ProgressDetail;

    use super::*;

    fn step(id: &str, status: &str, progress: Option<(i64, i64)>) -> CreateImageInfo {
        CreateImageInfo {
            id: Some(id.to_owned()),
            status: Some(status.to_owned()),
            progress_detail: progress
                .map(|(current, total)| ProgressDetail { current: Some(current), total: Some(total) }),
            ..CreateImageInfo::default()
        }
    }

    #[test]
    fn progress_is_summed_over_layers() {
        let mut layers = Layers::default();
        let mut sums = Vec::new();
        for (id, status, progress) in [
            ("", "Pulling from library/debian", None),
            ("a", "Pulling fs layer", None),
            ("a", "Downloading", Some((10, 100))),
            ("b", "Downloading", Some((5, 50))),
            ("a", "Download complete", None),
            // Counts bytes of the archive again.
            ("a", "Extracting", Some((30, 100))),
            ("c", "Download complete", None),
        ] {
            let seen = layers.after(step(id, status, progress));
            sums.push((seen.fetched_bytes, seen.total_bytes));
        }
        assert_eq!(sums, [(0, 0), (0, 0), (10, 100), (15, 150), (105, 150), (105, 150), (105, 150)]);
    }
}
