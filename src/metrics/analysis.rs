//! What history says: trends, anomalies, and limits that would fit. Pure.

use std::collections::HashMap;
use std::fmt::Write as _;

use super::maths;
use crate::model::metrics::{Advice, Anomaly, Direction, Point, Recommendation, Trend, Unit};
use crate::model::quantity::{Cpu, Memory};
use crate::model::spec::Resources;

/// Fewer points have no trend: the test's approximation is not for them.
const LEAST_POINTS: usize = 8;

/// Less confidence is called steady.
const CONFIDENT: f64 = 0.95;

/// Fewer other days say nothing about what is usual at an hour.
const LEAST_DAYS: usize = 5;

/// From here on a value is called an anomaly, as Iglewicz and Hoaglin say.
const OUTLIER: f64 = 3.5;

/// Fewer readings are no ground for a recommendation.
const LEAST_READINGS: u64 = 60;

/// What a suggestion has above the 95th percentile.
const HEADROOM: f64 = 1.2;

const DAY: i64 = 86_400;

/// Whether the means of points rise or fall.
pub(super) fn trend(points: &[Point]) -> Option<Trend> {
    if points.len() < LEAST_POINTS {
        return None;
    }
    let values: Vec<f64> = points.iter().map(|point| point.mean).collect();
    let in_days: Vec<(f64, f64)> = points.iter().map(|point| (days(second(point)), point.mean)).collect();
    let slope_per_day = maths::theil_sen(&in_days)?;
    let confidence = maths::mann_kendall(&values);
    let direction = match slope_per_day {
        _ if confidence < CONFIDENT => Direction::Steady,
        slope if slope > 0.0 => Direction::Rising,
        slope if slope < 0.0 => Direction::Falling,
        _ => Direction::Steady,
    };
    Some(Trend { direction, slope_per_day, confidence, points: u64::try_from(points.len()).unwrap_or(u64::MAX) })
}

/// The hours, from a second on, whose means are unlike those of the same hour (in UTC) of other days.
pub(super) fn anomalies(hours: &[Point], unit: Unit, from: i64) -> Vec<Anomaly> {
    let mut same_hour: HashMap<i64, Vec<(i64, f64)>> = HashMap::new();
    for point in hours {
        same_hour.entry(second(point).rem_euclid(DAY)).or_default().push((second(point), point.mean));
    }
    let recent = hours.iter().filter(|point| second(point) >= from);
    recent
        .filter_map(|point| {
            let all = same_hour.get(&second(point).rem_euclid(DAY))?;
            let others: Vec<f64> = all.iter().filter(|(at, _)| *at != second(point)).map(|(_, value)| *value).collect();
            if others.len() < LEAST_DAYS {
                return None;
            }
            let expected = maths::median(&others)?;
            let score = maths::robust_z(point.mean, &others, least(unit, expected))?;
            (score.abs() >= OUTLIER).then_some(Anomaly { time: point.time, value: point.mean, expected, score })
        })
        .collect()
}

/// A distance that nobody minds, though other days were all alike: a fiftieth of what is usual, and this much in any case.
fn least(unit: Unit, expected: f64) -> f64 {
    let always = match unit {
        Unit::Percent | Unit::Count => 1.0,
        Unit::Bytes => 1_048_576.0,
        Unit::BytesPerSecond => 1_024.0,
    };
    (expected.abs() / 50.0).max(always)
}

/// One metric of the last day, minute by minute, and of the time before it, hour by hour.
#[derive(Clone, Copy, Debug)]
pub(super) struct Past<'a> {
    pub minutes: &'a [Point],
    pub hours: &'a [Point],
}

impl Past<'_> {
    /// The values, each with the number of readings it stands for.
    fn values(&self, of: impl Fn(&Point) -> f64) -> Vec<(f64, u64)> {
        self.all().map(|point| (of(point), point.count)).collect()
    }

    fn max(&self) -> f64 {
        self.all().map(|point| point.max).fold(0.0, f64::max)
    }

    fn all(&self) -> impl Iterator<Item = &Point> {
        self.hours.iter().chain(self.minutes)
    }
}

