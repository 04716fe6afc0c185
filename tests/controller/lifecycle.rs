//! From a manifest to a container and back.

use std::time::Duration;

use super::rig::Rig;
use wharf::model::status::Phase;

#[tokio::test(start_paused = true)]
async fn a_new_image_gets_a_new_container_under_the_same_name() {
    let mut rig = Rig::new();
    rig.declare("box", "image: debian:12");
    rig.start();
    rig.until_ready(&["box"]).await;
    let id = rig.id("wharf-box");
    rig.declare("box", "image: debian:13");
    rig.until("another container", |rig| rig.is_running("wharf-box") && rig.id("wharf-box") != id).await;
    rig.until_ready(&["box"]).await;
    assert_eq!(rig.engine.snapshot().len(), 1, "{}", rig.picture());
    assert!(rig.engine.violations().is_empty(), "{:?}", rig.engine.violations());
    rig.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_deleted_manifest_takes_its_container_with_it() {
    let mut rig = Rig::new();
    rig.declare("box", "image: debian:12");
    rig.declare("other", "image: debian:12");
    rig.start();
    rig.until_ready(&["box", "other"]).await;
    rig.delete("box.yaml");
    rig.until("the container is gone", |rig| rig.container("wharf-box").is_none()).await;
    rig.until("the status is gone", |rig| rig.status("box").is_none()).await;
    assert!(rig.is_running("wharf-other"));
    rig.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_people_do_by_hand_is_repaired() {
    let mut rig = Rig::new();
    rig.declare("box", "image: debian:12");
    rig.start();
    rig.until_ready(&["box"]).await;
    rig.engine.outside().kill("wharf-box").expect("it runs");
    rig.until("running again", |rig| rig.is_running("wharf-box")).await;
    rig.until_ready(&["box"]).await;
    rig.engine.outside().pause("wharf-box").expect("it runs");
    rig.until("running again", |rig| rig.is_running("wharf-box")).await;
    rig.until_ready(&["box"]).await;
    rig.engine.outside().rename("wharf-box", "mine").expect("it exists");
    rig.until("its name again", |rig| rig.is_running("wharf-box")).await;
    rig.engine.outside().remove("wharf-box").expect("it exists");
    rig.until("there again", |rig| rig.is_running("wharf-box")).await;
    rig.until_ready(&["box"]).await;
    rig.stop().await;
}

#[tokio::test(start_paused = true)]
async fn the_engine_away_is_unknown_and_back_is_active() {
    let mut rig = Rig::new();
    rig.declare("box", "image: debian:12");
    rig.start();
    rig.until_ready(&["box"]).await;
    rig.engine.kill_engine();
    rig.until_phase("box", Phase::Unknown).await;
    assert!(rig.status("box").expect("a status").status.container.is_some());
    rig.engine.start_engine();
    rig.until_ready(&["box"]).await;
    rig.until_phase("box", Phase::Active).await;
    rig.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_predecessor_runs_while_its_replacement_fails_to_start() {
    let mut rig = Rig::new();
    rig.declare("box", "image: debian:12");
    rig.start();
    rig.until_ready(&["box"]).await;
    let id = rig.id("wharf-box");
    rig.declare("box", "image: debian:12, command: [/nonexistent/program]");
    rig.until("a failed start", |rig| {
        rig.status("box").is_some_and(|it| it.status.retry.is_some_and(|retry| retry.attempts >= 2))
    })
    .await;
    rig.until("the predecessor runs", |rig| rig.engine.snapshot().iter().any(|it| it.id == id && is_up(it))).await;
    rig.pass(Duration::from_secs(600)).await;
    rig.until("the predecessor runs", |rig| rig.engine.snapshot().iter().any(|it| it.id == id && is_up(it))).await;
    let count = rig.engine.mutations();
    rig.pass(Duration::from_secs(600)).await;
    assert_eq!(rig.engine.mutations(), count, "after maxRetries it waits for the manifest");
    rig.declare("box", "image: debian:13");
    rig.until_ready(&["box"]).await;
    assert_eq!(rig.engine.snapshot().len(), 1, "{}", rig.picture());
    rig.stop().await;
}

fn is_up(container: &wharf::engine::ContainerDetail) -> bool {
    container.state == wharf::model::status::ContainerState::Running
}
