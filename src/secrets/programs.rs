//! Decryption by the installed programs `age` and `sops`. What they decrypt stays in memory.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};
use secrecy::{ExposeSecret, SecretSlice};

use super::directory::private;
use super::{LARGEST_VALUE, Problem};

/// How long a program may take: `sops` may ask a key service.
const PATIENCE: Duration = Duration::from_secs(20);

/// How often it is looked whether a program that has told everything has ended.
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// A document of `sops` holds several values.
const LARGEST_DOCUMENT: u64 = 8 * LARGEST_VALUE;

/// What is read of what a program complains about, and what is shown of it.
const COMPLAINT: u64 = 4096;
const SHOWN_COMPLAINT: usize = 200;

/// What decrypts.
pub(super) trait Decrypt {
    /// Decrypts a file, which is open already. Blocks. The error has nothing of the content.
    fn decrypt(&self, program: Program, path: &Path, file: File) -> Result<SecretSlice<u8>, Problem>;
}

/// A program that decrypts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Program {
    Age,
    Sops,
}

impl Program {
    const fn name(self) -> &'static str {
        match self {
            Self::Age => "age",
            Self::Sops => "sops",
        }
    }

    const fn installation(self) -> &'static str {
        match self {
            Self::Age => "install the package `age`",
            Self::Sops => "install sops (https://github.com/getsops/sops/releases; Debian has no package of it)",
        }
    }

    const fn largest(self) -> u64 {
        match self {
            Self::Age => LARGEST_VALUE,
            Self::Sops => LARGEST_DOCUMENT,
        }
    }
}

/// The programs on the `PATH`.
#[derive(Debug)]
pub(super) struct Programs {
    identity: Option<PathBuf>,
    patience: Duration,
}

impl Programs {
    pub(super) const fn new(identity: Option<PathBuf>) -> Self {
        Self { identity, patience: PATIENCE }
    }

    fn command(&self, program: Program, path: &Path, file: File) -> Result<Command, Problem> {
        if let Some(identity) = &self.identity {
            private(identity, false)?;
        }
        let mut command = Command::new(program.name());
        match (program, &self.identity) {
            (Program::Age, Some(identity)) => {
                command.arg("--decrypt").arg("--identity").arg(identity).stdin(file);
            }
            (Program::Age, None) => {
                let help = "give the controller the identity file: --age-identity FILE";
                return Err(Problem::reading(path.display(), "it is encrypted with age", help));
            }
            (Program::Sops, identity) => {
                // The form of the document is told by its name.
                command.arg("--decrypt").args(["--output-type", "json"]).arg(path).stdin(Stdio::null());
                if let Some(identity) = identity {
                    command.env("SOPS_AGE_KEY_FILE", identity);
                }
            }
        }
        // A group of its own, so that what it starts ends with it.
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
        Ok(command)
    }
}

impl Decrypt for Programs {
    fn decrypt(&self, program: Program, path: &Path, file: File) -> Result<SecretSlice<u8>, Problem> {
        let name = program.name();
        let problem = |message: String, help: &str| Problem::reading(path.display(), message, help);
        let child = self.command(program, path, file)?.spawn().map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => {
                problem(format!("the program `{name}` is not installed"), program.installation())
            }
            _ => problem(format!("`{name}` cannot be started: {error}"), "try it by hand as the controller's user"),
        })?;
        let mut running = Running(child);
        match running.end(program.largest(), Instant::now() + self.patience) {
            Ok(Ended { status, output, .. }) if status.success() => Ok(output),
            Ok(Ended { complaint, .. }) => {
                let message = format!("`{name}` cannot decrypt it: {complaint}");
                Err(problem(message, "check the identity or key, and try it by hand as the controller's user"))
            }
            Err(Unended::TooLarge) => {
                let message = format!("what `{name}` decrypts is larger than {} bytes", program.largest());
                Err(problem(message, "keep secrets and nothing else in it"))
            }
            Err(Unended::Timeout) => {
                let message = format!("`{name}` has not ended within {:?} and was killed", self.patience);
                Err(problem(message, "try it by hand as the controller's user, without a terminal"))
            }
            Err(Unended::Io(error)) => {
                Err(problem(format!("`{name}` cannot be waited for: {error}"), "look at the machine's log"))
            }
        }
    }
}

/// A program that runs. Dropping it kills it, and everything that it started.
struct Running(Child);

struct Ended {
    status: ExitStatus,
    output: SecretSlice<u8>,
    complaint: String,
}

enum Unended {
    TooLarge,
    Timeout,
    Io(io::Error),
}

