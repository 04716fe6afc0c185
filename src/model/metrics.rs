//! Use of resources: readings, history, and what is concluded from it. What the API and `-o json` show.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::spec::ThresholdMetric;
use super::time::Time;

/// One reading of what a workspace uses.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Usage {
    /// When it was read.
    pub time: Time,
    /// Processor time since the reading before, in percent of one core: 250 is two and a half cores.
    pub cpu_percent: f64,
    /// Memory in use, in bytes, without the page cache that the kernel can take back at once: as `docker stats` counts it.
    pub memory_bytes: u64,
    /// The limit of memory in bytes; absent when there is none below the machine's own memory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_limit_bytes: Option<u64>,
    /// Bytes received since the container's start, on all interfaces but loopback.
    pub network_rx_bytes: u64,
    /// Bytes sent since the container's start, on all interfaces but loopback.
    pub network_tx_bytes: u64,
    /// Bytes read from block devices since the container's start.
    pub block_read_bytes: u64,
    /// Bytes written to block devices since the container's start.
    pub block_write_bytes: u64,
    /// Bytes received a second since the reading before; 0 when its counter began anew.
    pub network_rx_rate: f64,
    /// Bytes sent a second since the reading before; 0 when its counter began anew.
    pub network_tx_rate: f64,
    /// Bytes read a second since the reading before; 0 when its counter began anew.
    pub block_read_rate: f64,
    /// Bytes written a second since the reading before; 0 when its counter began anew.
    pub block_write_rate: f64,
    /// Processes and threads.
    pub pids: u64,
    /// Fill of the file system that holds the project, in percent as df(1) counts it; absent without a project, and when the
    /// file system does not answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disk_percent: Option<f64>,
}

/// What is measured of a workspace, and kept as history.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub enum Metric {
    /// Processor time, in percent of one core.
    Cpu,
    /// Memory in use, in bytes.
    Memory,
    /// Received, in bytes a second.
    NetworkRx,
    /// Sent, in bytes a second.
    NetworkTx,
    /// Read from block devices, in bytes a second.
    BlockRead,
    /// Written to block devices, in bytes a second.
    BlockWrite,
    /// Processes and threads.
    Pids,
    /// Fill of the file system that holds the project, in percent.
    Disk,
}

/// What the values of a metric are counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub enum Unit {
    /// Percent: of one core for `cpu`, of the file system for `disk`.
    Percent,
    /// Bytes.
    Bytes,
    /// Bytes a second.
    BytesPerSecond,
    /// A number of things.
    Count,
}

/// Why a text is not a [`Metric`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a metric: use cpu, memory, network-rx, network-tx, block-read, block-write, pids or disk")]
pub struct InvalidMetric(String);

impl Metric {
    /// All of them, in the order in which records hold them.
    pub const ALL: [Self; 8] = [
        Self::Cpu,
        Self::Memory,
        Self::NetworkRx,
        Self::NetworkTx,
        Self::BlockRead,
        Self::BlockWrite,
        Self::Pids,
        Self::Disk,
    ];

    /// The word for it in commands and documents.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Memory => "memory",
            Self::NetworkRx => "network-rx",
            Self::NetworkTx => "network-tx",
            Self::BlockRead => "block-read",
            Self::BlockWrite => "block-write",
            Self::Pids => "pids",
            Self::Disk => "disk",
        }
    }

    /// What its values are counted in.
    pub const fn unit(self) -> Unit {
        match self {
            Self::Cpu | Self::Disk => Unit::Percent,
            Self::Memory => Unit::Bytes,
            Self::NetworkRx | Self::NetworkTx | Self::BlockRead | Self::BlockWrite => Unit::BytesPerSecond,
            Self::Pids => Unit::Count,
        }
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}

impl FromStr for Metric {
    type Err = InvalidMetric;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|metric| metric.as_str() == text);
        found.ok_or_else(|| InvalidMetric(text.chars().take(40).flat_map(char::escape_debug).collect()))
    }
}

impl Usage {
    /// The value of one metric; `None` when it could not be read.
    #[expect(clippy::cast_precision_loss, reason = "no machine has more memory than 52 bits can count")]
    pub fn value(&self, metric: Metric) -> Option<f64> {
        Some(match metric {
            Metric::Cpu => self.cpu_percent,
            Metric::Memory => self.memory_bytes as f64,
            Metric::NetworkRx => self.network_rx_rate,
            Metric::NetworkTx => self.network_tx_rate,
            Metric::BlockRead => self.block_read_rate,
            Metric::BlockWrite => self.block_write_rate,
            Metric::Pids => self.pids as f64,
            Metric::Disk => return self.disk_percent,
        })
    }
}

