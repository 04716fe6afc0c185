//! From two readings of counters to what was used between them. Pure.

use std::time::Duration;

use jiff::Timestamp;

use super::Capacity;
use crate::engine::Stats;
use crate::model::metrics::Usage;

/// What a container has used since its start, and uses now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Processor time, in nanoseconds.
    pub cpu_nanos: u64,
    /// Memory in use, in bytes, as `docker stats` counts it.
    pub memory_bytes: u64,
    /// The limit of memory, in bytes; `None` when there is none.
    pub memory_limit_bytes: Option<u64>,
    /// Bytes received.
    pub network_rx_bytes: u64,
    /// Bytes sent.
    pub network_tx_bytes: u64,
    /// Bytes read from block devices.
    pub block_read_bytes: u64,
    /// Bytes written to block devices.
    pub block_write_bytes: u64,
    /// Processes and threads.
    pub pids: u64,
}

impl Counters {
    /// From an engine's answer. Engines tell the machine's memory where there is no limit, so whether there is one has to be known.
    pub fn of_engine(stats: &Stats, is_limited: bool) -> Self {
        Self {
            cpu_nanos: stats.cpu_nanos,
            memory_bytes: stats.memory_bytes,
            memory_limit_bytes: stats.memory_limit_bytes.filter(|_| is_limited),
            network_rx_bytes: stats.network_rx_bytes,
            network_tx_bytes: stats.network_tx_bytes,
            block_read_bytes: stats.block_read_bytes,
            block_write_bytes: stats.block_write_bytes,
            pids: stats.pids,
        }
    }
}

/// Which run of a container counters are of. Two readings of different runs have nothing to do with each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Run {
    /// When it began, as the engine says.
    pub started_at: Option<Timestamp>,
    /// The inode of its cgroup; `None` when the engine was asked, whose counters are read at other moments.
    pub cgroup: Option<u64>,
}

/// Counters, and when they were read.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reading {
    /// The counters.
    pub counters: Counters,
    /// Monotonic time, from any beginning: the clock on the wall may jump.
    pub at: Duration,
    /// The time that an engine says it read them, which is more exact than when its answer came.
    pub engine_time: Option<Timestamp>,
    /// Which run they are of.
    pub run: Run,
    /// What there is to be used.
    pub capacity: Capacity,
}

/// Closer to each other, two readings tell more about when they were taken than about the container.
const SHORTEST: Duration = Duration::from_millis(10);

/// How far an engine's clock and ours may disagree about the time between two readings: as long as an answer may take.
const CLOCKS_AGREE_WITHIN: Duration = Duration::from_secs(6);

/// What was used between two readings. `None`: they cannot be compared, because the container was started again in between, or
/// its counters began anew, or no time has passed that both clocks agree on. Such a sample is skipped; it is never negative or
/// absurd.
pub fn usage(before: &Reading, now: &Reading, time: Timestamp, disk_percent: Option<f64>) -> Option<Usage> {
    if before.run != now.run {
        return None;
    }
    let elapsed = elapsed(before, now).filter(|elapsed| *elapsed >= SHORTEST)?.as_secs_f64();
    let (old, new) = (&before.counters, &now.counters);
    let cpu = Duration::from_nanos(new.cpu_nanos.checked_sub(old.cpu_nanos)?).as_secs_f64();
    // An interface or a device that went away takes its numbers along; processor time is still right.
    let rate = |old: u64, new: u64| bytes(new.saturating_sub(old)) / elapsed;
    Some(Usage {
        time: time.into(),
        cpu_percent: cpu / elapsed * 100.0,
        memory_bytes: new.memory_bytes,
        memory_limit_bytes: new.memory_limit_bytes,
        network_rx_bytes: new.network_rx_bytes,
        network_tx_bytes: new.network_tx_bytes,
        block_read_bytes: new.block_read_bytes,
        block_write_bytes: new.block_write_bytes,
        network_rx_rate: rate(old.network_rx_bytes, new.network_rx_bytes),
        network_tx_rate: rate(old.network_tx_bytes, new.network_tx_bytes),
        block_read_rate: rate(old.block_read_bytes, new.block_read_bytes),
        block_write_rate: rate(old.block_write_bytes, new.block_write_bytes),
        pids: new.pids,
        disk_percent,
    })
}

