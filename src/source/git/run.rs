//! Running a program so that nothing of it is left behind: in a process group of its own, with an end.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::path::Path;
use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{ChildStderr, ChildStdin, ChildStdout, Command};

/// Limits what every process that git starts may write to one file (512-byte blocks) and have in memory (KiB), writes down the
/// process group, and becomes git. A limit that cannot be set is one that is lower already.
const WRAPPER: &str =
    r#"ulimit -f "$1" 2>/dev/null; ulimit -v "$2" 2>/dev/null; echo $$ >"$3"; shift 3; exec git "$@""#;

/// Memory of a process: what a small download can be made to unpack to would otherwise take all.
const MEMORY: u64 = 4 << 30;

/// What is kept of the beginning and of the end of an error output.
const KEPT: usize = 16 << 10;

/// A run of git.
pub(super) struct Call<'a> {
    pub(super) arguments: Vec<OsString>,
    pub(super) environment: &'a [(OsString, OsString)],
    /// What git reads; `None` for a run that changes the copy, which holds the lock of the copy instead.
    pub(super) input: Option<Vec<u8>>,
    /// Bytes that it may print.
    pub(super) most: u64,
    /// Bytes that it may write to one file.
    pub(super) largest: u64,
}

/// How a run ended.
#[derive(Debug)]
pub(super) enum Outcome {
    /// With success, and this output.
    Fine(Vec<u8>),
    /// Without, and this error output.
    Failed(Vec<u8>),
    /// By us, because it printed more than it may.
    TooMuch,
}

/// Runs git to its end. If the future is dropped before, all processes of the run are killed.
pub(super) async fn run(call: Call<'_>, lock: &File, running: &Path) -> io::Result<Outcome> {
    let stdin = match call.input {
        Some(_) => Stdio::piped(),
        // As long as any process of the run lives, so does the lock: see `place`.
        None => Stdio::from(lock.try_clone()?),
    };
    let mut child = Command::new("/bin/sh")
        .args(["-c", WRAPPER, "sh"])
        .args([(call.largest / 512).to_string(), (MEMORY / 1024).to_string()])
        .arg(running)
        .args(&call.arguments)
        .env_clear()
        .envs(call.environment.iter().map(|(name, value)| (name, value)))
        .stdin(stdin)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()?;
    // Declared after the child and so dropped before it: until the child is waited for, its ID is nobody else's.
    let mut group = Group(child.id());
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let ended = tokio::try_join!(feed(stdin, call.input), capped(stdout, call.most), ends(stderr));
    let ((), output, said) = match ended {
        Ok(all) => all,
        Err(Stop::TooMuch) => return Ok(Outcome::TooMuch),
        Err(Stop::Io(error)) => return Err(error),
    };
    let status = child.wait().await?;
    group.0 = None;
    Ok(if status.success() { Outcome::Fine(output) } else { Outcome::Failed(said) })
}

/// Kills a process group that was left behind by a run of another process. The caller knows that it lives.
pub(super) fn kill_group(id: u32) {
    if let Some(id) = i32::try_from(id).ok().filter(|id| *id > 1).and_then(Pid::from_raw) {
        // It may have ended by now.
        let _ = kill_process_group(id, Signal::KILL);
    }
}

/// The process group of a child that has not been waited for.
struct Group(Option<u32>);

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(id) = self.0 {
            kill_group(id);
        }
    }
}

enum Stop {
    TooMuch,
    Io(io::Error),
}

async fn feed(stdin: Option<ChildStdin>, input: Option<Vec<u8>>) -> Result<(), Stop> {
    if let (Some(mut stdin), Some(input)) = (stdin, input) {
        // Whoever ends before it has read all says why by itself.
        let _ = stdin.write_all(&input).await;
    }
    Ok(())
}

async fn capped(stdout: Option<ChildStdout>, most: u64) -> Result<Vec<u8>, Stop> {
    let mut output = Vec::new();
    if let Some(stdout) = stdout {
        stdout.take(most.saturating_add(1)).read_to_end(&mut output).await.map_err(Stop::Io)?;
    }
    if output.len() as u64 > most { Err(Stop::TooMuch) } else { Ok(output) }
}

/// The beginning and the end of what is printed, however long it is: a server can make it endless.
async fn ends(stderr: Option<ChildStderr>) -> Result<Vec<u8>, Stop> {
    let Some(mut stderr) = stderr else { return Ok(Vec::new()) };
    let (mut kept, mut buffer) = (Vec::new(), [0; 4096]);
    loop {
        let read = stderr.read(&mut buffer).await.map_err(Stop::Io)?;
        if read == 0 {
            return Ok(kept);
        }
        kept.extend_from_slice(&buffer[..read]);
        if kept.len() > 4 * KEPT {
            kept.drain(KEPT..kept.len() - KEPT);
        }
    }
}