/// An alert that was raised or cleared: a threshold of `spec.monitoring` was passed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AlertChange {
    /// What the threshold is about.
    pub metric: ThresholdMetric,
    /// Whether the alert stands from now on.
    pub raised: bool,
    /// What was measured, in percent or bytes a second as the threshold is; absent when the alert was cleared because
    /// there is nothing to measure any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
    /// The level that was passed, as written: `above` when it was raised, `clearBelow` when it was cleared.
    pub level: String,
    /// Since when the value has been above, for one that was raised; when it was raised, for one that was cleared.
    pub since: Time,
}

/// How finely history is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum Tier {
    /// Each reading.
    Raw,
    /// Minutes.
    Minute,
    /// Hours.
    Hour,
    /// Days, in UTC.
    Day,
}

/// The history of some metrics of one workspace.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Series {
    /// The first moment asked for.
    pub from: Time,
    /// The moment until which was asked, exclusive.
    pub to: Time,
    /// How many seconds each point stands for.
    pub step_seconds: u64,
    /// What the points were made from.
    pub tier: Tier,
    /// One for each metric asked for, in that order.
    pub metrics: Vec<MetricSeries>,
}

/// The history of one metric.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MetricSeries {
    /// The metric.
    pub metric: Metric,
    /// What the values are counted in.
    pub unit: Unit,
    /// What was measured, oldest first. Where nothing was, there is no point.
    pub points: Vec<Point>,
}

/// What was measured in one step of time.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Point {
    /// When the step begins.
    pub time: Time,
    /// The least value.
    pub min: f64,
    /// The mean of the readings.
    pub mean: f64,
    /// The greatest value.
    pub max: f64,
    /// The last value.
    pub last: f64,
    /// How many readings.
    pub count: u64,
}

/// What the history of one metric says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Analysis {
    /// The metric.
    pub metric: Metric,
    /// What the values are counted in.
    pub unit: Unit,
    /// Whether it rises or falls; absent with fewer than 8 points.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trend: Option<Trend>,
    /// What was unlike the same hour of other days, oldest first.
    pub anomalies: Vec<Anomaly>,
}

/// Whether a metric rises or falls.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Trend {
    /// The direction, `steady` while the confidence is below 0.95.
    pub direction: Direction,
    /// The median change in a day (Theil-Sen slope), in the metric's unit.
    pub slope_per_day: f64,
    /// How sure it is that there is a trend at all, from 0 to 1 (1 - p of the Mann-Kendall test).
    pub confidence: f64,
    /// How many points it was found from.
    pub points: u64,
}

/// Where a [`Trend`] leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum Direction {
    /// Upwards.
    Rising,
    /// Downwards.
    Falling,
    /// Nowhere, as far as can be told.
    Steady,
}

/// A value unlike those of the same hour of other days.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Anomaly {
    /// When the hour began.
    pub time: Time,
    /// The hour's mean.
    pub value: f64,
    /// The median of the same hour of other days.
    pub expected: f64,
    /// How far it is from there: the robust z-score. At least 3.5 either way, above zero when there was more than usual.
    pub score: f64,
}

/// Which limits would fit what a workspace uses. Never applied by itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Recommendation {
    /// The beginning of the history it rests on.
    pub from: Time,
    /// The end of the history it rests on.
    pub to: Time,
    /// How many readings that is.
    pub readings: u64,
    /// Processor time, in cores.
    pub cpu: Advice,
    /// Memory, in bytes.
    pub memory: Advice,
    /// The suggestion as a part of the manifest, for people to read and take over.
    pub patch: String,
}

/// What one limit is, and could be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Advice {
    /// The limit that is declared, as a quantity; absent when there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub current: Option<String>,
    /// What 95 % of the time was not exceeded, in cores or bytes.
    pub p95: f64,
    /// The greatest value, in cores or bytes.
    pub max: f64,
    /// The limit that would fit, as a quantity: the 95th percentile and headroom.
    pub suggested: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_metrics_are_read_back_and_are_those_of_documents() {
        for metric in Metric::ALL {
            assert_eq!(metric.as_str().parse(), Ok(metric));
            assert_eq!(serde_json::to_value(metric).expect("JSON"), metric.as_str());
        }
        let error = "cpus\u{1b}[31m".parse::<Metric>().expect_err("not a metric").to_string();
        assert!(error.contains("network-rx") && !error.contains('\u{1b}'), "{error}");
    }
}