/// The limits that would fit: the 95th percentile of what was used and 20 % more. Memory is judged by the greatest value of each
/// step, and never suggested below the greatest of all, because what exceeds it is killed; processor time is judged by the mean,
/// because what exceeds it only waits. `None` with too few readings.
pub(super) fn recommendation(cpu: Past<'_>, memory: Past<'_>, declared: &Resources) -> Option<Recommendation> {
    let readings: u64 = cpu.all().map(|point| point.count).sum();
    if readings < LEAST_READINGS {
        return None;
    }
    let (from, to) = (cpu.all().map(|point| point.time).min()?, cpu.all().map(|point| point.time).max()?);
    // From percent of a core.
    let p95 = maths::quantile(&cpu.values(|point| point.mean), 0.95)? / 100.0;
    let cores = Advice {
        current: declared.cpu.map(|cpu| cpu.to_string()),
        p95,
        max: cpu.max() / 100.0,
        suggested: suggested_cpu(p95 * HEADROOM).to_string(),
    };
    let p95 = maths::quantile(&memory.values(|point| point.max), 0.95)?;
    let bytes = Advice {
        current: declared.memory.map(|memory| memory.to_string()),
        p95,
        max: memory.max(),
        suggested: suggested_memory((p95 * HEADROOM).max(memory.max())).to_string(),
    };
    let patch = patch(readings, &cores, &bytes);
    Some(Recommendation { from, to, readings, cpu: cores, memory: bytes, patch })
}

/// In whole hundredths of a core, of which there is at least one.
fn suggested_cpu(cores: f64) -> Cpu {
    const HUNDREDTH: u64 = 10_000_000;
    Cpu::from_nanos(whole(cores * 100.0).max(1) * HUNDREDTH)
}

/// In whole mebibytes, of which there are at least 16: a shell and its tools need some.
fn suggested_memory(bytes: f64) -> Memory {
    const MEBIBYTE: u64 = 1 << 20;
    Memory::from_bytes(whole(bytes / 1_048_576.0).max(16) * MEBIBYTE)
}

/// Rounded up, as far as any machine goes.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "within bounds that fit")]
fn whole(value: f64) -> u64 {
    value.ceil().clamp(0.0, 1e9) as u64
}

fn patch(readings: u64, cpu: &Advice, memory: &Advice) -> String {
    let mut text = format!("# The 95th percentile of {readings} readings, and 20 % more.\nspec:\n  resources:\n");
    for (field, advice) in [("cpu", cpu), ("memory", memory)] {
        let now = advice.current.as_ref().map_or_else(|| "no limit now".to_owned(), |current| format!("now {current}"));
        let _ = writeln!(text, "    {field}: {}  # {now}", advice.suggested);
    }
    text
}

fn second(point: &Point) -> i64 {
    point.time.timestamp().as_second()
}

