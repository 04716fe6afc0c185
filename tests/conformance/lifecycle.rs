//! Starting, stopping, changing and removing containers.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use wharf::engine::container::Attachment;
use wharf::engine::{ContainerDetail, Engine, EngineError, Limits, ObjectKind};
use wharf::model::period::Period;
use wharf::model::quantity::{Cpu, Memory};
use wharf::model::spec::{HealthCheck, Port, Protocol};
use wharf::model::status::{ContainerState, Health};

use crate::bench::{Bench, Meddling, Process, eventually, network, plain, running};
use crate::containers::missing;

/// More than any stop of a process that listens should take.
const GRACE: Duration = Duration::from_secs(10);

/// Waits until the container is in a state, and answers it.
pub async fn reaches<B: Bench>(bench: &B, id: &str, state: ContainerState) -> ContainerDetail {
    eventually(&format!("{id} is {state}"), async || {
        let seen = bench.engine().inspect(id).await.expect("inspected");
        (seen.state == state).then_some(seen)
    })
    .await
}

pub async fn starting_twice_is_starting_once<B: Bench>(bench: &B) {
    let id = running(bench, &plain(bench, "box", Process::Lasts)).await;
    let first = bench.engine().inspect(&id).await.expect("inspected");
    assert_eq!((first.state, first.exit_code, first.finished_at), (ContainerState::Running, None, None));
    assert!(first.started_at.is_some());
    bench.engine().start(&id).await.expect("one that runs is started");
    assert_eq!(bench.engine().inspect(&id).await.expect("inspected").started_at, first.started_at);
}

pub async fn stopping_twice_is_stopping_once<B: Bench>(bench: &B) {
    let id = running(bench, &plain(bench, "box", Process::Lasts)).await;
    bench.engine().stop(&id, GRACE).await.expect("stopped");
    let first = bench.engine().inspect(&id).await.expect("inspected");
    assert_eq!((first.state, first.exit_code), (ContainerState::Exited, Some(0)));
    assert!(first.finished_at >= first.started_at);
    bench.engine().stop(&id, GRACE).await.expect("one that is stopped is stopped");
    assert_eq!(bench.engine().inspect(&id).await.expect("inspected"), first);
}

pub async fn a_process_that_ignores_the_stop_is_killed_after_the_grace<B: Bench>(bench: &B) {
    let id = running(bench, &plain(bench, "stubborn", Process::IgnoresStop)).await;
    let begin = tokio::time::Instant::now();
    bench.engine().stop(&id, Duration::from_secs(2)).await.expect("stopped");
    let took = begin.elapsed();
    assert!(took >= Duration::from_secs(2), "{took:?}");
    let seen = bench.engine().inspect(&id).await.expect("inspected");
    assert_eq!((seen.state, seen.exit_code), (ContainerState::Exited, Some(137)));
}

pub async fn an_exit_code_is_seen<B: Bench>(bench: &B) {
    let id = running(bench, &plain(bench, "brief", Process::ExitsWith(3))).await;
    let seen = reaches(bench, &id, ContainerState::Exited).await;
    assert_eq!((seen.exit_code, seen.oom_killed), (Some(3), false));
}

pub async fn a_restart_forgets_the_last_exit<B: Bench>(bench: &B) {
    let id = running(bench, &plain(bench, "box", Process::Lasts)).await;
    bench.engine().stop(&id, GRACE).await.expect("stopped");
    bench.engine().start(&id).await.expect("started again");
    let seen = bench.engine().inspect(&id).await.expect("inspected");
    assert_eq!((seen.id.as_str(), seen.state, seen.exit_code), (id.as_str(), ContainerState::Running, None));
}

pub async fn a_running_container_is_removed<B: Bench>(bench: &B) {
    let id = running(bench, &plain(bench, "box", Process::IgnoresStop)).await;
    bench.engine().remove(&id).await.expect("removed");
    assert_eq!(missing(bench.engine().inspect(&id).await), ObjectKind::Container);
    bench.engine().remove(&id).await.expect("one that is gone is removed");
}

