//! A shell that a document is typed into.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use crate::blocks::{Step, is_as_expected, steps};

/// How long a step may take, and how long what is looked for may be in coming.
const DEADLINE: Duration = Duration::from_secs(60);

/// Between two looks.
const LOOK_AGAIN: Duration = Duration::from_millis(200);

/// What ends the output of a command; its exit code follows.
const END: &str = "--- the end of a step:";

/// One shell: what a step changes (directory, variables, jobs), later ones find. Dropping it ends everything that was started in it.
pub struct Shell {
    child: Child,
    input: ChildStdin,
    lines: Receiver<String>,
}

impl Shell {
    /// In a directory, which is also the home directory, with these variables besides `PATH`, in which the program is.
    pub fn start(directory: &Path, variables: &[(&str, &str)]) -> Self {
        let program = Path::new(env!("CARGO_BIN_EXE_wharf")).parent().expect("a directory");
        let path = std::env::var("PATH").unwrap_or_default();
        let mut command = Command::new("bash");
        command.arg("--norc").current_dir(directory).env_clear().envs(variables.iter().copied());
        command.env("PATH", format!("{}:{path}", program.display())).env("HOME", directory);
        // A group of its own, so that what runs in the background ends with it.
        command.process_group(0).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit());
        let mut child = command.spawn().expect("bash starts");
        let (input, output) = (child.stdin.take().expect("piped"), child.stdout.take().expect("piped"));
        let (send, lines) = channel();
        thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if send.send(line).is_err() {
                    break;
                }
            }
        });
        Self { child, input, lines }
    }

    /// Types a script; answers its exit code, -1 where the shell ended, and what it wrote.
    pub fn run(&mut self, script: &str) -> (i32, String) {
        // No step reads what comes after it.
        let typed = format!("{{\n{script}\n}} </dev/null 2>&1\nprintf '\\n%s %s\\n' '{END}' $?\n");
        self.input.write_all(typed.as_bytes()).expect("the shell reads");
        let deadline = Instant::now() + DEADLINE;
        let mut output = String::new();
        loop {
            match self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(line) => match line.strip_prefix(END) {
                    Some(code) => return (code.trim().parse().expect("an exit code"), output),
                    None => output.extend([line.as_str(), "\n"]),
                },
                Err(RecvTimeoutError::Timeout) => panic!("not ended within {DEADLINE:?}: {script}\n{output}"),
                // It ends itself at a command that fails where that matters.
                Err(RecvTimeoutError::Disconnected) => return (-1, output),
            }
        }
    }

    /// Does what a document says, from its beginning to its end.
    pub fn walk(&mut self, document: &str) {
        for step in steps(document) {
            match step {
                Step::Do { line, script } => {
                    let (code, output) = self.run(&format!("set -e\n{script}\nset +e"));
                    assert_eq!(code, 0, "line {line}:\n{script}\n{output}");
                }
                Step::Look { line, command, expected } => self.look(line, &command, &expected),
            }
        }
    }

    fn look(&mut self, line: usize, command: &str, expected: &[String]) {
        let deadline = Instant::now() + DEADLINE;
        loop {
            let (_, output) = self.run(command);
            if is_as_expected(&output, expected) {
                return;
            }
            let expected = expected.join("\n");
            assert!(Instant::now() < deadline, "line {line}: {command}\nexpected:\n{expected}\nseen:\n{output}");
            thread::sleep(LOOK_AGAIN);
        }
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        let group = format!("kill -TERM -- -{}", self.child.id());
        drop(Command::new("sh").args(["-c", &group]).status());
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
