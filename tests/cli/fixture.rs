//! A source directory with status files, and the binary pointed at it.

use std::fs;
use std::path::Path;
use std::time::Duration;

use assert_cmd::Command;
use jiff::Timestamp;
use tempfile::TempDir;
use wharf::model::time::Time;

/// The binary, with nothing of the developer's own settings.
pub fn wharf() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wharf"));
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command.timeout(Duration::from_secs(30));
    command
}

/// What a run of the binary left behind.
#[derive(Debug)]
pub struct Outcome {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

pub fn outcome(command: &mut Command) -> Outcome {
    let output = command.output().expect("the binary starts");
    let text = |bytes| String::from_utf8(bytes).expect("output is UTF-8");
    let code = output.status.code().unwrap_or_else(|| panic!("ended by a signal: {output:?}"));
    Outcome { code, stdout: text(output.stdout), stderr: text(output.stderr) }
}

/// A source directory in a temporary place.
pub struct Source(TempDir);

impl Source {
    /// With nothing in it.
    pub fn empty() -> Self {
        Self(TempDir::new().expect("a temporary directory"))
    }

    /// With the status files of a healthy workspace, `api-dev`, and of a failing one, `db`.
    pub fn with_two() -> Self {
        let source = Self::empty();
        source.write("team/api-dev.status.yaml", &api_dev("running for 2h, healthy"));
        source.write("db.status.yaml", &db());
        source
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    pub fn write(&self, name: &str, contents: &str) {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().expect("a parent")).expect("make its directory");
        // As the controller does it, so that no reader meets half a file.
        let temporary = path.with_extension("tmp");
        fs::write(&temporary, contents).expect("write");
        fs::rename(temporary, path).expect("rename");
    }

    pub fn remove(&self, name: &str) {
        fs::remove_file(self.path().join(name)).expect("remove");
    }

    /// Runs the binary in the directory.
    pub fn run(&self, arguments: &[&str]) -> Outcome {
        outcome(wharf().current_dir(self.path()).args(arguments))
    }
}

/// So long ago that an age in days or hours does not change while a test runs.
pub fn ago(hours: i64) -> String {
    let then = Timestamp::now() - jiff::SignedDuration::from_hours(hours) - jiff::SignedDuration::from_secs(30);
    Time::from(then).to_string()
}

fn condition(kind: &str, status: &str, reason: &str, message: &str) -> String {
    format!(
        "    - {{type: {kind}, status: \"{status}\", reason: {reason}, message: \"{message}\", observedGeneration: 3, \
         lastTransitionTime: {}}}\n",
        ago(9)
    )
}

pub fn api_dev(summary: &str) -> String {
    let conditions = [
        condition("Accepted", "True", "Valid", ""),
        condition("Reconciled", "True", "UpToDate", ""),
        condition("Ready", "True", "Running", ""),
        condition("Held", "False", "NotHeld", ""),
    ]
    .concat();
    let (created, hours) = (ago(5 * 24), ago(9));
    format!(
        "apiVersion: wharf/v1
kind: WorkspaceStatus
metadata:
  name: api-dev
  uid: 01JCXYZ
  generation: 3
  labels: {{team: payments, tier: dev}}
  manifest: team/api-dev.yaml
  creationTimestamp: {created}
status:
  phase: Active
  observedGeneration: 3
  summary: {summary}
  conditions:
{conditions}  container:
    id: 4f5e6d7c8b9a4f5e6d7c8b9a
    name: wharf-api-dev
    image: acme/dev:1.4
    imageId: sha256:77af
    state: running
    health: healthy
    startedAt: {hours}
    restarts: 2
    ip: 172.18.0.5
    ports: ['127.0.0.1:18080->8080/tcp']
  lastAction: {{action: start container, cause: it was stopped, result: Succeeded, time: {hours}}}
  events:
    - {{type: Normal, reason: Started, message: container started, count: 3, firstTime: {created}, lastTime: {hours}}}
    - {{type: Warning, reason: Died, message: exit code 1, count: 1, firstTime: {created}, lastTime: {created}}}
"
    )
}

pub fn db() -> String {
    let conditions = [
        condition("Accepted", "True", "Valid", ""),
        condition("Reconciled", "False", "BackOff", "restarts when its delay is over"),
        condition("Ready", "False", "NotRunning", "exited with 1"),
        condition("Held", "False", "NotHeld", ""),
    ]
    .concat();
    let (hours, later) = (ago(9), ago(-6));
    format!(
        "apiVersion: wharf/v1
kind: WorkspaceStatus
metadata: {{name: db, uid: 01JCABC, generation: 1, labels: {{team: storage}}, manifest: db.yaml}}
status:
  phase: Inactive
  observedGeneration: 1
  summary: exited with 1
  conditions:
{conditions}  retry:
    attempts: 2
    nextAttemptTime: {later}
    lastError: {{class: Engine, message: port 5432 is taken, time: {hours}}}
  events: []
"
    )
}
