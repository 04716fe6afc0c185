//! What people ask for by command comes about, is shown, and survives a controller that is killed.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::process::{Child, Stdio};
use std::time::Duration;

use serde_json::Value;
use wharf::model::status::ConditionType;

use crate::manifest::Manifest;
use crate::world::{Controller, Outcome, World, eventually_within, until};

/// A manifest with a label.
fn labelled(name: &str, tier: &str) -> String {
    let labels = format!("{{name: {name}, labels: {{tier: {tier}}}}}");
    Manifest::named(name).to_string().replace(&format!("{{name: {name}}}"), &labels)
}

/// Workspaces that run, and their controller.
fn running(world: &World, names: &[&str]) -> Controller {
    for name in names {
        world.declare(name, &Manifest::named(name));
    }
    let controller = world.start(&[]);
    for name in names {
        world.until_ready(name, 1);
    }
    controller
}

/// Runs a command that has to succeed; answers its lines.
fn done(world: &World, command: &str, more: &[&str]) -> Vec<String> {
    let outcome = world.wharf(command, more);
    assert_eq!(outcome.code, 0, "wharf {command} {more:?}: {outcome:?}");
    outcome.stdout.lines().map(str::to_owned).collect()
}

fn json(outcome: &Outcome) -> Value {
    serde_json::from_str(&outcome.stdout).unwrap_or_else(|error| panic!("{error}: {outcome:?}"))
}

/// What a workspace shows of what was asked for: the state, or nothing.
fn requested(world: &World, name: &str) -> Value {
    json(&world.wharf("get", &[name, "-o", "json"]))["status"]["requested"]["state"].clone()
}

fn state(world: &World, name: &str) -> String {
    world.container(name).expect("it has a container")["State"]["Status"].as_str().expect("a word").to_owned()
}

/// What tells one run of a workspace's container from another.
fn run_of(world: &World, name: &str) -> String {
    let container = world.container(name).expect("it has a container");
    format!("{} {}", container["Id"], container["State"]["StartedAt"])
}

/// The states of a batch's items, in order.
fn states(batch: &Value) -> Vec<&str> {
    batch["items"].as_array().expect("items").iter().map(|item| item["state"].as_str().expect("a word")).collect()
}

