//! What the controller tells of its own work.

use super::Scrape;
use super::text::{Kind, Page, Value};
use crate::model::statistics::{Durations, MonitorStatistics, Statistics};
use crate::model::status::{ErrorClass, Phase};

const MILLIS: f64 = 1000.0;

/// A number of the controller, and what it is called.
type Metric = (&'static str, Kind, &'static str, fn(&Statistics) -> Option<Value>);

const METRICS: [Metric; 8] = [
    ("wharf_start_time_seconds", Kind::Gauge, "When the controller began its work, in seconds since 1970.", |all| {
        all.started_at.map(|time| Value::from(time.timestamp().as_duration().as_secs_f64()))
    }),
    ("wharf_engine_reachable", Kind::Gauge, "Whether the engine answers.", |all| Some(all.engine_reachable.into())),
    ("wharf_engine_events_total", Kind::Counter, "Events of the engine that were heard.", |all| {
        Some(all.engine_events.into())
    }),
    ("wharf_reconcile_passes_total", Kind::Counter, "Passes over a workspace that were made.", |all| {
        Some(all.passes.into())
    }),
    ("wharf_reconcile_actions_total", Kind::Counter, "Actions that were carried out.", |all| Some(all.actions.into())),
    ("wharf_queue_depth", Kind::Gauge, "Workspaces that wait for a pass, also for one that is due later.", |all| {
        Some(all.queue_depth.into())
    }),
    ("wharf_passes_in_flight", Kind::Gauge, "Passes under way.", |all| Some(all.in_flight.into())),
    ("wharf_event_subscribers", Kind::Gauge, "Subscribers of the event stream.", |all| Some(all.subscribers.into())),
];

/// A number of the resource monitor, and what it is called.
type MonitorMetric = (&'static str, Kind, &'static str, fn(&MonitorStatistics) -> Value);

const MONITOR: [MonitorMetric; 6] = [
    ("wharf_monitor_rounds_total", Kind::Counter, "Rounds of measuring that were made.", |all| all.rounds.into()),
    ("wharf_monitor_samples_total", Kind::Counter, "Measurements of a workspace.", |all| all.samples.into()),
    (
        "wharf_monitor_skipped_total",
        Kind::Counter,
        "Measurements without a rate, because a run had just begun.",
        |all| all.skipped.into(),
    ),
    ("wharf_monitor_failed_total", Kind::Counter, "Measurements that failed.", |all| all.failed.into()),
    ("wharf_monitor_last_round_seconds", Kind::Gauge, "How long the last round took.", |all| {
        (all.last_round_millis / MILLIS).into()
    }),
    ("wharf_monitor_cpu_seconds_total", Kind::Counter, "Processor time that measuring took.", |all| {
        (all.cpu_millis / MILLIS).into()
    }),
];

const PHASES: [Phase; 7] = [
    Phase::Pending,
    Phase::Active,
    Phase::Inactive,
    Phase::Archived,
    Phase::Failed,
    Phase::Terminating,
    Phase::Unknown,
];

const CLASSES: [ErrorClass; 6] = [
    ErrorClass::Engine,
    ErrorClass::Network,
    ErrorClass::Storage,
    ErrorClass::Manifest,
    ErrorClass::Policy,
    ErrorClass::Internal,
];

pub(super) fn write(scrape: &Scrape<'_>, page: &mut Page) {
    let Statistics { errors, pass_duration, event_lag, monitor, .. } = scrape.statistics;
    page.metric("wharf_build_info", Kind::Gauge, "The program, always 1.", |samples| {
        samples.add(&[("version", env!("CARGO_PKG_VERSION"))], Value::from(true));
    });
    page.metric("wharf_alive", Kind::Gauge, "Whether the controller's loop turns.", |samples| {
        samples.add(&[], Value::from(scrape.alive));
    });
    for (name, kind, help, value) in METRICS {
        page.metric(name, kind, help, |samples| {
            samples.add(&[], value(scrape.statistics));
        });
    }
    // Also those without any: a series that appears with its first error has no rate.
    page.metric("wharf_reconcile_errors_total", Kind::Counter, "Passes that failed, by class.", |samples| {
        for class in CLASSES {
            let count = errors.get(&class).copied().unwrap_or_default();
            samples.add(&[("class", &format!("{class:?}"))], Value::from(count));
        }
    });
    summary(page, "wharf_reconcile_duration_seconds", "How long passes take.", pass_duration);
    let help = "From the engine's time of an event to when it was heard.";
    summary(page, "wharf_engine_event_lag_seconds", help, event_lag);
    for (name, kind, help, value) in MONITOR {
        page.metric(name, kind, help, |samples| {
            samples.add(&[], monitor.as_ref().map(value));
        });
    }
    page.metric("wharf_workspaces", Kind::Gauge, "Workspaces, by phase.", |samples| {
        for phase in PHASES {
            let count = scrape.summary.phases.get(&phase).copied().unwrap_or_default();
            samples.add(&[("phase", &format!("{phase:?}"))], Value::from(count));
        }
    });
}

fn summary(page: &mut Page, name: &'static str, help: &'static str, durations: &Durations) {
    page.metric(name, Kind::Summary, help, |samples| {
        // Quantiles of nothing are not 0.
        if durations.count > 0 {
            samples.add(&[("quantile", "0.5")], Value::from(durations.p50_millis / MILLIS));
            samples.add(&[("quantile", "0.99")], Value::from(durations.p99_millis / MILLIS));
        }
        samples.add_as("_count", &[], durations.count.into());
    });
}
