//! A controller on a simulated engine, for commands that ask one.

use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::fixture::{Outcome, Source};
use crate::support::world::eventually;

/// A source with a controller that keeps it. Both end with the test.
pub struct Live {
    controller: Option<Child>,
    pub source: Source,
}

impl Live {
    /// With a source in which there is something, and no controller yet.
    pub fn of(source: Source) -> Self {
        Self { controller: None, source }
    }

    /// With workspaces of these names, all of them Ready and measured at least twice.
    pub fn with(names: &[&str]) -> Self {
        let source = Source::empty();
        for name in names {
            source.write(&format!("{name}.yaml"), &manifest(name));
        }
        let mut live = Self { controller: None, source };
        live.start();
        let count = names.len();
        live.until(&format!("{count} workspaces are measured"), |summary| {
            let samples = summary["statistics"]["monitor"]["samples"].as_u64().unwrap_or_default();
            summary["summary"]["ready"] == count && samples >= 2 * count as u64
        });
        live
    }

    /// Starts the controller, which need not answer yet.
    pub fn start(&mut self) {
        self.start_with(&[]);
    }

    /// The same, with more arguments.
    pub fn start_with(&mut self, more: &[&str]) {
        let child = Command::new(env!("CARGO_BIN_EXE_wharf"))
            .args(["run", ".", "--engine", "simulated", "--monitor-interval", "1s", "-q"])
            .args(more)
            .env_clear()
            .current_dir(self.source.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        self.controller = Some(child.expect("the binary starts"));
    }

    /// Ends the controller at once.
    pub fn stop(&mut self) {
        if let Some(mut child) = self.controller.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Ends the controller in order.
    pub fn end(&mut self) {
        if let Some(mut child) = self.controller.take() {
            let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw).expect("a process");
            kill_process(pid, Signal::TERM).expect("it runs");
            assert!(child.wait().expect("waited for").success());
        }
    }

    /// Runs the binary beside the controller.
    pub fn run(&self, arguments: &[&str]) -> Outcome {
        self.source.run(arguments)
    }

    /// Waits until `wharf summary` is as expected.
    pub fn until(&self, what: &str, is: impl Fn(&Value) -> bool) -> Value {
        eventually(what, || {
            let summary = self.run(&["summary", "-o", "json"]);
            serde_json::from_str::<Value>(&summary.stdout).ok().filter(&is)
        })
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.stop();
    }
}

pub fn manifest(name: &str) -> String {
    format!(
        "apiVersion: wharf/v1\nkind: Workspace\nmetadata: {{name: {name}, labels: {{team: {name}s}}}}\n\
         spec: {{image: busybox, resources: {{memory: 512Mi}}}}\n"
    )
}
