//! How closely a workspace's use of resources is watched.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::period::Period;
use crate::model::quantity::Memory;
use crate::model::text::textual;

/// How closely the workspace's use of resources is watched. A change takes effect without a restart.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Monitoring {
    /// Time between two measurements, from `1s` to `1h`. Default: that of the controller (`--monitor-interval`, `10s`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<Period>,
    /// What to raise an alert for; at most one threshold for each metric. Default: nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub thresholds: Vec<Threshold>,
}

/// A level beyond which an alert is raised, once, and cleared, once, when the value is well below again.
///
/// Alerts are told as events and webhooks, and stand in the workspace's status as long as they last. One that stands when the
/// container ends is cleared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Threshold {
    /// What is measured: `cpu`, `memory`, `network`, `block`, `pids` or `disk`.
    pub metric: ThresholdMetric,
    /// The level: for `cpu`, `memory` and `pids` a percentage of the workspace's limit, or of the machine where there is no
    /// limit; for `disk` a percentage of the file system that holds the project; for `network` and `block` an amount a second in
    /// both directions together, such as `10Mi`.
    pub above: Level,
    /// How long the value must stay above before the alert is raised. Default `0s`: at once.
    #[serde(default = "at_once", rename = "for")]
    pub lasting: Period,
    /// The level below which the alert is cleared; at most `above`. Default: 90 % of `above`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clear_below: Option<Level>,
}

/// What a [`Threshold`] is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum ThresholdMetric {
    /// Processor time.
    Cpu,
    /// Memory in use, without what the kernel can take back at once.
    Memory,
    /// What is received and sent.
    Network,
    /// What is read from and written to block devices.
    Block,
    /// Processes and threads.
    Pids,
    /// The fill of the file system that holds the project.
    Disk,
}

/// The level of a [`Threshold`]: a percentage (`90%`) or an amount a second (`10Mi`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// In hundredths of a percent, from 1 to 10,000.
    Percent(u32),
    /// Bytes a second.
    Rate(Memory),
}

/// Why a text is not a [`Level`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a level: use a percentage above 0 and at most 100 (`90%`), or an amount a second (`10Mi`) for `network` and `block`"
)]
pub struct InvalidLevel(String);

impl Monitoring {
    /// The shortest interval: a shorter one would cost more than it tells.
    pub const SHORTEST: Period = Period::from_secs(1);

    /// The longest interval.
    pub const LONGEST: Period = Period::from_secs(3600);

    /// Whether it says nothing, so that a document can leave it out.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl Threshold {
    /// The level below which the alert is cleared.
    pub fn clears_below(&self) -> Level {
        self.clear_below.unwrap_or_else(|| self.above.nine_tenths())
    }
}

impl ThresholdMetric {
    /// All of them, in the order of the documentation.
    pub const ALL: [Self; 6] = [Self::Cpu, Self::Memory, Self::Network, Self::Block, Self::Pids, Self::Disk];

    /// The word for it in documents.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Memory => "memory",
            Self::Network => "network",
            Self::Block => "block",
            Self::Pids => "pids",
            Self::Disk => "disk",
        }
    }

    /// Whether its levels are amounts a second instead of percentages.
    pub const fn is_rate(self) -> bool {
        matches!(self, Self::Network | Self::Block)
    }
}

impl fmt::Display for ThresholdMetric {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}

impl Level {
    /// As a number: percent, or bytes a second.
    #[expect(clippy::cast_precision_loss, reason = "no rate of a machine needs more than 52 bits")]
    pub fn value(self) -> f64 {
        match self {
            Self::Percent(hundredths) => f64::from(hundredths) / 100.0,
            Self::Rate(rate) => rate.bytes() as f64,
        }
    }

    /// Whether it is an amount a second instead of a percentage.
    pub const fn is_rate(self) -> bool {
        matches!(self, Self::Rate(_))
    }

    fn nine_tenths(self) -> Self {
        match self {
            Self::Percent(hundredths) => Self::Percent(hundredths * 9 / 10),
            Self::Rate(rate) => Self::Rate(Memory::from_bytes(rate.bytes() / 10 * 9 + rate.bytes() % 10 * 9 / 10)),
        }
    }
}

impl FromStr for Level {
    type Err = InvalidLevel;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let level = match text.strip_suffix('%') {
            Some(percent) => hundredths(percent).map(Self::Percent),
            None => text.parse().ok().map(Self::Rate),
        };
        level.ok_or_else(|| InvalidLevel(text.escape_debug().to_string()))
    }
}

/// A decimal with at most two places, above 0 and at most 100, in hundredths.
fn hundredths(text: &str) -> Option<u32> {
    let (whole, fraction) = text.split_once('.').map_or((text, "0"), |(whole, fraction)| (whole, fraction));
    let digits =
        |part: &str, most: usize| (1..=most).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole, 3) || !digits(fraction, 2) {
        return None;
    }
    let tenths = if fraction.len() == 1 { 10 } else { 1 };
    let value = whole.parse::<u32>().ok()? * 100 + fraction.parse::<u32>().ok()? * tenths;
    (1..=10_000).contains(&value).then_some(value)
}

impl fmt::Display for Level {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Percent(hundredths) if hundredths.is_multiple_of(100) => write!(formatter, "{}%", hundredths / 100),
            Self::Percent(hundredths) => {
                let text = format!("{}.{:02}", hundredths / 100, hundredths % 100);
                write!(formatter, "{}%", text.trim_end_matches('0'))
            }
            Self::Rate(rate) => rate.fmt(formatter),
        }
    }
}

textual!(Level, "Level", "level", { "type": ["string", "integer"] });

fn at_once() -> Period {
    Period::from_secs(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_percentages_or_amounts_a_second() {
        for (text, value, shown) in [
            ("90%", 90.0, "90%"),
            ("100%", 100.0, "100%"),
            ("92.5%", 92.5, "92.5%"),
            ("0.01%", 0.01, "0.01%"),
            ("10Mi", 10_485_760.0, "10Mi"),
            ("1000", 1_000.0, "1k"),
        ] {
            let level: Level = text.parse().expect(text);
            assert_eq!((level.value(), level.to_string().as_str()), (value, shown));
        }
        for bad in ["", "%", "0%", "101%", "100.01%", "-1%", "1e1%", "9.999%", ".5%", "5.%", "0", "ten", "90 %"] {
            assert!(bad.parse::<Level>().is_err(), "{bad}");
        }
    }

    #[test]
    fn an_alert_is_cleared_at_nine_tenths_where_nothing_else_is_said() {
        for (above, below) in [("90%", "81%"), ("100%", "90%"), ("1k", "900"), ("7", "6")] {
            let level = |text: &str| text.parse::<Level>().expect(text);
            let threshold =
                Threshold { metric: ThresholdMetric::Cpu, above: level(above), lasting: at_once(), clear_below: None };
            assert_eq!(threshold.clears_below(), level(below), "{above}");
        }
    }
}
