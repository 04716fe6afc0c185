//! What a container uses.

use wharf::engine::container::Attachment;
use wharf::engine::{Engine, EngineError, Limits, ObjectKind};
use wharf::model::quantity::Memory;

use crate::bench::{Bench, Meddling, Process, eventually, network, plain, running};
use crate::containers::{NOBODY, missing};

pub async fn a_reading_shows_what_is_used<B: Bench>(bench: &B) {
    let engine = bench.engine();
    let net = network(bench, "net");
    engine.ensure_network(&net).await.expect("made");
    let mut spec = plain(bench, "box", Process::Lasts);
    spec.limits = Limits { memory: Some(Memory::from_bytes(64 << 20)), ..Limits::default() };
    spec.network = Some(Attachment { network: net.name, aliases: Vec::new() });
    let id = running(bench, &spec).await;
    let first = engine.stats(&id).await.expect("read");
    assert!(first.cpu_nanos > 0 && first.online_cpus > 0 && first.pids > 0, "{first:?}");
    assert!((1..64 << 20).contains(&first.memory_bytes), "{first:?}");
    assert_eq!(first.memory_limit_bytes, Some(64 << 20));
    // The other side of its network says something as soon as it is there.
    let later = eventually("network traffic", || async {
        let seen = engine.stats(&id).await.expect("read");
        (seen.network_rx_bytes > 0).then_some(seen)
    });
    let later = later.await;
    assert!(later.time > first.time && later.cpu_nanos >= first.cpu_nanos, "{first:?} {later:?}");
    assert!(later.block_read_bytes >= first.block_read_bytes && later.block_write_bytes >= first.block_write_bytes);
}

pub async fn without_limit_and_network_there_is_the_machine<B: Bench>(bench: &B) {
    let id = running(bench, &plain(bench, "box", Process::Lasts)).await;
    let seen = bench.engine().stats(&id).await.expect("read");
    assert!(seen.memory_limit_bytes.is_some_and(|limit| limit > 128 << 20), "{seen:?}");
    assert_eq!((seen.network_rx_bytes, seen.network_tx_bytes), (0, 0));
}

pub async fn what_is_paused_uses_no_processor<B: Bench>(bench: &B) {
    let engine = bench.engine();
    let id = running(bench, &plain(bench, "box", Process::Lasts)).await;
    bench.meddle(&id, Meddling::Pause).await;
    let first = engine.stats(&id).await.expect("a paused container has a process");
    assert!(first.pids > 0, "{first:?}");
    let later = eventually("a later reading", || async {
        let seen = engine.stats(&id).await.expect("read");
        (seen.time.duration_since(first.time).as_millis() >= 50).then_some(seen)
    });
    assert_eq!(later.await.cpu_nanos, first.cpu_nanos);
    engine.unpause(&id).await.expect("unpaused");
}

pub async fn what_does_not_run_is_a_conflict<B: Bench>(bench: &B) {
    let engine = bench.engine();
    let id = engine.create(&plain(bench, "box", Process::ExitsWith(0))).await.expect("created");
    let refused = |answer| assert!(matches!(answer, Err(EngineError::Conflict { .. })), "{answer:?}");
    refused(engine.stats(&id).await);
    engine.start(&id).await.expect("started");
    eventually("the end", || async {
        let seen = engine.inspect(&id).await.expect("inspected");
        seen.exit_code
    })
    .await;
    refused(engine.stats(&id).await);
    assert_eq!(missing(engine.stats(NOBODY).await), ObjectKind::Container);
    assert!(matches!(engine.stats("../info").await, Err(EngineError::Invalid { .. })));
}
