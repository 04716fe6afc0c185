//! What belongs to nobody is shown, and goes when somebody says so; nothing else does.

use std::fs;

use serde_json::Value;
use wharf::model::labels;

use crate::manifest::Manifest;
use crate::support::real::{IMAGE, MARK};
use crate::world::{Controller, Outcome, World, until};

/// A container with these labels, which runs and was not made by Wharf.
fn stranger(world: &World, name: &str, marks: &[(&str, &str)]) {
    let mark = format!("{MARK}={}", world.instance());
    let own: Vec<String> = marks.iter().map(|(key, value)| format!("{key}={value}")).collect();
    let object = world.object(name);
    let mut arguments = vec!["run", "--detach", "--network", "none", "--name", &object, "--label", &mark];
    arguments.extend(own.iter().flat_map(|label| ["--label", label]));
    world.client().docker(&[&arguments[..], &[IMAGE, "sleep", "1000"]].concat());
}

fn gc(world: &World, more: &[&str]) -> Outcome {
    world.wharf("gc", &[&["--instance", world.instance()], more].concat())
}

/// The containers of the instance and those of the test.
fn names(world: &World) -> Vec<String> {
    let list = |label: &str| {
        let filter = format!("label={label}={}", world.instance());
        world.client().docker(&["ps", "--all", "--filter", &filter, "--format", "{{.Names}}"])
    };
    let all = format!("{}\n{}", list(MARK), list(labels::INSTANCE));
    let mut all: Vec<String> = all.lines().filter(|name| !name.is_empty()).map(str::to_owned).collect();
    all.sort();
    all.dedup();
    all
}

/// Workspaces `keep` and `left`, of which nothing declares the second any more.
fn with_an_orphan(world: &World) -> Controller {
    world.declare("keep", &Manifest::named("keep").with("volumes", "[{name: data, mountPath: /data}]"));
    let left = Manifest::named("left")
        .with("deletionPolicy", "Orphan")
        .with("network", "{mode: Group, group: shop}")
        .with("volumes", "[{name: data, mountPath: /data}]");
    world.declare("left", &left);
    let controller = world.start(&["--resync", "1s"]);
    world.until_ready("keep", 1);
    world.until_ready("left", 1);
    world.remove("left.yaml");
    until("it is told, and how to remove it", || world.wharf("events", &["left"]).stdout.contains("`wharf gc`"));
    controller
}

/// Each line's first two words: what is said of which kind.
fn verdicts(report: &Value) -> Vec<String> {
    let word = |item: &Value, field: &str| item[field].as_str().expect("a word").to_owned();
    let items = report["items"].as_array().expect("items").iter();
    items.map(|item| format!("{} {}", word(item, "result"), word(item, "kind"))).collect()
}

#[test]
fn what_belongs_to_nobody_goes_when_it_is_confirmed() {
    let world = World::new();
    let _controller = with_an_orphan(&world);
    stranger(&world, "unlabelled", &[]);
    stranger(&world, "theirs", &[(labels::INSTANCE, "somebody-else"), (labels::WORKSPACE, "x"), (labels::UID, "1")]);
    stranger(&world, "half", &[(labels::INSTANCE, world.instance())]);
    let before = names(&world);
    let run = || world.container("keep").expect("it runs")["State"]["StartedAt"].clone();
    let kept_run = run();

    let shown = gc(&world, &["--volumes"]);
    assert_eq!(shown.code, 0, "{shown:?}");
    let lines: Vec<&str> = shown.stdout.lines().collect();
    let (left, half) = (world.object("left"), world.object("half"));
    for expected in [
        format!("kept container {half}: it lacks the label wharf.workspace or wharf.uid"),
        format!("orphan container {left}: no manifest declares workspace left, and it is not remembered"),
        format!("orphan volume {left}.data: no manifest declares workspace left, and it is not remembered"),
    ] {
        assert!(lines.contains(&expected.as_str()), "{expected}\n{shown:?}");
    }
    let is_network = |line: &&&str| line.starts_with("orphan network ") && line.contains(".group.shop: ");
    assert_eq!((lines.iter().filter(is_network).count(), lines.len()), (1, 4), "{shown:?}");
    assert!(shown.stderr.contains("`wharf gc --confirm` removes 3 orphans"), "{shown:?}");
    assert_eq!(names(&world), before, "showing removes nothing");

    // Without --volumes, data stays.
    let removed = gc(&world, &["--confirm", "-o", "json"]);
    assert_eq!(removed.code, 0, "{removed:?}");
    let report: Value = serde_json::from_str(&removed.stdout).expect("JSON");
    let mut verdicts = verdicts(&report);
    verdicts.sort();
    assert_eq!(verdicts, ["kept container", "removed container", "removed network"], "{removed:?}");
    let rest: Vec<String> = before.into_iter().filter(|name| *name != left).collect();
    assert_eq!(names(&world), rest);
    let volumes = || world.client().docker(&["volume", "ls", "--format", "{{.Name}}"]);
    assert!(volumes().contains(&format!("{left}.data")));
    let removed = gc(&world, &["--confirm", "--volumes"]);
    assert_eq!(removed.code, 0, "{removed:?}");
    assert!(!volumes().contains(&format!("{left}.data")));
    assert!(volumes().contains(&format!("{}.data", world.object("keep"))));
    assert_eq!(run(), kept_run, "what is declared is not even stopped");
}

#[test]
fn what_cannot_be_judged_stays() {
    let world = World::new();
    with_an_orphan(&world).stop();
    let before = names(&world);
    assert_eq!(before, ["keep", "left"].map(|name| world.object(name)));
    let refused = |outcome: &Outcome, word: &str| {
        assert_eq!(outcome.code, 1, "{outcome:?}");
        assert!(outcome.stderr.contains(word) && !outcome.stdout.contains("removed"), "{word}: {outcome:?}");
        assert_eq!(names(&world), before);
    };
    // By the records of another instance, everything would be an orphan.
    let other = World::new();
    other.declare("a", &Manifest::named("a"));
    let (status, log) = other.run_once(None);
    assert_eq!(status.code(), Some(0), "{log}");
    let refusal = other.wharf("gc", &["--confirm", "--instance", world.instance()]);
    refused(&refusal, "are not about instance");
    assert!(refusal.stderr.contains(&format!("--instance {}", other.instance())), "{refusal:?}");

    let away = world.beside_source("away");
    let database = world.path(".wharf/db");
    fs::rename(&database, &away).expect("moved");
    refused(&gc(&world, &["--confirm"]), "there is no store");
    fs::rename(&away, &database).expect("moved back");
    let source = world.source();
    fs::rename(&source, &away).expect("moved");
    refused(&gc(&world, &["--confirm"]), "there is no directory");
    fs::rename(&away, &source).expect("moved back");
    let unreachable = gc(&world, &["--confirm", "--host", "unix:///nowhere.sock"]);
    assert_eq!(unreachable.code, 4, "{unreachable:?}");

    // Who declares it, if badly, may mean it.
    world.write("late.yaml", "apiVersion: wharf/v1\nkind: Workspace\nmetadata: {name: left}\nspec: {}\n");
    let kept = gc(&world, &["--confirm"]);
    assert_eq!(kept.code, 0, "{kept:?}");
    assert!(kept.stdout.contains(&format!("kept container {}: ", world.object("left"))), "{kept:?}");
    assert_eq!(names(&world), before);
}
