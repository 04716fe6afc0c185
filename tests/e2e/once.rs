//! `run --once` and `plan`: what is foretold is what is done.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::manifest::Manifest;
use crate::world::{Outcome, World};

/// Steps by workspace, in order, as `wharf plan` prints them.
type Steps = BTreeMap<String, Vec<String>>;

fn steps_of_plan(plan: &Outcome) -> Steps {
    let mut steps = Steps::new();
    for line in plan.stdout.lines() {
        let (workspace, step) = line.split_once(": ").expect("`WORKSPACE: STEP`");
        steps.entry(workspace.to_owned()).or_default().push(step.to_owned());
    }
    steps
}

/// The same, from the log of a run.
fn steps_of_run(run: &Outcome) -> Steps {
    let mut steps = Steps::new();
    for line in run.stderr.lines() {
        let entry: Value = serde_json::from_str(line).expect("one object a line");
        if let (Some(workspace), Some(action), Some(cause)) =
            (entry["workspace"].as_str(), entry["message"].as_str(), entry["cause"].as_str())
        {
            steps.entry(workspace.to_owned()).or_default().push(format!("{action} ({cause})"));
        }
    }
    steps
}

/// Plans, runs, and compares; returns the steps.
fn foretold_and_done(world: &World) -> Steps {
    let plan = world.wharf("plan", &["--exit-code"]);
    assert_eq!(plan.code, 2, "{plan:?}");
    let run = world.wharf("run", &["--once", "--log-format", "json"]);
    assert_eq!(run.code, 0, "{run:?}");
    let steps = steps_of_plan(&plan);
    assert_eq!(steps_of_run(&run), steps);
    let again = world.wharf("plan", &["--exit-code"]);
    assert_eq!((again.code, again.stdout.as_str()), (0, ""), "{again:?}");
    steps
}

#[test]
fn what_is_planned_is_what_is_done() {
    let world = World::new();
    let volume = "[{name: cache, mountPath: /data}]";
    let small = "{memory: 64Mi}";
    world.declare("grows", &Manifest::named("grows").with("resources", small));
    world.declare("renews", &Manifest::named("renews"));
    world.declare("ends", &Manifest::named("ends").with("volumes", volume).with("deleteVolumes", "true"));
    world.declare("rests", &Manifest::named("rests").with("network", "{mode: Isolated}"));
    let created = foretold_and_done(&world);
    assert_eq!(created.len(), 4);
    assert_eq!(created["renews"].len(), 2, "create and start: {created:?}");

    world.declare("grows", &Manifest::named("grows").with("resources", "{memory: 96Mi}"));
    world.declare("renews", &Manifest::named("renews").with("env", "[{name: NEW, value: '1'}]"));
    world.declare("rests", &Manifest::named("rests").with("network", "{mode: Isolated}").with("state", "Stopped"));
    world.remove("ends.yaml");
    let changed = foretold_and_done(&world);
    assert_eq!(changed.len(), 4);
    assert_eq!(changed["grows"].len(), 1, "one update: {changed:?}");
    let container = world.object("renews");
    assert_eq!(
        changed["renews"],
        [
            format!("create container {container}.next from {} (spec changed)", crate::support::real::IMAGE),
            format!("stop container {container} within 10s (replaced)"),
            format!("start container {container}.next (created and not started)"),
            format!("remove container {container} (replaced)"),
            format!("rename container {container}.next to {container} (takes over the name)"),
        ]
    );
}

#[test]
fn a_plan_changes_nothing() {
    let world = World::new();
    world.declare("box", &Manifest::named("box"));
    let files = world.files();
    assert_eq!(world.wharf("plan", &[]).code, 0);
    assert_eq!(world.files(), files, "not even a state directory");
    assert_eq!(world.containers(), []);

    assert_eq!(world.wharf("run", &["--once"]).code, 0);
    world.declare("box", &Manifest::named("box").with("env", "[{name: NEW, value: '1'}]"));
    let (files, id) = (world.files(), world.id("box"));
    assert_eq!(world.wharf("plan", &["--exit-code"]).code, 2);
    assert_eq!(world.files(), files);
    assert_eq!(world.id("box"), id);

    // Beside a controller that runs, too.
    let controller = world.start(&[]);
    world.until_ready("box", 2);
    let plan = world.wharf("plan", &["--exit-code"]);
    assert_eq!(plan.code, 0, "{plan:?}");
    controller.stop();
}

#[test]
fn what_is_not_as_declared_is_told_by_the_exit_code() {
    let world = World::new();
    world.declare("good", &Manifest::named("good"));
    world.declare(
        "bad",
        &Manifest::named("bad").with("image", "wharf-test/no-such-image:1").with("imagePullPolicy", "Never"),
    );
    let run = world.wharf("run", &["--once"]);
    assert_eq!(run.code, 3, "{run:?}");
    world.until_ready("good", 1);

    world.write("bad.yaml", "nonsense");
    assert_eq!(world.wharf("run", &["--once"]).code, 3, "a manifest that is refused");
    world.remove("bad.yaml");
    let run = world.wharf("run", &["--once"]);
    assert_eq!(run.code, 0, "{run:?}");
}

#[test]
fn an_engine_that_is_away_has_an_exit_code_of_its_own() {
    let world = World::new();
    world.declare("box", &Manifest::named("box"));
    let host = format!("unix://{}", world.beside_source("nothing.sock").display());
    for command in ["run", "plan"] {
        let more: &[&str] = if command == "run" { &["--once", "--host", &host] } else { &["--host", &host] };
        let outcome = world.wharf(command, more);
        assert_eq!(outcome.code, 4, "{outcome:?}");
        assert!(outcome.stderr.contains("nothing.sock"), "{outcome:?}");
    }
}

#[test]
fn the_simulated_engine_needs_no_other() {
    let world = World::new();
    world.declare("box", &Manifest::named("box").with("image", "ghcr.io/acme/dev:1.4"));
    let run = world.wharf("run", &["--once", "--engine", "simulated"]);
    assert_eq!(run.code, 0, "{run:?}");
    world.until_ready("box", 1);
    assert_eq!(world.containers(), []);
}
