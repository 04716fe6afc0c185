//! `dependsOn`: started after these are Ready, and not stopped with them.

use std::time::Duration;

use super::rig::Rig;
use wharf::engine::simulated::Operation;
use wharf::model::status::{ConditionType, Phase};

const SPEC: &str = "image: debian:12";
const CHECKED: &str = "image: debian:12, healthCheck: {command: [/bin/true], interval: 7s}";

/// The objects of the start calls, in order.
fn started(rig: &Rig) -> Vec<String> {
    let calls = rig.engine.calls();
    calls.iter().filter(|call| call.operation == Operation::Start).map(|call| call.object.clone()).collect()
}

#[tokio::test(start_paused = true)]
async fn the_order_is_that_of_the_dependencies() {
    let mut rig = Rig::new();
    rig.declare("a", &format!("{SPEC}, dependsOn: [b, c]"));
    rig.declare("b", &format!("{SPEC}, dependsOn: [d]"));
    rig.declare("c", &format!("{SPEC}, dependsOn: [d]"));
    rig.declare("d", SPEC);
    rig.start();
    rig.until_ready(&["a", "b", "c", "d"]).await;
    let order = started(&rig);
    assert_eq!((order[0].as_str(), order[3].as_str(), order.len()), ("wharf-d", "wharf-a", 4));
}

#[tokio::test(start_paused = true)]
async fn health_is_waited_for() {
    let mut rig = Rig::new();
    rig.declare("web", &format!("{SPEC}, dependsOn: [db]"));
    rig.declare("db", CHECKED);
    rig.start();
    let waiting = rig.until_condition("web", ConditionType::Reconciled, "WaitingForDependency").await;
    assert!(waiting.message.contains("db"), "{}", waiting.message);
    rig.until_ready(&["db", "web"]).await;
    let times = rig.times_of(Operation::Start, 0);
    assert!(times[1] - times[0] >= 7.0 && times[1] - times[0] < 7.1, "{times:?}");
}

#[tokio::test(start_paused = true)]
async fn a_dependency_that_is_not_declared_is_waited_for() {
    let mut rig = Rig::new();
    rig.declare("web", &format!("{SPEC}, dependsOn: [db]"));
    rig.start();
    rig.until_condition("web", ConditionType::Reconciled, "WaitingForDependency").await;
    let count = rig.count();
    rig.pass(Duration::from_secs(100)).await;
    assert!(rig.calls_since(count).iter().all(|call| call == "list"));
    rig.declare("db", SPEC);
    rig.until_ready(&["db", "web"]).await;
}

#[tokio::test(start_paused = true)]
async fn a_dependency_that_goes_down_later_takes_nobody_with_it() {
    let mut rig = Rig::running(&[("db", SPEC), ("web", &format!("{SPEC}, dependsOn: [db]"))]).await;
    let mutations = rig.engine.mutations();
    rig.declare("db", &format!("{SPEC}, state: Stopped"));
    rig.until_reconciled("db", 2).await;
    rig.pass(Duration::from_secs(60)).await;
    assert_eq!(rig.engine.mutations(), mutations + 1);
    assert!(rig.is_running("wharf-web"));
    assert!(rig.status("web").is_some_and(|it| it.status.is(ConditionType::Ready) && it.status.phase == Phase::Active));
    // What ends meanwhile waits for it, as at the beginning.
    rig.engine.outside().kill("wharf-web").expect("it runs");
    rig.until_condition("web", ConditionType::Reconciled, "WaitingForDependency").await;
    rig.declare("db", SPEC);
    rig.until_ready(&["db", "web"]).await;
}

#[tokio::test(start_paused = true)]
async fn a_dependency_that_is_deleted_takes_nobody_with_it() {
    let mut rig = Rig::running(&[("db", SPEC), ("web", &format!("{SPEC}, dependsOn: [db]"))]).await;
    rig.delete("db.yaml");
    rig.until("db is gone", |rig| rig.status("db").is_none()).await;
    rig.pass(Duration::from_secs(60)).await;
    assert!(rig.is_running("wharf-web"));
    // A new container of it waits; the old one runs as long.
    rig.declare("web", "image: debian:13, dependsOn: [db]");
    rig.until_condition("web", ConditionType::Reconciled, "WaitingForDependency").await;
    assert!(rig.container("wharf-web").is_some_and(|it| it.image == "debian:12") && rig.is_running("wharf-web"));
    rig.declare("web", "image: debian:13");
    rig.until("replaced", |rig| rig.container("wharf-web").is_some_and(|it| it.image == "debian:13")).await;
}

#[tokio::test(start_paused = true)]
async fn after_a_restart_of_engine_and_controller_the_order_holds() {
    let mut rig = Rig::running(&[("db", CHECKED), ("web", &format!("{SPEC}, dependsOn: [db]"))]).await;
    rig.kill().await;
    rig.engine.kill_engine();
    rig.engine.start_engine();
    let count = rig.count();
    rig.start();
    rig.until("both run", |rig| rig.is_running("wharf-db") && rig.is_running("wharf-web")).await;
    let times = rig.times_of(Operation::Start, count);
    assert!(times[1] - times[0] >= 7.0, "{times:?}\n{}", rig.picture());
}
