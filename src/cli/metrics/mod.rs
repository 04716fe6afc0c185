//! `wharf metrics`: what a workspace has used, and what is concluded from that.

mod advice;
pub mod chart;

use clap::{Args, ValueEnum};
use jiff::Timestamp;

use super::error::CliError;
use super::exit::ExitCode;
use super::logs::since;
use super::output;
use super::printer::Printer;
use super::statuses::Location;
use super::table::{Cell, Table};
use super::units::value;
use crate::api::WorkspaceAnalysis;
use crate::api::client::address;
use crate::model::metrics::{Metric, MetricSeries, Point, Series, Unit};
use crate::model::period::Period;
use crate::model::time::Time;

/// The arguments of `wharf metrics`.
#[derive(Clone, Debug, Args)]
pub struct MetricsArgs {
    /// The workspace
    #[arg(value_name = "NAME")]
    pub name: String,

    /// From when: how long ago, such as `24h`, or a time, such as `2026-01-02T03:04:05Z` [default: 1h]
    #[arg(long, visible_alias = "from", value_name = "TIME", value_parser = since)]
    pub since: Option<Timestamp>,

    /// Until when, in the same forms [default: now]
    #[arg(long, value_name = "TIME", value_parser = since)]
    pub to: Option<Timestamp>,

    /// One point for each so long, such as `5m` [default: what suits the length]
    #[arg(long, value_name = "DURATION")]
    pub step: Option<Period>,

    /// Only these metrics: cpu, memory, network-rx, network-tx, block-read, block-write, pids, disk
    #[arg(long, value_name = "METRIC,…", value_delimiter = ',')]
    pub metric: Vec<Metric>,

    /// The form of the result [default: chart on a terminal, else table]
    #[arg(short, long, value_enum, value_name = "FORM")]
    pub output: Option<Form>,

    /// What the last week says instead: trends, and what was unlike the same hour of other days
    #[arg(long, conflicts_with_all = ["since", "to", "step"])]
    pub analysis: bool,

    /// Which limits would fit instead, with the part of a manifest that sets them
    #[arg(long, conflicts_with_all = ["since", "to", "step", "metric"])]
    pub recommend: bool,

    /// Where to look.
    #[command(flatten)]
    pub location: Location,
}

/// The form of a history.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Form {
    /// For people: a line for each metric, as wide as the terminal
    Chart,
    /// For people: a row for each point, with the mean of each metric
    Table,
    /// For people: a row for each point of each metric, with everything that is known
    Wide,
    /// For programs
    Json,
    /// For programs and people
    Yaml,
    /// For spreadsheets: as `wide`, in bytes, percent and bytes a second
    Csv,
}

/// Prints a history, or what is concluded from it.
pub fn run(args: &MetricsArgs, printer: &mut Printer) -> Result<ExitCode, CliError> {
    let controller = args.location.controller()?;
    let usual = if Printer::output_is_terminal() { Form::Chart } else { Form::Table };
    let form = args.output.unwrap_or(usual);
    if args.analysis || args.recommend {
        let analysis: WorkspaceAnalysis =
            controller.get(&address(&["v1", "workspaces", &args.name, "analysis"], &[]))?;
        advice::print(args, form, analysis, printer)?;
    } else {
        let series: Series = controller.get(&path(args))?;
        if series.metrics.iter().all(|metric| metric.points.is_empty()) {
            printer.note("nothing was measured in this time; only what runs is measured");
        }
        printer.result(&history(&args.name, &series, form, printer.colours())?)?;
    }
    Ok(ExitCode::Done)
}

fn path(args: &MetricsArgs) -> String {
    let word = |time: &Timestamp| Time::from(*time).to_string();
    let metrics = args.metric.iter().map(|metric| metric.as_str()).collect::<Vec<_>>().join(",");
    let query = [
        ("from", args.since.as_ref().map(word)),
        ("to", args.to.as_ref().map(word)),
        ("step", args.step.as_ref().map(Period::to_string)),
        ("metric", Some(metrics).filter(|metrics| !metrics.is_empty())),
    ];
    let query: Vec<(&str, &str)> = query.iter().filter_map(|(name, value)| Some((*name, value.as_deref()?))).collect();
    address(&["v1", "workspaces", &args.name, "metrics"], &query)
}

fn history(name: &str, series: &Series, form: Form, colours: bool) -> Result<String, CliError> {
    Ok(match form {
        Form::Chart => chart::draw(name, series, chart::width(), colours),
        Form::Table => by_time(series).render(colours).0,
        Form::Wide => by_metric(series).render(colours).0,
        Form::Json => output::json(series)?,
        Form::Yaml => output::yaml(series)?,
        Form::Csv => csv(series),
    })
}

