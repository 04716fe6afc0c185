//! What a history says: trends, what was unusual, and which limits would fit.

use std::io::{Error, ErrorKind};

use super::{Form, MetricsArgs};
use crate::api::WorkspaceAnalysis;
use crate::cli::error::CliError;
use crate::cli::output;
use crate::cli::page::Page;
use crate::cli::printer::{Printer, Tone};
use crate::cli::table::{Cell, Table};
use crate::cli::units::{bytes, value};
use crate::model::metrics::{Advice, Analysis, Direction, Recommendation};

/// Prints what was asked for of an analysis. Programs get all of it.
pub fn print(
    args: &MetricsArgs,
    form: Form,
    mut analysis: WorkspaceAnalysis,
    printer: &mut Printer,
) -> Result<(), CliError> {
    if !args.metric.is_empty() {
        analysis.metrics.retain(|it| args.metric.contains(&it.metric));
    }
    let text = match form {
        Form::Json => output::json(&analysis)?,
        Form::Yaml => output::yaml(&analysis)?,
        Form::Csv => {
            let message = "what is concluded from a history are no rows of one kind";
            return Err(CliError::Format { format: "CSV", source: Error::new(ErrorKind::Unsupported, message).into() });
        }
        Form::Chart | Form::Table | Form::Wide => pages(args, &analysis, printer),
    };
    printer.result(&text)
}

fn pages(args: &MetricsArgs, analysis: &WorkspaceAnalysis, printer: &Printer) -> String {
    let mut page = Page::new(printer.colours());
    page.field("Workspace", [analysis.workspace.as_str()]);
    if args.analysis {
        page.table("Trends", &trends(&analysis.metrics));
        if analysis.metrics.iter().all(|it| it.anomalies.is_empty()) {
            page.heading("Unusual", "nothing");
        } else {
            page.table("Unusual", &anomalies(&analysis.metrics));
        }
    }
    match &analysis.recommendation {
        _ if !args.recommend => {}
        Some(recommendation) => recommended(&mut page, recommendation, printer),
        None => printer.note("there is too little history for a recommendation; ask again in an hour"),
    }
    page.finish()
}

fn trends(metrics: &[Analysis]) -> Table {
    let mut table = Table::new(vec!["METRIC", "TREND", "A DAY", "CONFIDENCE", "POINTS"]);
    for Analysis { metric, unit, trend, .. } in metrics {
        let mut row = vec![Cell::new(metric.as_str())];
        match trend {
            Some(trend) => {
                let (word, tone) = match trend.direction {
                    Direction::Rising => ("rising", Tone::Attention),
                    Direction::Falling => ("falling", Tone::Attention),
                    Direction::Steady => ("steady", Tone::Good),
                };
                let sign = if trend.slope_per_day < 0.0 { "-" } else { "+" };
                row.push(Cell::new(word).toned(tone));
                row.push(Cell::new(format!("{sign}{}", value(*unit, trend.slope_per_day.abs()))));
                row.push(Cell::new(format!("{:.0}%", trend.confidence * 100.0)));
                row.push(Cell::new(trend.points.to_string()));
            }
            None => row.extend(["unknown", "", "", ""].map(Cell::new)),
        }
        table.push(row);
    }
    table
}

fn anomalies(metrics: &[Analysis]) -> Table {
    let mut table = Table::new(vec!["HOUR", "METRIC", "VALUE", "USUAL", "SCORE"]);
    let mut all: Vec<_> = metrics.iter().flat_map(|it| it.anomalies.iter().map(move |anomaly| (it, anomaly))).collect();
    all.sort_by_key(|(_, anomaly)| anomaly.time);
    for (Analysis { metric, unit, .. }, anomaly) in all {
        table.push(vec![
            Cell::new(anomaly.time.to_string()),
            Cell::new(metric.as_str()),
            Cell::new(value(*unit, anomaly.value)),
            Cell::new(value(*unit, anomaly.expected)),
            Cell::new(format!("{:+.1}", anomaly.score)).toned(Tone::Attention),
        ]);
    }
    table
}

fn recommended(page: &mut Page, recommendation: &Recommendation, printer: &Printer) {
    let Recommendation { from, to, readings, cpu, memory, patch } = recommendation;
    page.field("Rests on", [format!("{readings} readings from {from} to {to}")]);
    let mut table = Table::new(vec!["LIMIT", "NOW", "P95", "MAX", "SUGGESTED"]);
    let mut push = |name: &str, advice: &Advice, shown: fn(f64) -> String| {
        table.push(vec![
            Cell::new(name),
            Cell::new(advice.current.as_deref().unwrap_or("none")),
            Cell::new(shown(advice.p95)),
            Cell::new(shown(advice.max)),
            Cell::new(&advice.suggested).toned(Tone::Good),
        ]);
    };
    push("cpu", cpu, |cores| format!("{cores:.2}"));
    push("memory", memory, bytes);
    page.table("Limits", &table);
    page.text("For the manifest", patch);
    printer.note("this is a suggestion to read: nothing is changed by it");
}

#[cfg(test)]
mod tests {
    use super::super::tests::time;
    use super::*;
    use crate::model::metrics::{Anomaly, Metric, Trend};

    #[test]
    fn what_is_concluded_is_in_units_for_people() {
        let trend =
            Trend { direction: Direction::Falling, slope_per_day: -1_048_576.0, confidence: 0.991, points: 240 };
        let anomaly = Anomaly { time: time(0), value: 250.0, expected: 12.5, score: 4.25 };
        let of = |metric: Metric, trend, anomalies| Analysis { metric, unit: metric.unit(), trend, anomalies };
        let metrics = [of(Metric::Cpu, None, vec![anomaly]), of(Metric::Memory, Some(trend), Vec::new())];
        let expected = "\
METRIC   TREND     A DAY   CONFIDENCE   POINTS
cpu      unknown   -       -            -
memory   falling   -1MiB   99%          240
";
        assert_eq!(trends(&metrics).render(false).0, expected);
        let expected = "\
HOUR                   METRIC   VALUE   USUAL   SCORE
2026-01-01T00:00:00Z   cpu      250%    12.5%   +4.2
";
        assert_eq!(anomalies(&metrics).render(false).0, expected);
    }
}