pub async fn removals_at_once_all_succeed<B: Bench>(bench: &B) {
    let id = running(bench, &plain(bench, "box", Process::Lasts)).await;
    let remove = || bench.engine().remove(&id);
    let (a, b, c) = tokio::join!(remove(), remove(), remove());
    assert_eq!((a, b, c), (Ok(()), Ok(()), Ok(())));
    assert_eq!(missing(bench.engine().inspect(&id).await), ObjectKind::Container);
}

pub async fn renaming<B: Bench>(bench: &B) {
    let engine = bench.engine();
    let spec = plain(bench, "old", Process::Lasts);
    let id = running(bench, &spec).await;
    let taken = plain(bench, "taken", Process::Lasts);
    engine.create(&taken).await.expect("created");

    let new = bench.unique("new");
    engine.rename(&id, &new).await.expect("renamed");
    engine.rename(&id, &new).await.expect("one that has the name is renamed");
    assert_eq!(engine.inspect(&id).await.expect("inspected").name, new);
    assert_eq!(missing(engine.find_by_name(&spec.name).await), ObjectKind::Container);
    let error = engine.rename(&id, &taken.name).await.expect_err("the name is taken");
    assert!(matches!(error, EngineError::Conflict { .. }), "{error:?}");
    assert_eq!(engine.inspect(&id).await.expect("inspected").name, new);
}

pub async fn pausing_is_seen_and_undone<B: Bench>(bench: &B) {
    let engine = bench.engine();
    let id = running(bench, &plain(bench, "box", Process::Lasts)).await;
    bench.meddle(&id, Meddling::Pause).await;
    assert_eq!(engine.inspect(&id).await.expect("inspected").state, ContainerState::Paused);
    assert_eq!(engine.list(bench.instance()).await.expect("listed")[0].state, ContainerState::Paused);
    engine.unpause(&id).await.expect("unpaused");
    engine.unpause(&id).await.expect("one that is not paused is unpaused");
    assert_eq!(engine.inspect(&id).await.expect("inspected").state, ContainerState::Running);
    engine.stop(&id, GRACE).await.expect("stopped");
    engine.unpause(&id).await.expect("one that does not run is not paused");
}

pub async fn a_paused_container_is_stopped<B: Bench>(bench: &B) {
    let id = running(bench, &plain(bench, "box", Process::Lasts)).await;
    bench.meddle(&id, Meddling::Pause).await;
    bench.engine().stop(&id, Duration::from_secs(2)).await.expect("stopped");
    assert_eq!(bench.engine().inspect(&id).await.expect("inspected").state, ContainerState::Exited);
}

pub async fn limits_change_in_place<B: Bench>(bench: &B) {
    let memory = |mebibytes: u64| Some(Memory::from_bytes(mebibytes << 20));
    let cpu = |millis: u64| Some(Cpu::from_nanos(millis * 1_000_000));
    let mut spec = plain(bench, "box", Process::Lasts);
    spec.limits = Limits { cpu: cpu(500), memory: memory(64), pids: Some(100) };
    let id = running(bench, &spec).await;
    let up = Limits { cpu: cpu(1500), memory: memory(256), pids: Some(300) };
    let down = Limits { cpu: cpu(250), memory: memory(32), pids: Some(50) };
    for limits in [up, up, down] {
        bench.engine().update(&id, &limits).await.expect("updated");
        let seen = bench.engine().inspect(&id).await.expect("inspected");
        assert_eq!((seen.limits, seen.state), (limits, ContainerState::Running));
    }
    let only_pids = Limits { pids: Some(70), ..Limits::default() };
    bench.engine().update(&id, &only_pids).await.expect("updated");
    let seen = bench.engine().inspect(&id).await.expect("inspected");
    assert_eq!(seen.limits, Limits { pids: Some(70), ..down }, "cpu and memory stay when they are not given");
    bench.engine().update(&id, &Limits { pids: None, ..down }).await.expect("updated");
    let seen = bench.engine().inspect(&id).await.expect("inspected");
    assert_eq!(seen.limits, Limits { pids: None, ..down }, "pids is lifted when it is not given");
}

