//! `wharf exec`: commands in a workspace's container.

use std::io::{Read, Write};
use std::process::{Child, Stdio};
use std::thread;
use std::time::Duration;

use crate::manifest::Manifest;
use crate::support::real::docker;
use crate::terminal::Terminal;
use crate::world::{World, eventually, signal_to, until};

/// A world in which workspace `box` runs and no controller does.
fn settled() -> World {
    let world = World::new();
    world.declare("box", &Manifest::named("box"));
    let (end, log) = world.run_once(None);
    assert!(end.success(), "{log}");
    world
}

fn code(mut child: Child) -> Option<i32> {
    eventually("the end", || child.try_wait().expect("waited")).code()
}

#[test]
fn a_command_writes_to_both_streams_and_its_exit_code_is_ours() {
    let world = settled();
    for (arguments, code, out, err) in [
        (&["box", "--", "true"][..], 0, "", ""),
        (&["box", "false"], 1, "", ""),
        (&["box", "--", "sh", "-c", "echo out; echo err >&2; exit 42"], 42, "out\n", "err\n"),
        (&["--workdir", "/tmp", "box", "sh", "-c", "echo $PWD"], 0, "/tmp\n", ""),
        (&["-u", "1234:5678", "box", "--", "id", "-g"], 0, "5678\n", ""),
        // Without -i, there is nothing to read.
        (&["box", "--", "cat"], 0, "", ""),
        (&["-t", "box", "--", "sh", "-c", "echo out; echo err >&2; exit 3"], 3, "out\r\nerr\r\n", ""),
    ] {
        let seen = world.wharf("exec", arguments);
        assert_eq!((seen.code, seen.stdout.as_str(), seen.stderr.as_str()), (code, out, err), "{arguments:?}");
    }
}

#[test]
fn what_cannot_be_run_says_why() {
    let world = settled();
    for (arguments, code, expected) in [
        (
            &["box", "--", "nosuch"][..],
            127,
            "error: cannot run `nosuch` in workspace `box`: exec: \"nosuch\": executable",
        ),
        (&["box", "--", "/no/such"], 127, "no such file or directory\n  help: name a program"),
        (&["box", "--", "/tmp"], 126, "permission denied\n  help: check the program's mode"),
        (&["--workdir", "/nowhere", "box", "--", "true"], 126, "no such file or directory\n  help: check"),
        (&["--user", "nobody-here", "box", "--", "true"], 126, "unable to find user nobody-here"),
        (
            &["-it", "box", "--", "sh"],
            2,
            "error: a terminal is asked for, and standard input is none\n  help: leave out",
        ),
    ] {
        let mut command = world.command("exec", arguments);
        let seen = command.stdin(Stdio::null()).output().expect("the program starts");
        let errors = String::from_utf8(seen.stderr).expect("text");
        assert_eq!((seen.status.code(), seen.stdout.as_slice()), (Some(code), &b""[..]), "{arguments:?}: {errors}");
        assert!(errors.contains(expected), "{arguments:?}: {errors}");
    }
    docker(&["stop", "--time", "5", &world.object("box")]);
    let seen = world.wharf("exec", &["box", "--", "true"]);
    assert_eq!(seen.code, 1, "{seen:?}");
    assert!(seen.stderr.contains("is not running\n  help: `wharf describe box`"), "{}", seen.stderr);
}

