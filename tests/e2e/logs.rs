//! `wharf logs`: what a container has written, and why there is nothing to see.

use std::io::{BufRead, BufReader, Read};
use std::process::Stdio;

use crate::manifest::Manifest;
use crate::support::real::{MARK, docker};
use crate::world::{World, eventually};

/// Says something on both streams, and goes on when there is a file `/tmp/go`.
const SCRIPT: &str = "echo one; echo two; until [ -e /tmp/go ]; do sleep 0.1; done; echo three >&2; echo four; exit 0";

fn speaker() -> Manifest {
    Manifest::named("box").with("args", format!("[\"{SCRIPT}\"]"))
}

/// A world in which this workspace runs and no controller does.
fn settled(manifest: &Manifest) -> World {
    let world = World::new();
    world.declare("box", manifest);
    let (end, log) = world.run_once(None);
    assert!(end.success(), "{log}");
    world
}

#[test]
fn lines_come_as_they_are_written_until_the_container_ends() {
    let world = settled(&speaker());
    let mut command = world.command("logs", &["box", "--follow"]);
    let mut following = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program starts");
    let mut lines = BufReader::new(following.stdout.take().expect("piped")).lines().map(|line| line.expect("text"));
    assert_eq!([lines.next(), lines.next()], [Some("one".to_owned()), Some("two".to_owned())]);
    // They are seen while the container runs.
    assert_eq!(docker(&["exec", &world.object("box"), "touch", "/tmp/go"]), "");
    assert_eq!(lines.collect::<Vec<_>>(), ["four"]);
    let mut errors = String::new();
    following.stderr.take().expect("piped").read_to_string(&mut errors).expect("text");
    assert_eq!((errors.as_str(), following.wait().expect("ended").code()), ("three\n", Some(0)));
    // What has ended has logs all the same.
    let seen = world.wharf("logs", &["box"]);
    assert_eq!((seen.code, seen.stdout.as_str(), seen.stderr.as_str()), (0, "one\ntwo\nfour\n", "three\n"));
}

#[test]
fn a_part_can_be_asked_for() {
    let world = settled(&speaker());
    let seen = |more: &[&str]| {
        let seen = world.wharf("logs", &[&["box"], more].concat());
        assert_eq!((seen.code, seen.stderr.as_str()), (0, ""), "{more:?}");
        seen.stdout
    };
    eventually("both lines", || (seen(&[]) == "one\ntwo\n").then_some(()));
    assert_eq!(seen(&["--tail", "1"]), "two\n");
    assert_eq!(seen(&["--since", "10m", "-n", "5"]), "one\ntwo\n");
    assert_eq!(seen(&["--since", "2999-01-01T00:00:00Z"]), "");
    let timed = seen(&["-t", "-n", "1"]);
    let (time, text) = timed.split_once(' ').expect("a time and a text");
    assert!(time.parse::<jiff::Timestamp>().is_ok() && text == "two\n", "{timed}");
}

#[test]
fn a_reader_who_has_seen_enough_ends_it() {
    let world = settled(&speaker());
    let mut command = world.command("logs", &["box", "--follow"]);
    let mut following = command.stdout(Stdio::piped()).spawn().expect("the program starts");
    drop(following.stdout.take());
    docker(&["exec", &world.object("box"), "touch", "/tmp/go"]);
    let end = eventually("the end", || following.try_wait().expect("waited"));
    assert_eq!(end.code(), Some(0));
}

#[test]
fn what_cannot_be_shown_has_a_reason_and_a_next_step() {
    let world = World::new();
    world.declare("box", &Manifest::named("box"));
    world.declare("archive", &Manifest::named("archive").with("state", "Archived"));
    let (end, log) = world.run_once(None);
    assert!(end.success(), "{log}");
    for (arguments, code, expected) in [
        (&["bx"][..], 1, "\n  help: did you mean `box`?\n"),
        (&["archive"], 1, "error: workspace `archive` has no container: "),
        (&["archive"], 1, "\n  help: `wharf describe archive` says why"),
        (&["box", "--host", "unix:///nowhere"], 4, "unix:///nowhere cannot be used: there is no socket"),
        (&["box", "--host", "ssh://x"], 2, "ssh -L"),
    ] {
        for command in ["logs", "exec"] {
            let more: &[&str] = if command == "exec" { &["--", "true"] } else { &[] };
            let seen = world.wharf(command, &[arguments, more].concat());
            assert_eq!((seen.code, seen.stdout.as_str()), (code, ""), "{command} {arguments:?}: {seen:?}");
            assert!(seen.stderr.contains(expected), "{command} {arguments:?}: {}", seen.stderr);
        }
    }
    let id = world.id("box");
    docker(&["rm", "--force", &id]);
    let gone = world.wharf("logs", &["box"]);
    assert_eq!(gone.code, 1);
    assert!(gone.stderr.contains("No such container") && gone.stderr.contains("controller is running"), "{gone:?}");
}

/// Somebody who may write to the source may not look into any container of the engine thereby.
#[test]
fn a_forged_status_file_leads_nowhere() {
    let world = settled(&speaker());
    let label = format!("{MARK}={}", world.instance());
    let foreign = world.object("foreign");
    let image = crate::support::real::IMAGE;
    let run = ["run", "--detach", "--network", "none", "--label", &label, "--name", &foreign, image];
    let theirs = docker(&[&run[..], &["sleep", "1000"]].concat());
    let status = std::fs::read_to_string(world.path("box.status.yaml")).expect("a status");
    world.write("box.status.yaml", &status.replace(&world.id("box"), &theirs));
    for arguments in [&["logs", "box"][..], &["exec", "box", "--", "true"]] {
        let seen = world.wharf(arguments[0], &arguments[1..]);
        assert_eq!((seen.code, seen.stdout.as_str()), (1, ""), "{seen:?}");
        assert!(seen.stderr.contains("is not the container of workspace `box`"), "{}", seen.stderr);
    }
}
