//! Values of the command line.

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use super::error::CliError;
use crate::model::period::{InvalidPeriod, Period};

/// A path of the command line, from the root on.
pub fn absolute(path: &Path) -> Result<PathBuf, CliError> {
    std::path::absolute(path).map_err(CliError::Runtime)
}

/// A duration of the command line, at least a millisecond: nothing here may be done in a hot loop.
pub fn period(text: &str) -> Result<Duration, String> {
    positive(text).map(Period::duration)
}

/// The same as it is written into files.
pub fn positive(text: &str) -> Result<Period, String> {
    let period = Period::from_str(text).map_err(|error| error.to_string())?;
    if period.duration().is_zero() { Err("must be longer than nothing".to_owned()) } else { Ok(period) }
}

/// A duration, or `0` for never.
pub fn period_or_never(text: &str) -> Result<Period, String> {
    if text == "0" { Ok(Period::from_secs(0)) } else { text.parse().map_err(|error: InvalidPeriod| error.to_string()) }
}
