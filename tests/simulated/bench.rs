//! An engine with one image, and containers for it.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use wharf::engine::simulated::Simulated;
use wharf::engine::{Change, ContainerDetail, ContainerSpec, Engine, EngineError, EngineEvent, Limits};
use wharf::model::reference::ImageReference;
use wharf::model::spec::{HealthCheck, Security};
use wharf::model::status::ContainerState;
use wharf::model::{Instance, labels};

pub const SECOND: Duration = Duration::from_secs(1);
pub const TIMEOUT: Duration = Duration::from_secs(10);

pub fn image() -> ImageReference {
    "box:1".parse().expect("a valid reference")
}

pub fn instance() -> Instance {
    "test".parse().expect("a valid instance")
}

pub fn engine() -> Simulated {
    Simulated::new(7).with_image(&image())
}

/// The container of a workspace; the UID is the workspace's name with `uid-` before it.
pub fn spec(workspace: &str) -> ContainerSpec {
    let label = |key: &str, value: String| (key.to_owned(), value);
    ContainerSpec {
        name: format!("wharf-{workspace}"),
        labels: BTreeMap::from([
            label(labels::INSTANCE, instance().to_string()),
            label(labels::WORKSPACE, workspace.to_owned()),
            label(labels::UID, format!("uid-{workspace}")),
        ]),
        image: image(),
        command: Vec::new(),
        args: Vec::new(),
        working_dir: None,
        user: None,
        hostname: workspace.to_owned(),
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

pub fn running_command(workspace: &str, command: &[&str]) -> ContainerSpec {
    ContainerSpec { command: command.iter().map(|word| (*word).to_owned()).collect(), ..spec(workspace) }
}

pub fn checked(workspace: &str, program: &str) -> ContainerSpec {
    let period = |text: &str| text.parse().expect("a valid period");
    let check = HealthCheck {
        command: vec![program.to_owned()],
        interval: period("10s"),
        timeout: period("2s"),
        retries: 3,
        start_period: period("5s"),
    };
    ContainerSpec { health_check: Some(check), ..spec(workspace) }
}

pub async fn run(engine: &Simulated, spec: &ContainerSpec) -> String {
    let id = engine.create(spec).await.expect("created");
    engine.start(&id).await.expect("started");
    id
}

pub async fn inspect(engine: &Simulated, id: &str) -> ContainerDetail {
    engine.inspect(id).await.expect("inspected")
}

pub async fn states(engine: &Simulated) -> Vec<ContainerState> {
    engine.list(&instance()).await.expect("listed").iter().map(|row| row.state).collect()
}

pub type Events = BoxStream<'static, Result<EngineEvent, EngineError>>;

pub async fn subscribed(engine: &Simulated) -> Events {
    let mut events = engine.events(&instance());
    assert_eq!(next(&mut events).await.change, Change::Subscribed);
    events
}

pub async fn next(events: &mut Events) -> EngineEvent {
    events.next().await.expect("the stream goes on").expect("an event")
}

/// The changes that arrive within a minute.
pub async fn arriving(events: &mut Events) -> Vec<Change> {
    let mut changes = Vec::new();
    let deadline = tokio::time::Instant::now() + Duration::from_secs(60);
    while let Ok(Some(Ok(event))) = tokio::time::timeout_at(deadline, events.next()).await {
        changes.push(event.change);
    }
    changes
}

pub fn unknown<T>(answer: &Result<T, EngineError>) -> bool {
    matches!(answer, Err(EngineError::OutcomeUnknown { .. }))
}

pub fn unavailable<T>(answer: &Result<T, EngineError>) -> bool {
    matches!(answer, Err(EngineError::Unavailable { .. }))
}

pub fn texts<T: ToString>(entries: &[T]) -> Vec<String> {
    entries.iter().map(T::to_string).collect()
}
