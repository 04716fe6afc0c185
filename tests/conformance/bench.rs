//! What a body needs from the engine it runs on.

use std::collections::BTreeMap;
use std::future::Future;
use std::time::Duration;

use wharf::engine::{Console, ContainerSpec, Engine, Limits, NetworkSpec, Survey};
use wharf::model::Instance;
use wharf::model::labels;
use wharf::model::reference::ImageReference;
use wharf::model::spec::Security;

/// An engine, and an instance on it that nobody else uses. What carries the bench's labels is removed with it.
pub trait Bench: Send + Sync {
    /// The engine under test.
    type E: Engine + Console + Survey;

    /// The engine under test.
    fn engine(&self) -> &Self::E;

    /// The instance that the bodies act for.
    fn instance(&self) -> &Instance;

    /// An image that the engine has.
    fn image(&self) -> ImageReference;

    /// A name that no other bench uses, ending with `what`.
    fn unique(&self, what: &str) -> String;

    /// By what the bench knows the objects it has to remove. Not the instance's label.
    fn mark(&self) -> (String, String);

    /// A command for [`ContainerSpec::command`] that behaves like this.
    fn command(&self, process: Process) -> Vec<String>;

    /// Does what a person could do behind the controller's back.
    fn meddle(&self, id: &str, action: Meddling) -> impl Future<Output = ()> + Send;
}

/// How a container's process behaves. As the command of a health check, only `ExitsWith` makes sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Process {
    /// Runs until it is told to end, and then ends with code 0.
    Lasts,
    /// Ends at once with this code.
    ExitsWith(u8),
    /// Runs until it is killed.
    IgnoresStop,
    /// There is no such program in the image.
    Missing,
}

/// What a person could do behind the controller's back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meddling {
    /// `docker kill`
    Kill,
    /// `docker pause`
    Pause,
    /// `docker rm --force`
    Remove,
    /// `docker network connect bridge`
    JoinBridge,
    /// `docker network disconnect`, from every network it is attached to.
    LeaveNetworks,
}

/// Labels of an object of `instance` that the bench removes.
pub fn labels_of<B: Bench>(bench: &B, instance: &Instance) -> BTreeMap<String, String> {
    BTreeMap::from([(labels::INSTANCE.to_owned(), instance.to_string()), bench.mark()])
}

/// An instance that is not the bench's.
pub fn stranger<B: Bench>(bench: &B) -> Instance {
    format!("{}-stranger", bench.instance()).parse().expect("a valid instance")
}

/// A container of the bench's instance, as plain as possible and without a network.
pub fn plain<B: Bench>(bench: &B, what: &str, process: Process) -> ContainerSpec {
    ContainerSpec {
        name: bench.unique(what),
        labels: labels_of(bench, bench.instance()),
        image: bench.image(),
        command: bench.command(process),
        args: Vec::new(),
        working_dir: None,
        user: None,
        hostname: what.to_owned(),
        env: Vec::new(),
        mounts: Vec::new(),
        ports: Vec::new(),
        limits: Limits::default(),
        shm_size: None,
        network: None,
        security: Security::default(),
        health_check: None,
    }
}

/// A network of the bench's instance whose members reach each other.
pub fn network<B: Bench>(bench: &B, what: &str) -> NetworkSpec {
    NetworkSpec {
        name: bench.unique(what),
        members_reach_each_other: true,
        internal: false,
        labels: labels_of(bench, bench.instance()),
    }
}

/// Creates and starts a container; answers its ID.
pub async fn running<B: Bench>(bench: &B, spec: &ContainerSpec) -> String {
    let id = bench.engine().create(spec).await.expect("created");
    bench.engine().start(&id).await.expect("started");
    id
}

/// Long enough for a loaded machine, short enough to be noticed.
pub const SOON: Duration = Duration::from_secs(20);

/// Asks again and again until the answer is there; fails the test after [`SOON`].
pub async fn eventually<T, F>(what: &str, mut ask: impl FnMut() -> F) -> T
where
    F: Future<Output = Option<T>>,
{
    let deadline = tokio::time::Instant::now() + SOON;
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(tokio::time::Instant::now() < deadline, "{what}: not within {SOON:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