#[expect(clippy::cast_precision_loss, reason = "seconds of any year fit")]
fn days(second: i64) -> f64 {
    second as f64 / DAY as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::query::time;

    fn point(second: i64, value: f64) -> Point {
        Point { time: time(second).expect("a time"), min: value, mean: value, max: value, last: value, count: 6 }
    }

    fn series(count: i64, step: i64, value: impl Fn(i64) -> f64) -> Vec<Point> {
        (0..count).map(|index| point(index * step, value(index))).collect()
    }

    #[test]
    #[expect(clippy::cast_precision_loss, reason = "small numbers")]
    fn what_rises_falls_and_stays() {
        let rising = trend(&series(48, 3_600, |hour| 100.0 + hour as f64)).expect("enough");
        assert_eq!((rising.direction, rising.points), (Direction::Rising, 48));
        assert!((rising.slope_per_day - 24.0).abs() < 1e-6 && rising.confidence > 0.999, "{rising:?}");
        let falling = trend(&series(48, 3_600, |hour| 100.0 - hour as f64)).expect("enough");
        assert_eq!(falling.direction, Direction::Falling);
        for value in [|_| 5.0, |hour: i64| [3.0, 9.0, 5.0, 1.0, 7.0][usize::try_from(hour % 5).expect("small")]] {
            let steady = trend(&series(50, 3_600, value)).expect("enough");
            assert_eq!(steady.direction, Direction::Steady, "{steady:?}");
        }
        assert_eq!(trend(&series(7, 3_600, |hour| hour as f64)), None);
    }

    /// Ten days: busy by day, quiet by night.
    fn days_and_nights(second: i64) -> f64 {
        let wobble = [0.0, 2.0, -1.0, 1.0, -2.0][usize::try_from(second / DAY % 5).expect("small")];
        if (8..18).contains(&(second / 3_600 % 24)) { 200.0 + wobble } else { 5.0 + wobble }
    }

    #[test]
    fn a_night_like_a_day_is_an_anomaly_and_a_day_is_none() {
        let mut hours = series(240, 3_600, |hour| days_and_nights(hour * 3_600));
        assert_eq!(anomalies(&hours, Unit::Percent, 0), []);
        let night = 9 * 24 + 3;
        hours[night] = point(second(&hours[night]), 200.0);
        let noon = 9 * 24 + 12;
        hours[noon] = point(second(&hours[noon]), 100.0);
        let found = anomalies(&hours, Unit::Percent, 9 * DAY);
        assert_eq!(found.iter().map(|it| it.time).collect::<Vec<_>>(), [hours[night].time, hours[noon].time]);
        assert!(found[0].score > OUTLIER && found[1].score < -OUTLIER, "{found:?}");
        assert!((found[0].expected - 5.0).abs() <= 2.0);
        assert_eq!(anomalies(&hours, Unit::Percent, 10 * DAY), []);
    }

    #[test]
    fn equal_days_do_not_make_a_small_difference_an_anomaly() {
        let mut hours = series(240, 3_600, |_| 50.0);
        hours[200] = point(second(&hours[200]), 53.0);
        assert_eq!(anomalies(&hours, Unit::Percent, 0), []);
        hours[200] = point(second(&hours[200]), 60.0);
        assert_eq!(anomalies(&hours, Unit::Percent, 0).len(), 1);
        assert_eq!(anomalies(&hours[120..], Unit::Percent, 0), [], "five days have four others");
    }

    #[test]
    fn limits_are_the_percentile_and_headroom() {
        let (minutes, hours) = (series(1_440, 60, |_| 40.0), series(48, 3_600, |_| 20.0));
        let cpu = Past { minutes: &minutes, hours: &hours };
        let (minutes, hours) =
            (series(1_440, 60, |_| 100e6), series(48, 3_600, |hour| if hour == 5 { 300e6 } else { 90e6 }));
        let memory = Past { minutes: &minutes, hours: &hours };
        let declared = Resources { cpu: "2".parse().ok(), ..Resources::default() };
        let found = recommendation(cpu, memory, &declared).expect("enough readings");
        assert_eq!((found.cpu.p95, found.cpu.max, found.cpu.suggested.as_str()), (0.4, 0.4, "480m"));
        // Never below what it once needed: 300e6 bytes are 286.1 MiB.
        assert_eq!((found.memory.p95, found.memory.max, found.memory.suggested.as_str()), (100e6, 300e6, "287Mi"));
        assert_eq!(
            found.patch,
            "# The 95th percentile of 8928 readings, and 20 % more.\nspec:\n  resources:\n    cpu: 480m  # now 2\n    \
             memory: 287Mi  # no limit now\n"
        );
        let few = series(9, 60, |_| 1.0);
        let few = Past { minutes: &few, hours: &[] };
        assert_eq!(recommendation(few, few, &declared), None);
    }
}