impl Running {
    fn end(&mut self, largest: u64, deadline: Instant) -> Result<Ended, Unended> {
        let output = read_aside(self.0.stdout.take(), largest + 1);
        let complaint = read_aside(self.0.stderr.take(), COMPLAINT);
        let left = || deadline.saturating_duration_since(Instant::now());
        let received = |error| match error {
            RecvTimeoutError::Timeout => Unended::Timeout,
            RecvTimeoutError::Disconnected => Unended::Io(io::ErrorKind::BrokenPipe.into()),
        };
        let output = output.recv_timeout(left()).map_err(received)?.map_err(Unended::Io)?;
        if output.expose_secret().len() as u64 > largest {
            return Err(Unended::TooLarge);
        }
        let status = loop {
            match self.0.try_wait().map_err(Unended::Io)? {
                Some(status) => break status,
                None if left().is_zero() => return Err(Unended::Timeout),
                None => thread::sleep(LOOK_AGAIN),
            }
        };
        let complaint = complaint.recv_timeout(left()).map_err(received)?.map_err(Unended::Io)?;
        Ok(Ended { status, output, complaint: presentable(complaint.expose_secret()) })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let ended = matches!(self.0.try_wait(), Ok(Some(_)));
        if !ended {
            // Either may have ended meanwhile.
            let _ = kill_process_group(Pid::from_child(&self.0), Signal::KILL);
            let _ = self.0.wait();
        }
    }
}

/// Reads a stream to its end, or up to a limit, beside whatever else is waited for.
fn read_aside(stream: Option<impl Read + Send + 'static>, limit: u64) -> mpsc::Receiver<io::Result<SecretSlice<u8>>> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        // As large as it may become, so that no copy is left behind by growing.
        let mut bytes = Vec::with_capacity(usize::try_from(limit).unwrap_or(0));
        let read = stream.map_or(Ok(0), |stream| stream.take(limit).read_to_end(&mut bytes));
        let bytes = SecretSlice::from(bytes);
        // Nobody listens any more after the deadline.
        let _ = sender.send(read.map(|_| bytes));
    });
    receiver
}

/// The first line of a complaint, without control characters and without what it quotes: `age` quotes the beginning of a file
/// that is not encrypted.
fn presentable(complaint: &[u8]) -> String {
    let text = String::from_utf8_lossy(complaint);
    let line = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or("it does not say why");
    let mut shown = String::new();
    let mut quote = None;
    for c in line.chars().filter(|c| !c.is_control()).take(SHOWN_COMPLAINT) {
        match quote {
            Some(end) if c == end => quote = None,
            Some(_) => continue,
            // An apostrophe inside of a word begins no quotation.
            None if "\"`".contains(c) || c == '\'' && !shown.ends_with(char::is_alphanumeric) => {
                quote = Some(c);
                shown.push(c);
                shown.push('…');
                continue;
            }
            None => {}
        }
        shown.push(c);
    }
    shown
}

#[cfg(test)]
mod tests {
    use std::process;

    use super::*;

    fn running(script: &str) -> Running {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script]).stdin(Stdio::null());
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
        Running(command.spawn().expect("a shell"))
    }

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(10)
    }

    #[test]
    fn what_a_program_says_is_taken_or_told() {
        let ended = running("printf secret; echo warning >&2").end(6, soon()).ok().expect("ended");
        assert!(ended.status.success());
        assert_eq!(ended.output.expose_secret(), b"secret");
        let ended = running("echo; echo 'no key: \"canary\" at 1' >&2; echo canary >&2; exit 3").end(6, soon());
        let ended = ended.ok().expect("ended");
        assert_eq!((ended.status.code(), ended.complaint.as_str()), (Some(3), "no key: \"…\" at 1"));
        assert!(matches!(running("printf secrets").end(6, soon()), Err(Unended::TooLarge)));
    }

    #[test]
    fn a_program_that_does_not_end_is_killed_with_all_that_it_started() {
        let group = {
            let mut stuck = running("sleep 1000 & sleep 1000");
            let group = Pid::from_child(&stuck.0);
            let ended = stuck.end(6, Instant::now() + Duration::from_millis(100));
            assert!(matches!(ended, Err(Unended::Timeout)));
            group
        };
        let deadline = soon();
        while rustix::process::test_kill_process_group(group).is_ok() {
            assert!(Instant::now() < deadline, "something of it is left");
            thread::yield_now();
        }
        assert_ne!(group.as_raw_nonzero().get().unsigned_abs(), process::id());
    }

    #[test]
    fn complaints_are_one_line_without_what_they_quote() {
        for (complaint, shown) in [
            ("age: error: unexpected intro: \"canary\"\n[ Did you ]\n", "age: error: unexpected intro: \"…\""),
            ("\n\u{1b}[31mcan't open `canary`, don't\n", "[31mcan't open `…`, don't"),
            ("cut 'canary", "cut '…"),
            ("", "it does not say why"),
        ] {
            assert_eq!(presentable(complaint.as_bytes()), shown);
        }
    }
}
