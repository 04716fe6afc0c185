//! The Docker engine, through its API (1.41 or newer, which is Docker 20.10).
//!
//! - `request` turns Wharf's terms into requests, and `answer` turns answers into Wharf's terms; both are pure.
//! - `transport` carries them, `failure` sorts what can go wrong, `hidden` keeps environments out of it, and `patience` says how
//!   long a call may take.
//! - `console` holds what people see of a container, and `multiplex` takes its streams apart.
//! - `survey` finds networks with their containers, and how somebody else made a container.
//! - The API version is negotiated by the first call, and again after the engine was lost. No connection is made before.

mod answer;
mod console;
mod endpoint;
mod events;
mod failure;
mod hidden;
mod images;
mod multiplex;
mod networks;
mod patience;
mod request;
mod stats;
mod survey;
mod transport;
mod volumes;

use std::future::Future;
use std::time::Duration;

use bollard::errors::Error;
use bollard::models::SystemVersion;
use bollard::query_parameters::{
    CreateContainerOptionsBuilder, RemoveContainerOptionsBuilder, RenameContainerOptionsBuilder,
    StopContainerOptionsBuilder,
};
use futures_util::stream::BoxStream;
use tokio::time::{Instant, sleep, timeout};

pub use endpoint::ConnectError;

use self::answer::{Inspected, Row};
use self::endpoint::Endpoint;
use self::failure::Call;
use self::transport::{Transport, encoded};
use super::{
    ContainerDetail, ContainerSpec, ContainerSummary, Engine, EngineError, EngineEvent, EngineInfo, Limits,
    NetworkSpec, ObjectKind, PullProgress, Stats, VolumeSummary,
};
use crate::model::reference::ImageReference;
use crate::model::{Instance, labels};

/// The oldest API that has all that Wharf asks for.
const OLDEST_MINOR: u16 = 41;

/// A Docker engine.
pub struct Docker {
    transport: Transport,
    client: bollard::Docker,
    /// Two creations at once could make two networks of one name, and nothing could be attached to either.
    creating_network: tokio::sync::Mutex<()>,
}

impl Docker {
    /// Whether host paths, and the kernel's files, mean the same to the engine and to this process.
    pub fn is_local(&self) -> bool {
        self.transport.endpoint().is_local()
    }

    /// An engine at `host` (`unix:///…` or `tcp://…`), else at `DOCKER_HOST`, else at the usual socket. Nothing is connected
    /// yet: the engine may come and go later.
    pub fn connect(host: Option<&str>) -> Result<Self, ConnectError> {
        let transport = Transport::new(Endpoint::choose(host)?);
        let carrier = transport.clone();
        let client = bollard::Docker::connect_with_custom_transport(
            move |request| {
                let carrier = carrier.clone();
                async move { carrier.send(request).await }
            },
            // The transport knows where the engine is; bollard only needs some valid address to write paths after.
            Some("http://docker"),
            // Longer than any call's own.
            u64::from(u32::MAX),
            bollard::API_DEFAULT_VERSION,
        )
        .map_err(|error| ConnectError::Address(error.to_string()))?;
        Ok(Self { transport, client, creating_network: tokio::sync::Mutex::new(()) })
    }

    /// Where the engine is, for messages.
    pub fn shown_endpoint(&self) -> String {
        self.transport.endpoint().to_string()
    }

