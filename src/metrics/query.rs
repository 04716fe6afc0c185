//! From records to points. Pure.

use super::record::{Gathered, Summary};
use super::tiers::begin;
use crate::model::metrics::{Metric, MetricSeries, Point};
use crate::model::time::Time;

/// What is known of one metric in one step.
#[derive(Clone, Copy, Debug)]
struct Step {
    start: i64,
    summary: Summary,
}

/// The points of one metric, each of the records that begin in one step. Records are in the order of time. Steps without a
/// record, or in which the metric was not known, have no point.
pub(super) fn points(metric: Metric, records: &[(i64, Gathered)], step: i64) -> MetricSeries {
    let index = Metric::ALL.iter().position(|it| *it == metric).unwrap_or_default();
    let mut steps: Vec<Step> = Vec::new();
    for (second, gathered) in records {
        let (start, summary) = (begin(*second, step), gathered.of[index]);
        match steps.last_mut() {
            Some(last) if last.start == start => last.summary = last.summary.then(summary),
            _ => steps.push(Step { start, summary }),
        }
    }
    MetricSeries { metric, unit: metric.unit(), points: steps.iter().filter_map(point).collect() }
}

fn point(step: &Step) -> Option<Point> {
    let Summary { min, max, last, count, .. } = step.summary;
    Some(Point {
        time: time(step.start)?,
        min: min.into(),
        mean: step.summary.mean()?,
        max: max.into(),
        last: last.into(),
        count: count.into(),
    })
}

/// `None` beyond representable time.
pub(super) fn time(second: i64) -> Option<Time> {
    jiff::Timestamp::from_second(second).ok().map(Time::from)
}

#[cfg(test)]
mod tests {
    use proptest::collection::btree_map;
    use proptest::prelude::*;

    use super::*;
    use crate::metrics::record::METRICS;

    fn record(value: f32) -> Gathered {
        let mut values = [value; METRICS];
        values[METRICS - 1] = f32::NAN;
        Gathered::one(&values)
    }

    #[test]
    fn records_are_merged_into_steps_and_gaps_stay_gaps() {
        let records = [(60, 1.0), (90, 3.0), (119, 2.0), (120, 8.0), (300, 5.0)].map(|(at, value)| (at, record(value)));
        let series = points(Metric::Cpu, &records, 60);
        let seconds: Vec<i64> = series.points.iter().map(|it| it.time.timestamp().as_second()).collect();
        assert_eq!(seconds, [60, 120, 300]);
        let Point { min, mean, max, last, count, .. } = series.points[0];
        assert_eq!((min, mean, max, last, count), (1.0, 2.0, 3.0, 2.0, 3));
        assert_eq!(points(Metric::Disk, &records, 60).points, []);
    }

    proptest! {
        #[test]
        fn nothing_is_lost_and_nothing_counted_twice(
            values in btree_map(-10_000_i64..10_000, 0.0..1e6_f32, 0..200), step in 1_i64..5_000,
        ) {
            let records: Vec<(i64, Gathered)> = values.iter().map(|(at, value)| (*at, record(*value))).collect();
            let found = points(Metric::Memory, &records, step).points;
            prop_assert_eq!(found.iter().map(|it| it.count).sum::<u64>(), values.len() as u64);
            let sum: f64 = found.iter().map(|it| it.mean * f64::from(u32::try_from(it.count).expect("few"))).sum();
            let wanted: f64 = values.values().copied().map(f64::from).sum();
            prop_assert!((sum - wanted).abs() <= 1e-6 * wanted.max(1.0));
            prop_assert!(found.is_sorted_by(|one, other| one.time < other.time));
            for point in &found {
                prop_assert_eq!(point.time.timestamp().as_second().rem_euclid(step), 0);
                prop_assert!(point.min <= point.last && point.last <= point.max);
            }
        }
    }
}