#[test]
fn what_is_asked_for_comes_about_and_is_shown() {
    let world = World::new();
    for (name, tier) in [("a", "web"), ("b", "web"), ("c", "data")] {
        world.write(&format!("{name}.yaml"), &labelled(name, tier));
    }
    let _controller = world.start(&[]);
    let names = ["a", "b", "c"];
    for name in names {
        world.until_ready(name, 1);
    }
    let runs = || names.map(|name| run_of(&world, name));
    let at_first = runs();

    // By name: it rests, the status says why, and others are left alone.
    assert_eq!(done(&world, "stop", &["a"]), ["stop a succeeded"]);
    assert_eq!(names.map(|name| state(&world, name)), ["exited", "running", "running"]);
    assert_eq!(requested(&world, "a"), "Stopped");
    let described = done(&world, "describe", &["a"]).join("\n");
    assert!(described.contains("wharf resume"), "it says how to take it back:\n{described}");
    // What rests cannot be restarted.
    let refused = world.wharf("restart", &["a"]);
    assert_eq!(refused.code, 1, "{refused:?}");
    assert!(refused.stdout.contains("`wharf start a`"), "{refused:?}");
    assert_eq!(done(&world, "resume", &["a"]), ["resume a succeeded"]);
    assert_eq!((state(&world, "a").as_str(), requested(&world, "a")), ("running", Value::Null));

    // By label, then all of them; what runs already is let run on.
    assert_eq!(done(&world, "stop", &["-l", "tier=web"]), ["stop a succeeded", "stop b succeeded"]);
    assert_eq!(names.map(|name| state(&world, name)), ["exited", "exited", "running"]);
    assert_eq!(done(&world, "start", &["--all"]).len(), 3);
    assert_eq!(names.map(|name| requested(&world, name)), [Value::Null, Value::Null, Value::Null]);
    let started = runs();
    assert!(started[0] != at_first[0] && started[1] != at_first[1] && started[2] == at_first[2], "{started:?}");

    // One new run each, in the same containers.
    let restarted = world.wharf("restart", &["--all", "-o", "json"]);
    assert_eq!(restarted.code, 0, "{restarted:?}");
    assert_eq!(states(&json(&restarted)), ["Succeeded"; 3]);
    for (before, after) in started.iter().zip(runs()) {
        assert_ne!(*before, after);
        assert_eq!(before.split(' ').next(), after.split(' ').next(), "the same container");
    }
    let before = runs();
    assert_eq!(done(&world, "sync", &["b", "a"]), ["sync b succeeded", "sync a succeeded"]);
    assert_eq!(runs(), before);

    // A change of the manifest is the last word.
    done(&world, "stop", &["c"]);
    world.declare("c", &Manifest::named("c").with("resources", "{pids: 100}"));
    world.until_ready("c", 2);
    assert_eq!((state(&world, "c").as_str(), requested(&world, "c")), ("running", Value::Null));

    let unknown = world.wharf("stop", &["a", "nobody"]);
    assert_eq!(unknown.code, 1, "{unknown:?}");
    assert!(unknown.stderr.contains("nobody"), "{unknown:?}");
    assert_eq!(state(&world, "a"), "running", "all names are known, or nothing is done");
    let nobody = world.wharf("stop", &["-l", "tier=none"]);
    assert_eq!((nobody.code, nobody.stdout.as_str()), (0, ""), "{nobody:?}");
}

/// The starts that the engine tells of while this lives. Its own log of events is too short for them.
struct Starts {
    follower: Child,
    file: std::path::PathBuf,
}

impl Starts {
    fn follow(world: &World) -> Self {
        let file = world.beside_source("starts");
        let label = format!("label=wharf.instance={}", world.instance());
        let filters = ["--filter", "event=start", "--filter", &label, "--format", "{{.Actor.ID}}"];
        let mut command = world.client().command(&[&["events"][..], &filters].concat());
        let follower = command.stdout(File::create(&file).expect("created")).stdin(Stdio::null()).spawn();
        Self { follower: follower.expect("it starts"), file }
    }

    /// How often each container was started.
    fn by_container(&self) -> BTreeMap<String, usize> {
        let text = fs::read_to_string(&self.file).expect("readable");
        let mut starts = BTreeMap::new();
        for id in text.lines() {
            *starts.entry(id.to_owned()).or_default() += 1;
        }
        starts
    }
}

impl Drop for Starts {
    fn drop(&mut self) {
        drop(self.follower.kill());
        drop(self.follower.wait());
    }
}

/// As [`until`], for what many containers take.
fn until_at_last(what: &str, mut predicate: impl FnMut() -> bool) {
    eventually_within(Duration::from_secs(180), what, || predicate().then_some(()));
}

/// How many workspaces the batch has that is interrupted: several times as many as it has under way at once, so that some are over, some
/// under way and most not begun. More would only take the engine longer.
const MANY: usize = 40;

