//! Commands whose output is large, and keys that the engine would take for itself.

use std::time::Duration;

use futures_util::StreamExt;
use wharf::engine::{Console, ExecOptions, OutputStream};

use super::Real;
use crate::bench::{Bench, Process, SOON, plain, running};

fn script(script: &str) -> ExecOptions {
    ExecOptions { command: ["sh", "-c", script].map(str::to_owned).to_vec(), ..ExecOptions::default() }
}

#[tokio::test]
async fn a_slow_reader_loses_nothing() {
    let bench = Real::bench().await;
    let id = running(&bench, &plain(&bench, "box", Process::Lasts)).await;
    let execution = bench.engine().exec(&id, &script("dd if=/dev/zero bs=1024 count=10240; exit 5")).await;
    let mut execution = execution.expect("begun");
    let (mut bytes, mut chunks) = (0, 0_u32);
    while let Some(chunk) = execution.output.next().await {
        let chunk = chunk.expect("read");
        bytes += if chunk.stream == OutputStream::Stdout { chunk.bytes.len() } else { 0 };
        chunks += 1;
        if chunks.is_multiple_of(20) {
            // Slower than it comes: the pipe in between fills up.
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
    assert_eq!(bytes, 10 << 20);
    assert_eq!(bench.engine().exit_code(&execution.id).await.expect("it has ended"), 5);
}

#[tokio::test]
async fn much_goes_in_while_much_comes_out() {
    let bench = Real::bench().await;
    let id = running(&bench, &plain(&bench, "box", Process::Lasts)).await;
    let options = ExecOptions { interactive: true, ..script("cat; exit 6") };
    let execution = bench.engine().exec(&id, &options).await.expect("begun");
    let (mut input, mut output) = (execution.input, execution.output);
    let sent: Vec<u8> = (0..5_u32 << 20).map(|number| number.to_le_bytes()[1]).collect();
    let wanted = sent.clone();
    let writing = tokio::spawn(async move {
        for piece in sent.chunks(8000) {
            input.write(piece).await.expect("it reads");
        }
        input.close().await.expect("closed");
    });
    let mut got = Vec::new();
    while let Some(chunk) = output.next().await {
        got.extend(chunk.expect("read").bytes);
    }
    writing.await.expect("no panic");
    assert!(got == wanted, "{} bytes of {}", got.len(), wanted.len());
    assert_eq!(bench.engine().exit_code(&execution.id).await.expect("it has ended"), 6);
}

#[tokio::test]
async fn keys_that_would_detach_reach_the_command() {
    let bench = Real::bench().await;
    let id = running(&bench, &plain(&bench, "box", Process::Lasts)).await;
    let options =
        ExecOptions { interactive: true, tty: true, ..script("busybox stty raw -echo; echo ready; dd bs=1 count=3") };
    let mut execution = bench.engine().exec(&id, &options).await.expect("begun");
    let mut seen = Vec::new();
    let keys = async {
        while !seen.ends_with(b"ready\n") {
            seen.extend(execution.output.next().await.expect("it is ready").expect("read").bytes);
        }
        // ctrl-p and ctrl-q, one after the other as a person types them.
        for key in [16, 17, b'x'] {
            execution.input.write(&[key]).await.expect("it reads");
        }
        seen.clear();
        while let Some(chunk) = execution.output.next().await {
            seen.extend(chunk.expect("read").bytes);
        }
    };
    tokio::time::timeout(SOON, keys).await.expect("it ends");
    assert!(seen.starts_with(&[16, 17, b'x']), "{:?}", String::from_utf8_lossy(&seen));
}
