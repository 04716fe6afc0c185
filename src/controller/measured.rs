//! What workspaces use, and thresholds that were passed: taken over into statuses.

use std::time::Duration;

use super::core::Core;
use super::entry::Entry;
use crate::engine::Engine;
use crate::model::Name;
use crate::model::event::{EventReason, Occurrence};
use crate::model::metrics::{AlertChange, Usage};
use crate::model::status::{Alert, StatusMetrics};

/// How often the numbers of a status are refreshed at most.
const REFRESH: Duration = Duration::from_secs(60);

impl<E: Engine> Core<E> {
    pub(super) fn take_measured(&mut self, readings: Vec<(Name, Usage)>) {
        let now = self.now().instant;
        for (name, usage) in readings {
            let Some(entry) = self.entries.get_mut(&name) else { continue };
            if entry.measured_at.is_some_and(|at| now < at + REFRESH) {
                continue;
            }
            let Some(metrics) = entry.metrics_of(&usage) else { continue };
            if entry.metrics.as_ref().is_none_or(|before| is_noticeable(before, &metrics)) {
                entry.metrics = Some(metrics);
                entry.measured_at = Some(now);
                self.publish(&name);
            }
        }
    }

    pub(super) fn take_alerts(&mut self, changes: Vec<(Name, AlertChange)>) {
        for (name, change) in changes {
            let Some(record) = self.entries.get_mut(&name).and_then(|entry| entry.record.as_mut()) else { continue };
            let stood = record.alerts.iter().any(|alert| alert.metric == change.metric);
            record.alerts.retain(|alert| alert.metric != change.metric);
            if change.raised {
                let AlertChange { metric, level, since, .. } = &change;
                record.alerts.push(Alert { metric: *metric, above: level.clone(), since: *since });
            }
            self.remember(&name);
            // Raised once and cleared once, whoever says it again after a restart.
            if stood != change.raised {
                self.log(&name, occurrence(&change));
            }
            self.publish(&name);
        }
    }
}

fn occurrence(change: &AlertChange) -> Occurrence {
    let AlertChange { metric, raised, level, .. } = change;
    if *raised {
        Occurrence::warning(EventReason::ThresholdExceeded, format!("{metric} is above {level}"))
    } else {
        Occurrence::normal(EventReason::ThresholdCleared, format!("{metric} is below {level} again"))
    }
}

impl Entry {
    fn metrics_of(&self, usage: &Usage) -> Option<StatusMetrics> {
        let record = self.record.as_ref()?;
        Some(StatusMetrics {
            cpu_percent: rounded(usage.cpu_percent),
            memory_bytes: usage.memory_bytes,
            memory_limit_bytes: usage.memory_limit_bytes,
            network_rx_bytes: usage.network_rx_bytes,
            network_tx_bytes: usage.network_tx_bytes,
            block_read_bytes: usage.block_read_bytes,
            block_write_bytes: usage.block_write_bytes,
            pids: usage.pids,
            error_count: record.errors,
            last_error_time: record.last_error_time,
            time: usage.time,
        })
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "not negative, and far below 2^53")]
fn rounded(percent: f64) -> u64 {
    percent.round().max(0.0) as u64
}

/// Whether a reader would care: a container at rest still breathes, and a status that follows each breath would be written for ever.
fn is_noticeable(before: &StatusMetrics, now: &StatusMetrics) -> bool {
    const SMALL: u64 = 1 << 20;
    let by_more = |before: u64, now: u64, least: u64| before.abs_diff(now) > least.max(before / 20);
    by_more(before.cpu_percent, now.cpu_percent, 1)
        || by_more(before.memory_bytes, now.memory_bytes, SMALL)
        || by_more(before.network_rx_bytes, now.network_rx_bytes, SMALL)
        || by_more(before.network_tx_bytes, now.network_tx_bytes, SMALL)
        || by_more(before.block_read_bytes, now.block_read_bytes, SMALL)
        || by_more(before.block_write_bytes, now.block_write_bytes, SMALL)
        || (before.memory_limit_bytes, before.pids, before.error_count)
            != (now.memory_limit_bytes, now.pids, now.error_count)
}