#[test]
fn a_batch_goes_on_after_the_controller_was_killed_and_does_nothing_twice() {
    let world = World::new();
    let names: Vec<String> = (0..MANY).map(|number| format!("w{number:03}")).collect();
    let documents: Vec<String> = names.iter().map(|name| Manifest::named(name).to_string()).collect();
    world.write("all.yaml", &documents.join("---\n"));
    let controller = world.start(&[]);
    let is_ready = |status: &wharf::model::WorkspaceStatus| status.status.is(ConditionType::Ready);
    until_at_last("all are ready", || world.statuses().iter().filter(|status| is_ready(status)).count() == MANY);
    let runs = || {
        // One question instead of many.
        let objects: Vec<String> = names.iter().map(|name| world.object(name)).collect();
        let format = ["container", "inspect", "--format", "{{.Id}} {{.State.StartedAt}}"];
        let told =
            world.client().docker(&[&format[..], &objects.iter().map(String::as_str).collect::<Vec<_>>()].concat());
        told.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let before = runs();

    let starts = Starts::follow(&world);
    let mut command = world.command("restart", &["--all", "--parallelism", "8", "-o", "json"]);
    let follower = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let follower = follower.expect("the program starts");
    until_at_last("a third is under way or has ended", || starts.by_container().len() >= MANY / 3);
    controller.kill();
    let _controller = world.start(&[]);

    let output = follower.wait_with_output().expect("waited");
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "the one who follows survives it, and it succeeds: {told}");
    let batch: Value = serde_json::from_slice(&output.stdout).expect("one batch");
    assert_eq!(states(&batch), vec!["Succeeded"; MANY]);
    assert_eq!(batch["state"], "Succeeded");
    let items = batch["items"].as_array().expect("items");
    let listed: Vec<&str> = items.iter().map(|item| item["workspace"].as_str().expect("a name")).collect();
    assert_eq!(listed, names, "each once");
    assert!(items.iter().all(|item| item["endedAt"].is_string()));

    let after = runs();
    let same = before.iter().zip(&after).filter(|(before, after)| before == after).count();
    assert_eq!(same, 0, "each has a new run");
    let id = |run: &String| run.split(' ').next().expect("an ID").to_owned();
    let expected: BTreeMap<String, usize> = before.iter().map(|run| (id(run), 1)).collect();
    until("the engine has told of them all", || starts.by_container().len() == MANY);
    assert_eq!(starts.by_container(), expected, "and no second one");
    let kept = json(&world.wharf("batch", &["-o", "json"]));
    assert_eq!(kept["items"].as_array().map(Vec::len), Some(1), "no other batch");
}

#[test]
fn failures_end_a_batch_early_when_they_are_too_many() {
    let world = World::new();
    world.declare("broken", &Manifest::named("broken").with("project", "{path: ./missing}"));
    let _controller = running(&world, &["a", "b"]);
    let before = ["a", "b"].map(|name| run_of(&world, name));
    let limits = ["--parallelism", "1", "--max-failures", "0", "-o", "json"];
    let ended = world.wharf("restart", &[&["broken", "a", "b"], &limits[..]].concat());
    assert_eq!(ended.code, 1, "{ended:?}");
    let batch = json(&ended);
    assert_eq!((states(&batch), &batch["state"]), (vec!["Failed", "Skipped", "Skipped"], &Value::from("Failed")));
    let why = batch["items"][0]["error"].as_str().expect("a reason");
    assert!(why.contains("missing"), "{why}");
    assert_eq!(["a", "b"].map(|name| run_of(&world, name)), before, "those were left alone");
    // Without a limit, the others have their turn.
    let ended = world.wharf("restart", &["broken", "a", "b"]);
    assert_eq!(ended.code, 1, "{ended:?}");
    let lines: Vec<&str> = ended.stdout.lines().collect();
    assert!(lines[0].starts_with("restart broken failed: "), "{ended:?}");
    assert_eq!(lines[1..], ["restart a succeeded", "restart b succeeded"]);
    assert!(ended.stderr.contains("1 failed, 0 skipped, of 3 workspaces"), "{ended:?}");
}