#[test]
fn standard_input_is_passed_on_to_its_end() {
    let world = settled();
    let mut command = world.command("exec", &["-i", "box", "--", "sh", "-c", "cat; echo end; exit 5"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the program starts");
    let mut input = child.stdin.take().expect("piped");
    let text = "a line of text\n".repeat(100_000);
    let sent = text.clone();
    let writing = thread::spawn(move || input.write_all(sent.as_bytes()).expect("written"));
    let mut seen = String::new();
    child.stdout.take().expect("piped").read_to_string(&mut seen).expect("text");
    writing.join().expect("no panic");
    assert!(seen == text + "end\n", "{} bytes", seen.len());
    assert_eq!(code(child), Some(5));
}

#[test]
fn a_slow_reader_loses_nothing() {
    let world = settled();
    let script = "dd if=/dev/zero bs=1024 count=10240 2>/dev/null; exit 6";
    let mut command = world.command("exec", &["box", "--", "sh", "-c", script]);
    let mut child = command.stdout(Stdio::piped()).spawn().expect("the program starts");
    let mut output = child.stdout.take().expect("piped");
    let (mut total, mut piece) = (0, vec![0; 256 << 10]);
    loop {
        // Not a wait for anything: this is how slow the reader is.
        thread::sleep(Duration::from_millis(5));
        match output.read(&mut piece).expect("read") {
            0 => break,
            count => total += count,
        }
    }
    assert_eq!((total, code(child)), (10 << 20, Some(6)));
}

#[test]
fn a_person_gets_a_terminal() {
    let world = settled();
    let terminal = Terminal::new(99, 33);
    let child = terminal.start(&mut world.command("exec", &["box", "--", "sh"]));
    terminal.until("/ # ");
    assert!(!terminal.is_as_usual(), "keys are the command's");
    terminal.type_in("busybox stty size\r");
    terminal.until("33 99");
    terminal.resize(77, 22);
    signal_to(&child, "WINCH");
    until("the command knows the new size", || {
        terminal.type_in("busybox stty size\r");
        terminal.screen().contains("22 77")
    });
    // Ctrl-C is the command's, too: the shell goes on.
    terminal.type_in("echo $((40 + 1)); sleep 1000\r");
    terminal.until("41");
    terminal.type_in("\u{3}");
    terminal.type_in("echo $((40 + 2)); exit 7\r");
    terminal.until("42");
    assert_eq!(code(child), Some(7));
    assert!(terminal.is_as_usual());
}

#[test]
fn a_terminal_is_given_back_when_somebody_ends_us() {
    let world = settled();
    for (signal, expected) in [("TERM", 143), ("HUP", 129), ("INT", 130)] {
        let terminal = Terminal::new(80, 24);
        let child = terminal.start(&mut world.command("exec", &["-it", "box", "--", "sh"]));
        terminal.until("/ # ");
        assert!(!terminal.is_as_usual());
        signal_to(&child, signal);
        assert_eq!(code(child), Some(expected));
        assert!(terminal.is_as_usual(), "after {signal}");
    }
}

#[test]
fn a_container_that_ends_ends_the_command() {
    let world = settled();
    let terminal = Terminal::new(80, 24);
    let child = terminal.start(&mut world.command("exec", &["box", "--", "sh"]));
    terminal.until("/ # ");
    docker(&["kill", &world.object("box")]);
    assert_eq!(code(child), Some(137));
    assert!(terminal.is_as_usual());
}

/// What is typed and what is answered is nobody else's business, whatever a log is asked to say.
#[test]
fn no_log_shows_what_goes_in_and_out() {
    const CANARY: &str = "canary-9d41b7";
    let world = settled();
    let script = format!("TOKEN={CANARY}; cat > /dev/null; echo $TOKEN");
    for form in ["text", "json"] {
        let arguments = ["--log", "trace", "--log-format", form, "-i", "box", "--", "sh", "-c", &script];
        let mut command = world.command("exec", &arguments);
        let pipes = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = pipes.spawn().expect("the program starts");
        child.stdin.take().expect("piped").write_all(CANARY.as_bytes()).expect("written");
        let seen = child.wait_with_output().expect("ended");
        let (output, log) = (String::from_utf8_lossy(&seen.stdout), String::from_utf8_lossy(&seen.stderr));
        assert_eq!((seen.status.code(), output.as_ref()), (Some(0), &*format!("{CANARY}\n")), "{log}");
        assert!(!log.contains(CANARY), "{log}");
    }
}
