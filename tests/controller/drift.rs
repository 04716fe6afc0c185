//! What people do to containers behind the controller's back: told as an event and undone, also when the engine's own event
//! about it is lost.

use std::time::Duration;

use super::rig::Rig;
use wharf::engine::Limits;
use wharf::engine::simulated::{EventFault, EventRule, Outside};
use wharf::model::event::EventReason;
use wharf::model::quantity::Memory;
use wharf::model::status::ContainerState;

const SPEC: &str = "image: debian:12, resources: {memory: 256Mi}";

fn limits(memory: u64) -> Limits {
    Limits { memory: Some(Memory::from_bytes(memory << 20)), ..Limits::default() }
}

fn memory(rig: &Rig) -> Option<u64> {
    rig.container("wharf-box")?.limits.memory.map(|memory| memory.bytes() >> 20)
}

/// Something a person does to a container that runs, and the event that tells of it.
struct Deed {
    what: &'static str,
    act: fn(Outside<'_>),
    reason: EventReason,
    words: &'static str,
}

const DEEDS: [Deed; 8] = [
    Deed {
        what: "kill",
        act: |person| person.kill("wharf-box").expect("it runs"),
        reason: EventReason::Died,
        words: "exited with code 137",
    },
    Deed {
        what: "stop",
        act: |person| person.stop("wharf-box").expect("it runs"),
        reason: EventReason::Died,
        words: "exited with code 0",
    },
    Deed {
        what: "pause",
        act: |person| person.pause("wharf-box").expect("it runs"),
        reason: EventReason::Drift,
        words: "wharf-box: paused",
    },
    Deed {
        what: "rename",
        act: |person| person.rename("wharf-box", "mine").expect("it exists"),
        reason: EventReason::Drift,
        words: "mine: renamed",
    },
    Deed {
        what: "remove",
        act: |person| person.remove("wharf-box").expect("it exists"),
        reason: EventReason::Drift,
        words: "no container exists",
    },
    Deed {
        what: "lower a limit",
        act: |person| person.update("wharf-box", &limits(128)).expect("it exists"),
        reason: EventReason::Drift,
        words: "memory is 128Mi, declared 256Mi",
    },
    Deed {
        what: "lower a limit and let the engine restart it",
        act: |person| {
            person.update("wharf-box", &limits(128)).expect("it exists");
            person.let_engine_restart("wharf-box").expect("it exists");
        },
        reason: EventReason::Drift,
        words: "memory is 128Mi, declared 256Mi",
    },
    Deed {
        what: "leave it dead",
        act: |person| assert!(person.leave("wharf-box", ContainerState::Dead)),
        reason: EventReason::Drift,
        words: "dead",
    },
];

fn is_repaired(rig: &Rig) -> bool {
    rig.is_running("wharf-box")
        && memory(rig) == Some(256)
        && !rig.container("wharf-box").is_some_and(|it| it.engine_restarts)
        && rig.engine.snapshot().len() == 1
}

#[tokio::test(start_paused = true)]
async fn every_deed_is_told_and_undone_at_once() {
    for Deed { what, act, reason, words } in DEEDS {
        let rig = Rig::running(&[("box", SPEC)]).await;
        act(rig.engine.outside());
        rig.pass(Duration::from_millis(100)).await;
        assert!(is_repaired(&rig), "{what}\n{}", rig.picture());
        rig.until_ready(&["box"]).await;
        assert!(rig.has_event("box", reason, words), "{what}: {:#?}", rig.events("box"));
        rig.assert_lawful();
    }
}

#[tokio::test(start_paused = true)]
async fn a_deed_whose_event_is_lost_is_undone_within_one_resync() {
    for Deed { what, act, reason, words } in DEEDS.into_iter().filter(|deed| !deed.what.contains("limit")) {
        let rig = Rig::running(&[("box", SPEC)]).await;
        rig.engine.inject_event(EventRule::new(EventFault::Drop));
        act(rig.engine.outside());
        rig.pass(Duration::from_secs(31)).await;
        assert!(is_repaired(&rig), "{what}\n{}", rig.picture());
        assert!(rig.has_event("box", reason, words), "{what}: {:#?}", rig.events("box"));
        rig.assert_lawful();
    }
}

#[tokio::test(start_paused = true)]
async fn a_limit_whose_change_was_not_told_is_put_right_within_one_audit() {
    let mut rig = Rig::with_options(|options| options.audit = Duration::from_secs(120));
    rig.declare("box", SPEC);
    rig.start();
    rig.until_ready(&["box"]).await;
    rig.engine.inject_event(EventRule::new(EventFault::Drop));
    rig.engine.outside().update("wharf-box", &limits(128)).expect("it exists");
    rig.pass(Duration::from_secs(121)).await;
    assert_eq!(memory(&rig), Some(256));
}

#[tokio::test(start_paused = true)]
async fn a_limit_that_is_not_declared_takes_a_new_container_to_lift() {
    let rig = Rig::running(&[("box", "image: debian:12")]).await;
    let id = rig.id("wharf-box");
    rig.engine.outside().update("wharf-box", &limits(128)).expect("it exists");
    rig.until("no limit", |rig| rig.is_running("wharf-box") && memory(rig).is_none()).await;
    rig.until_ready(&["box"]).await;
    assert_ne!(rig.id("wharf-box"), id);
    assert!(rig.has_event("box", EventReason::Drift, "limit"), "{:#?}", rig.events("box"));
    rig.assert_lawful();
}

#[tokio::test(start_paused = true)]
async fn a_person_may_change_a_limit_right_after_we_did() {
    let mut rig = Rig::running(&[("box", SPEC)]).await;
    rig.declare("box", "image: debian:12, resources: {memory: 512Mi}");
    rig.until("our limit", |rig| memory(rig) == Some(512)).await;
    rig.engine.outside().update("wharf-box", &limits(128)).expect("it exists");
    rig.pass(Duration::from_secs(1)).await;
    assert_eq!(memory(&rig), Some(512), "{}", rig.picture());
}

#[tokio::test(start_paused = true)]
async fn what_is_declared_stopped_is_stopped_again_when_somebody_starts_it() {
    let mut rig = Rig::running(&[("box", SPEC)]).await;
    rig.declare("box", &format!("{SPEC}, state: Stopped"));
    rig.until_reconciled("box", 2).await;
    rig.engine.outside().start("wharf-box").expect("it exists");
    rig.until("stopped", |rig| rig.container("wharf-box").is_some_and(|it| it.state == ContainerState::Exited)).await;
    rig.until_reconciled("box", 2).await;
    assert!(rig.has_event("box", EventReason::Drift, "declared Stopped"), "{:#?}", rig.events("box"));
}

#[tokio::test(start_paused = true)]
async fn what_the_manifest_asks_for_is_no_drift() {
    let mut rig = Rig::running(&[("box", SPEC)]).await;
    rig.declare("box", "image: debian:12, resources: {memory: 512Mi}");
    rig.until_reconciled("box", 2).await;
    rig.declare("box", "image: debian:13, resources: {memory: 512Mi}");
    rig.until_reconciled("box", 3).await;
    rig.declare("box", "image: debian:13, state: Archived");
    rig.until_reconciled("box", 4).await;
    rig.declare("box", "image: debian:13");
    rig.until_reconciled("box", 5).await;
    rig.settle().await;
    let odd: Vec<String> =
        rig.events("box").into_iter().filter(|event| event.starts_with("Drift") || event.starts_with("Died")).collect();
    assert!(odd.is_empty(), "{odd:?}");
}

#[tokio::test(start_paused = true)]
async fn the_network_taken_away_is_made_again_with_a_new_container() {
    let rig = Rig::running(&[("box", SPEC)]).await;
    let network = rig.engine.network_names().pop().expect("a network");
    assert!(rig.engine.outside().remove_network(&network));
    rig.engine.outside().kill("wharf-box").expect("it runs");
    rig.until("running again", is_repaired).await;
    rig.until_ready(&["box"]).await;
    assert_eq!(rig.engine.network_names(), [network]);
    rig.assert_lawful();
}

#[tokio::test(start_paused = true)]
async fn a_removed_image_is_pulled_again() {
    let rig = Rig::running(&[("box", SPEC)]).await;
    assert!(rig.engine.outside().remove_image(&"debian:12".parse().expect("a reference")));
    rig.engine.outside().remove("wharf-box").expect("it exists");
    rig.until("running again", is_repaired).await;
    rig.until_ready(&["box"]).await;
}
