//! Properties over many seeds: the same trace each time, and a state without contradictions.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use proptest::prelude::*;
use wharf::engine::simulated::{Behaviour, Simulated};
use wharf::engine::{ContainerSpec, Engine, Limits};
use wharf::model::quantity::Memory;
use wharf::model::spec::{Port, Protocol};
use wharf::model::status::ContainerState;

use crate::bench::{SECOND, checked, engine, image, instance, spec};

/// One step of a driver that knows containers by workspace only.
#[derive(Clone, Copy, Debug)]
enum Step {
    Create,
    Start,
    Stop,
    Remove,
    Rename,
    Update,
    List,
    Pause,
    Kill,
    Wait,
    Outage,
}

fn steps() -> impl Strategy<Value = Vec<(Step, usize)>> {
    use Step::{Create, Kill, List, Outage, Pause, Remove, Rename, Start, Stop, Update, Wait};
    let step = prop_oneof![
        6 => Just(Create),
        6 => Just(Start),
        10 => prop::sample::select(vec![Stop, Remove, Rename, Update, List, Pause, Kill, Wait]),
        1 => Just(Outage),
    ];
    prop::collection::vec((step, 0..WORKSPACES.len()), 1..60)
}

const WORKSPACES: [&str; 3] = ["api", "db", "web"];

/// Containers with checks, and one host port that two of them want.
fn contended(workspace: usize) -> ContainerSpec {
    let host_ip = [127, 0, 0, 1].into();
    let port = |host| Port { container: 80, host, host_ip, protocol: Protocol::Tcp };
    let ports = vec![port((workspace < 2).then_some(8080)), port(None)];
    ContainerSpec { ports, ..checked(WORKSPACES[workspace], "/bin/true") }
}

async fn take(engine: &Simulated, step: Step, workspace: usize) {
    let spec = contended(workspace);
    let outside = engine.outside();
    let id = engine.find_by_name(&spec.name).await.map(|found| found.id).unwrap_or_default();
    // Errors are part of the trace: the engine's log holds them.
    let _ = match step {
        Step::Create => engine.create(&spec).await.map(drop),
        Step::Start => engine.start(&id).await,
        Step::Stop => engine.stop(&id, SECOND).await,
        Step::Remove => engine.remove(&id).await,
        Step::Rename => engine.rename(&id, &format!("{}-x", spec.name)).await,
        Step::Update => {
            engine.update(&id, &Limits { memory: Some(Memory::from_bytes(64 << 20)), ..Limits::default() }).await
        }
        Step::List => engine.list(&instance()).await.map(drop),
        Step::Pause => outside.pause(&spec.name),
        Step::Kill => outside.kill(&spec.name),
        Step::Wait => {
            tokio::time::sleep(SECOND * 7).await;
            Ok(())
        }
        Step::Outage => {
            engine.stop_engine();
            tokio::time::sleep(SECOND).await;
            engine.start_engine();
            Ok(())
        }
    };
}

/// Everything there is to see of a run, as text.
async fn trace(seed: u64, steps: &[(Step, usize)]) -> String {
    let engine = Simulated::new(seed).with_image(&image()).with_latency(Duration::from_millis(50));
    engine.script("db", Behaviour::exits(SECOND * 9, 1));
    engine.inject_weather(40);
    let mut received = Vec::new();
    let reading = async {
        loop {
            let mut events = engine.events(&instance());
            while let Some(item) = events.next().await {
                received.push(item);
            }
            tokio::time::sleep(SECOND).await;
        }
    };
    let driving = |half: usize| {
        let engine = &engine;
        async move {
            for (step, workspace) in steps.iter().skip(half).step_by(2) {
                take(engine, *step, *workspace).await;
                check(engine);
            }
        }
    };
    let both = futures_util::future::join(driving(0), driving(1));
    tokio::select! { biased; _ = both => {}, () = reading => {} }
    format!("{:#?}\n{:#?}\n{received:#?}\n{:#?}", engine.calls(), engine.emitted(), engine.snapshot())
}

/// What holds in every state of an engine.
fn check(engine: &Simulated) {
    let all = engine.snapshot();
    let distinct = |texts: Vec<&str>| texts.iter().collect::<BTreeSet<_>>().len() == texts.len();
    assert!(distinct(all.iter().map(|container| container.id.as_str()).collect()), "{all:#?}");
    assert!(distinct(all.iter().map(|container| container.name.as_str()).collect()), "{all:#?}");
    let ports = all.iter().flat_map(|container| &container.ports);
    assert!(distinct(ports.filter_map(|port| port.split("->").next()).collect()), "{all:#?}");
    for container in &all {
        let lives = matches!(container.state, ContainerState::Running | ContainerState::Paused);
        assert_eq!(container.ports.is_empty(), !lives, "{container:#?}");
        assert_eq!(container.exit_code.is_some(), container.state == ContainerState::Exited, "{container:#?}");
        assert_eq!(container.started_at.is_some(), container.state != ContainerState::Created, "{container:#?}");
        // A running container shows the end of the run before.
        assert!(!lives || container.started_at >= container.finished_at, "{container:#?}");
    }
    let emitted = engine.emitted();
    assert!(emitted.windows(2).all(|pair| pair[0].at < pair[1].at), "{emitted:#?}");
}

fn paused<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.expect("a runtime").block_on(future)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn the_same_seed_gives_the_same_trace(seed: u64, steps in steps()) {
        let first = paused(trace(seed, &steps));
        prop_assert_eq!(first, paused(trace(seed, &steps)));
    }
}

#[test]
fn another_seed_gives_another_trace() {
    let steps = [Step::Create, Step::Start, Step::List].map(|step| (step, 0)).repeat(5);
    assert_ne!(paused(trace(1, &steps)), paused(trace(2, &steps)));
}

/// Not a benchmark: it prints what one machine did, and fails only if the count is wrong.
#[tokio::test(start_paused = true)]
async fn ten_thousand_lives_are_cheap() {
    const LIVES: usize = 10_000;
    let engine = engine();
    let begin = Instant::now();
    for _ in 0..LIVES {
        let id = engine.create(&spec("api")).await.expect("created");
        engine.start(&id).await.expect("started");
        engine.inspect(&id).await.expect("inspected");
        engine.remove(&id).await.expect("removed");
    }
    println!("{LIVES} lives of 4 calls in {:?}", begin.elapsed());
    assert_eq!(engine.calls().len(), 4 * LIVES);
    assert_eq!((engine.snapshot().len(), engine.violations().len()), (0, 0));

    let begin = Instant::now();
    for number in 0..LIVES {
        let id = engine.create(&spec(&format!("box-{number}"))).await.expect("created");
        engine.start(&id).await.expect("started");
    }
    println!("{LIVES} containers side by side in {:?}", begin.elapsed());
    let begin = Instant::now();
    assert_eq!(engine.list(&instance()).await.expect("listed").len(), LIVES);
    println!("listed in {:?}", begin.elapsed());
}
