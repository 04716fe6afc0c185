//! What goes where: pipes, terminals, and streams that do not end.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use crate::fixture::{Source, api_dev, db};

/// The binary on its way, ended when the test ends.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn command(source: &Source) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wharf"));
    command.env_clear().current_dir(source.path());
    command
}

fn start(source: &Source, arguments: &[&str]) -> (Running, Receiver<String>) {
    let mut child = command(source)
        .args(arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the binary starts");
    let stdout = child.stdout.take().expect("a pipe");
    (Running(child), lines(stdout))
}

fn lines(stdout: ChildStdout) -> Receiver<String> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    receiver
}

fn next(lines: &Receiver<String>) -> String {
    lines.recv_timeout(Duration::from_secs(20)).expect("another line in time")
}

#[test]
fn get_watch_prints_what_changes() {
    let source = Source::with_two();
    let (_running, lines) = start(&source, &["get", "--watch"]);
    assert!(next(&lines).starts_with("NAME      PHASE"));
    assert!(next(&lines).starts_with("api-dev   Active"));
    assert!(next(&lines).starts_with("db        Inactive"));
    source.write("db.status.yaml", &db().replace("phase: Inactive", "phase: Active"));
    assert_eq!(next(&lines), "db        Active     False   0          -     -              exited with 1");
    source.write("new.status.yaml", &db().replace("name: db", "name: new"));
    assert_eq!(next(&lines), "new       Inactive   False   0          -     -              exited with 1");
    source.remove("new.status.yaml");
    source.write("team/api-dev.status.yaml", &api_dev("running for 3h"));
    assert!(next(&lines).ends_with("running for 3h"));
}

#[test]
fn watched_json_is_one_document_after_another() {
    let source = Source::with_two();
    let (_running, lines) = start(&source, &["get", "db", "-w", "-o", "json"]);
    let document = || {
        let mut text = String::new();
        while !text.ends_with("\n}\n") {
            text = text + &next(&lines) + "\n";
        }
        serde_json::from_str::<serde_json::Value>(&text).expect("a document")
    };
    assert_eq!(document()["status"]["phase"], "Inactive");
    source.write("db.status.yaml", &db().replace("phase: Inactive", "phase: Active"));
    assert_eq!(document()["status"]["phase"], "Active");
}

#[test]
fn events_watch_prints_new_ones_and_counts() {
    let source = Source::with_two();
    let (_running, lines) = start(&source, &["events", "-w"]);
    let header = next(&lines);
    assert!(header.starts_with("LAST SEEN"), "{header}");
    assert!(next(&lines).ends_with("exit code 1"));
    assert!(next(&lines).ends_with("container started (x3 over 5d)"));
    source.write("team/api-dev.status.yaml", &api_dev("x").replace("count: 3", "count: 4"));
    assert!(next(&lines).ends_with("container started (x4 over 5d)"));
}

#[test]
fn a_reader_who_leaves_is_no_error() {
    let source = Source::with_two();
    source.write("bad.yaml", "spec: 1\n");
    for (arguments, code) in
        [(&["get"][..], 0), (&["schema", "workspace"], 0), (&["--help"], 0), (&["validate", "."], 1)]
    {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let output = command(&source).args(arguments).stdout(writer).stderr(Stdio::piped()).output().expect("it runs");
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {stderr}");
        assert!(!stderr.contains("error:") && !stderr.contains("panicked"), "{arguments:?}: {stderr}");
    }
}

#[test]
fn a_watch_ends_when_its_reader_leaves() {
    let source = Source::with_two();
    let (mut running, lines) = start(&source, &["get", "-w"]);
    next(&lines);
    // The thread that reads ends at the next line, and closes the pipe.
    drop(lines);
    let deadline = std::time::Instant::now() + Duration::from_secs(20);
    for count in 0.. {
        source.write("db.status.yaml", &db().replace("exited with 1", &format!("exited with {count}")));
        if let Some(status) = running.0.try_wait().expect("a child") {
            assert!(status.success(), "{status}");
            return;
        }
        assert!(std::time::Instant::now() < deadline, "still watching");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_result_that_cannot_be_written_is_an_error() {
    let source = Source::with_two();
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").expect("a full disk");
    let output = command(&source).arg("get").stdout(full).stderr(Stdio::piped()).output().expect("it runs");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr.contains("error: the result cannot be written to standard output\n  caused by: "), "{stderr}");
}

/// Runs a command line on a terminal of its own.
fn on_a_terminal(source: &Source, arguments: &str, no_color: &str) -> String {
    let line = format!("{} {arguments}", env!("CARGO_BIN_EXE_wharf"));
    let output = Command::new("script")
        .args(["--quiet", "--return", "--command", &line, "/dev/null"])
        .env("NO_COLOR", no_color)
        .env("TERM", "xterm")
        .current_dir(source.path())
        .stdin(Stdio::null())
        .output()
        .expect("`script` of util-linux is installed");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn colours_are_for_terminals_that_want_them() {
    let source = Source::with_two();
    let coloured = on_a_terminal(&source, "get", "");
    assert!(coloured.contains("\u{1b}[") && coloured.contains("api-dev"), "{coloured:?}");
    assert!(on_a_terminal(&source, "describe api-dev", "").contains("\u{1b}[1mConditions:"));
    for plain in [
        on_a_terminal(&source, "get --no-color", ""),
        on_a_terminal(&source, "--no-color describe api-dev", ""),
        on_a_terminal(&source, "get --help --no-color", ""),
        on_a_terminal(&source, "get nobody --no-color", ""),
        on_a_terminal(&source, "get", "1"),
    ] {
        assert!(!plain.is_empty() && !plain.contains('\u{1b}'), "{plain:?}");
    }
    assert!(!source.run(&["get"]).stdout.contains('\u{1b}'));
}
