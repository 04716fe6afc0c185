//! The whole program: a controller that logs everything, its files, and every command beside it.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use tempfile::TempDir;

use wharf::model::WorkspaceStatus;
use wharf::model::status::{ConditionStatus, ConditionType};

use super::places::{Outcome, PLACES, Place};
use super::search::{Output, assert_none, canary, contains, files};
use super::support::real::{IMAGE, docker};
use super::world::{World, is_ready, until};

/// Everything that libraries say too, asked for by their names.
const EVERYTHING: &str = "trace,bollard=trace,hyper=trace,sled=trace,notify=trace,tokio=trace";

/// Every command that reads, in every form. Of a form that a command does not have it says so.
const COMMANDS: [&str; 6] = ["get", "describe", "events", "plan", "doctor", "prune"];
const FORMS: [&str; 6] = ["table", "wide", "json", "yaml", "name", "text"];

/// A process that runs until it is stopped.
const LASTS: &str = "command: [/bin/sh, -c, \"trap 'exit 0' TERM; while :; do sleep 1000 & wait $!; done\"]";

#[test]
fn nothing_that_the_program_writes_has_a_secret_in_it_with_a_log_for_people() {
    search_everything("text");
}

#[test]
fn nothing_that_the_program_writes_has_a_secret_in_it_with_a_log_for_programs() {
    search_everything("json");
}

fn search_everything(log_format: &str) {
    let world = World::new();
    for place in PLACES {
        declare(&world, place);
    }
    let vault = world.beside_source("vault").display().to_string();
    let (runtime, identity, webhooks) = (tmpfs(), identity(&world), webhooks(&world));
    let runtime = runtime.path().display().to_string();
    let keeping = ["--secrets-dir", &vault, "--runtime-dir", &runtime, "--age-identity", &identity];
    let telling = ["--webhooks", &webhooks, "--log", EVERYTHING, "--log-format", log_format];
    let mut controller = world.start(&[keeping, telling].concat());
    for place in PLACES {
        until_settled(&world, place);
    }
    assert_used(&world);
    leave_its_last_good_spec(&world);

    let mut outputs = commands(&world);
    controller.signal("TERM");
    assert_eq!(controller.ended(), 0);
    outputs.push(Output::new("the log", controller.log()));
    assert!(contains(&outputs.last().expect("pushed").bytes, "TRACE"), "everything was to be logged");

    let (state, beside): (Vec<_>, Vec<_>) = files(&world.source())
        .into_iter()
        .filter(|file| !file.origin.contains("/secrets/"))
        .filter(|file| !is_manifest(&file.origin))
        .partition(|file| file.origin.contains("/.wharf/") && !file.origin.contains("/audit.log"));
    assert!(!state.is_empty() && beside.len() >= PLACES.len(), "{} and {} files", state.len(), beside.len());
    outputs.extend(beside);
    let secrets = PLACES.iter().map(Place::secret).chain(HOOK.map(canary));
    assert_none(&outputs, &secrets.collect::<Vec<_>>());
    // What stays in force while a file is invalid is remembered, with the values that are no secrets.
    let remembered = |place: &&Place| place.file.is_none() && place.kept.is_none() && place.outcome != Outcome::Refused;
    let never = PLACES.iter().filter(|place| !remembered(place)).map(Place::secret).chain(HOOK.map(canary));
    assert_none(&state, &never.collect::<Vec<_>>());
}

fn is_manifest(file: &str) -> bool {
    PLACES.iter().any(|place| file.ends_with(&format!("/{}.yaml", place.name)))
}

fn declare(world: &World, place: &Place) {
    if let Some(contents) = place.file {
        let path = world.path("secrets").join(place.name);
        fs::create_dir_all(path.parent().expect("a parent")).expect("created");
        fs::write(path, replaced(contents, b"{SECRET}", place.secret().as_bytes())).expect("written");
    }
    if let Some((end, contents)) = place.kept {
        let file = format!("{}{end}", place.name);
        keep(world, &file, &replaced(contents, b"{SECRET}", place.secret().as_bytes()));
    }
    world.write(&format!("{}.yaml", place.name), &manifest(place, place.lines));
}

/// Writes a file of the controller's directory of secrets.
fn keep(world: &World, file: &str, contents: &[u8]) {
    let vault = world.beside_source("vault");
    fs::create_dir_all(&vault).expect("created");
    fs::write(vault.join(file), contents).expect("written");
    fs::set_permissions(&vault, fs::Permissions::from_mode(0o700)).expect("permitted");
    fs::set_permissions(vault.join(file), fs::Permissions::from_mode(0o600)).expect("permitted");
}

