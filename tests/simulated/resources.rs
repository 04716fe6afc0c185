//! Ports, networks and images.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};

use wharf::engine::container::Attachment;
use wharf::engine::simulated::Simulated;
use wharf::engine::{ContainerSpec, Engine, EngineError, NetworkSpec, ObjectKind};
use wharf::model::spec::{Port, Protocol};
use wharf::model::status::ContainerState;

use crate::bench::{SECOND, engine, image, inspect, run, spec};

fn publishing(workspace: &str, host: Option<u16>, ip: [u8; 4]) -> ContainerSpec {
    let host_ip = IpAddr::V4(Ipv4Addr::from(ip));
    let ports = vec![Port { container: 80, host, host_ip, protocol: Protocol::Tcp }];
    ContainerSpec { ports, ..spec(workspace) }
}

#[tokio::test(start_paused = true)]
async fn ports_are_taken_at_the_start_and_given_back_at_the_end() {
    let engine = engine();
    let local = publishing("local", Some(8080), [127, 0, 0, 1]);
    let first = run(&engine, &local).await;
    for (name, ip, fits) in
        [("same", [127, 0, 0, 1], false), ("any", [0, 0, 0, 0], false), ("lan", [10, 0, 0, 1], true)]
    {
        let id = engine.create(&publishing(name, Some(8080), ip)).await.expect("a port is no matter of creation");
        let started = engine.start(&id).await;
        assert_eq!(started.is_ok(), fits, "{name}: {started:?}");
        let seen = inspect(&engine, &id).await;
        let expected = if fits { ContainerState::Running } else { ContainerState::Created };
        assert_eq!((seen.state, seen.error.contains("port is already allocated")), (expected, !fits));
    }
    engine.outside().kill("wharf-local").expect("killed");
    assert!(engine.outside().take_port(8080), "a dead container holds no port");
    assert!(matches!(engine.start(&first).await, Err(EngineError::Failed { .. })));
    assert!(engine.outside().free_port(8080));
    engine.start(&first).await.expect("started");
}

#[tokio::test(start_paused = true)]
async fn the_engine_picks_ports_that_nobody_has() {
    let engine = engine();
    assert!(engine.outside().take_port(49153));
    let mut seen = BTreeSet::new();
    for name in ["a", "b", "c"] {
        let id = run(&engine, &publishing(name, None, [127, 0, 0, 1])).await;
        seen.extend(inspect(&engine, &id).await.ports);
    }
    let expected = [49154, 49155, 49156].map(|port| format!("127.0.0.1:{port}->80/tcp"));
    assert_eq!(seen, BTreeSet::from(expected));
}

#[tokio::test(start_paused = true)]
async fn a_network_that_goes_by_force_fails_the_next_start() {
    let engine = engine();
    let network = NetworkSpec {
        name: "wharf-net".to_owned(),
        members_reach_each_other: false,
        internal: false,
        labels: spec("api").labels,
    };
    assert_eq!(engine.ensure_network(&network).await, Ok(true));
    let attachment = Attachment { network: network.name.clone(), aliases: Vec::new() };
    let id = run(&engine, &ContainerSpec { network: Some(attachment), ..spec("api") }).await;
    let first = inspect(&engine, &id).await.ip;
    assert!(first.is_some());
    assert!(engine.outside().remove_network("wharf-net"));
    engine.stop(&id, SECOND).await.expect("stopped");
    let error = engine.start(&id).await.expect_err("its network is gone");
    assert!(matches!(error, EngineError::NotFound { object: ObjectKind::Network, .. }), "{error:?}");
    assert_eq!(engine.ensure_network(&network).await, Ok(true));
    let error = engine.start(&id).await.expect_err("it is bound to the one that is gone");
    assert!(matches!(error, EngineError::NotFound { object: ObjectKind::Network, .. }), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn address_pools_end() {
    let engine = engine();
    let network = |number: usize| NetworkSpec {
        name: format!("net-{number}"),
        members_reach_each_other: true,
        internal: false,
        labels: spec("api").labels,
    };
    for number in 0..30 {
        assert_eq!(engine.ensure_network(&network(number)).await, Ok(true));
    }
    let error = engine.ensure_network(&network(30)).await.expect_err("no pool is left");
    assert!(error.to_string().contains("non-overlapping IPv4 address pool"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_pull_takes_time_and_tells_how_far_it_is() {
    let engine = Simulated::new(1).with_any_image();
    let begin = tokio::time::Instant::now();
    let steps = std::sync::Mutex::new(Vec::new());
    let note =
        |step: wharf::engine::PullProgress| steps.lock().expect("sound").push((step.fetched_bytes, begin.elapsed()));
    engine.pull(&image(), &note).await.expect("pulled");
    let quarter = |number: u32| (u64::from(number) * (16 << 20), SECOND / 4 * number);
    assert_eq!(*steps.lock().expect("sound"), [1, 2, 3, 4].map(quarter));
    let first = engine.image(&image()).await.expect("asked");
    assert!(first.is_some());

    engine.pull(&image(), &|_| {}).await.expect("nothing new");
    assert_eq!((engine.image(&image()).await.expect("asked"), begin.elapsed()), (first.clone(), SECOND));
    engine.outside().push(&image());
    engine.pull(&image(), &|_| {}).await.expect("a new version");
    assert_ne!(engine.image(&image()).await.expect("asked"), first);

    engine.outside().refuse_pull(&image(), "toomanyrequests: slow down");
    let error = engine.pull(&image(), &|_| {}).await.expect_err("refused");
    assert!(matches!(error, EngineError::Busy { .. }), "{error:?}");
    assert!(engine.outside().remove_image(&image()));
    assert_eq!(engine.image(&image()).await, Ok(None));
}
