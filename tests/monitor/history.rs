//! History: what was read is found again, in every tier, after every kind of end.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use wharf::metrics::{Metrics, MetricsError, Request, Retention};
use wharf::model::Uid;
use wharf::model::metrics::{Direction, Metric, Point, Series, Tier, Usage};
use wharf::model::spec::Resources;
use wharf::store::simulated::Simulated;
use wharf::store::{Lock, Store};

use crate::support::world::eventually;

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// The beginning of a day.
const START: i64 = 20_000 * DAY;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(START + second).expect("a time")
}

fn uid(index: usize) -> Uid {
    Uid::new(format!("01J{index:023}"))
}

pub fn usage(time: Timestamp, cpu: f64, memory: u64) -> Usage {
    Usage {
        time: time.into(),
        cpu_percent: cpu,
        memory_bytes: memory,
        memory_limit_bytes: None,
        network_rx_bytes: 0,
        network_tx_bytes: 0,
        block_read_bytes: 0,
        block_write_bytes: 0,
        network_rx_rate: 1_000.0,
        network_tx_rate: 0.0,
        block_read_rate: 0.0,
        block_write_rate: 0.0,
        pids: 3,
        disk_percent: None,
    }
}

fn simulated() -> (Simulated, Metrics) {
    let medium = Simulated::new("/simulated");
    let metrics = on(&medium);
    (medium, metrics)
}

fn on(medium: &Simulated) -> Metrics {
    Metrics::new(Store::open_on(Arc::new(medium.clone())).expect("opened").store, Retention::default())
}

pub fn on_disk(directory: &Path) -> Metrics {
    let lock = Lock::acquire(directory, "a test").expect("locked");
    Metrics::new(Store::open_on(Store::history_medium(&lock)).expect("opened").store, Retention::default())
}

/// Reads every ten seconds, from one second to another, and flushes every minute.
#[expect(clippy::cast_precision_loss, reason = "small numbers")]
fn measure(metrics: &Metrics, uid: &Uid, from: i64, to: i64) {
    for second in (from..to).step_by(10) {
        metrics.add(uid, &usage(at(second), (second % 60) as f64, 1_000_000));
        if second % MINUTE == 50 {
            metrics.flush(at(second)).expect("flushed");
        }
    }
}

pub fn ask(metrics: &Metrics, uid: &Uid, from: Timestamp, to: Timestamp, step: i64, now: Timestamp) -> Series {
    let step = Some(Duration::from_secs(step.unsigned_abs()));
    metrics.query(uid, &Request { metrics: vec![Metric::Cpu], from, to, step, now }).expect("answered")
}

fn cpu(series: &Series) -> &[Point] {
    &series.metrics[0].points
}

pub fn total(series: &Series) -> u64 {
    cpu(series).iter().map(|point| point.count).sum()
}

#[test]
fn each_reading_is_found_once_whatever_tier_answers() {
    let (_, metrics) = simulated();
    measure(&metrics, &uid(1), 0, 3 * HOUR);
    let now = at(3 * HOUR);
    for (back, step, tier, points) in [
        (HOUR, 10, Tier::Raw, 360),
        (HOUR, MINUTE, Tier::Minute, 60),
        (3 * HOUR, 5 * MINUTE, Tier::Minute, 36),
        (3 * HOUR, HOUR, Tier::Hour, 3),
        (3 * HOUR, DAY, Tier::Day, 1),
    ] {
        let series = ask(&metrics, &uid(1), at(3 * HOUR - back), now, step, now);
        assert_eq!((series.tier, cpu(&series).len()), (tier, points), "{back} s back by {step}");
        assert_eq!(total(&series), back.unsigned_abs() / 10, "{back} s back by {step}");
        if step >= MINUTE {
            for point in cpu(&series) {
                assert_eq!((point.min, point.mean, point.max, point.last), (0.0, 25.0, 50.0, 50.0));
            }
        }
    }
    let other = ask(&metrics, &uid(2), at(0), now, MINUTE, now);
    assert_eq!(total(&other), 0);
}

