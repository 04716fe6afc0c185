//! What a container uses, as the engine counts it.
//!
//! Types of our own, as in `answer`: fields differ between versions of the engine and of control groups, and none is worth failing for.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;

use super::failure::Call;
use super::{Docker, patience, safe};
use crate::engine::{EngineError, Stats};

impl Docker {
    /// The engine reads every container that is asked about once a second, and answers with the next reading; without `one-shot`
    /// with the one after it. Source: moby `daemon/stats/collector.go`.
    pub(super) async fn read_stats(&self, id: &str) -> Result<Stats, EngineError> {
        let call = Call::on("read the resource use of", id);
        let path = format!("/containers/{}/stats?stream=false&one-shot=true", safe(&call, id)?);
        let reading: Reading = self.run(&call, patience::QUICK, self.transport.get(&path)).await?;
        Stats::try_from(reading).map_err(|NotRunning| EngineError::Conflict {
            operation: call.operation,
            message: "the container is not running".to_owned(),
        })
    }
}

/// `GET /containers/{id}/stats`.
#[derive(Deserialize)]
pub(super) struct Reading {
    read: Option<String>,
    cpu_stats: Option<Cpu>,
    memory_stats: Option<Memory>,
    networks: Option<BTreeMap<String, Network>>,
    blkio_stats: Option<Block>,
    pids_stats: Option<Pids>,
}

#[derive(Deserialize)]
struct Cpu {
    cpu_usage: Option<CpuUsage>,
    online_cpus: Option<u32>,
}

#[derive(Deserialize)]
struct CpuUsage {
    total_usage: Option<u64>,
}

#[derive(Deserialize)]
struct Memory {
    usage: Option<u64>,
    limit: Option<u64>,
    stats: Option<BTreeMap<String, u64>>,
}

#[derive(Deserialize)]
struct Network {
    rx_bytes: Option<u64>,
    tx_bytes: Option<u64>,
}

#[derive(Deserialize)]
struct Block {
    io_service_bytes_recursive: Option<Vec<BlockEntry>>,
}

#[derive(Deserialize)]
struct BlockEntry {
    op: Option<String>,
    value: Option<u64>,
}

#[derive(Deserialize)]
struct Pids {
    current: Option<u64>,
}

/// The engine answers for containers without a process too, with nothing in the answer.
#[derive(Debug)]
pub(super) struct NotRunning;

impl TryFrom<Reading> for Stats {
    type Error = NotRunning;

    fn try_from(reading: Reading) -> Result<Self, NotRunning> {
        let read: Option<Timestamp> = reading.read.and_then(|text| text.parse().ok());
        let time = read.filter(|time| *time > Timestamp::UNIX_EPOCH).ok_or(NotRunning)?;
        let cpu = reading.cpu_stats.ok_or(NotRunning)?;
        let cpu_nanos = cpu.cpu_usage.and_then(|usage| usage.total_usage).filter(|nanos| *nanos > 0);
        let networks = reading.networks.unwrap_or_default();
        let blocks = reading.blkio_stats.and_then(|it| it.io_service_bytes_recursive).unwrap_or_default();
        let memory = reading.memory_stats.unwrap_or(Memory { usage: None, limit: None, stats: None });
        Ok(Self {
            time,
            // Every process that runs has used some.
            cpu_nanos: cpu_nanos.ok_or(NotRunning)?,
            online_cpus: cpu.online_cpus.unwrap_or_default(),
            memory_bytes: memory.in_use(),
            memory_limit_bytes: memory.limit.filter(|limit| *limit > 0),
            network_rx_bytes: networks.values().filter_map(|network| network.rx_bytes).sum(),
            network_tx_bytes: networks.values().filter_map(|network| network.tx_bytes).sum(),
            block_read_bytes: moved(&blocks, "read"),
            block_write_bytes: moved(&blocks, "write"),
            pids: reading.pids_stats.and_then(|pids| pids.current).unwrap_or_default(),
        })
    }
}

