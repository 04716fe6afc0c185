//! The bodies on the real engine of this machine, and what only makes sense there.

mod calls;
mod commands;
mod faults;
mod isolation;
mod own_engine;
mod sandbox;
mod stage;
mod use_of_resources;

use wharf::engine::Engine;
use wharf::engine::docker::Docker;
use wharf::model::Instance;
use wharf::model::reference::ImageReference;

use self::own_engine::OwnEngine;
use crate::bench::{Bench, Meddling, Process, plain, running};
use crate::support::real::{self, IMAGE, MARK, Scope};

/// The real engine, and what to remove from it.
pub struct Real {
    engine: Docker,
    instance: Instance,
    scope: Scope,
    /// Where it is reached, unless at the usual address.
    host: Option<String>,
    /// Goes with the bench.
    own_engine: Option<tokio::sync::Mutex<OwnEngine>>,
}

impl Real {
    /// With an instance of its own.
    pub async fn bench() -> Self {
        Self::at(None).await
    }

    /// The same engine, reached through another address.
    pub async fn at(host: Option<&str>) -> Self {
        tokio::task::spawn_blocking(real::ensure_image).await.expect("the image is there");
        let scope = Scope::new();
        let instance = scope.name().parse().expect("a valid instance");
        let engine = Docker::connect(host).expect("a valid address");
        Self { engine, instance, scope, host: host.map(str::to_owned), own_engine: None }
    }

    /// An engine of its own, which may be killed.
    pub async fn with_own_engine(live_restore: bool) -> Self {
        tokio::task::spawn_blocking(real::ensure_image).await.expect("the image is there");
        let own = OwnEngine::start(live_restore).await;
        let bench = Self::at(Some(&own.host())).await;
        Self { own_engine: Some(tokio::sync::Mutex::new(own)), ..bench }
    }
}

impl Bench for Real {
    type E = Docker;

    fn engine(&self) -> &Docker {
        &self.engine
    }

    fn instance(&self) -> &Instance {
        &self.instance
    }

    fn image(&self) -> ImageReference {
        IMAGE.parse().expect("a valid reference")
    }

    fn unique(&self, what: &str) -> String {
        format!("{}-{what}", self.scope.name())
    }

    fn mark(&self) -> (String, String) {
        (MARK.to_owned(), self.scope.name().to_owned())
    }

    fn command(&self, process: Process) -> Vec<String> {
        let script = match process {
            // The first process of a container ignores a signal that it does not handle.
            Process::Lasts => "trap 'exit 0' TERM; while :; do sleep 1000 & wait $!; done".to_owned(),
            Process::IgnoresStop => "trap '' TERM; while :; do sleep 1000; done".to_owned(),
            Process::ExitsWith(code) => format!("exit {code}"),
            Process::Missing => return vec!["/no/such/program".to_owned()],
        };
        vec!["/bin/sh".to_owned(), "-c".to_owned(), script]
    }

    async fn meddle(&self, id: &str, action: Meddling) {
        let id = id.to_owned();
        tokio::task::spawn_blocking(move || match action {
            Meddling::Kill => real::docker(&["kill", &id]),
            Meddling::Pause => real::docker(&["pause", &id]),
            Meddling::Remove => real::docker(&["rm", "--force", &id]),
            Meddling::JoinBridge => real::docker(&["network", "connect", "bridge", &id]),
            Meddling::LeaveNetworks => {
                let names = "{{range $name, $_ := .NetworkSettings.Networks}}{{$name}} {{end}}";
                let names = real::docker(&["inspect", "--format", names, &id]);
                names.split_whitespace().map(|name| real::docker(&["network", "disconnect", name, &id])).collect()
            }
        })
        .await
        .expect("done");
    }
}

crate::suite::suite!(
    #[tokio::test]
    crate::docker::Real::bench
);

#[tokio::test]
async fn an_update_takes_back_a_restart_policy() {
    let bench = Real::bench().await;
    let spec = plain(&bench, "box", Process::Lasts);
    let id = running(&bench, &spec).await;
    let update = id.clone();
    let by_hand = tokio::task::spawn_blocking(move || real::docker(&["update", "--restart", "always", &update]));
    by_hand.await.expect("done");
    assert!(bench.engine().inspect(&id).await.expect("inspected").engine_restarts);
    bench.engine().update(&id, &spec.limits).await.expect("updated");
    let seen = bench.engine().inspect(&id).await.expect("inspected");
    assert!(!seen.engine_restarts);
    assert_eq!(seen.limits, spec.limits);
}