/// What `age` is told to decrypt with. It decrypts nothing.
fn identity(world: &World) -> String {
    keep(world, "identity", b"AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX\n");
    world.beside_source("vault").join("identity").display().to_string()
}

/// Places of a file of webhooks that have a secret in them.
const HOOK: [&str; 2] = ["webhook key", "webhook path"];

/// A webhook that nobody answers.
fn webhooks(world: &World) -> String {
    let [key, path] = HOOK.map(canary);
    keep(world, "hook", key.as_bytes());
    let hook = format!("{{url: 'http://127.0.0.1:9/{path}', secretFile: hook}}");
    keep(world, "webhooks.yaml", format!("webhooks: [{hook}]\n").as_bytes());
    world.beside_source("vault").join("webhooks.yaml").display().to_string()
}

/// A directory in memory.
fn tmpfs() -> TempDir {
    tempfile::tempdir_in("/dev/shm").expect("a tmpfs")
}

fn manifest(place: &Place, lines: &str) -> String {
    let lines = place.filled(lines);
    let given = |field: &str| lines.contains(&format!("{field}:"));
    let image = if given("image") { String::new() } else { format!("image: {IMAGE}") };
    let command = if given("command") || given("args") { "" } else { LASTS };
    let Place { name, .. } = place;
    format!(
        "apiVersion: wharf/v1\nkind: Workspace\nmetadata: {{name: {name}}}\nspec:\n  network: {{mode: None}}\n  \
         recovery: {{backoff: {{initial: 10s}}}}\n  {image}\n  {command}\n  {lines}\n"
    )
}

fn replaced(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let at = bytes.windows(from.len()).position(|window| window == from).expect("it is there");
    [&bytes[..at], to, &bytes[at + from.len()..]].concat()
}

fn until_settled(world: &World, place: &Place) {
    let file = format!("{}.yaml", place.name);
    let wanted = |status: &WorkspaceStatus| match place.outcome {
        Outcome::Runs => is_ready(status, 1),
        Outcome::Refused => is(status, ConditionType::Accepted, ConditionStatus::False),
        Outcome::Fails => status.status.retry.is_some() && is(status, ConditionType::Accepted, ConditionStatus::True),
    };
    until(&format!("{file} has come to its end"), || {
        world.statuses().iter().any(|status| status.metadata.manifest == file && wanted(status))
    });
}

fn is(status: &WorkspaceStatus, kind: ConditionType, answer: ConditionStatus) -> bool {
    status.status.condition(kind).is_some_and(|condition| condition.status == answer)
}

/// A secret that is not there cannot be found either.
fn assert_used(world: &World) {
    for place in PLACES.iter().filter(|place| place.outcome == Outcome::Runs) {
        if place.kept.is_some() && place.lines.starts_with("volumes") {
            assert_eq!(docker(&["exec", &world.object(place.name), "cat", "/run/secret"]), place.secret());
            continue;
        }
        let environment = docker(&["inspect", "--format", "{{json .Config.Env}}", &world.object(place.name)]);
        assert!(environment.contains(&place.secret()), "{}: {environment}", place.name);
    }
}

/// A file that was valid, is not, and is valid again: its container is replaced, and what was in force is compared.
fn leave_its_last_good_spec(world: &World) {
    let place = PLACES.iter().find(|place| place.name == "value").expect("one of them");
    let file = format!("{}.yaml", place.name);
    world.write(&file, &manifest(place, "env: [{name: TOKEN, value: '{SECRET}'}, {name: '{SECRET}=', value: x}]"));
    world.until_condition(place.name, ConditionType::Accepted, "Invalid");
    world.write(&file, &manifest(place, "env: [{name: TOKEN, value: '{SECRET} changed'}]"));
    world.until_ready(place.name, 2);
}

fn commands(world: &World) -> Vec<Output> {
    let mut outputs = Vec::new();
    let mut run = |command: &str, more: &[&str]| {
        let outcome = world.wharf(command, &[more, &["--log", EVERYTHING]].concat());
        let origin = format!("wharf {command} {}", more.join(" "));
        outputs.push(Output::new(format!("{origin}, standard output"), outcome.stdout));
        outputs.push(Output::new(format!("{origin}, standard error"), outcome.stderr));
        outcome.code
    };
    for command in COMMANDS {
        for form in FORMS {
            run(command, &["-o", form]);
        }
    }
    for place in PLACES {
        run("describe", &[place.name]);
    }
    let source = world.source();
    for form in FORMS {
        run("validate", &[&source.display().to_string(), "-o", form]);
    }
    let shown: Vec<_> = outputs.iter().filter(|output| contains(&output.bytes, "file-lines")).collect();
    assert!(shown.len() >= 10, "only {} outputs are about the workspaces", shown.len());
    outputs
}
