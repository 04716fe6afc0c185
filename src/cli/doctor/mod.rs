//! `wharf doctor`: what is wrong with this machine, and the fix. Changes nothing.

mod engine;
mod identity;
mod inotify;
mod machine;
mod places;

use clap::Args;
use serde::Serialize;

use super::error::CliError;
use super::exit::ExitCode;
use super::output::{self, ReportFormat};
use super::printer::{Printer, Tone};
use super::statuses::Location;
use super::text::{counted, plain};
use crate::source::Directory;

/// The arguments of `wharf doctor`.
#[derive(Clone, Debug, Args)]
pub struct DoctorArgs {
    /// The engine's address [default: `DOCKER_HOST`, then `unix:///var/run/docker.sock`]
    #[arg(long, value_name = "ADDRESS")]
    pub host: Option<String>,

    /// The form of the result
    #[arg(short, long, value_enum, value_name = "FORM", default_value_t = ReportFormat::Text)]
    pub output: ReportFormat,

    /// Where to look.
    #[command(flatten)]
    pub location: Location,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Check {
    name: &'static str,
    verdict: Verdict,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    fix: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
enum Verdict {
    /// As it should be.
    Good,
    /// Works, and is worth a look.
    Attention,
    /// Wharf cannot work like this.
    Bad,
}

#[derive(Debug, Serialize)]
struct Report {
    checks: Vec<Check>,
}

/// Looks at everything, and prints each thing with its fix.
pub fn run(args: &DoctorArgs, printer: &mut Printer) -> Result<ExitCode, CliError> {
    let source = Directory::new(&args.location.dir, Vec::new()).scan();
    let checks = [
        engine::checks(args.host.as_deref().or(args.location.host.as_deref())),
        places::checks(&args.location, &source),
        inotify::checks(&args.location),
        machine::checks(&args.location, &source),
    ]
    .concat();
    let bad = checks.iter().filter(|check| check.verdict == Verdict::Bad).count();
    let text = match args.output {
        ReportFormat::Text => checks.iter().map(|check| check.lines(printer)).collect(),
        ReportFormat::Json => output::json(&Report { checks })?,
        ReportFormat::Yaml => output::yaml(&Report { checks })?,
    };
    printer.result(&text)?;
    if bad == 0 {
        printer.note("nothing stands in the way");
        return Ok(ExitCode::Done);
    }
    printer.note(&format!("{} in the way", counted(bad, "thing")));
    Ok(ExitCode::Failed)
}

impl Check {
    fn good(name: &'static str, message: impl Into<String>) -> Self {
        Self { name, verdict: Verdict::Good, message: message.into(), fix: None }
    }

    fn attention(name: &'static str, message: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { name, verdict: Verdict::Attention, message: message.into(), fix: Some(fix.into()) }
    }

    fn bad(name: &'static str, message: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { name, verdict: Verdict::Bad, message: message.into(), fix: Some(fix.into()) }
    }

    fn lines(&self, printer: &Printer) -> String {
        let (sign, word, tone) = match self.verdict {
            Verdict::Good => ("✓", "ok  ", Tone::Good),
            Verdict::Attention => ("!", "look", Tone::Attention),
            Verdict::Bad => ("✗", "BAD ", Tone::Bad),
        };
        let mark = printer.paint(tone, if Printer::output_is_terminal() { sign } else { word });
        let fix = self.fix.as_ref().map(|fix| format!("       fix: {}\n", plain(fix))).unwrap_or_default();
        format!("{mark} {}: {}\n{fix}", self.name, plain(&self.message))
    }
}
