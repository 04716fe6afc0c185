//! Named volumes.

use std::collections::HashMap;

use bollard::query_parameters::{ListVolumesOptionsBuilder, RemoveVolumeOptions};

use super::failure::Call;
use super::{Docker, gone_is_done, patience, safe};
use crate::engine::{EngineError, ObjectKind, VolumeSummary};
use crate::model::{Instance, labels};

impl Docker {
    pub(super) async fn list_volumes(&self, instance: &Instance) -> Result<Vec<VolumeSummary>, EngineError> {
        let call = Call::about(ObjectKind::Volume, "list volumes".to_owned());
        let filters = HashMap::from([("label", vec![format!("{}={instance}", labels::INSTANCE)])]);
        let options = ListVolumesOptionsBuilder::new().filters(&filters).build();
        let answer = self.run(&call, patience::QUICK, self.client.list_volumes(Some(options))).await?;
        let summary = |volume: bollard::models::Volume| VolumeSummary {
            name: volume.name,
            labels: volume.labels.into_iter().collect(),
        };
        Ok(answer.volumes.unwrap_or_default().into_iter().map(summary).collect())
    }

    pub(super) async fn remove_named_volume(&self, name: &str) -> Result<(), EngineError> {
        let call = Call::about(ObjectKind::Volume, format!("remove volume `{}`", name.escape_debug()));
        let request = self.client.remove_volume(safe(&call, name)?, None::<RemoveVolumeOptions>);
        gone_is_done(self.run(&call, patience::SLOW, request).await)
    }
}