#[test]
fn a_batch_that_is_canceled_finishes_what_it_has_begun() {
    let world = World::new();
    let names = ["a", "b", "c"];
    for name in names {
        // It takes its time to end.
        let slow = Manifest::named(name).with("args", "[\"trap '' TERM; while :; do sleep 1000; done\"]");
        world.declare(name, &slow.with("stopGracePeriod", "3s"));
    }
    let _controller = world.start(&[]);
    for name in names {
        world.until_ready(name, 1);
    }
    let id = done(&world, "stop", &["--all", "--parallelism", "1", "--detach"]).remove(0);
    until("the first is begun", || states(&json(&world.wharf("batch", &[&id, "-o", "json"])))[0] == "Running");
    let canceled = world.wharf("batch", &[&id, "--cancel"]);
    assert_eq!(canceled.code, 0, "it goes on to its end: {canceled:?}");
    let ended = world.wharf("batch", &[&id, "--watch", "-o", "json"]);
    assert_eq!(ended.code, 1, "{ended:?}");
    let batch = json(&ended);
    assert_eq!((states(&batch), &batch["state"]), (vec!["Succeeded", "Skipped", "Skipped"], &Value::from("Canceled")));
    assert_eq!(names.map(|name| state(&world, name)), ["exited", "running", "running"]);
    // Of one that has ended, nothing is left to cancel.
    assert_eq!(json(&world.wharf("batch", &[&id, "--cancel", "-o", "json"])), batch);
    let listed = done(&world, "batch", &[]);
    assert!(listed.iter().any(|line| line.starts_with(&id) && line.contains("Canceled")), "{listed:?}");
    let unknown = world.wharf("batch", &["01JCXV5R3ZB9W0TQHF8K2M4N6P"]);
    assert_eq!(unknown.code, 1, "{unknown:?}");
}

#[test]
fn a_workspace_is_deleted_with_its_document_and_no_other() {
    let world = World::new();
    let documents = ["a", "b", "c"].map(|name| format!("# about {name}\n{}", Manifest::named(name)));
    world.write("several.yaml", &documents.join("---\n"));
    for name in ["d", "e", "f"] {
        world.declare(name, &Manifest::named(name));
    }
    let _controller = world.start(&[]);
    for name in ["a", "b", "c", "d", "e", "f"] {
        world.until_ready(name, 1);
    }
    let others = ["a", "c"].map(|name| run_of(&world, name));
    assert_eq!(done(&world, "delete", &["b"]), ["delete b succeeded"]);
    assert!(world.container("b").is_none() && world.status("b").is_none());
    let left = format!("{}---\n{}", documents[0], documents[2]);
    assert_eq!(fs::read_to_string(world.path("several.yaml")).expect("readable"), left);
    assert_eq!(["a", "c"].map(|name| run_of(&world, name)), others);

    // More than an accident may delete: each was named, or all were.
    assert_eq!(done(&world, "delete", &["--all"]).len(), 5);
    until("nothing is left", || world.containers().is_empty() && world.statuses().is_empty());
    assert!(!world.path("several.yaml").exists() && !world.path("d.yaml").exists());
}

#[test]
fn without_a_controller_a_deletion_is_recorded() {
    let world = World::new();
    world.write("several.yaml", &format!("{}---\n{}", Manifest::named("a"), Manifest::named("b")));
    let controller = running(&world, &["c", "d", "e", "f", "g"]);
    world.until_ready("a", 1);
    world.until_ready("b", 1);
    controller.stop();
    let stopped = world.wharf("stop", &["a"]);
    assert_eq!(stopped.code, 1, "{stopped:?}");
    assert!(stopped.stderr.contains("wharf run"), "it says what to do: {stopped:?}");

    let names = ["a", "c", "d", "e", "f"];
    let recorded = names.map(|name| format!("delete {name} recorded"));
    assert_eq!(done(&world, "delete", &names), recorded);
    let left = format!("---\n{}", Manifest::named("b"));
    assert_eq!(fs::read_to_string(world.path("several.yaml")).expect("readable"), left);
    assert_eq!(world.containers().len(), 7, "nobody has done anything yet");
    let (status, log) = world.run_once(None);
    assert_eq!(status.code(), Some(0), "{log}");
    let left: Vec<String> = world.containers().into_iter().map(|(name, _)| name).collect();
    assert_eq!(left, ["b", "g"].map(|name| world.object(name)), "{log}");
}