/// A column for each metric.
fn by_time(series: &Series) -> Table {
    let mut times: Vec<Time> = series.metrics.iter().flat_map(|it| &it.points).map(|point| point.time).collect();
    times.sort_unstable();
    times.dedup();
    let mut table = Table::new(["TIME"].into_iter().chain(series.metrics.iter().map(title)).collect());
    for time in times {
        let at = |it: &MetricSeries| {
            let found = it.points.binary_search_by_key(&time, |point| point.time).ok();
            Cell::new(found.map(|at| value(it.unit, it.points[at].mean)).unwrap_or_default())
        };
        table.push([Cell::new(time.to_string())].into_iter().chain(series.metrics.iter().map(at)).collect());
    }
    table
}

fn title(series: &MetricSeries) -> &'static str {
    match series.metric {
        Metric::Cpu => "CPU",
        Metric::Memory => "MEMORY",
        Metric::NetworkRx => "NETWORK RX",
        Metric::NetworkTx => "NETWORK TX",
        Metric::BlockRead => "BLOCK READ",
        Metric::BlockWrite => "BLOCK WRITE",
        Metric::Pids => "PIDS",
        Metric::Disk => "DISK",
    }
}

fn by_metric(series: &Series) -> Table {
    let mut table = Table::new(vec!["TIME", "METRIC", "MIN", "MEAN", "MAX", "LAST", "READINGS"]);
    for (metric, point) in points(series) {
        let amounts =
            [point.min, point.mean, point.max, point.last].map(|amount| Cell::new(value(metric.unit, amount)));
        let mut row = vec![Cell::new(point.time.to_string()), Cell::new(metric.metric.as_str())];
        row.extend(amounts);
        row.push(Cell::new(point.count.to_string()));
        table.push(row);
    }
    table
}

/// RFC 4180, but for its line ends. No field has anything to quote: words, numbers and times.
fn csv(series: &Series) -> String {
    let header = "time,metric,unit,min,mean,max,last,readings".to_owned();
    let row = |(metric, point): (&MetricSeries, &Point)| {
        let unit = match metric.unit {
            Unit::Percent => "percent",
            Unit::Bytes => "bytes",
            Unit::BytesPerSecond => "bytes-per-second",
            Unit::Count => "count",
        };
        let Point { time, min, mean, max, last, count } = point;
        format!("{time},{},{unit},{min},{mean},{max},{last},{count}", metric.metric)
    };
    output::lines([header].into_iter().chain(points(series).map(row)))
}

fn points(series: &Series) -> impl Iterator<Item = (&MetricSeries, &Point)> {
    series.metrics.iter().flat_map(|metric| metric.points.iter().map(move |point| (metric, point)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::metrics::Tier;

    pub(super) fn time(minute: i64) -> Time {
        Time::from(Timestamp::from_second(1_767_225_600 + minute * 60).expect("a time"))
    }

    pub(super) fn series(values: &[(Metric, &[(i64, f64)])]) -> Series {
        let point = |(minute, value): &(i64, f64)| Point {
            time: time(*minute),
            min: value / 2.0,
            mean: *value,
            max: value * 2.0,
            last: *value,
            count: 6,
        };
        let metrics = values.iter().map(|(metric, points)| MetricSeries {
            metric: *metric,
            unit: metric.unit(),
            points: points.iter().map(point).collect(),
        });
        let metrics = metrics.collect();
        Series { from: time(0), to: time(60), step_seconds: 60, tier: Tier::Minute, metrics }
    }

    #[test]
    fn tables_have_what_is_known_and_nothing_else() {
        let series = series(&[(Metric::Cpu, &[(0, 12.5), (2, 50.0)]), (Metric::Memory, &[(0, 1_048_576.0)])]);
        let table = "TIME                   CPU     MEMORY\n2026-01-01T00:00:00Z   12.5%   1MiB\n2026-01-01T00:02:00Z   50%     -\n";
        assert_eq!(history("api", &series, Form::Table, false).expect("text"), table);
        let wide = history("api", &series, Form::Wide, false).expect("text");
        let row = "2026-01-01T00:00:00Z   memory   512KiB   1MiB    2MiB   1MiB    6\n";
        assert!(wide.ends_with(row), "{wide}");
        let csv = "time,metric,unit,min,mean,max,last,readings\n\
            2026-01-01T00:00:00Z,cpu,percent,6.25,12.5,25,12.5,6\n\
            2026-01-01T00:02:00Z,cpu,percent,25,50,100,50,6\n\
            2026-01-01T00:00:00Z,memory,bytes,524288,1048576,2097152,1048576,6\n";
        assert_eq!(history("api", &series, Form::Csv, false).expect("text"), csv);
    }
}
