//! What is told of each workspace.

use super::Scrape;
use super::text::{Kind, Page, Value};
use crate::model::spec::DesiredState;
use crate::model::status::ConditionType;
use crate::tracker::Tracked;

const PERCENT: f64 = 100.0;

/// A number of a workspace, where it has it, and what it is called.
type Metric = (&'static str, Kind, &'static str, fn(&Tracked) -> Option<Value>);

const METRICS: [Metric; 17] = [
    ("wharf_workspace_wanted", Kind::Gauge, "Whether the workspace is to run.", |one| Some(is_wanted(one)?.into())),
    (
        "wharf_workspace_ready",
        Kind::Gauge,
        "Whether the workspace runs, and is healthy where there is a check.",
        |one| Some(one.document.status.is(ConditionType::Ready).into()),
    ),
    ("wharf_workspace_held", Kind::Gauge, "Whether an action is deliberately not taken.", |one| {
        Some(one.document.status.is(ConditionType::Held).into())
    }),
    ("wharf_workspace_alerting", Kind::Gauge, "Whether a threshold of the workspace is exceeded.", |one| {
        Some(one.document.status.is(ConditionType::Alerting).into())
    }),
    ("wharf_workspace_errors_total", Kind::Counter, "Failures and deaths in this life of the workspace.", |one| {
        Some(one.document.status.metrics.as_ref()?.error_count.into())
    }),
    ("wharf_workspace_restarts", Kind::Gauge, "Restarts by Wharf since the spec last changed.", |one| {
        Some(u64::from(one.document.status.container.as_ref()?.restarts).into())
    }),
    ("wharf_workspace_cpu_usage_cores", Kind::Gauge, "Processor time a second.", |one| {
        Some((one.usage.as_ref()?.cpu_percent / PERCENT).into())
    }),
    (
        "wharf_workspace_memory_working_set_bytes",
        Kind::Gauge,
        "Memory in use, without what the kernel can take back at once.",
        |one| Some(one.usage.as_ref()?.memory_bytes.into()),
    ),
    ("wharf_workspace_memory_limit_bytes", Kind::Gauge, "The limit of memory, where there is one.", |one| {
        Some(one.usage.as_ref()?.memory_limit_bytes?.into())
    }),
    (
        "wharf_workspace_network_receive_bytes_total",
        Kind::Counter,
        "Received since the container's start, loopback left out.",
        |one| Some(one.usage.as_ref()?.network_rx_bytes.into()),
    ),
    (
        "wharf_workspace_network_transmit_bytes_total",
        Kind::Counter,
        "Sent since the container's start, loopback left out.",
        |one| Some(one.usage.as_ref()?.network_tx_bytes.into()),
    ),
    (
        "wharf_workspace_block_read_bytes_total",
        Kind::Counter,
        "Read from block devices since the container's start.",
        |one| Some(one.usage.as_ref()?.block_read_bytes.into()),
    ),
    (
        "wharf_workspace_block_written_bytes_total",
        Kind::Counter,
        "Written to block devices since the container's start.",
        |one| Some(one.usage.as_ref()?.block_write_bytes.into()),
    ),
    ("wharf_workspace_processes", Kind::Gauge, "Processes and threads.", |one| Some(one.usage.as_ref()?.pids.into())),
    (
        "wharf_workspace_disk_usage_ratio",
        Kind::Gauge,
        "Fill of the file system that holds the project, from 0 to 1.",
        |one| Some((one.usage.as_ref()?.disk_percent? / PERCENT).into()),
    ),
    (
        "wharf_workspace_last_measured_timestamp_seconds",
        Kind::Gauge,
        "When the use of resources was measured, in seconds since 1970.",
        |one| Some(one.usage.as_ref()?.time.timestamp().as_duration().as_secs_f64().into()),
    ),
    (
        "wharf_workspace_last_error_timestamp_seconds",
        Kind::Gauge,
        "When the last failure or death was, in seconds since 1970.",
        |one| {
            Some(one.document.status.metrics.as_ref()?.last_error_time?.timestamp().as_duration().as_secs_f64().into())
        },
    ),
];

pub(super) fn write(scrape: &Scrape<'_>, page: &mut Page) {
    let mut workspaces: Vec<(&str, &Tracked)> =
        scrape.workspaces.iter().map(|tracked| (tracked.document.metadata.name.as_str(), &**tracked)).collect();
    // Two series with the same labels would make a scraper refuse the whole page.
    workspaces.dedup_by_key(|(name, _)| *name);
    page.metric("wharf_workspace_phase", Kind::Gauge, "The phase of the workspace, always 1.", |samples| {
        for (name, tracked) in &workspaces {
            let phase = format!("{:?}", tracked.document.status.phase);
            samples.add(&[("workspace", name), ("phase", &phase)], Value::from(true));
        }
    });
    for (metric, kind, help, value) in METRICS {
        page.metric(metric, kind, help, |samples| {
            for (name, tracked) in &workspaces {
                samples.add(&[("workspace", name)], value(tracked));
            }
        });
    }
}

/// Whether it is to run, by command or by its manifest; `None` while neither says so.
fn is_wanted(tracked: &Tracked) -> Option<bool> {
    let asked = tracked.document.status.requested.and_then(|requested| requested.state);
    let declared = tracked.workspace.as_ref().map(|workspace| workspace.spec.state);
    Some(asked.or(declared)? == DesiredState::Running)
}