/// The time between two readings. The engine's own is taken as long as ours does not contradict it: its clock may jump.
fn elapsed(before: &Reading, now: &Reading) -> Option<Duration> {
    let ours = now.at.checked_sub(before.at)?;
    let (Some(first), Some(second)) = (before.engine_time, now.engine_time) else { return Some(ours) };
    let theirs = Duration::try_from(second.duration_since(first)).ok()?;
    (theirs.abs_diff(ours) <= CLOCKS_AGREE_WITHIN).then_some(theirs)
}

#[expect(clippy::cast_precision_loss, reason = "a rate needs no more digits")]
fn bytes(amount: u64) -> f64 {
    amount as f64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn reading(millis: u64, cpu_millis: u64, received: u64) -> Reading {
        let counters =
            Counters { cpu_nanos: cpu_millis * 1_000_000, network_rx_bytes: received, ..Counters::default() };
        let run = Run { started_at: Some(Timestamp::UNIX_EPOCH), cgroup: Some(7) };
        let at = Duration::from_millis(millis);
        Reading { counters, at, engine_time: None, run, capacity: Capacity::default() }
    }

    fn between(before: &Reading, now: &Reading) -> Option<Usage> {
        usage(before, now, Timestamp::UNIX_EPOCH, None)
    }

    #[test]
    fn one_core_is_a_hundred() {
        let found = between(&reading(1_000, 500, 1_000), &reading(11_000, 25_500, 21_000)).expect("comparable");
        assert_eq!((found.cpu_percent, found.network_rx_rate, found.network_rx_bytes), (250.0, 2_000.0, 21_000));
    }

    #[test]
    fn another_run_is_not_compared() {
        let (before, now) = (reading(0, 500, 0), reading(10_000, 600, 0));
        let started = Run { started_at: Some("2026-01-01T00:00:00Z".parse().expect("a time")), ..now.run };
        for run in [started, Run { cgroup: Some(8), ..now.run }, Run { cgroup: None, ..now.run }] {
            assert_eq!(between(&before, &Reading { run, ..now }), None, "{run:?}");
        }
        assert!(between(&before, &now).is_some());
    }

    #[test]
    fn a_counter_that_went_backwards_has_no_rate() {
        assert_eq!(between(&reading(0, 500, 0), &reading(10_000, 499, 0)), None);
        let found = between(&reading(0, 0, 500), &reading(10_000, 1_000, 499)).expect("processor time is right");
        assert_eq!((found.cpu_percent, found.network_rx_rate, found.network_rx_bytes), (10.0, 0.0, 499));
    }

    #[test]
    fn time_that_does_not_pass_makes_no_rate() {
        for millis in [0, 5, 1_000] {
            assert_eq!(between(&reading(1_000, 0, 0), &reading(millis, 1, 0)), None, "{millis}");
        }
        assert_eq!(between(&reading(1_000, 0, 0), &reading(1_009, 1, 0)), None);
    }

    #[test]
    fn an_engines_time_is_taken_unless_its_clock_jumped() {
        let said = |reading: Reading, second: i64| Reading {
            engine_time: Some(Timestamp::from_second(second).expect("a time")),
            ..reading
        };
        let (before, now) = (said(reading(0, 0, 0), 100), reading(10_000, 5_000, 0));
        let percent = |second: i64| between(&before, &said(now, second)).map(|usage| usage.cpu_percent);
        assert_eq!(percent(108), Some(62.5));
        assert_eq!((percent(90), percent(3_700)), (None, None));
    }

    proptest! {
        #[test]
        fn nothing_is_ever_negative_or_without_bound(
            (before, now) in (any::<[u64; 6]>(), any::<[u64; 6]>()),
        ) {
            let of = |[at, cpu, rx, tx, read, write]: [u64; 6]| {
                let counters = Counters { cpu_nanos: cpu, network_rx_bytes: rx, network_tx_bytes: tx,
                    block_read_bytes: read, block_write_bytes: write, ..Counters::default() };
                Reading { counters, at: Duration::from_nanos(at), ..reading(0, 0, 0) }
            };
            if let Some(found) = between(&of(before), &of(now)) {
                for value in [found.cpu_percent, found.network_rx_rate, found.network_tx_rate, found.block_read_rate,
                    found.block_write_rate] {
                    prop_assert!(value.is_finite() && value >= 0.0, "{value}");
                }
            }
        }
    }
}
