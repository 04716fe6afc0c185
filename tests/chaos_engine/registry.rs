//! Row 23: a registry on bad days. On this machine's engine: a private one has a loopback of its own.

use std::time::{Duration, Instant};

use wharf::model::event::EventReason;
use wharf::model::status::{ConditionStatus, ConditionType, ErrorClass, RetryStatus};

use crate::manifest::Manifest;
use crate::support::gate::{Asked, Gate, Mood};
use crate::support::real::docker;
use crate::support::registry::{Pulled, Registry};
use crate::support::tell::tell;
use crate::trial::seconds;
use crate::world::{World, eventually, until};

/// Of one image, all of them.
const WAITING: [&str; 3] = ["one", "two", "three"];

/// How long the registry takes over an answer when it is slow.
const SLOW: Duration = Duration::from_secs(1);

fn pulling(name: &str, image: &str) -> Manifest {
    let recovery = "{backoff: {initial: 500ms, max: 1s}}";
    Manifest::named(name).with("image", image).with("recovery", recovery)
}

/// Whether no two of these were being answered at the same time.
fn one_at_a_time(asked: &[Asked]) -> bool {
    let mut sorted: Vec<&Asked> = asked.iter().collect();
    sorted.sort_by_key(|it| it.from);
    sorted.windows(2).all(|pair| pair[0].until <= pair[1].from)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_that_refuses_is_waited_for() {
    let registry = Registry::start();
    registry.push("moody");
    let gate = Gate::before(registry.port).await;
    let image = gate.image("moody");
    let _pulled = Pulled(vec![image.clone()]);
    for (mood, fault, words) in [
        (Mood::Unauthorized, "registry answers 401", "no basic auth credentials"),
        (Mood::Missing, "registry answers 404", "manifest unknown"),
        (Mood::TooManyRequests, "registry answers 429", "toomanyrequests"),
    ] {
        let world = World::new();
        gate.set(mood);
        gate.take_asked();
        let refused_before = gate.refused();
        for name in WAITING {
            world.declare(name, &pulling(name, &image));
        }
        world.declare("works", &Manifest::named("works"));
        let controller = world.start(&["--resync", "500ms"]);
        world.until_ready("works", 1);
        for name in WAITING {
            waits(&world, name, &image, words);
        }
        let asked = gate.take_asked();
        assert!(one_at_a_time(&asked), "{asked:#?}");
        let refused = gate.refused() - refused_before;
        world.until_ready("works", 1);

        gate.set(Mood::Well);
        let start = Instant::now();
        for name in WAITING {
            let status = world.until_ready(name, 1);
            assert_eq!(status.status.retry, None);
        }
        let took = start.elapsed();
        let pulls = gate.take_asked().iter().filter(|it| it.path.ends_with("/moody")).count();
        assert!(pulls <= 1 + WAITING.len(), "one pull an image: {pulls}");
        controller.stop();
        drop(world);
        // The next mood is to be met by a pull.
        docker(&["rmi", &image]);
        tell(23, fault, refused, &format!("others went on; class Network; Ready {} after", seconds(took)));
    }
}

/// Waits until a workspace has been told often enough why it waits.
fn waits(world: &World, name: &str, image: &str, words: &str) {
    let retry: RetryStatus = eventually("it is tried again and again", || {
        world.status(name)?.status.retry.filter(|retry| retry.attempts >= 3)
    });
    assert_eq!(retry.last_error.class, ErrorClass::Network);
    let message = &retry.last_error.message;
    assert!(message.contains(image) && message.contains(words), "{message}");
    assert!(retry.next_attempt_time.is_some(), "it is tried again by itself");
    let condition = world.until_condition(name, ConditionType::Reconciled, "ActionFailed");
    assert_eq!(condition.status, ConditionStatus::False);
    assert!(world.container(name).is_none(), "there is nothing to make it from");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_registry_is_asked_once_for_all_who_wait() {
    let registry = Registry::start();
    registry.push("slow");
    let gate = Gate::before(registry.port).await;
    let image = gate.image("slow");
    let _pulled = Pulled(vec![image.clone()]);
    gate.set(Mood::Slow(SLOW));
    let world = World::new();
    for name in WAITING {
        world.declare(name, &pulling(name, &image));
    }
    let controller = world.start(&["--resync", "500ms", "--concurrency", "1"]);
    until("it is pulled", || {
        let reason = |name| world.condition(name, ConditionType::Reconciled).map(|it| it.reason.to_string());
        WAITING.iter().any(|name| reason(name).as_deref() == Some("PullingImage"))
    });
    let start = Instant::now();
    world.declare("works", &Manifest::named("works"));
    world.until_ready("works", 1);
    let others = start.elapsed();
    assert!(WAITING.iter().all(|name| world.container(name).is_none()), "the registry is still at it");
    for name in WAITING {
        world.until_ready(name, 1);
    }
    let took = start.elapsed();
    let asked = gate.take_asked();
    let manifests = asked.iter().filter(|it| it.path.ends_with("/slow")).count();
    assert_eq!(manifests, 1, "one pull for all: {asked:#?}");
    let pulled = |name| {
        world.status(name).is_some_and(|it| it.status.events.iter().any(|event| event.reason == EventReason::Pulled))
    };
    assert!(WAITING.iter().any(|name| pulled(name)));
    controller.stop();
    let outcome = format!(
        "one pull for {}; another workspace Ready after {}, all after {}",
        WAITING.len(),
        seconds(others),
        seconds(took)
    );
    tell(23, "registry answers each request after 1 s", asked.len(), &outcome);
}
