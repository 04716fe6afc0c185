//! A group's network lasts as long as a workspace names it or is on it: an engine has addresses for few networks only.

use super::rig::Rig;
use wharf::engine::simulated::{CallRule, Fault, Operation, Refusal};

fn group(name: &str) -> String {
    format!("image: debian:12, network: {{mode: Group, group: {name}}}")
}

/// The networks there are, without the instance.
fn networks(rig: &Rig) -> Vec<String> {
    let names = rig.engine.network_names();
    names.iter().filter_map(|name| name.split_once('.')).map(|(_, suffix)| suffix.to_owned()).collect()
}

#[tokio::test(start_paused = true)]
async fn moving_from_group_to_group_leaves_no_network_behind() {
    let mut rig = Rig::running(&[("box", &group("a"))]).await;
    for (name, generation) in [("b", 2), ("c", 3)] {
        rig.declare("box", &group(name));
        rig.until_reconciled("box", generation).await;
        assert_eq!(networks(&rig), [format!("group.{name}")], "{}", rig.picture());
    }
    rig.declare("box", "image: debian:12, network: {mode: None}");
    rig.until_reconciled("box", 4).await;
    assert_eq!(networks(&rig), [""; 0], "{}", rig.picture());
    rig.assert_lawful();
}

#[tokio::test(start_paused = true)]
async fn a_network_goes_with_the_last_workspace_that_moves() {
    let mut rig = Rig::running(&[("box", &group("a")), ("other", &group("a"))]).await;
    rig.declare("box", &group("b"));
    rig.until_reconciled("box", 2).await;
    assert_eq!(networks(&rig), ["group.a", "group.b"]);
    rig.declare("other", &group("b"));
    rig.until_reconciled("other", 2).await;
    assert_eq!(networks(&rig), ["group.b"], "{}", rig.picture());
    // Both at once: each tries, and the engine lets the last one succeed.
    rig.declare("box", &group("c"));
    rig.declare("other", &group("c"));
    rig.until_reconciled("box", 3).await;
    rig.until_reconciled("other", 3).await;
    rig.until_ready(&["box", "other"]).await;
    assert_eq!(networks(&rig), ["group.c"], "{}", rig.picture());
    rig.assert_lawful();
}

#[tokio::test(start_paused = true)]
async fn the_network_that_all_isolated_workspaces_share_stays() {
    let mut rig = Rig::running(&[("box", "image: debian:12")]).await;
    rig.declare("box", &group("a"));
    rig.until_reconciled("box", 2).await;
    assert_eq!(networks(&rig), ["group.a", "isolated"]);
    rig.declare("box", "image: debian:12");
    rig.until_reconciled("box", 3).await;
    assert_eq!(networks(&rig), ["isolated"], "{}", rig.picture());
    rig.assert_lawful();
}

#[tokio::test(start_paused = true)]
async fn a_crash_before_the_predecessor_is_removed_leaves_no_network_behind() {
    let mut rig = Rig::running(&[("box", &group("a"))]).await;
    rig.engine.inject(CallRule::new(Fault::Hang).on(Operation::Remove).times(1));
    rig.declare("box", &group("b"));
    rig.until("its replacement runs", |rig| rig.is_running("wharf-box.next")).await;
    rig.kill().await;
    rig.start();
    rig.until_reconciled("box", 2).await;
    assert_eq!(networks(&rig), ["group.b"], "{}", rig.picture());
    rig.assert_lawful();
}

#[tokio::test(start_paused = true)]
async fn a_predecessor_that_may_have_to_run_again_keeps_its_network() {
    let mut rig = Rig::running(&[("box", &group("a")), ("other", &group("a"))]).await;
    let refusal = Fault::Refuse(Refusal::Failed("exec: no such file".to_owned()));
    rig.engine.inject(CallRule::new(refusal).on(Operation::Start).of("wharf-box.next").times(4));
    rig.declare("box", &group("b"));
    rig.until("its replacement failed", |rig| rig.status("box").is_some_and(|it| it.status.retry.is_some())).await;
    rig.declare("other", &group("b"));
    rig.until_reconciled("other", 2).await;
    assert_eq!(networks(&rig), ["group.a", "group.b"], "{}", rig.picture());
    rig.until("it runs until the next attempt", |rig| rig.is_running("wharf-box")).await;
    rig.until_reconciled("box", 2).await;
    assert_eq!(networks(&rig), ["group.b"], "{}", rig.picture());
    rig.assert_lawful();
}
