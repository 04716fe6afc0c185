//! The options of `wharf run` about how a controller behaves. What is left out is what the configuration says, or the default.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use crate::cli::values::{period, period_or_never, positive};
use crate::metrics::Retention;
use crate::model::configuration::RetentionSpec;
use crate::model::period::Period;

/// How a controller behaves.
#[derive(Clone, Debug, Default, Args)]
pub struct Behaviour {
    /// How often to compare everything with the engine, whatever events arrive [default: 30s]
    #[arg(long, value_name = "DURATION", value_parser = period, help_heading = "Behaviour")]
    pub resync: Option<Duration>,

    /// How often to inspect every container, to find changes that neither events nor lists show [default: 10m]
    #[arg(long, value_name = "DURATION", value_parser = period, help_heading = "Behaviour")]
    pub audit: Option<Duration>,

    /// How often to read the source again when no change is noticed [default: 2s]
    #[arg(long, value_name = "DURATION", value_parser = period, help_heading = "Behaviour")]
    pub poll: Option<Duration>,

    /// How many short engine calls may be under way at once [default: 8]
    #[arg(long, value_name = "COUNT", help_heading = "Behaviour")]
    pub concurrency: Option<usize>,

    /// How often to measure what workspaces use; `0`: never [default: 10s]
    #[arg(long, value_name = "DURATION", value_parser = period_or_never, help_heading = "Measuring")]
    pub monitor_interval: Option<Period>,

    /// How long to keep the history of what workspaces use, such as `minute=12h,hour=7d` [default:
    /// raw=1h,minute=24h,hour=30d,day=365d]
    #[arg(long, value_name = "TIER=DURATION,…", value_parser = retention, help_heading = "Measuring")]
    pub retention: Option<RetentionSpec>,

    /// A file that says to whom events are brought by HTTP; `wharf schema webhooks` says what it can hold
    #[arg(long, value_name = "FILE", help_heading = "Control API")]
    pub webhooks: Option<PathBuf>,

    /// Let the control API listen on this loopback address, too; needs --token-file
    #[arg(long, value_name = "ADDRESS:PORT", requires = "token_file", help_heading = "Control API")]
    pub listen: Option<SocketAddr>,

    /// The file with the token that is asked for on --listen; mode 0600
    #[arg(long, value_name = "FILE", requires = "listen", help_heading = "Control API")]
    pub token_file: Option<PathBuf>,
}

/// `minute=12h,hour=7d`: how long to keep which tier of the history.
fn retention(text: &str) -> Result<RetentionSpec, String> {
    let mut retention = RetentionSpec::default();
    for part in text.split(',').filter(|part| !part.is_empty()) {
        let (tier, kept) =
            part.split_once('=').ok_or_else(|| format!("`{part}`: use TIER=DURATION, such as `minute=12h`"))?;
        let kept = Some(positive(kept)?);
        match tier {
            "raw" => retention.raw = kept,
            "minute" => retention.minute = kept,
            "hour" => retention.hour = kept,
            "day" => retention.day = kept,
            other => return Err(format!("`{other}` is no tier: use raw, minute, hour or day")),
        }
    }
    Ok(retention)
}

/// Tier by tier: what the option says, else what the file says, else the default.
pub(super) fn merged(option: Option<&RetentionSpec>, file: &RetentionSpec) -> Retention {
    let usual = Retention::default();
    let tier = |of: fn(&RetentionSpec) -> Option<Period>, usual: Duration| {
        option.and_then(of).or(of(file)).map_or(usual, Period::duration)
    };
    Retention {
        raw: tier(|it| it.raw, usual.raw),
        minute: tier(|it| it.minute, usual.minute),
        hour: tier(|it| it.hour, usual.hour),
        day: tier(|it| it.day, usual.day),
    }
}