impl Memory {
    /// Source: docker/cli `cli/command/container/stats_helpers.go`, `calculateMemUsageUnixNoCache`. The first name is that of
    /// control groups 1, the second that of control groups 2.
    fn in_use(&self) -> u64 {
        let usage = self.usage.unwrap_or_default();
        let cache = |name: &str| self.stats.as_ref().and_then(|stats| stats.get(name)).copied();
        let inactive = cache("total_inactive_file").or_else(|| cache("inactive_file"));
        usage - inactive.filter(|inactive| *inactive < usage).unwrap_or_default()
    }
}

/// `Read` in control groups 1, `read` in control groups 2; other operations are not counted in either direction.
fn moved(entries: &[BlockEntry], direction: &str) -> u64 {
    let of_direction =
        entries.iter().filter(|entry| entry.op.as_deref().is_some_and(|op| op.eq_ignore_ascii_case(direction)));
    of_direction.filter_map(|entry| entry.value).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Stats, NotRunning> {
        serde_json::from_str::<Reading>(text).expect("read").try_into()
    }

    #[test]
    fn control_groups_1() {
        let seen = read(
            r#"{"read": "2026-01-02T03:04:05.678901234Z",
            "cpu_stats": {"cpu_usage": {"total_usage": 70, "percpu_usage": [40, 30]}, "online_cpus": 2},
            "memory_stats": {"usage": 1000, "limit": 5000, "stats": {"inactive_file": 1, "total_inactive_file": 300}},
            "networks": {"eth0": {"rx_bytes": 1, "tx_bytes": 2}, "eth1": {"rx_bytes": 10, "tx_bytes": 20}},
            "blkio_stats": {"io_service_bytes_recursive": [{"major": 8, "minor": 0, "op": "Read", "value": 4096},
                {"op": "Write", "value": 512}, {"op": "Sync", "value": 4608}, {"op": "Total", "value": 4608}, {"op": "Read", "value": 4}]},
            "pids_stats": {"current": 3}}"#,
        );
        let expected = Stats {
            time: "2026-01-02T03:04:05.678901234Z".parse().expect("a time"),
            cpu_nanos: 70,
            online_cpus: 2,
            memory_bytes: 700,
            memory_limit_bytes: Some(5000),
            network_rx_bytes: 11,
            network_tx_bytes: 22,
            block_read_bytes: 4100,
            block_write_bytes: 512,
            pids: 3,
        };
        assert_eq!(seen.expect("it runs"), expected);
    }

    #[test]
    fn control_groups_2_without_networks() {
        let seen = read(
            r#"{"read": "2026-01-02T03:04:05Z", "cpu_stats": {"cpu_usage": {"total_usage": 7}, "online_cpus": 8},
            "memory_stats": {"usage": 1000, "stats": {"inactive_file": 1}},
            "blkio_stats": {"io_service_bytes_recursive": [{"op": "read", "value": 1}, {"op": "write", "value": 2}]},
            "pids_stats": {}}"#,
        )
        .expect("it runs");
        assert_eq!((seen.memory_bytes, seen.memory_limit_bytes, seen.network_rx_bytes), (999, None, 0));
        assert_eq!((seen.block_read_bytes, seen.block_write_bytes, seen.pids), (1, 2, 0));
    }

    #[test]
    fn what_does_not_run_uses_nothing() {
        let zeros = r#"{"read": "0001-01-01T00:00:00Z", "cpu_stats": {"cpu_usage": {"total_usage": 0}}, "memory_stats": {},
            "blkio_stats": {"io_service_bytes_recursive": null}, "pids_stats": {}}"#;
        let between = r#"{"read": "2026-01-02T03:04:05Z", "cpu_stats": {"cpu_usage": {"total_usage": 0}}}"#;
        for text in [zeros, between, "{}"] {
            assert!(read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_cache_larger_than_the_use_is_not_believed() {
        let memory =
            Memory { usage: Some(10), limit: None, stats: Some(BTreeMap::from([("inactive_file".into(), 11)])) };
        assert_eq!(memory.in_use(), 10);
    }
}
