//! Images from a registry.

use wharf::model::event::EventReason;
use wharf::model::status::{ConditionStatus, ConditionType, ErrorClass};

use crate::manifest::Manifest;
use crate::support::real::docker;
use crate::support::registry::{Pulled, Registry};
use crate::world::{World, signal_to, until};

#[test]
fn an_image_is_pulled_and_its_progress_told() {
    let registry = Registry::start();
    let image = registry.push("good");
    let _pulled = Pulled(vec![image.clone()]);
    let world = World::new();
    // Nothing is answered yet, so that there is time to look.
    signal_to(&registry.server, "STOP");
    world.declare("box", &Manifest::named("box").with("image", &image));
    let _controller = world.start(&[]);
    let pulling = world.until_condition("box", ConditionType::Reconciled, "PullingImage");
    assert!(pulling.message.contains(&image), "{}", pulling.message);
    signal_to(&registry.server, "CONT");
    let status = world.until_ready("box", 1);
    let told =
        |reason| status.status.events.iter().any(|event| event.reason == reason && event.message.contains(&image));
    assert!(told(EventReason::Pulled), "{:?}", status.status.events);
    let mark = docker(&["exec", &world.object("box"), "cat", "/mark"]);
    assert_eq!(mark, format!("good of {}", registry.port));
}

#[test]
fn an_image_that_is_missing_holds_back_only_its_own_workspace() {
    let registry = Registry::start();
    let image = registry.image("late");
    let _pulled = Pulled(vec![image.clone()]);
    let world = World::new();
    let waits = Manifest::named("waits").with("image", &image).with("recovery", "{backoff: {initial: 500ms, max: 1s}}");
    world.declare("waits", &waits);
    world.declare("works", &Manifest::named("works"));
    let _controller = world.start(&[]);
    world.until_ready("works", 1);
    let failed = world.until_condition("waits", ConditionType::Reconciled, "ActionFailed");
    assert_eq!(failed.status, ConditionStatus::False);
    let retries = |at_least: u32| {
        let retry = world.status("waits").and_then(|status| status.status.retry);
        retry.filter(|retry| retry.attempts >= at_least)
    };
    until("it is tried again", || retries(2).is_some());
    let retry = retries(2).expect("it was just there");
    assert_eq!(retry.last_error.class, ErrorClass::Network);
    assert!(retry.last_error.message.contains(&image), "{}", retry.last_error.message);
    assert!(retry.next_attempt_time.is_some());

    registry.push("late");
    let status = world.until_ready("waits", 1);
    assert_eq!(status.status.retry, None);
}
