//! An engine that is away, or does not answer.

use std::os::unix::fs::symlink;
use std::time::{Duration, Instant};

use wharf::model::status::{ConditionType, Phase};

use crate::manifest::Manifest;
use crate::support::proxy::Proxy;
use crate::world::World;

/// A command that reads does not wait for the engine.
const AT_ONCE: Duration = Duration::from_secs(2);

/// A call that gets no answer is given up after ten seconds, and a resync comes every second.
const NOTICED_WITHIN: Duration = Duration::from_secs(20);

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_that_comes_later_is_waited_for() {
    let world = World::new();
    world.declare("box", &Manifest::named("box"));
    let socket = world.beside_source("engine.sock");
    let _controller = world.start(&["--host", &format!("unix://{}", socket.display())]);
    world.until_phase("box", Phase::Unknown);
    world.until_condition("box", ConditionType::Ready, "EngineUnreachable");

    let proxy = Proxy::start();
    symlink(proxy.socket(), &socket).expect("linked");
    world.until_phase("box", Phase::Active);
    world.until_ready("box", 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_that_does_not_answer_is_noticed_and_nothing_is_done() {
    let world = World::new();
    let proxy = Proxy::start();
    world.declare("box", &Manifest::named("box"));
    let _controller = world.start(&["--host", &proxy.host(), "--resync", "1s"]);
    let before = world.until_ready("box", 1);

    proxy.freeze(true);
    let start = Instant::now();
    world.until_phase("box", Phase::Unknown);
    let took = start.elapsed();
    println!("noticed after {} ms", took.as_millis());
    assert!(took < NOTICED_WITHIN);
    let status = world.status("box").expect("a status");
    let id = |status: &wharf::model::WorkspaceStatus| status.status.container.as_ref().map(|it| it.id.clone());
    assert_eq!(id(&status), id(&before), "the last known container is kept");

    let start = Instant::now();
    let get = world.wharf("get", &["box"]);
    assert!(start.elapsed() < AT_ONCE);
    assert_eq!(get.code, 0, "{get:?}");
    assert!(get.stdout.contains("Unknown"), "{get:?}");

    // What people ask for meanwhile is done when the engine is back.
    proxy.take_calls();
    world.declare("box", &Manifest::named("box").with("resources", "{memory: 64Mi}"));
    world.until_condition("box", ConditionType::Accepted, "Valid");
    proxy.freeze(false);
    world.until_ready("box", 2);
    assert_eq!(Some(world.id("box")), id(&before), "the same container");
    let calls = proxy.take_calls();
    assert!(!calls.iter().any(|call| call.starts_with("DELETE") || call.ends_with("/create")), "{calls:?}");
}
