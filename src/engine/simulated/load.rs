//! What a simulated container uses: a steady load that is its own, so that two of them differ and the same one is always the same.

use std::time::Duration;

use super::clock::Clock;
use super::container::Container;
use super::faults::Refusal;
use crate::engine::Stats;
use crate::model::quantity::{Cpu, Memory};

/// The simulated machine.
const PROCESSORS: u32 = 4;
const MACHINE_MEMORY: u64 = 8 << 30;

/// What starting takes, so that every reading of something that runs is more than nothing.
const START: Duration = Duration::from_millis(20);

impl Container {
    /// What its present run has used so far.
    pub(super) fn stats(&self, clock: &Clock) -> Result<Stats, Refusal> {
        let now = clock.now();
        let started = self.started_at.filter(|_| self.lives());
        let started = started.ok_or_else(|| Refusal::Conflict("the container is not running".to_owned()))?;
        // What is frozen uses nothing more.
        let ran = self.frozen_at.unwrap_or(now).saturating_sub(started).saturating_sub(self.frozen_for);
        let load = Load::of(&self.id, self.limits.cpu.map(Cpu::nanos));
        let reaches_out = self.networks.values().any(|place| place.address.is_some());
        let limit = self.limits.memory.map_or(MACHINE_MEMORY, Memory::bytes);
        Ok(Stats {
            time: clock.timestamp(now),
            cpu_nanos: per_second(load.cpu_nanos, START + ran),
            online_cpus: PROCESSORS,
            memory_bytes: load.memory_bytes(ran).min(limit / 2),
            memory_limit_bytes: Some(limit),
            network_rx_bytes: if reaches_out { per_second(load.rx_bytes, ran) } else { 0 },
            network_tx_bytes: if reaches_out { per_second(load.tx_bytes, ran) } else { 0 },
            block_read_bytes: load.image_bytes,
            block_write_bytes: per_second(load.write_bytes, ran),
            pids: load.pids,
        })
    }
}

/// What one container uses, in units a second where it goes on.
struct Load {
    cpu_nanos: u64,
    base_bytes: u64,
    rx_bytes: u64,
    tx_bytes: u64,
    image_bytes: u64,
    write_bytes: u64,
    pids: u64,
}

impl Load {
    /// The load of the container with this ID, within its limit of processor time in nanoseconds a second.
    fn of(id: &str, limit: Option<u64>) -> Self {
        // FNV-1a: any function that spreads IDs would do.
        let hash = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        let drawn = id.bytes().fold(0xcbf2_9ce4_8422_2325, hash);
        let within = |shift: u32, below: u64| (drawn >> shift) % below;
        // One to twenty-five hundredths of a processor.
        let cpu_nanos = (1 + within(0, 25)) * 10_000_000;
        Self {
            cpu_nanos: limit.map_or(cpu_nanos, |limit| cpu_nanos.min(limit)),
            base_bytes: (16 + within(8, 112)) << 20,
            rx_bytes: 200 + within(16, 4000),
            tx_bytes: 100 + within(24, 2000),
            image_bytes: (1 + within(32, 16)) << 20,
            write_bytes: within(40, 1000),
            pids: 1 + within(48, 8),
        }
    }

    /// Caches fill in the first minutes, by an eighth of what a process begins with.
    fn memory_bytes(&self, ran: Duration) -> u64 {
        const FILLED_AFTER: u64 = 600;
        self.base_bytes + self.base_bytes / 8 * ran.as_secs().min(FILLED_AFTER) / FILLED_AFTER
    }
}

fn per_second(amount: u64, ran: Duration) -> u64 {
    let nanos = u128::from(amount) * ran.as_nanos();
    u64::try_from(nanos / 1_000_000_000).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loads_differ_and_stay() {
        let (one, again, other) = (Load::of("a1", None), Load::of("a1", None), Load::of("b2", None));
        assert_eq!((one.cpu_nanos, one.base_bytes), (again.cpu_nanos, again.base_bytes));
        assert_ne!((one.cpu_nanos, one.base_bytes), (other.cpu_nanos, other.base_bytes));
        assert_eq!(Load::of("a1", Some(5)).cpu_nanos, 5);
    }

    #[test]
    fn amounts_of_years_do_not_overflow() {
        assert_eq!(per_second(1_000_000_000, Duration::from_secs(100 * 366 * 86400)), 3_162_240_000_000_000_000);
    }
}
