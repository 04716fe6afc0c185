//! What people see of a container: its logs, and commands in it.

use std::time::Duration;

use futures_util::StreamExt;
use jiff::Timestamp;
use wharf::engine::{
    Console, Engine, EngineError, ExecOptions, Execution, LogOptions, ObjectKind, OutputStream, TerminalSize,
};

use crate::bench::{Bench, Meddling, Process, SOON, eventually, plain, running};
use crate::containers::{NOBODY, missing};

/// What was written, stream by stream.
#[derive(Debug, Default, PartialEq, Eq)]
struct Written {
    out: String,
    err: String,
}

impl Written {
    fn new(out: &str, err: &str) -> Self {
        Self { out: out.to_owned(), err: err.to_owned() }
    }
}

type Chunks = futures_util::stream::BoxStream<'static, Result<wharf::engine::Chunk, EngineError>>;

/// Reads to the end.
async fn read(mut chunks: Chunks) -> Result<Written, EngineError> {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let all = async {
        while let Some(chunk) = chunks.next().await {
            let chunk = chunk?;
            match chunk.stream {
                OutputStream::Stdout => out.extend(chunk.bytes),
                OutputStream::Stderr => err.extend(chunk.bytes),
            }
        }
        Ok(())
    };
    tokio::time::timeout(SOON, all).await.expect("it ends")?;
    let text = |bytes| String::from_utf8(bytes).expect("text");
    Ok(Written { out: text(out), err: text(err) })
}

async fn logs<B: Bench>(bench: &B, id: &str, options: LogOptions) -> Written {
    read(bench.engine().logs(id, &options)).await.expect("read")
}

/// A container that runs this script; answers its ID.
async fn says<B: Bench>(bench: &B, script: &str) -> String {
    let mut spec = plain(bench, "box", Process::Lasts);
    spec.command = vec!["/bin/sh".to_owned(), "-c".to_owned(), script.to_owned()];
    running(bench, &spec).await
}

async fn until_ended<B: Bench>(bench: &B, id: &str) {
    eventually("the end", || async { bench.engine().inspect(id).await.expect("inspected").exit_code }).await;
}

pub async fn logs_show_what_was_written<B: Bench>(bench: &B) {
    let id = says(bench, "echo two >&2; sleep 1; echo one; echo three; exit 0").await;
    until_ended(bench, &id).await;
    let all = LogOptions::default();
    assert_eq!(logs(bench, &id, all).await, Written::new("one\nthree\n", "two\n"));
    assert_eq!(logs(bench, &id, LogOptions { tail: Some(1), ..all }).await, Written::new("three\n", ""));
    assert_eq!(logs(bench, &id, LogOptions { tail: Some(0), ..all }).await, Written::default());
    // A log is of all runs.
    bench.engine().start(&id).await.expect("started");
    until_ended(bench, &id).await;
    assert_eq!(logs(bench, &id, all).await.out, "one\nthree\none\nthree\n");
}

pub async fn logs_know_when<B: Bench>(bench: &B) {
    let id = says(bench, "echo one; sleep 1; echo two; exit 0").await;
    until_ended(bench, &id).await;
    let seen = logs(bench, &id, LogOptions { timestamps: true, ..LogOptions::default() }).await.out;
    let lines: Vec<(Timestamp, &str)> = seen
        .lines()
        .map(|line| {
            let (time, text) = line.split_once(' ').expect("a time and a text");
            (time.parse().expect("a time"), text)
        })
        .collect();
    assert_eq!(lines.iter().map(|(_, text)| *text).collect::<Vec<_>>(), ["one", "two"]);
    let since = |since| LogOptions { since: Some(since), ..LogOptions::default() };
    assert_eq!(logs(bench, &id, since(lines[0].0)).await.out, "one\ntwo\n");
    assert_eq!(logs(bench, &id, since(lines[1].0)).await.out, "two\n");
    let later = lines[1].0 + Duration::from_secs(1);
    assert_eq!(logs(bench, &id, since(later)).await.out, "");
}

pub async fn logs_are_followed_to_the_end<B: Bench>(bench: &B) {
    let id = says(bench, "echo one; sleep 1; echo two >&2; exit 3").await;
    let follow = LogOptions { follow: true, ..LogOptions::default() };
    let mut chunks = bench.engine().logs(&id, &follow);
    let first = chunks.next().await.expect("a line").expect("read");
    assert_eq!((first.stream, first.bytes.as_slice()), (OutputStream::Stdout, &b"one\n"[..]));
    // It comes while the container still runs.
    assert_eq!(bench.engine().inspect(&id).await.expect("inspected").exit_code, None);
    assert_eq!(read(chunks).await.expect("read"), Written::new("", "two\n"));
    until_ended(bench, &id).await;
    assert_eq!(logs(bench, &id, follow).await, Written::new("one\n", "two\n"));
}

pub async fn logs_of_nobody_are_not_found<B: Bench>(bench: &B) {
    let of = async |id: &str| read(bench.engine().logs(id, &LogOptions::default())).await;
    assert_eq!(missing(of(NOBODY).await), ObjectKind::Container);
    assert!(matches!(of("../info").await, Err(EngineError::Invalid { .. })));
}

