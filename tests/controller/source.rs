//! What the source says and does not say: bad edits, moves, duplicates, and everything that must not be taken for a deletion.

use std::collections::BTreeSet;
use std::time::Duration;

use super::rig::{Rig, manifest};
use wharf::controller::Input;
use wharf::engine::simulated::Behaviour;
use wharf::model::Name;
use wharf::model::status::{ConditionType, Phase};

const SPEC: &str = "image: debian:12";

/// A controller with ten workspaces, `w0` to `w9`.
async fn ten() -> Rig {
    let names: Vec<String> = (0..10).map(|index| format!("w{index}")).collect();
    let workspaces: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), SPEC)).collect();
    Rig::running(&workspaces).await
}

fn names(text: &str) -> BTreeSet<Name> {
    text.split(' ').map(|name| name.parse().expect("a name")).collect()
}

fn is_held(rig: &Rig, name: &str, reason: &str) -> bool {
    rig.condition(name, ConditionType::Held).is_some_and(|it| it.reason.to_string() == reason)
}

fn uid(rig: &Rig, name: &str) -> String {
    rig.status(name).and_then(|status| status.metadata.uid).expect("it has one").to_string()
}

#[tokio::test(start_paused = true)]
async fn a_bad_edit_keeps_what_runs_and_says_where() {
    let mut rig = Rig::running(&[("box", SPEC)]).await;
    let (count, uid) = (rig.count(), uid(&rig, "box"));
    for (text, place) in [
        (manifest("box", "imag: debian:13"), "box.yaml:4:"),
        (manifest("box", "image: debian:13").replace("spec: {", "spec: {{"), "box.yaml:5:1: "),
        ("\0".to_owned(), "box.yaml:1:1: "),
        ("nonsense".to_owned(), "box.yaml:1:1: "),
    ] {
        rig.write("box.yaml", &text);
        let condition = rig.until_condition("box", ConditionType::Accepted, "Invalid").await;
        assert!(condition.message.starts_with(place), "{}", condition.message);
        rig.pass(Duration::from_secs(1)).await;
        let status = rig.status("box").expect("a status");
        assert_eq!((status.status.observed_generation, status.status.phase), (1, Phase::Active));
        assert_eq!(rig.statuses("box.status.yaml").len(), 1, "{}", rig.picture());
        assert!(status.status.is(ConditionType::Ready));
        rig.declare("box", SPEC);
        rig.until_condition("box", ConditionType::Accepted, "Valid").await;
    }
    assert_eq!(rig.calls_since(count), [""; 0]);
    assert_eq!(self::uid(&rig, "box"), uid);
}