    /// Asks for the engine's version and settles on the newest API that both sides speak.
    async fn negotiate(&self, call: &Call) -> Result<SystemVersion, EngineError> {
        let endpoint = self.transport.endpoint();
        let unavailable = |message: String| call.unavailable(endpoint, message);
        // Without a version in the path every engine answers this.
        self.transport.forget_version();
        let answer = match timeout(patience::QUICK, self.client.version()).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => {
                return Err(match call.failed(endpoint, error) {
                    unreachable @ EngineError::Unavailable { .. } => unreachable,
                    // Only the version was asked for: the call itself was not sent.
                    other => unavailable(format!("it does not tell its version ({})", other.message())),
                });
            }
            Err(_) => return Err(unavailable(format!("no answer within {} s", patience::QUICK.as_secs()))),
        };
        let minor_of = |version: &Option<String>| {
            version
                .as_deref()
                .and_then(|version| version.strip_prefix("1."))
                .and_then(|minor| minor.parse::<u16>().ok())
        };
        let newest_ours = u16::try_from(bollard::API_DEFAULT_VERSION.minor_version).unwrap_or(u16::MAX);
        let newest_theirs = minor_of(&answer.api_version);
        let oldest_theirs = minor_of(&answer.min_api_version).unwrap_or(0);
        match newest_theirs.map(|newest| newest.min(newest_ours)) {
            Some(minor) if minor >= OLDEST_MINOR && minor >= oldest_theirs => {
                self.transport.use_minor_version(minor);
                Ok(answer)
            }
            _ => Err(unavailable(format!(
                "it speaks API {} to {}, and Wharf speaks 1.{OLDEST_MINOR} to 1.{newest_ours}: use Docker 20.10 or newer",
                answer.min_api_version.as_deref().unwrap_or("?"),
                answer.api_version.as_deref().unwrap_or("?"),
            ))),
        }
    }

    /// Runs one request: negotiates before it where needed, bounds it in time, and sorts its failure.
    async fn run<T>(
        &self,
        call: &Call,
        patience: Duration,
        request: impl Future<Output = Result<T, Error>> + Send,
    ) -> Result<T, EngineError> {
        if self.transport.minor_version().is_none() {
            self.negotiate(call).await?;
        }
        match timeout(patience, request).await {
            Ok(answer) => answer.map_err(|error| self.failed(call, error)),
            Err(_) => Err(call.unanswered(patience)),
        }
    }

    fn failed(&self, call: &Call, error: Error) -> EngineError {
        let broken = matches!(error, Error::HyperResponseError { .. } | Error::IOError { .. });
        let error = call.failed(self.transport.endpoint(), error);
        if broken || matches!(error, EngineError::Unavailable { .. }) {
            self.transport.forget_version();
        }
        error
    }

    /// Inspects by whatever the engine resolves: an ID, a name, or the beginning of an ID.
    async fn inspect_any(&self, call: &Call, id_or_name: &str) -> Result<ContainerDetail, EngineError> {
        let path = format!("/containers/{}/json", safe(call, id_or_name)?);
        let seen: Inspected = self.run(call, patience::QUICK, self.transport.get(&path)).await?;
        Ok(seen.into())
    }

    /// Waits for a removal that somebody else has begun.
    async fn until_gone(&self, call: &Call, id: &str) -> Result<(), EngineError> {
        let deadline = Instant::now() + patience::OTHERS_REMOVAL;
        while Instant::now() < deadline {
            match self.inspect_any(call, id).await {
                Err(EngineError::NotFound { .. }) => return Ok(()),
                Err(error) => return Err(error),
                Ok(_) => sleep(patience::OTHERS_REMOVAL_LOOK).await,
            }
        }
        Err(call.unanswered(patience::OTHERS_REMOVAL))
    }
}

impl Engine for Docker {
    async fn info(&self) -> Result<EngineInfo, EngineError> {
        let call = Call::about(ObjectKind::Container, "ask for the version".to_owned());
        let answer = self.negotiate(&call).await?;
        Ok(EngineInfo {
            version: format!("Docker {}", answer.version.unwrap_or_default()),
            api_version: self.transport.minor_version().map_or_else(String::new, |minor| format!("1.{minor}")),
            endpoint: self.shown_endpoint(),
            local: self.transport.endpoint().is_local(),
        })
    }

    async fn list(&self, instance: &Instance) -> Result<Vec<ContainerSummary>, EngineError> {
        let call = Call::about(ObjectKind::Container, "list containers".to_owned());
        let path = format!("/containers/json?all=1&filters={}", encoded(&of_instance(instance)));
        let rows: Vec<Row> = self.run(&call, patience::QUICK, self.transport.get(&path)).await?;
        Ok(rows.into_iter().map(Into::into).collect())
    }

    async fn inspect(&self, id: &str) -> Result<ContainerDetail, EngineError> {
        self.inspect_any(&Call::on("inspect", id), id).await
    }

    async fn stats(&self, id: &str) -> Result<Stats, EngineError> {
        self.read_stats(id).await
    }

    async fn find_by_name(&self, name: &str) -> Result<ContainerDetail, EngineError> {
        let call = Call::about(ObjectKind::Container, format!("find container `{}`", name.escape_debug()));
        let seen = self.inspect_any(&call, name).await?;
        if seen.name == name {
            return Ok(seen);
        }
        let message = "no container has this name".to_owned();
        Err(EngineError::NotFound { operation: call.operation, object: ObjectKind::Container, message })
    }

    async fn create(&self, spec: &ContainerSpec) -> Result<String, EngineError> {
        let call = Call::about(ObjectKind::Container, format!("create container `{}`", spec.name.escape_debug()))
            .with_environment(&spec.env);
        let body = request::create(spec).map_err(|message| call.invalid(message))?;
        let options = CreateContainerOptionsBuilder::new().name(&spec.name).build();
        let answer = self.run(&call, patience::SLOW, self.client.create_container(Some(options), body)).await?;
        Ok(answer.id)
    }

