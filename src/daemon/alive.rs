//! Telling the service manager that the controller does its work, and that it goes on doing so.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::office::SharedOffice;
use crate::api::Control;
use crate::supervisor::Supervisor;

/// How often to look whether the first comparison has been made.
const LOOK: Duration = Duration::from_millis(200);

pub(super) async fn supervise(supervisor: Supervisor, office: SharedOffice, shutdown: CancellationToken) {
    let mut changes = office.tracker.changes();
    let ready = async {
        while !office.readiness().ready {
            // A source without manifests changes nothing that is told.
            let _ = tokio::time::timeout(LOOK, changes.changed()).await;
        }
    };
    if shutdown.run_until_cancelled(ready).await.is_some() {
        supervisor.ready();
    }
    let alive = { move || office.is_going_on() };
    supervisor.watchdog(alive, shutdown).await;
    supervisor.stopping();
}
