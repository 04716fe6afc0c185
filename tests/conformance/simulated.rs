//! The bodies on the simulated engine, in time that passes only when everything waits.

use wharf::engine::simulated::Simulated;
use wharf::model::Instance;
use wharf::model::reference::ImageReference;

use crate::bench::{Bench, Meddling, Process};

/// A simulated engine of its own.
pub struct Simulation {
    engine: Simulated,
    instance: Instance,
}

impl Simulation {
    /// With one image.
    #[expect(clippy::unused_async, reason = "benches are made by async functions")]
    pub async fn bench() -> Self {
        let image = "box:1".parse().expect("a valid reference");
        let instance = "bench".parse().expect("a valid instance");
        Self { engine: Simulated::new(1).with_image(&image), instance }
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

crate::suite::suite!(
    #[tokio::test(start_paused = true)]
    crate::simulated::Simulation::bench
);