pub async fn a_missing_network_is_named<B: Bench>(bench: &B) {
    let engine = bench.engine();
    let network = network(bench, "net");
    let mut spec = plain(bench, "box", Process::Lasts);
    spec.network = Some(Attachment { network: network.name.clone(), aliases: Vec::new() });
    // Engines differ in when they look: at the creation or at the start.
    match engine.create(&spec).await {
        Err(EngineError::NotFound { object, .. }) => assert_eq!(object, ObjectKind::Network),
        created => {
            let id = created.expect("created");
            assert_eq!(missing(engine.start(&id).await), ObjectKind::Network);
            assert_eq!(engine.inspect(&id).await.expect("inspected").state, ContainerState::Created);
            engine.ensure_network(&network).await.expect("made");
            engine.start(&id).await.expect("starts now");
        }
    }
}

pub async fn a_missing_program_fails_the_start<B: Bench>(bench: &B) {
    let id = bench.engine().create(&plain(bench, "box", Process::Missing)).await.expect("created");
    let error = bench.engine().start(&id).await.expect_err("there is no such program");
    assert!(matches!(error, EngineError::Failed { .. }), "{error:?}");
    let seen = bench.engine().inspect(&id).await.expect("inspected");
    assert_eq!((seen.state, seen.started_at), (ContainerState::Created, None));
    assert!(!seen.error.is_empty());
}

pub async fn a_taken_port_fails_the_start_until_it_is_free<B: Bench>(bench: &B) {
    let engine = bench.engine();
    let network = network(bench, "net");
    engine.ensure_network(&network).await.expect("made");
    let publishing = |what: &str, host: Option<u16>| {
        let mut spec = plain(bench, what, Process::Lasts);
        spec.network = Some(Attachment { network: network.name.clone(), aliases: Vec::new() });
        let host_ip = IpAddr::V4(Ipv4Addr::LOCALHOST);
        spec.ports = vec![Port { container: 8080, host, host_ip, protocol: Protocol::Tcp }];
        spec
    };
    let first = running(bench, &publishing("first", None)).await;
    let seen = engine.inspect(&first).await.expect("inspected");
    assert!(seen.ip.is_some());
    let host: u16 = seen.ports[0]
        .strip_prefix("127.0.0.1:")
        .and_then(|rest| rest.strip_suffix("->8080/tcp"))
        .and_then(|port| port.parse().ok())
        .expect("the engine picked a port");

    let second = engine.create(&publishing("second", Some(host))).await.expect("created");
    let error = engine.start(&second).await.expect_err("the port is taken");
    assert!(matches!(error, EngineError::Failed { .. }), "{error:?}");
    assert_eq!(engine.inspect(&second).await.expect("inspected").state, ContainerState::Created);
    engine.remove(&first).await.expect("removed");
    engine.start(&second).await.expect("the port is free");
    assert_eq!(engine.inspect(&second).await.expect("inspected").ports, [format!("127.0.0.1:{host}->8080/tcp")]);
}

/// A check that answers within a second or so.
pub fn quick_check<B: Bench>(bench: &B, code: u8) -> HealthCheck {
    HealthCheck {
        command: bench.command(Process::ExitsWith(code)),
        interval: Period::from_secs(1),
        timeout: Period::from_secs(5),
        retries: 1,
        start_period: Period::from_secs(0),
    }
}

pub async fn health_is_seen<B: Bench>(bench: &B) {
    for (what, code, expected) in [("good", 0, Health::Healthy), ("bad", 1, Health::Unhealthy)] {
        let mut spec = plain(bench, what, Process::Lasts);
        spec.health_check = Some(HealthCheck { interval: Period::from_secs(2), ..quick_check(bench, code) });
        let id = running(bench, &spec).await;
        let health_of_row = async || {
            let rows = bench.engine().list(bench.instance()).await.expect("listed");
            rows.into_iter().find(|row| row.id == id).expect("listed").health
        };
        assert_eq!(bench.engine().inspect(&id).await.expect("inspected").health, Some(Health::Starting));
        assert_eq!(health_of_row().await, Some(Health::Starting));
        eventually(what, async || {
            (bench.engine().inspect(&id).await.expect("inspected").health == Some(expected)).then_some(())
        })
        .await;
        assert_eq!(health_of_row().await, Some(expected));
    }
}