/// Runs a command without input; answers what it wrote and its exit code.
async fn run<B: Bench>(bench: &B, id: &str, options: &ExecOptions) -> (Result<Written, EngineError>, i64) {
    let execution = bench.engine().exec(id, options).await.expect("begun");
    let written = read(execution.output).await;
    (written, bench.engine().exit_code(&execution.id).await.expect("it has ended"))
}

fn command(words: &[&str]) -> ExecOptions {
    ExecOptions { command: words.iter().map(|word| (*word).to_owned()).collect(), ..ExecOptions::default() }
}

pub async fn commands_write_and_end<B: Bench>(bench: &B) {
    let id = running(bench, &plain(bench, "box", Process::Lasts)).await;
    for (words, out, err, code) in [
        (&["true"][..], "", "", 0),
        (&["false"], "", "", 1),
        (&["sh", "-c", "echo one; echo two >&2; exit 7"], "one\n", "two\n", 7),
        (&["cat"], "", "", 0),
    ] {
        let (written, seen) = run(bench, &id, &command(words)).await;
        assert_eq!((written.expect("read"), seen), (Written::new(out, err), code), "{words:?}");
    }
    // Its end is not the container's.
    assert_eq!(bench.engine().inspect(&id).await.expect("inspected").exit_code, None);
}

pub async fn commands_read<B: Bench>(bench: &B) {
    let engine = bench.engine();
    let id = running(bench, &plain(bench, "box", Process::Lasts)).await;
    let options = ExecOptions { interactive: true, ..command(&["cat"]) };
    let Execution { id: execution, mut input, mut output } = engine.exec(&id, &options).await.expect("begun");
    for line in ["one\n", "two\n"] {
        input.write(line.as_bytes()).await.expect("written");
        let chunk = output.next().await.expect("it answers").expect("read");
        assert_eq!(chunk.bytes, line.as_bytes());
    }
    let running = engine.exit_code(&execution).await;
    assert!(matches!(running, Err(EngineError::Conflict { .. })), "{running:?}");
    input.close().await.expect("closed");
    assert_eq!(read(output).await.expect("read"), Written::default());
    assert_eq!(engine.exit_code(&execution).await.expect("it has ended"), 0);
}

pub async fn a_terminal_has_one_stream<B: Bench>(bench: &B) {
    let engine = bench.engine();
    let id = running(bench, &plain(bench, "box", Process::Lasts)).await;
    let script = ["sh", "-c", "sleep 1; echo one; echo two >&2; exit 3"];
    let options = ExecOptions { tty: true, interactive: true, ..command(&script) };
    let execution = engine.exec(&id, &options).await.expect("begun");
    engine.resize(&execution.id, TerminalSize { columns: 132, rows: 43 }).await.expect("resized");
    assert_eq!(read(execution.output).await.expect("read"), Written::new("one\r\ntwo\r\n", ""));
    assert_eq!(engine.exit_code(&execution.id).await.expect("it has ended"), 3);
}

pub async fn what_cannot_be_run_is_told<B: Bench>(bench: &B) {
    let engine = bench.engine();
    let id = running(bench, &plain(bench, "box", Process::Lasts)).await;
    let (written, code) = run(bench, &id, &command(&["nosuchprogram"])).await;
    let error = written.expect_err("there is no such program");
    assert!(matches!(error, EngineError::Failed { .. }) && error.message().contains("nosuchprogram"), "{error:?}");
    assert!((126..=127).contains(&code), "{code}");
    let refused = async |id: &str, words: &[&str]| engine.exec(id, &command(words)).await.map(drop);
    assert!(matches!(refused(&id, &[]).await, Err(EngineError::Invalid { .. })));
    assert!(matches!(refused("../a", &["true"]).await, Err(EngineError::Invalid { .. })));
    assert_eq!(missing(refused(NOBODY, &["true"]).await), ObjectKind::Container);
    assert_eq!(missing(engine.exit_code(NOBODY).await), ObjectKind::Container);
    bench.meddle(&id, Meddling::Pause).await;
    assert!(matches!(refused(&id, &["true"]).await, Err(EngineError::Conflict { .. })));
    engine.unpause(&id).await.expect("unpaused");
    engine.stop(&id, Duration::from_secs(5)).await.expect("stopped");
    assert!(matches!(refused(&id, &["true"]).await, Err(EngineError::Conflict { .. })));
}

pub async fn commands_end_with_the_container<B: Bench>(bench: &B) {
    let engine = bench.engine();
    let id = running(bench, &plain(bench, "box", Process::Lasts)).await;
    let script = ["sh", "-c", "echo begun; sleep 1000"];
    let mut execution = engine.exec(&id, &command(&script)).await.expect("begun");
    assert_eq!(execution.output.next().await.expect("a line").expect("read").bytes, b"begun\n");
    let reading = tokio::spawn(read(execution.output));
    bench.meddle(&id, Meddling::Kill).await;
    assert_eq!(reading.await.expect("no panic").expect("read"), Written::default());
    assert_eq!(engine.exit_code(&execution.id).await.expect("it has ended"), 137);
}
