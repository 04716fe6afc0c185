//! `wharf logs`: what a workspace's container has written.

use std::str::FromStr;

use clap::Args;
use futures_util::StreamExt;
use jiff::Timestamp;

use super::container::{Places, Target};
use super::error::CliError;
use super::exit::ExitCode;
use super::printer::Printer;
use crate::engine::{Console, LogOptions};
use crate::model::period::Period;

/// The arguments of `wharf logs`.
#[derive(Clone, Debug, Args)]
pub struct LogsArgs {
    /// The workspace
    #[arg(value_name = "NAME")]
    pub name: String,

    /// Go on with what the container writes until it ends
    #[arg(short, long)]
    pub follow: bool,

    /// Only so many of the last lines
    #[arg(short = 'n', long, value_name = "LINES")]
    pub tail: Option<u64>,

    /// Only what was written in this time, such as `10m`, or since this one, such as `2026-01-02T03:04:05Z`
    #[arg(long, value_name = "TIME", value_parser = since)]
    pub since: Option<Timestamp>,

    /// Begin each line with the time at which it was written
    #[arg(short, long)]
    pub timestamps: bool,

    /// Where to look.
    #[command(flatten)]
    pub places: Places,
}

/// Prints each of the container's two streams to the stream of this process.
pub fn run(args: &LogsArgs, printer: &mut Printer) -> Result<ExitCode, CliError> {
    let told = Target { name: &args.name, places: &args.places }.told(printer)?;
    let runtime = tokio::runtime::Runtime::new().map_err(CliError::Runtime)?;
    runtime.block_on(show(args, &told, printer))
}

async fn show(args: &LogsArgs, told: &str, printer: &mut Printer) -> Result<ExitCode, CliError> {
    let target = Target { name: &args.name, places: &args.places };
    let engine = target.engine()?;
    let container = target.container(&engine, told).await?;
    let options = LogOptions { follow: args.follow, tail: args.tail, since: args.since, timestamps: args.timestamps };
    let mut chunks = engine.logs(&container, &options);
    while !printer.reader_gone()
        && let Some(chunk) = chunks.next().await
    {
        printer.pass_on(&chunk.map_err(|source| target.failed(source))?)?;
    }
    Ok(ExitCode::Done)
}

/// A span until now, or a point in time.
pub fn since(text: &str) -> Result<Timestamp, String> {
    if let Ok(time) = text.parse() {
        return Ok(time);
    }
    let period = Period::from_str(text)
        .map_err(|_| "is neither a span such as `10m` nor a time such as `2026-01-02T03:04:05Z`".to_owned())?;
    Timestamp::now().checked_sub(period.duration()).map_err(|_| "is longer ago than time itself".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn since_is_a_span_or_a_time() {
        assert_eq!(since("2026-01-02T03:04:05Z").map(Timestamp::as_second), Ok(1_767_323_045));
        let then = since("10m").expect("a span");
        let ago = Timestamp::now().duration_since(then).as_secs();
        assert!((600..660).contains(&ago), "{ago}");
        for text in ["", "yesterday", "-10m", "10"] {
            assert!(since(text).is_err(), "{text}");
        }
    }
}
