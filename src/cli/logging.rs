//! The log: to standard error, as text for people or JSON for programs.

use std::io::IsTerminal;

use clap::{ArgAction, Args, ValueEnum};
use tracing::{Level, Metadata};
use tracing_subscriber::filter::{EnvFilter, filter_fn};
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

use super::error::CliError;

/// What the log says, and how.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Global options")]
pub struct LogArgs {
    /// Log more: -v debug, -vv trace
    #[arg(short, long, global = true, action = ArgAction::Count, conflicts_with = "quiet")]
    pub verbose: u8,

    /// Log less and tell less: -q warnings, -qq errors
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub quiet: u8,

    /// What to log, such as `info` or `warn,wharf::controller=debug`
    ///
    /// The filter wins over -v and -q. Whatever it says, the engine client and the database stay at `warn`: below that they log
    /// whole requests and records, environments included.
    #[arg(long, global = true, value_name = "FILTER", env = "WHARF_LOG")]
    pub log: Option<String>,

    /// The form of the log
    #[arg(long, global = true, value_enum, value_name = "FORMAT", default_value_t = LogFormat::Text, env = "WHARF_LOG_FORMAT")]
    pub log_format: LogFormat,
}

/// How much a command logs when nothing else is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Usual {
    /// What is done.
    Info,
    /// What goes wrong.
    Warnings,
}

/// The form of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// One line an entry, for people
    Text,
    /// One object a line, for programs
    Json,
}

impl LogArgs {
    /// Begins logging to standard error.
    ///
    /// `usual` is the level without -v and -q: a controller tells what it does, other commands only what goes wrong.
    pub fn init(&self, no_color: bool, usual: Usual) -> Result<(), CliError> {
        let filter = self.filter(usual);
        let parsed = EnvFilter::builder()
            .parse(&filter)
            .map_err(|source| CliError::LogFilter { filter: filter.clone(), source })?;
        let harmless = filter_fn(|metadata| !may_hold_values(metadata));
        let colours = !no_color && std::io::stderr().is_terminal();
        let layer = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(colours);
        let layer = match self.log_format {
            LogFormat::Text => layer.with_target(false).boxed(),
            LogFormat::Json => layer.json().flatten_event(true).boxed(),
        };
        // A program that embeds the library may have its own subscriber; that one stays.
        let _ = tracing_subscriber::registry().with(parsed).with(harmless).with(layer).try_init();
        Ok(())
    }

    fn filter(&self, usual: Usual) -> String {
        let level = match (self.verbose, self.quiet, usual) {
            (0, 0, Usual::Info) => "info",
            (0, 0, Usual::Warnings) | (0, 1, _) => "warn",
            (0, _, _) => "error",
            (1, _, _) => "debug",
            _ => "trace",
        };
        // What these libraries say below that is about themselves.
        self.log.clone().unwrap_or_else(|| format!("{level},sled=warn,notify=error"))
    }
}

/// Libraries that log what they are given: requests and records with the environments in them, and addresses of webhooks.
const TALKATIVE: [&str; 4] = ["bollard", "hyper_util", "reqwest", "sled"];

/// A check beside the filter, because a secret must not be shown whatever the filter asks for.
fn may_hold_values(metadata: &Metadata<'_>) -> bool {
    let library = metadata.target().split("::").next().unwrap_or_default();
    TALKATIVE.contains(&library) && *metadata.level() > Level::WARN
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(verbose: u8, quiet: u8, log: Option<&str>) -> LogArgs {
        LogArgs { verbose, quiet, log: log.map(str::to_owned), log_format: LogFormat::Text }
    }

    #[test]
    fn levels() {
        for (verbose, quiet, usual, level) in [
            (0, 0, Usual::Info, "info"),
            (0, 0, Usual::Warnings, "warn"),
            (1, 0, Usual::Warnings, "debug"),
            (3, 0, Usual::Info, "trace"),
            (0, 1, Usual::Info, "warn"),
            (0, 2, Usual::Info, "error"),
        ] {
            assert_eq!(args(verbose, quiet, None).filter(usual), format!("{level},sled=warn,notify=error"));
        }
        assert_eq!(args(0, 0, Some("debug")).filter(Usual::Info), "debug");
    }
}
