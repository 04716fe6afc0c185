//! Stories on the real engine.

use std::process::{Command, Output};

use super::Real;
use crate::bench::{Bench, Process, eventually};
use crate::story::{Deed, Power, Stage};

/// The last signal that an actor begins to handle, as a bit of the kernel's mask.
const USR2: u64 = 1 << 11;

/// Takes memory until there is none.
const GREED: &str = "x=xxxxxxxxxxxxxxxx; while :; do x=$x$x; done";

impl Real {
    /// Runs `docker` for the engine of this bench.
    async fn run_docker(&self, words: Vec<String>) -> Output {
        let host = self.host.iter().flat_map(|host| ["--host".to_owned(), host.clone()]);
        let words: Vec<String> = host.chain(words).collect();
        let run = move || Command::new("docker").args(words).output().expect("the docker command line is installed");
        tokio::task::spawn_blocking(run).await.expect("run")
    }

    /// Runs a script in a container; its end may be the container's.
    async fn inside(&self, id: &str, script: &str) {
        let words = ["exec", id, "/bin/sh", "-c", script].map(str::to_owned);
        self.run_docker(words.to_vec()).await;
    }
}

impl Stage for Real {
    fn actor(&self, stubborn: bool) -> Vec<String> {
        let process = if stubborn { Process::IgnoresStop } else { Process::Lasts };
        let mut command = self.command(process);
        let traps = format!("; trap 'exit 3' USR1; trap '{GREED}' USR2; while");
        if let Some(script) = command.last_mut() {
            *script = script.replacen("; while", &traps, 1).replace("sleep 1000;", "sleep 1000 & wait $!;");
        }
        command
    }

    fn check(&self) -> Vec<String> {
        ["/bin/sh", "-c", "[ ! -e /dev/shm/sick ]"].map(str::to_owned).to_vec()
    }

    /// The first process of a container ignores signals that it does not handle, and its shell handles none at first.
    async fn until_it_listens(&self, id: &str) {
        let words = ["inspect", "--format", "{{.State.Pid}}", id].map(str::to_owned).to_vec();
        eventually("the process handles signals", async || {
            let pid = self.run_docker(words.clone()).await.stdout;
            let pid = String::from_utf8_lossy(&pid).trim().to_owned();
            // A process that has ended has no number, or no status.
            let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
            let mask = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
            let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
            mask.is_none_or(|mask| mask & USR2 != 0).then_some(())
        })
        .await;
    }

    async fn docker(&self, words: &[String]) -> bool {
        self.run_docker(words.to_vec()).await.status.success()
    }

    async fn process(&self, id: &str, deed: Deed) {
        // Not `docker kill --signal`, which the engine takes for a stop that somebody wants.
        match (deed, &self.own_engine) {
            (Deed::Exit, Some(own)) => own.lock().await.end_container(id, "USR1").await,
            (Deed::Exit, None) => self.inside(id, "kill -USR1 1").await,
            (Deed::OutOfMemory, _) => self.inside(id, "kill -USR2 1").await,
            (Deed::ChildOutOfMemory, _) => self.inside(id, GREED).await,
            (Deed::FailCheck, _) => self.inside(id, "touch /dev/shm/sick").await,
            (Deed::PassCheck, _) => self.inside(id, "rm /dev/shm/sick").await,
        }
    }

    async fn power(&self, power: Power) {
        let own = self.own_engine.as_ref().expect("an engine of the story's own");
        own.lock().await.power(power).await;
    }
}