#[test]
fn what_was_not_flushed_yet_is_answered_too_and_gaps_stay_gaps() {
    let (medium, metrics) = simulated();
    measure(&metrics, &uid(1), 0, HOUR);
    let writes = medium.counts().0;
    for second in (2 * HOUR..2 * HOUR + 100).step_by(10) {
        metrics.add(&uid(1), &usage(at(second), 7.0, 1));
    }
    let now = at(2 * HOUR + 100);
    let series = ask(&metrics, &uid(1), at(0), now, MINUTE, now);
    assert_eq!((cpu(&series).len(), total(&series)), (62, 370));
    assert_eq!(cpu(&series)[60].time.timestamp(), at(2 * HOUR));
    let hours = ask(&metrics, &uid(1), at(0), now, HOUR, now);
    assert_eq!(cpu(&hours).iter().map(|point| point.count).collect::<Vec<_>>(), [360, 10]);
    assert_eq!(medium.counts().0, writes, "adding and asking write nothing");
}

#[test]
fn a_restart_in_the_middle_of_an_hour_goes_on_with_it() {
    let directory = tempfile::tempdir().expect("a directory");
    for part in 0..4 {
        let metrics = on_disk(directory.path());
        measure(&metrics, &uid(1), part * 25 * MINUTE, (part + 1) * 25 * MINUTE);
    }
    let (metrics, now) = (on_disk(directory.path()), at(100 * MINUTE));
    for step in [MINUTE, HOUR, DAY] {
        let series = ask(&metrics, &uid(1), at(0), now, step, now);
        assert_eq!(total(&series), 600, "by {step}");
        for point in cpu(&series) {
            assert!((point.mean - 25.0).abs() < 1e-4, "{point:?}");
        }
    }
}

#[test]
fn a_kill_costs_what_was_not_flushed_and_counts_nothing_twice() {
    let (medium, metrics) = simulated();
    measure(&metrics, &uid(1), 0, 30 * MINUTE);
    for second in (30 * MINUTE..30 * MINUTE + 40).step_by(10) {
        metrics.add(&uid(1), &usage(at(second), 99.0, 1));
    }
    medium.crash(0);
    drop(metrics);
    let metrics = on(&medium);
    measure(&metrics, &uid(1), 31 * MINUTE, 60 * MINUTE);
    let now = at(HOUR);
    for step in [10, MINUTE, HOUR, DAY] {
        let series = ask(&metrics, &uid(1), at(0), now, step, now);
        assert_eq!(total(&series), 59 * 6, "by {step}");
        assert!(cpu(&series).iter().all(|point| point.max <= 50.0));
    }
}

#[test]
fn a_full_disk_loses_the_oldest_readings_and_counts_nothing_twice() {
    let (medium, metrics) = simulated();
    measure(&metrics, &uid(1), 0, 10 * MINUTE);
    medium.set_full(true);
    for second in (10 * MINUTE..15 * MINUTE).step_by(10) {
        metrics.add(&uid(1), &usage(at(second), 5.0, 1));
        if second % MINUTE == 50 {
            assert!(matches!(metrics.flush(at(second)), Err(MetricsError::Store(_))));
        }
    }
    medium.set_full(false);
    let now = at(15 * MINUTE);
    eventually("it is written again", || metrics.flush(now).ok());
    drop(metrics);
    let metrics = on(&medium);
    for step in [10, MINUTE, HOUR, DAY] {
        assert_eq!(total(&ask(&metrics, &uid(1), at(0), now, step, now)), 90, "by {step}");
    }
}

#[test]
fn all_workspaces_are_written_as_one_batch_and_idle_ones_not_at_all() {
    let (medium, metrics) = simulated();
    let before = medium.counts();
    for index in 0..100 {
        for second in (0..MINUTE).step_by(10) {
            metrics.add(&uid(index), &usage(at(second), 1.0, 1));
        }
    }
    metrics.flush(at(MINUTE)).expect("flushed");
    assert_eq!(medium.counts(), (before.0 + 1, before.1 + 1));
    for minute in 2..10 {
        metrics.flush(at(minute * MINUTE)).expect("nothing to do");
    }
    assert_eq!(medium.counts(), (before.0 + 1, before.1 + 1));
}

