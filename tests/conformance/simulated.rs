//! The bodies on the simulated engine, in time that passes only when everything waits.

use std::time::Duration;

use wharf::engine::simulated::Simulated;
use wharf::engine::{Engine, Limits};
use wharf::model::Instance;
use wharf::model::reference::ImageReference;
use wharf::model::status::Health;

use crate::bench::{Bench, Meddling, Process};
use crate::story::{Deed, Power, Stage};

/// A simulated engine of its own.
pub struct Simulation {
    engine: Simulated,
    instance: Instance,
}

impl Simulation {
    /// With one image.
    #[expect(clippy::unused_async, reason = "benches are made by async functions")]
    pub async fn bench() -> Self {
        Self::of(Simulated::new(1))
    }

    /// Of this kind.
    pub fn of(engine: Simulated) -> Self {
        let image = "box:1".parse().expect("a valid reference");
        let instance = "bench".parse().expect("a valid instance");
        Self { engine: engine.with_image(&image).with_replay(Duration::from_secs(1)), instance }
    }
}

impl Bench for Simulation {
    type E = Simulated;

    fn engine(&self) -> &Simulated {
        &self.engine
    }

    fn instance(&self) -> &Instance {
        &self.instance
    }

    fn image(&self) -> ImageReference {
        "box:1".parse().expect("a valid reference")
    }

    fn unique(&self, what: &str) -> String {
        format!("bench-{what}")
    }

    fn mark(&self) -> (String, String) {
        ("bench".to_owned(), "1".to_owned())
    }

    fn command(&self, process: Process) -> Vec<String> {
        let words: &[&str] = match process {
            Process::Lasts => &["/bin/server"],
            Process::IgnoresStop => &["/bin/sleep", "infinity"],
            Process::ExitsWith(code) => return vec!["/bin/sh".into(), "-c".into(), format!("exit {code}")],
            Process::Missing => &["/nonexistent/program"],
        };
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    async fn meddle(&self, id: &str, action: Meddling) {
        let snapshot = self.engine.snapshot();
        let container = snapshot.iter().find(|container| container.id == id).expect("there is such a container");
        let name = &container.name;
        let outside = self.engine.outside();
        match action {
            Meddling::Kill => outside.kill(name),
            Meddling::Pause => outside.pause(name),
            Meddling::Remove => outside.remove(name),
            Meddling::JoinBridge => outside.connect(name, "bridge"),
            Meddling::LeaveNetworks => {
                container.networks.iter().try_for_each(|network| outside.disconnect(name, network))
            }
        }
        .expect("done");
    }
}

impl Simulation {
    /// The present name of a container.
    fn name(&self, id: &str) -> String {
        let snapshot = self.engine.snapshot();
        snapshot.into_iter().find(|container| container.id == id).expect("there is such a container").name
    }
}

impl Stage for Simulation {
    fn actor(&self, stubborn: bool) -> Vec<String> {
        self.command(if stubborn { Process::IgnoresStop } else { Process::Lasts })
    }

    fn check(&self) -> Vec<String> {
        self.command(Process::ExitsWith(0))
    }

    async fn until_it_listens(&self, _: &str) {}

    async fn docker(&self, words: &[String]) -> bool {
        let outside = self.engine.outside();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let answer = match *words {
            ["start", name] => outside.start(name),
            ["stop", .., name] => outside.stop(name),
            ["restart", .., name] => outside.restart(name),
            ["kill", name] => outside.kill(name),
            ["pause", name] => outside.pause(name),
            ["rename", name, new] => outside.rename(name, new),
            ["rm", "--force", name] => outside.remove(name),
            ["rm", name] => outside.remove_ended(name),
            ["update", "--restart", "always", name] => outside.let_engine_restart(name),
            ["update", "--memory", size, .., name] => {
                let memory = size.strip_suffix('m').and_then(|size| format!("{size}Mi").parse().ok());
                outside.update(name, &Limits { memory, ..Limits::default() })
            }
            ["network", "connect", network, name] => outside.connect(name, network),
            ["network", "disconnect", .., network, name] => outside.disconnect(name, network),
            ["network", "rm", name] => self.engine.remove_network(&self.instance, name).await,
            _ => panic!("docker {} is not simulated", words.join(" ")),
        };
        answer.is_ok()
    }

    async fn process(&self, id: &str, deed: Deed) {
        let (outside, name) = (self.engine.outside(), self.name(id));
        let done = match deed {
            Deed::Exit => outside.exit(&name, 3),
            Deed::OutOfMemory => outside.run_out_of_memory(&name),
            Deed::ChildOutOfMemory => outside.lose_a_child_for_want_of_memory(&name),
            Deed::FailCheck => outside.set_health(&name, Health::Unhealthy),
            Deed::PassCheck => outside.set_health(&name, Health::Healthy),
        };
        assert!(done, "{deed:?} of {name}");
    }

    async fn power(&self, power: Power) {
        match power {
            Power::Kill => self.engine.stop_engine(),
            Power::ShutDown => self.engine.shut_engine_down(),
            Power::Fail => self.engine.kill_engine(),
            Power::Start => self.engine.start_engine(),
        }
    }
}

crate::suite::suite!(
    #[tokio::test(start_paused = true)]
    crate::simulated::Simulation::bench
);
