//! `wharf summary`: all workspaces in a few numbers, and what the controller's own work comes to.

use clap::Args;
use jiff::Timestamp;
use serde::Serialize;

use super::error::CliError;
use super::exit::ExitCode;
use super::get::phase_tone;
use super::output::{self, ReportFormat};
use super::page::Page;
use super::printer::{Printer, Tone};
use super::statuses::{Choice, Location};
use super::text::{age, counted};
use super::units::{cores, millis, rate, whole_bytes};
use crate::model::WorkspaceStatus;
use crate::model::statistics::{Durations, MonitorStatistics, Statistics, Summary};
use crate::model::status::Phase;
use crate::model::time::Time;

/// The arguments of `wharf summary`.
#[derive(Clone, Debug, Args)]
pub struct SummaryArgs {
    /// The form of the result
    #[arg(short, long, value_enum, value_name = "FORM", default_value_t = ReportFormat::Text)]
    pub output: ReportFormat,

    /// Where to look.
    #[command(flatten)]
    pub location: Location,
}

/// What is known of everything.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Report {
    /// By the controller.
    Live { summary: Summary, statistics: Box<Statistics> },
    /// By the status files, which do not say what is used now.
    Files { summary: Counts },
}

/// The part of a [`Summary`] that status files know. The names are those of its fields.
#[derive(Debug, Serialize)]
struct Counts {
    workspaces: u64,
    phases: std::collections::BTreeMap<Phase, u64>,
    ready: u64,
    alerting: u64,
    held: u64,
}

/// Prints the summary.
pub fn run(args: &SummaryArgs, printer: &mut Printer) -> Result<ExitCode, CliError> {
    let controller = args.location.controller()?;
    let Some(summary) = controller.find("/v1/summary")? else { return from_files(args, printer) };
    let statistics = Box::new(controller.get("/v1/statistics")?);
    print(args.output, &Report::Live { summary, statistics }, printer)?;
    Ok(ExitCode::Done)
}

fn from_files(args: &SummaryArgs, printer: &mut Printer) -> Result<ExitCode, CliError> {
    let chosen = args.location.read_or_say_why(&Choice::default(), printer)?;
    print(args.output, &Report::Files { summary: counts(&chosen.workspaces) }, printer)?;
    printer.note("what workspaces use, and what the controller does, is known while it runs: `wharf run DIR`");
    chosen.verdict()
}

fn counts(workspaces: &[WorkspaceStatus]) -> Counts {
    let mut summary = Summary::default();
    for workspace in workspaces {
        summary.count(&workspace.status);
    }
    let Summary { workspaces, phases, ready, alerting, held, .. } = summary;
    Counts { workspaces, phases, ready, alerting, held }
}

fn print(format: ReportFormat, report: &Report, printer: &mut Printer) -> Result<(), CliError> {
    let text = match format {
        ReportFormat::Text => page(report, Time::from(Timestamp::now()), printer.colours()),
        ReportFormat::Json => output::json(report)?,
        ReportFormat::Yaml => output::yaml(report)?,
    };
    printer.result(&text)
}

fn page(report: &Report, now: Time, colours: bool) -> String {
    let mut page = Page::new(colours);
    match report {
        Report::Live { summary, statistics } => {
            let Summary { workspaces, phases, ready, alerting, held, .. } = summary.clone();
            workspace_lines(&mut page, &Counts { workspaces, phases, ready, alerting, held });
            use_lines(&mut page, summary);
            controller_lines(&mut page, statistics, now);
            monitor_lines(&mut page, statistics, now);
        }
        Report::Files { summary } => workspace_lines(&mut page, summary),
    }
    page.finish()
}

fn workspace_lines(page: &mut Page, counts: &Counts) {
    let attention = |count| (count > 0).then_some(Tone::Attention);
    page.field("Workspaces", [counts.workspaces.to_string()]);
    for (phase, count) in &counts.phases {
        page.toned_field(&format!("  {phase:?}"), [count.to_string()], Some(phase_tone(*phase)));
    }
    page.field("Ready", [format!("{} of {}", counts.ready, counts.workspaces)]);
    page.toned_field("Alerting", [counts.alerting.to_string()], attention(counts.alerting));
    page.toned_field("Held", [counts.held.to_string()], attention(counts.held));
}

fn use_lines(page: &mut Page, summary: &Summary) {
    page.gap();
    page.field("CPU", [format!("{} cores", cores(summary.cpu_percent))]);
    page.field("Memory", [whole_bytes(summary.memory_bytes)]);
    let (received, sent) = (rate(summary.network_rx_rate), rate(summary.network_tx_rate));
    page.field("Network", [format!("{received} received, {sent} sent")]);
    page.field("Processes", [summary.pids.to_string()]);
}

