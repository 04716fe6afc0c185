//! A history as lines of blocks.

use crate::cli::output::lines;
use crate::cli::sparkline;
use crate::cli::table::{Cell, Table};
use crate::cli::terminal;
use crate::cli::text::{plain, span};
use crate::cli::units::value;
use crate::model::metrics::{MetricSeries, Series};
use crate::model::time::Time;

/// Between two columns of a table.
const GAP: usize = 3;

/// Columns of the terminal, or of a usual one.
pub fn width() -> usize {
    terminal::size().map_or(80, |size| size.columns.into())
}

/// One line a metric: its course, and its least, mean, greatest and last value.
pub fn draw(name: &str, series: &Series, width: usize, colours: bool) -> String {
    let amounts: Vec<[String; 4]> = series.metrics.iter().map(amounts).collect();
    let course = course_width(&series.metrics, &amounts, width);
    let mut table = Table::new(vec!["METRIC", "COURSE", "MIN", "MEAN", "MAX", "LAST"]);
    for (metric, amounts) in series.metrics.iter().zip(amounts) {
        let mut row = vec![Cell::new(metric.metric.as_str()), Cell::new(course_of(metric, series, course))];
        row.extend(amounts.iter().map(Cell::new));
        table.push(row);
    }
    let (from, to) = (series.from.timestamp(), series.to.timestamp());
    let seconds = to.duration_since(from).as_secs();
    let column = i64::try_from(course).map_or(1, |course| (seconds / course.max(1)).max(1));
    let title = format!("{}: {} until {}, {} a column", plain(name), span(seconds), series.to, span(column));
    lines([title, String::new()]) + &table.render(colours).0
}

fn amounts(metric: &MetricSeries) -> [String; 4] {
    let Some(last) = metric.points.last() else { return Default::default() };
    let min = metric.points.iter().map(|point| point.min).fold(f64::INFINITY, f64::min);
    let max = metric.points.iter().map(|point| point.max).fold(f64::NEG_INFINITY, f64::max);
    [min, mean(metric), max, last.last].map(|amount| value(metric.unit, amount))
}

/// Of all readings: a step with more of them weighs more.
#[expect(clippy::cast_precision_loss, reason = "readings of a year")]
fn mean(metric: &MetricSeries) -> f64 {
    let readings: u64 = metric.points.iter().map(|point| point.count).sum();
    let sum: f64 = metric.points.iter().map(|point| point.mean * point.count as f64).sum();
    sum / readings.max(1) as f64
}

/// What the other columns leave over.
fn course_width(metrics: &[MetricSeries], amounts: &[[String; 4]], width: usize) -> usize {
    /// Less shows no course.
    const LEAST: usize = 8;
    let longest = |lengths: &mut dyn Iterator<Item = usize>| lengths.max().unwrap_or_default();
    let name = longest(&mut metrics.iter().map(|it| it.metric.as_str().len())).max("METRIC".len());
    let others = (0..4).map(|at| longest(&mut amounts.iter().map(|it| it[at].len())).max("MEAN".len()) + GAP);
    width.saturating_sub(name + GAP + others.sum::<usize>()).max(LEAST)
}

#[expect(clippy::cast_precision_loss, reason = "seconds of any year fit")]
fn course_of(metric: &MetricSeries, series: &Series, width: usize) -> String {
    if metric.points.is_empty() {
        return String::new();
    }
    let second = |time: Time| time.timestamp().as_second() as f64;
    let points: Vec<(f64, f64)> = metric.points.iter().map(|point| (second(point.time), point.mean)).collect();
    let stretches = sparkline::stretches(&points, series.step_seconds as f64);
    sparkline::draw(&sparkline::columns(&stretches, second(series.from), second(series.to), width), 0.0)
}

#[cfg(test)]
mod tests {
    use super::super::tests::series;
    use super::*;
    use crate::model::metrics::Metric;

    #[test]
    fn a_chart_is_as_wide_as_the_terminal_and_shows_gaps() {
        let known = (0..60).filter(|at| !(20..40).contains(at));
        let cpu: Vec<(i64, f64)> = known.map(|at| (at.into(), f64::from(at))).collect();
        let history = series(&[(Metric::Cpu, &cpu), (Metric::Disk, &[])]);
        let expected = "\
api: 60m until 2026-01-01T01:00:00Z, 2m a column

METRIC   COURSE                           MIN   MEAN    MAX    LAST
cpu      ▁▁▁▁▂▂▂▂▃▃          ▆▆▇▇▇▇████   0%    29.5%   118%   59%
disk     -                                -     -       -      -
";
        let text = draw("api", &history, 68, false);
        assert_eq!(text, expected);
        assert!(text.lines().all(|line| line.chars().count() <= 68));
        // Too narrow for anything: still no panic.
        assert!(draw("api", &history, 1, false).contains("cpu"));
    }
}
