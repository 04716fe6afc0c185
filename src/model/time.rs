//! Times in documents.

use jiff::{RoundMode, Timestamp, TimestampRound, Unit};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A point in time in whole seconds, written in RFC 3339 as Kubernetes does: `2026-01-31T12:00:00Z`.
///
/// Fractions are cut off when it is made, so that a time equals itself after a round trip through a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
#[schemars(inline)]
pub struct Time(Timestamp);

impl Time {
    /// The point in time itself.
    pub const fn timestamp(self) -> Timestamp {
        self.0
    }
}

impl From<Timestamp> for Time {
    fn from(time: Timestamp) -> Self {
        let floor = TimestampRound::new().smallest(Unit::Second).mode(RoundMode::Floor);
        // Rounding fails only at the ends of representable time.
        Self(time.round(floor).unwrap_or(time))
    }
}

impl std::fmt::Display for Time {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(formatter)
    }
}
