//! What the monitor looks at, and where its readings go.

use crate::engine::Limits;
use crate::model::Name;
use crate::model::event::Event;
use crate::model::period::Period;
use crate::model::status::ContainerState;
use crate::model::time::Time;
use crate::monitor::{Round, Stage, Target};
use crate::tracker::Tracked;

use super::office::Office;

impl Stage for Office {
    fn targets(&self) -> Vec<Target> {
        self.tracker.all().iter().filter_map(|tracked| target(tracked)).collect()
    }

    fn measured(&self, round: Round) {
        let Round { readings, alerts, .. } = round;
        if let Some(metrics) = &self.metrics {
            for (name, usage) in &readings {
                let tracked = self.tracker.get(name.as_str());
                if let Some(uid) = tracked.and_then(|tracked| tracked.document.metadata.uid.clone()) {
                    metrics.add(&uid, usage);
                }
            }
        }
        self.tracker.measured(&readings);
        for (name, usage) in &readings {
            self.hub.tell(Event::measured(name, usage.clone()));
        }
        if !alerts.is_empty() {
            self.handle.alerts(alerts);
        }
        self.handle.measured(readings);
    }
}

/// A workspace as the monitor needs it; `None` while its container does not run.
fn target(tracked: &Tracked) -> Option<Target> {
    let status = &tracked.document.status;
    let container = status.container.as_ref().filter(|container| container.state == ContainerState::Running)?;
    let workspace = tracked.workspace.as_ref()?;
    let name: Name = workspace.metadata.name.clone();
    let resources = &workspace.spec.resources;
    Some(Target {
        name,
        uid: tracked.document.metadata.uid.clone()?,
        container: container.id.clone(),
        started_at: container.started_at.map(Time::timestamp),
        interval: workspace.spec.monitoring.interval.map(Period::duration),
        thresholds: workspace.spec.monitoring.thresholds.clone(),
        limits: Limits { cpu: resources.cpu, memory: resources.memory, pids: resources.pids },
        project: tracked.project.clone(),
        raised: status.alerts.iter().map(|alert| alert.metric).collect(),
    })
}