#[test]
fn what_is_too_old_goes_tier_by_tier_also_of_workspaces_that_are_no_more() {
    let (_, metrics) = simulated();
    measure(&metrics, &uid(1), 0, 2 * HOUR);
    measure(&metrics, &uid(2), 0, 2 * HOUR);
    // Only the first is measured any more.
    for day in 1..=2 {
        measure(&metrics, &uid(1), day * DAY, day * DAY + 5 * MINUTE);
    }
    // As if it were still the first day, so that what is left of it would be found.
    let kept = |index: usize, step: i64| {
        let series = ask(&metrics, &uid(index), at(0), at(2 * HOUR), step, at(2 * HOUR));
        (series.tier, total(&series))
    };
    for index in [1, 2] {
        assert_eq!(kept(index, MINUTE), (Tier::Minute, 0), "{index}");
        assert_eq!(kept(index, HOUR), (Tier::Hour, 720), "{index}");
        assert_eq!(kept(index, DAY), (Tier::Day, 720), "{index}");
    }
    metrics.forget(&uid(1)).expect("forgotten");
    assert_eq!(kept(1, DAY), (Tier::Day, 0));
    assert_eq!(kept(2, DAY), (Tier::Day, 720));
}

#[test]
fn a_workspace_takes_at_most_ten_kibibytes_of_memory() {
    let (medium, metrics) = simulated();
    let full_from = 2 * HOUR;
    // The shortest interval there is, first with a store and then without one.
    for second in 0..4 * HOUR {
        medium.set_full(second > full_from);
        metrics.add(&uid(1), &usage(at(second), 1.0, 1));
        if second % MINUTE == 0 {
            assert_eq!(metrics.flush(at(second)).is_ok(), second <= full_from);
        }
        if second % 100 == 0 {
            let [(_, bytes)] = metrics.memory()[..] else { panic!("one workspace") };
            assert!(bytes <= 10 << 10, "{bytes} bytes at second {second}");
        }
    }
}

#[test]
fn questions_that_have_no_answer_are_refused_in_words() {
    let (_, metrics) = simulated();
    let request = |from, to, step| Request { metrics: vec![Metric::Cpu], from, to, step, now: at(0) };
    let error = metrics.query(&uid(1), &request(at(5), at(5), None)).expect_err("empty");
    assert!(error.to_string().contains("the end must be later than the beginning"), "{error}");
    let error = metrics.query(&uid(1), &request(at(0), at(5), Some(Duration::ZERO))).expect_err("no step");
    assert!(error.to_string().contains("use at least `1s`"), "{error}");
}

#[test]
fn history_says_what_grows_what_was_odd_and_what_would_fit() {
    let (_, metrics) = simulated();
    for second in (0..10 * DAY).step_by(600) {
        // 10 MB more each day; and a build in the ninth night.
        let memory = 100_000_000 + second.unsigned_abs() * 10_000_000 / DAY.unsigned_abs();
        let cpu = if (8 * DAY + 3 * HOUR..8 * DAY + 4 * HOUR).contains(&second) { 180.0 } else { 10.0 };
        metrics.add(&uid(1), &usage(at(second), cpu, memory));
        if second % HOUR == 0 {
            metrics.flush(at(second)).expect("flushed");
        }
    }
    let now = at(10 * DAY);
    let request = |from| Request { metrics: Vec::new(), from, to: now, step: None, now };
    let memory = metrics.analyse(&uid(1), Metric::Memory, &request(at(3 * DAY))).expect("answered");
    let trend = memory.trend.expect("enough points");
    assert_eq!(trend.direction, Direction::Rising);
    assert!((trend.slope_per_day - 10e6).abs() < 0.1e6 && trend.confidence > 0.99, "{trend:?}");
    let cpu = metrics.analyse(&uid(1), Metric::Cpu, &request(at(7 * DAY))).expect("answered");
    assert_eq!(cpu.anomalies.len(), 1, "{cpu:?}");
    assert_eq!(cpu.anomalies[0].time.timestamp(), at(8 * DAY + 3 * HOUR));
    assert!(cpu.trend.is_some_and(|trend| trend.direction == Direction::Steady), "{cpu:?}");
    let found = metrics.recommend(&uid(1), &Resources::default(), now).expect("answered").expect("enough readings");
    assert_eq!(found.readings, 1_440);
    assert_eq!(found.cpu.suggested, "120m");
    assert!(found.memory.p95 > 190e6 && found.memory.max < 200e6, "{found:?}");
    assert!(found.patch.contains("memory: ") && found.patch.contains("cpu: 120m  # no limit now"), "{}", found.patch);
    assert_eq!(metrics.recommend(&uid(2), &Resources::default(), now).expect("answered"), None);
}
