//! What the rooms around the controller share, and how batches work with it.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use jiff::Timestamp;
use tokio::sync::watch;

use crate::api::Control;
use crate::audit::Audit;
use crate::batch::{Batches, Desk, Look};
use crate::controller::{Clock, Handle, RequestError};
use crate::events::Hub;
use crate::metrics::Metrics;
use crate::model::Name;
use crate::model::batch::Verb;
use crate::model::statistics::{MonitorStatistics, Statistics};
use crate::monitor::Monitor;
use crate::push::Hook;
use crate::store::Store;
use crate::tracker::Tracker;
use crate::webhook::Deliveries;

/// What the rooms around the controller share.
pub(super) struct Office {
    pub(super) handle: Handle,
    pub(super) tracker: Tracker,
    pub(super) hub: Hub,
    pub(super) store: Store,
    pub(super) metrics: Option<Metrics>,
    pub(super) monitor: Option<Monitor>,
    pub(super) deliveries: Deliveries,
    pub(super) clock: Clock,
    pub(super) audit_log: Audit,
    /// What sources expect of those who notify them, by source.
    pub(super) hooks: BTreeMap<String, Hook>,
    /// Set before anything is asked.
    pub(super) batches: OnceLock<Batches>,
}

impl Office {
    pub(super) fn now(&self) -> Timestamp {
        (self.clock)()
    }

    /// What the controller and the monitor have done.
    pub(super) fn statistics(&self) -> Statistics {
        let monitor = self.monitor.as_ref().map(|monitor| {
            let it = monitor.statistics();
            MonitorStatistics {
                rounds: it.rounds,
                samples: it.samples,
                skipped: it.skipped,
                failed: it.failed,
                last_round_millis: millis(it.last_round),
                cpu_millis: millis(it.cpu_time),
            }
        });
        let subscribers = u64::try_from(self.hub.subscribers()).unwrap_or(u64::MAX);
        Statistics { subscribers, monitor, ..self.tracker.counters().statistics() }
    }
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

impl Desk for Office {
    fn ask(&self, verb: Verb, name: Name, id: String) -> BoxFuture<'_, Result<(), String>> {
        async move {
            match self.handle.ask(verb, name, id).await {
                // Asked before an interruption, and on its way.
                Err(RequestError::BeingDeleted(_)) if verb == Verb::Delete => Ok(()),
                answer => answer.map_err(|error| error.to_string()),
            }
        }
        .boxed()
    }

    fn is_ready(&self) -> bool {
        self.readiness().ready
    }

    fn knows(&self, name: Name) -> BoxFuture<'_, bool> {
        // A look does no harm, and is what is waited for.
        async move { !matches!(self.handle.ask(Verb::Sync, name, String::new()).await, Err(RequestError::Unknown(_))) }
            .boxed()
    }

    fn look(&self, name: &Name) -> Option<Look> {
        let tracked = self.tracker.get(name.as_str())?;
        Some(Look { status: tracked.document.clone(), passes: tracked.passes })
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.tracker.changes()
    }

    fn now(&self) -> Timestamp {
        Self::now(self)
    }
}

impl Office {
    /// Whether the controller's loop goes on: it comes round at least every two seconds.
    pub(super) fn is_going_on(&self) -> bool {
        const LONGEST: Duration = Duration::from_secs(30);
        self.tracker.counters().beat().is_none_or(|at| at.elapsed() < LONGEST)
    }

    pub(super) fn batches(&self) -> Option<&Batches> {
        self.batches.get()
    }
}

/// An office is known by its parts.
pub(super) type SharedOffice = Arc<Office>;
