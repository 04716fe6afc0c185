//! Durations as people write them: `10s`, `1m30s`, `2h`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::text::textual;

/// A length of time, at most [`Period::MAX`], with millisecond resolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Period(Duration);

/// Why a text is not a [`Period`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a duration: use a number and a unit (`500ms`, `10s`, `1m30s`, `2h`), at most 365 days")]
pub struct InvalidPeriod(String);

impl Period {
    /// A year: far beyond any timeout, and far below what timers can hold.
    pub const MAX: Duration = Duration::from_secs(365 * 24 * 60 * 60);

    /// From whole seconds.
    pub const fn from_secs(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }

    /// As a standard duration.
    pub const fn duration(self) -> Duration {
        self.0
    }
}

impl FromStr for Period {
    type Err = InvalidPeriod;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || InvalidPeriod(text.escape_debug().to_string());
        let parsed: jiff::SignedDuration = text.parse().map_err(|_| invalid())?;
        let duration = Duration::try_from(parsed).map_err(|_| invalid())?;
        let whole = Duration::from_millis(u64::try_from(duration.as_millis()).map_err(|_| invalid())?);
        if whole > Self::MAX || whole != duration { Err(invalid()) } else { Ok(Self(whole)) }
    }
}

impl fmt::Display for Period {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, millis) = (self.0.as_secs(), self.0.subsec_millis());
        let parts = [(seconds / 3600, "h"), (seconds / 60 % 60, "m"), (seconds % 60, "s"), (millis.into(), "ms")];
        if self.0.is_zero() {
            return formatter.write_str("0s");
        }
        for (amount, unit) in parts.iter().filter(|(amount, _)| *amount > 0) {
            write!(formatter, "{amount}{unit}")?;
        }
        Ok(())
    }
}

textual!(Period, "Duration", "duration", { "type": "string" });

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms() {
        for (text, millis, shown) in [
            ("10s", 10_000, "10s"),
            ("1m30s", 90_000, "1m30s"),
            ("90s", 90_000, "1m30s"),
            ("500ms", 500, "500ms"),
            ("2h", 7_200_000, "2h"),
            ("0s", 0, "0s"),
        ] {
            let period: Period = text.parse().expect(text);
            assert_eq!((period.duration().as_millis(), period.to_string().as_str()), (millis, shown));
        }
        for bad in ["", "10", "-5s", "1x", "400d", "99999999h", "1us"] {
            assert!(bad.parse::<Period>().is_err(), "{bad}");
        }
    }
}