    async fn start(&self, id: &str) -> Result<(), EngineError> {
        let call = Call::on("start", id);
        let request = self.client.start_container(safe(&call, id)?, None);
        self.run(&call, patience::SLOW, request).await.map_err(|error| match error {
            // The request has nothing in it that could be wrong: the engine says 400 when the command cannot be run, which a new
            // image under the same tag, or a mount, can change.
            EngineError::Invalid { operation, message } => EngineError::Failed { operation, message },
            other => other,
        })
    }

    async fn stop(&self, id: &str, grace: Duration) -> Result<(), EngineError> {
        let call = Call::on("stop", id);
        let seconds = request::grace_seconds(grace);
        let options = StopContainerOptionsBuilder::new().t(seconds).build();
        let patience = Duration::from_secs(u64::from(seconds.unsigned_abs())) + patience::BEYOND_GRACE;
        let request = self.client.stop_container(safe(&call, id)?, Some(options));
        gone_is_done(self.run(&call, patience, request).await)
    }

    async fn unpause(&self, id: &str) -> Result<(), EngineError> {
        let call = Call::on("unpause", id);
        match self.run(&call, patience::QUICK, self.client.unpause_container(safe(&call, id)?)).await {
            // 20.10 says so with 500, newer engines with 409.
            Err(EngineError::Failed { message, .. } | EngineError::Conflict { message, .. })
                if message.contains("is not paused") =>
            {
                Ok(())
            }
            answer => answer,
        }
    }

    async fn rename(&self, id: &str, name: &str) -> Result<(), EngineError> {
        let call = Call::on("rename", id);
        let options = RenameContainerOptionsBuilder::new().name(safe(&call, name)?).build();
        match self.run(&call, patience::QUICK, self.client.rename_container(safe(&call, id)?, options)).await {
            Err(EngineError::Invalid { message, .. }) if message.contains("same name as its current name") => Ok(()),
            answer => answer,
        }
    }

    /// The engine refuses a memory limit below what is in use (`Failed`, and the old limit stays in force): it can be
    /// tried again when the container uses less, or after a restart.
    async fn update(&self, id: &str, limits: &Limits) -> Result<(), EngineError> {
        let call = Call::on("update", id);
        let request = self.client.update_container(safe(&call, id)?, request::update(limits));
        self.run(&call, patience::QUICK, request).await
    }

    async fn remove(&self, id: &str) -> Result<(), EngineError> {
        let call = Call::on("remove", id);
        let options = RemoveContainerOptionsBuilder::new().force(true).v(true).build();
        let request = self.client.remove_container(safe(&call, id)?, Some(options));
        match self.run(&call, patience::SLOW, request).await {
            Err(EngineError::Conflict { message, .. }) if message.contains("is already in progress") => {
                self.until_gone(&call, id).await
            }
            answer => gone_is_done(answer),
        }
    }

    async fn image(&self, image: &ImageReference) -> Result<Option<String>, EngineError> {
        self.image_id(image).await
    }

    async fn pull(
        &self,
        image: &ImageReference,
        progress: &(dyn Fn(PullProgress) + Send + Sync),
    ) -> Result<(), EngineError> {
        self.pull_image(image, progress).await
    }

    async fn ensure_network(&self, network: &NetworkSpec) -> Result<bool, EngineError> {
        self.ensure_bridge(network).await
    }

    async fn remove_network(&self, instance: &Instance, name: &str) -> Result<(), EngineError> {
        self.remove_bridge(instance, name).await
    }

    async fn volumes(&self, instance: &Instance) -> Result<Vec<VolumeSummary>, EngineError> {
        self.list_volumes(instance).await
    }

    async fn remove_volume(&self, name: &str) -> Result<(), EngineError> {
        self.remove_named_volume(name).await
    }

    fn events(&self, instance: &Instance) -> BoxStream<'static, Result<EngineEvent, EngineError>> {
        events::subscribe(self.transport.clone(), instance)
    }
}

/// An ID or name that can stand in a path: bollard does not escape, so `../images` would be another request. Source of the
/// form: moby `daemon/names/names.go`.
fn safe<'a>(call: &Call, text: &'a str) -> Result<&'a str, EngineError> {
    let rest = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
    if text.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric()) && text.bytes().all(rest) {
        return Ok(text);
    }
    let shown = text.escape_debug();
    Err(call.invalid(format!(
        "`{shown}` is not a name: use letters, digits, `_`, `.` and `-`, beginning with a letter or digit"
    )))
}

/// The filter for what belongs to an instance, as the engine takes it.
fn of_instance(instance: &Instance) -> String {
    serde_json::json!({ "label": [format!("{}={instance}", labels::INSTANCE)] }).to_string()
}

/// For calls whose goal is that something is no more.
fn gone_is_done(answer: Result<(), EngineError>) -> Result<(), EngineError> {
    match answer {
        Err(EngineError::NotFound { .. }) => Ok(()),
        answer => answer,
    }
}