#[tokio::test(start_paused = true)]
async fn a_file_that_was_never_valid_has_a_status_that_says_so() {
    let mut rig = Rig::running(&[("other", SPEC)]).await;
    rig.write("box.yaml", "nonsense");
    rig.until("a status", |rig| rig.statuses("box.status.yaml").len() == 1).await;
    let status = rig.status("box").expect("named after its file");
    assert_eq!((status.status.phase, status.metadata.uid), (Phase::Failed, None));
    assert!(rig.condition("box", ConditionType::Accepted).is_some_and(|it| it.message.starts_with("box.yaml:1:1: ")));
    rig.declare("box", SPEC);
    rig.until_ready(&["box"]).await;
    rig.write("new.yaml", "nonsense");
    rig.until("a status", |rig| rig.status("new").is_some()).await;
    rig.delete("new.yaml");
    rig.until("no status", |rig| rig.status("new").is_none()).await;
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_read_is_not_gone_and_may_be_anything() {
    let mut rig = Rig::running(&[("a", SPEC), ("b", SPEC)]).await;
    let count = rig.count();
    rig.obscure("a.yaml", "permission denied");
    let condition = rig.until_condition("a", ConditionType::Accepted, "Unreadable").await;
    assert!(condition.message.contains("permission denied"), "{}", condition.message);
    // It may have moved into the file that cannot be read.
    rig.delete("b.yaml");
    rig.until_condition("b", ConditionType::Accepted, "Unreadable").await;
    rig.pass(Duration::from_secs(20)).await;
    assert_eq!(rig.calls_since(count), [""; 0]);
    rig.declare("a", SPEC);
    rig.until("b is gone", |rig| rig.container("wharf-b").is_none()).await;
    rig.until_ready(&["a"]).await;
}

#[tokio::test(start_paused = true)]
async fn a_lost_source_changes_nothing_and_says_so() {
    let mut rig = Rig::running(&[("a", SPEC), ("b", SPEC)]).await;
    let mutations = rig.engine.mutations();
    rig.lose_source("no such directory");
    for name in ["a", "b"] {
        rig.until("held", |rig| is_held(rig, name, "SourceLost")).await;
    }
    // Neither a confirmation nor the engine's return is a reason to go by what was read before.
    rig.send(Input::Confirmed(names("a b")));
    rig.engine.stop_engine();
    rig.until_phase("a", Phase::Unknown).await;
    rig.engine.start_engine();
    rig.until_phase("a", Phase::Active).await;
    rig.pass(Duration::from_secs(60)).await;
    assert!(is_held(&rig, "a", "SourceLost"), "{}", rig.picture());
    assert_eq!(rig.engine.mutations(), mutations);
    // What runs is looked after all the same.
    rig.engine.outside().kill("wharf-a").expect("it runs");
    rig.until("restarted", |rig| rig.is_running("wharf-a")).await;
    rig.read_source();
    rig.until_condition("a", ConditionType::Held, "NotHeld").await;
    rig.delete("b.yaml");
    rig.until("b is gone", |rig| rig.container("wharf-b").is_none()).await;
}

#[tokio::test(start_paused = true)]
async fn a_source_that_is_lost_at_the_start_deletes_nothing() {
    let mut rig = Rig::running(&[("a", SPEC)]).await;
    rig.stop().await;
    let mutations = rig.engine.mutations();
    rig.start_with_lost_source("not mounted");
    rig.until("held", |rig| is_held(rig, "a", "SourceLost")).await;
    rig.engine.outside().kill("wharf-a").expect("it runs");
    rig.until("restarted", |rig| rig.is_running("wharf-a")).await;
    assert_eq!(rig.engine.mutations(), mutations + 1);
}

#[tokio::test(start_paused = true)]
async fn an_emptied_source_is_not_believed_until_somebody_confirms() {
    let mut rig = Rig::running(&[("a", SPEC), ("b", SPEC)]).await;
    let (count, uid) = (rig.count(), uid(&rig, "a"));
    rig.delete_all();
    rig.until("held", |rig| is_held(rig, "a", "PruneHeld") && is_held(rig, "b", "PruneHeld")).await;
    rig.pass(Duration::from_secs(20)).await;
    assert_eq!(rig.calls_since(count), [""; 0]);
    // The files return: nothing happened.
    rig.declare("a", SPEC);
    rig.declare("b", SPEC);
    rig.until("not held", |rig| is_held(rig, "a", "NotHeld") && is_held(rig, "b", "NotHeld")).await;
    assert_eq!(self::uid(&rig, "a"), uid);
    rig.delete_all();
    rig.until("held", |rig| is_held(rig, "a", "PruneHeld")).await;
    rig.send(Input::Confirmed(names("a")));
    rig.until("a is gone", |rig| rig.container("wharf-a").is_none()).await;
    rig.pass(Duration::from_secs(60)).await;
    assert!(rig.is_running("wharf-b") && is_held(&rig, "b", "PruneHeld"), "a confirmation is for what it names");
}

#[tokio::test(start_paused = true)]
async fn an_emptied_file_deletes_nothing() {
    let mut rig = Rig::running(&[("a", SPEC), ("b", SPEC)]).await;
    // What a full disk or a crashed editor leaves behind.
    rig.write("a.yaml", "");
    let accepted = rig.until_condition("a", ConditionType::Accepted, "Invalid").await;
    assert!(accepted.message.contains("a.yaml:1:1: the file is empty"), "{}", accepted.message);
    rig.pass(Duration::from_secs(60)).await;
    assert!(rig.is_running("wharf-a"));
}

#[tokio::test(start_paused = true)]
async fn files_without_a_document_are_an_emptied_source() {
    let mut rig = Rig::running(&[("b", SPEC)]).await;
    rig.write("b.yaml", "# nothing\n");
    rig.until("held", |rig| is_held(rig, "b", "PruneHeld")).await;
    rig.pass(Duration::from_secs(20)).await;
    assert!(rig.is_running("wharf-b"));
}

#[tokio::test(start_paused = true)]
async fn a_held_deletion_stays_held_over_a_restart() {
    let mut rig = Rig::running(&[("a", SPEC)]).await;
    rig.delete_all();
    rig.until("held", |rig| is_held(rig, "a", "PruneHeld")).await;
    rig.kill().await;
    let mutations = rig.engine.mutations();
    rig.start();
    rig.pass(Duration::from_secs(60)).await;
    assert!(is_held(&rig, "a", "PruneHeld"), "{}", rig.picture());
    assert_eq!(rig.engine.mutations(), mutations);
}

#[tokio::test(start_paused = true)]
async fn more_deletions_at_once_than_allowed_are_all_held() {
    let mut rig = ten().await;
    let count = rig.count();
    rig.delete_many(&["w0.yaml", "w1.yaml", "w2.yaml", "w3.yaml"]);
    rig.until("held", |rig| (0..4).all(|index| is_held(rig, &format!("w{index}"), "PruneHeld"))).await;
    let message = rig.condition("w0", ConditionType::Held).expect("always there").message;
    assert!(message.contains("4 of 10") && message.contains("wharf prune --confirm"), "{message}");
    rig.pass(Duration::from_secs(20)).await;
    assert_eq!(rig.calls_since(count), [""; 0]);
    // One returns; the rest would be few enough by themselves, and was part of something larger.
    rig.declare("w0", SPEC);
    rig.until("w0 is not held", |rig| !is_held(rig, "w0", "PruneHeld")).await;
    rig.pass(Duration::from_secs(20)).await;
    assert_eq!(rig.engine.snapshot().len(), 10, "{}", rig.picture());
    let rest = ["w1", "w2", "w3"].map(|name| name.parse().expect("a name"));
    rig.send(Input::Confirmed(rest.into()));
    rig.until("three are gone", |rig| rig.engine.snapshot().len() == 7).await;
    rig.until_ready(&["w0"]).await;
}

#[tokio::test(start_paused = true)]
async fn moving_a_manifest_changes_nothing_but_the_place_of_its_status() {
    let mut rig = Rig::running(&[("box", SPEC)]).await;
    let (count, uid) = (rig.count(), uid(&rig, "box"));
    rig.move_file("box.yaml", "renamed.yml");
    rig.until("a status beside it", |rig| rig.statuses("renamed.yml.status.yaml").len() == 1).await;
    rig.until("no old status", |rig| rig.statuses("box.status.yaml").is_empty()).await;
    rig.pass(Duration::from_secs(10)).await;
    let status = rig.statuses("renamed.yml.status.yaml").remove(0);
    assert_eq!(status.metadata.uid.map(|uid| uid.to_string()), Some(uid));
    assert_eq!((status.metadata.manifest.as_str(), status.status.observed_generation), ("renamed.yml", 1));
    assert!(status.status.is(ConditionType::Ready));
    assert_eq!(rig.calls_since(count), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn of_two_files_with_one_name_the_incumbent_stays() {
    let mut rig = Rig::running(&[("m", SPEC)]).await;
    let (count, uid, id) = (rig.count(), uid(&rig, "m"), rig.id("wharf-m"));
    // By path it would come first.
    rig.write("a.yaml", &manifest("m", "image: debian:13"));
    rig.until("flagged", |rig| rig.statuses("a.status.yaml").len() == 1).await;
    let newcomer = rig.statuses("a.status.yaml").remove(0);
    let accepted = newcomer.status.condition(ConditionType::Accepted).expect("always there");
    assert_eq!(accepted.reason.to_string(), "DuplicateName");
    assert!(accepted.message.contains("m.yaml"), "{}", accepted.message);
    rig.pass(Duration::from_secs(10)).await;
    assert_eq!(rig.calls_since(count), [""; 0]);
    assert!(rig.status("m").is_some_and(|it| it.status.is(ConditionType::Accepted) && it.metadata.generation == 1));
    // The newcomer takes over, and it is the same life of the same workspace.
    rig.delete("m.yaml");
    rig.until("taken over", |rig| rig.statuses("m.status.yaml").is_empty()).await;
    rig.until("replaced", |rig| rig.is_running("wharf-m") && rig.id("wharf-m") != id).await;
    rig.settle().await;
    let status = rig.statuses("a.status.yaml").remove(0);
    assert_eq!(status.metadata.uid.map(|uid| uid.to_string()), Some(uid));
    assert_eq!(status.metadata.generation, 2);
    rig.assert_lawful();
}

#[tokio::test(start_paused = true)]
async fn several_documents_have_their_statuses_in_one_file_in_order() {
    let mut rig = Rig::new();
    let text = |names: &[&str]| names.iter().map(|name| manifest(name, SPEC)).collect::<Vec<_>>().join("---\n");
    let shown = |rig: &Rig| -> Vec<String> {
        rig.statuses("all.status.yaml").into_iter().map(|status| status.metadata.name).collect()
    };
    rig.write("all.yaml", &text(&["c", "a", "b"]));
    rig.start();
    let all_ready =
        |rig: &Rig| rig.statuses("all.status.yaml").iter().filter(|it| it.status.is(ConditionType::Ready)).count();
    rig.until("all ready", |rig| all_ready(rig) == 3).await;
    assert_eq!(shown(&rig), ["c", "a", "b"]);
    rig.write("all.yaml", &text(&["b", "c"]));
    rig.until("a is gone", |rig| rig.container("wharf-a").is_none()).await;
    rig.until("its status, too", |rig| shown(rig) == ["b", "c"]).await;
    // One bad document holds back no other.
    rig.write("all.yaml", &format!("{}---\n{}", manifest("b", "image: [1]"), manifest("c", "image: debian:13")));
    rig.until("c has a new image", |rig| rig.container("wharf-c").is_some_and(|it| it.image == "debian:13")).await;
    rig.settle().await;
    assert!(rig.container("wharf-b").is_some_and(|it| it.image == "debian:12"));
    assert_eq!(shown(&rig), ["b", "c"]);
}

#[tokio::test(start_paused = true)]
async fn a_broken_file_keeps_the_workspaces_it_may_declare_and_no_others() {
    let mut rig = Rig::running(&[("a", SPEC), ("b", SPEC), ("c", SPEC)]).await;
    rig.write("moved.yaml", "metadata: {name: a}\nspec: {{");
    rig.delete_many(&["a.yaml", "b.yaml"]);
    rig.until("b is gone", |rig| rig.container("wharf-b").is_none()).await;
    rig.pass(Duration::from_secs(20)).await;
    assert!(rig.is_running("wharf-a"));
    let accepted = rig.condition("a", ConditionType::Accepted).expect("always there");
    assert!(accepted.message.starts_with("moved.yaml:"), "{}", accepted.message);
    rig.write("moved.yaml", &manifest("d", SPEC));
    rig.until("a is gone", |rig| rig.container("wharf-a").is_none()).await;
}

#[tokio::test(start_paused = true)]
async fn workspaces_that_wait_for_each_other_are_refused() {
    let mut rig = Rig::new();
    rig.declare("a", &format!("{SPEC}, dependsOn: [b]"));
    rig.declare("b", &format!("{SPEC}, dependsOn: [a]"));
    rig.declare("c", SPEC);
    rig.start();
    rig.until_ready(&["c"]).await;
    for name in ["a", "b"] {
        let condition = rig.until_condition(name, ConditionType::Accepted, "DependencyCycle").await;
        assert!(condition.message.contains("→"), "{}", condition.message);
    }
    assert_eq!(rig.engine.snapshot().len(), 1);
    rig.declare("a", SPEC);
    rig.until_ready(&["a", "b"]).await;
}

#[tokio::test(start_paused = true)]
async fn what_is_in_force_counts_for_cycles_though_its_file_is_broken_now() {
    let mut rig = Rig::running(&[("b", SPEC), ("a", &format!("{SPEC}, dependsOn: [b]"))]).await;
    let count = rig.count();
    rig.write("a.yaml", "nonsense");
    rig.until_condition("a", ConditionType::Accepted, "Invalid").await;
    rig.declare("b", &format!("{SPEC}, dependsOn: [a]"));
    rig.until_condition("b", ConditionType::Accepted, "DependencyCycle").await;
    rig.settle().await;
    assert_eq!(rig.calls_since(count), [""; 0]);
    rig.declare("a", SPEC);
    rig.until_ready(&["a", "b"]).await;
}

#[tokio::test(start_paused = true)]
async fn a_manifest_that_returns_during_its_deletion_is_the_same_life() {
    for millis in [0, 1000, 9_990, 10_010, 12_000] {
        let mut rig = Rig::new();
        rig.engine.script("box", Behaviour::ignores_stop());
        rig.declare("other", SPEC);
        rig.declare("box", SPEC);
        rig.start();
        rig.until_ready(&["box", "other"]).await;
        let uid = uid(&rig, "box");
        rig.delete("box.yaml");
        rig.pass(Duration::from_millis(millis)).await;
        rig.declare("box", SPEC);
        rig.pass(Duration::from_secs(15)).await;
        rig.until_ready(&["box"]).await;
        rig.settle().await;
        assert_eq!(rig.engine.snapshot().len(), 2, "after {millis} ms\n{}", rig.picture());
        assert!(rig.is_running("wharf-box"));
        if millis < 10_000 {
            assert_eq!(self::uid(&rig, "box"), uid, "after {millis} ms");
        }
        rig.assert_lawful();
    }
}
