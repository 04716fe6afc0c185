//! Containers that somebody else made become manifests, and a source that was moved goes on with its own.

use std::fs;

use wharf::model::status::ConditionType;

use crate::manifest::Manifest;
use crate::support::real::{IMAGE, MARK};
use crate::world::{World, eventually, until};

/// A value that must not be told.
const CANARY: &str = "canary-3f9a11";

#[test]
fn what_somebody_else_made_becomes_a_manifest_that_runs() {
    let world = World::new();
    let old = world.object("Old_Box");
    let project = world.beside_source("project");
    fs::create_dir(&project).expect("made");
    fs::write(project.join("readme"), "hello").expect("written");
    let mark = format!("{MARK}={}", world.instance());
    let mount = format!("{}:/src", project.display());
    let token = format!("TOKEN={CANARY}");
    let options = [
        "run",
        "--detach",
        "--name",
        &old,
        "--label",
        &mark,
        "--network",
        "none",
        "--volume",
        &mount,
        "--workdir",
        "/src",
        "--env",
        &token,
        "--memory",
        "64m",
        "--tmpfs",
        "/run:size=65536",
        "--restart",
        "always",
        IMAGE,
        "sleep",
        "1000",
    ];
    world.client().docker(&options);
    let path = world.path("box.yaml");
    let printed = world.wharf("adopt", &[&old, "--name", "box"]);
    assert_eq!(printed.code, 0, "{printed:?}");
    let written = world.wharf("adopt", &[&old, "--name", "box", "--write", path.to_str().expect("UTF-8")]);
    assert_eq!((written.code, written.stdout.as_str()), (0, ""), "{written:?}");
    let text = fs::read_to_string(&path).expect("written");
    assert_eq!(text, printed.stdout);
    assert!(!format!("{printed:?}{written:?}").contains(CANARY), "a value is told");
    assert!(text.contains("TOKEN") && text.contains("it has values of its own"), "{text}");
    let again = world.wharf("adopt", &[&old, "--write", path.to_str().expect("UTF-8")]);
    assert_eq!(again.code, 1, "nothing is overwritten: {again:?}");
    let nobody = world.wharf("adopt", &[&world.object("nobody")]);
    assert_eq!(nobody.code, 1, "{nobody:?}");

    // It runs as it is, beside the other.
    let _controller = world.start(&[]);
    world.until_ready("box", 1);
    let object = world.object("box");
    assert_eq!(
        world.client().docker(&["exec", &object, "cat", "readme"]),
        "hello",
        "the same project, in the same place"
    );
    let container = world.container("box").expect("it runs");
    assert_eq!(container["HostConfig"]["Memory"], 64 << 20);
    assert_eq!(container["Args"][0], "1000");
    assert!(world.client().inspect(&old).is_some(), "the other one is left to whoever made it");
}

#[test]
fn a_source_that_was_moved_goes_on_with_its_containers() {
    let world = World::new();
    world.declare("a", &Manifest::named("a"));
    let controller = world.start(&[]);
    let before = world.until_ready("a", 1);
    controller.stop();
    let moved = world.beside_source("moved");
    fs::rename(world.source(), &moved).expect("moved");
    let wharf = |command: &str, more: &[&str]| {
        let mut program = std::process::Command::new(env!("CARGO_BIN_EXE_wharf"));
        program.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
        program.arg("--no-color").arg(command).args(more).output().expect("it runs")
    };
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let dir = moved.to_str().expect("UTF-8");
    let shown = wharf("adopt", &["--instance", world.instance(), "--dir", dir]);
    assert_eq!(text(&shown.stdout), format!("{}: workspace a in a.yaml\n", world.object("a")), "{shown:?}");
    assert!(text(&shown.stderr).contains("WHARF_INSTANCE"), "{shown:?}");
    assert!(!moved.join(".wharf-instance").exists(), "showing changes nothing");
    let unknown = wharf("adopt", &["--instance", "nobodys-instance-0", "--dir", dir, "--confirm"]);
    assert_eq!(unknown.status.code(), Some(1), "{unknown:?}");
    let confirmed = wharf("adopt", &["--instance", world.instance(), "--dir", dir, "--confirm"]);
    assert_eq!(confirmed.status.code(), Some(0), "{confirmed:?}");

    // Also when everything that was remembered is lost.
    fs::remove_dir_all(moved.join(".wharf")).expect("removed");
    let prefix = world.object("a");
    let prefix = prefix.strip_suffix("-a").expect("a prefix");
    let ran = wharf("run", &[dir, "--name-prefix", prefix, "--once", "--once-timeout", "30s"]);
    assert_eq!(ran.status.code(), Some(0), "{ran:?}");
    let status = eventually("a status", || {
        let text = fs::read_to_string(moved.join("a.status.yaml")).ok()?;
        text.contains("Ready").then_some(text)
    });
    let id = &before.status.container.as_ref().expect("a container").id;
    assert!(status.contains(id.as_str()), "the same container: {status}");
    assert!(status.contains(before.metadata.uid.as_ref().expect("a UID").as_str()), "the same life");
    assert!(before.status.is(ConditionType::Ready));
    until("nothing was made beside it", || world.containers().len() == 1);
}
