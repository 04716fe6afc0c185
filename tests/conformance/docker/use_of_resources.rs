//! What is counted is what `docker stats` counts.

use wharf::engine::{Engine, Stats};

use super::Real;
use crate::bench::{Bench, Process, eventually, plain, running};
use crate::support::real::docker;

/// As `docker stats` writes amounts of memory: `1.5MiB`, with three or four digits.
fn bytes(text: &str) -> f64 {
    let units = [("KiB", 1024.0), ("MiB", 1024.0 * 1024.0), ("GiB", 1024.0 * 1024.0 * 1024.0), ("B", 1.0)];
    let parsed = units.iter().find_map(|(unit, scale)| {
        let number: f64 = text.strip_suffix(unit)?.parse().ok()?;
        Some(number * scale)
    });
    parsed.unwrap_or_else(|| panic!("{text} is an amount of memory"))
}

/// Whether two amounts differ by less than a twentieth.
fn agree(ours: u64, theirs: f64) -> bool {
    let ours = bytes(&format!("{ours}B"));
    (ours - theirs).abs() <= theirs / 20.0
}

#[tokio::test]
async fn memory_limits_and_processes_are_those_of_docker_stats() {
    let bench = Real::bench().await;
    let mut spec = plain(&bench, "box", Process::Lasts);
    // A large variable and a file in the page cache: only the first is counted.
    let script =
        "dd if=/dev/urandom of=/tmp/file bs=1024 count=20480; x=$(tr -dc a-f < /tmp/file); echo ready; sleep 1000";
    spec.command = ["sh", "-c", script].map(str::to_owned).to_vec();
    spec.limits.memory = Some("256Mi".parse().expect("a quantity"));
    let id = running(&bench, &spec).await;
    eventually("its variable", || async {
        let id = id.clone();
        let log = tokio::task::spawn_blocking(move || docker(&["logs", &id])).await.expect("no panic");
        log.contains("ready").then_some(())
    })
    .await;
    // The kernel counts in batches, and the two look one after the other.
    eventually("agreement", || async {
        let ours: Stats = bench.engine().stats(&id).await.expect("read");
        let (id, form) = (id.clone(), "{{.PIDs}} {{.MemUsage}}");
        let read = move || docker(&["stats", "--no-stream", "--format", form, &id]);
        let theirs = tokio::task::spawn_blocking(read).await.expect("no panic");
        let words: Vec<&str> = theirs.split_whitespace().collect();
        let [pids, used, "/", limit] = words[..] else { panic!("{theirs}") };
        let same = pids.parse() == Ok(ours.pids)
            && agree(ours.memory_bytes, bytes(used))
            && ours.memory_limit_bytes.is_some_and(|ours| agree(ours, bytes(limit)));
        same.then_some(())
    })
    .await;
}