fn controller_lines(page: &mut Page, statistics: &Statistics, now: Time) {
    page.heading("Controller", "");
    page.field("  Started", statistics.started_at.map(|time| format!("{time} ({} ago)", age(time, now))));
    let (engine, tone) = if statistics.engine_reachable { ("answers", Tone::Good) } else { ("is away", Tone::Bad) };
    page.toned_field("  Engine", [engine], Some(tone));
    page.field("  Passes", [format!("{}{}", statistics.passes, quantiles(&statistics.pass_duration))]);
    page.field("  Actions", [statistics.actions.to_string()]);
    let errors = statistics.errors.iter().map(|(class, count)| format!("{class:?} {count}"));
    let errors = errors.collect::<Vec<_>>().join(", ");
    page.field("  Errors", [if errors.is_empty() { "none" } else { &errors }]);
    page.field("  Queue", [format!("{} waiting, {} under way", statistics.queue_depth, statistics.in_flight)]);
    page.field("  Events", [format!("{} heard of the engine", statistics.engine_events)]);
    page.field("  Event lag", [lag(&statistics.event_lag)]);
    page.field("  Subscribers", [statistics.subscribers.to_string()]);
}

fn lag(durations: &Durations) -> String {
    if durations.count == 0 {
        return "-".to_owned();
    }
    let Durations { p50_millis, p99_millis, .. } = durations;
    format!("p50 {}, p99 {}", millis(*p50_millis), millis(*p99_millis))
}

fn quantiles(durations: &Durations) -> String {
    if durations.count == 0 { String::new() } else { format!(" ({})", lag(durations)) }
}

fn monitor_lines(page: &mut Page, statistics: &Statistics, now: Time) {
    let Some(monitor) = &statistics.monitor else {
        return page.heading("Monitor", "off: nothing is measured");
    };
    page.heading("Monitor", "");
    let rounds = counted(usize::try_from(monitor.rounds).unwrap_or(usize::MAX), "round");
    page.field("  Samples", [format!("{} in {rounds}", monitor.samples)]);
    page.field("  Skipped", [monitor.skipped.to_string()]);
    let tone = (monitor.failed > 0).then_some(Tone::Attention);
    page.toned_field("  Failed", [monitor.failed.to_string()], tone);
    page.field("  Last round", [millis(monitor.last_round_millis)]);
    page.field("  Cost", [cost(monitor, statistics.started_at, now)]);
}

/// Processor time, and which part of a core that is since the start.
fn cost(monitor: &MonitorStatistics, started_at: Option<Time>, now: Time) -> String {
    let spent = millis(monitor.cpu_millis);
    let since = started_at.map(|start| now.timestamp().duration_since(start.timestamp()).as_secs_f64());
    let share = since.filter(|seconds| *seconds >= 1.0).map(|seconds| monitor.cpu_millis / 10.0 / seconds);
    let share = share.map(|percent| format!(", {percent:.2}% of a core")).unwrap_or_default();
    format!("{spent} of processor time{share}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::status::ErrorClass;

    fn time(text: &str) -> Time {
        Time::from(text.parse::<Timestamp>().expect("a time"))
    }

    fn statistics() -> Statistics {
        Statistics {
            started_at: Some(time("2026-01-31T10:00:00Z")),
            engine_reachable: true,
            passes: 120,
            pass_duration: Durations { count: 120, p50_millis: 12.3, p99_millis: 1500.0 },
            actions: 36,
            errors: [(ErrorClass::Engine, 3), (ErrorClass::Network, 1)].into(),
            queue_depth: 2,
            engine_events: 45,
            subscribers: 1,
            monitor: Some(MonitorStatistics { rounds: 1, samples: 6, cpu_millis: 720.0, ..Default::default() }),
            ..Statistics::default()
        }
    }

    #[test]
    fn everything_the_controller_knows_is_on_the_page() {
        let summary = Summary {
            workspaces: 6,
            phases: [(Phase::Active, 5), (Phase::Pending, 1)].into(),
            ready: 5,
            cpu_percent: 125.0,
            memory_bytes: 512 << 20,
            network_rx_rate: 1536.0,
            pids: 24,
            ..Summary::default()
        };
        let report = Report::Live { summary, statistics: Box::new(statistics()) };
        let expected = "\
Workspaces:    6
  Pending:     1
  Active:      5
Ready:         5 of 6
Alerting:      0
Held:          0

CPU:           1.25 cores
Memory:        512MiB
Network:       1.5KiB/s received, 0B/s sent
Processes:     24

Controller:
  Started:     2026-01-31T10:00:00Z (2h ago)
  Engine:      answers
  Passes:      120 (p50 12.3ms, p99 1.5s)
  Actions:     36
  Errors:      Engine 3, Network 1
  Queue:       2 waiting, 0 under way
  Events:      45 heard of the engine
  Event lag:   -
  Subscribers: 1

Monitor:
  Samples:     6 in 1 round
  Skipped:     0
  Failed:      0
  Last round:  0ms
  Cost:        720ms of processor time, 0.01% of a core
";
        // `age` says minutes up to three hours.
        assert_eq!(page(&report, time("2026-01-31T12:00:00Z"), false), expected.replace("2h ago", "120m ago"));
    }

    #[test]
    fn a_monitor_that_is_off_is_said() {
        let statistics = Box::new(Statistics { monitor: None, ..statistics() });
        let report = Report::Live { summary: Summary::default(), statistics };
        let text = page(&report, time("2026-01-31T12:00:00Z"), false);
        assert!(text.ends_with("\nMonitor:       off: nothing is measured\n"), "{text}");
    }
}
