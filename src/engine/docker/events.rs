//! The engine's events, as hints that something changed.
//!
//! A subscription whose other end silently vanished (a half-open TCP connection) looks like an engine where nothing happens;
//! nothing here can tell, and the controller's periodic resync covers it.

use std::collections::BTreeMap;
use std::time::Duration;

use bollard::errors::Error;
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use http_body_util::BodyExt;
use hyper::Method;
use hyper::body::{Bytes, Incoming};
use jiff::Timestamp;
use serde::Deserialize;
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::answer::health_of_word;
use super::failure::Call;
use super::patience;
use super::transport::{Transport, encoded};
use crate::engine::{Change, EngineError, EngineEvent, ObjectKind};
use crate::model::{Instance, labels};

type Item = Result<EngineEvent, EngineError>;

/// Events that wait for a consumer that is busy. Beyond that it is quicker to list again than to catch up.
const WAITING: usize = 1024;

/// No event is nearly as long; labels are limited by what a manifest can say.
const LONGEST: usize = 1 << 20;

/// What is asked for: executions within containers, as health checks are, would drown everything else.
const ACTIONS: [&str; 10] =
    ["create", "start", "die", "destroy", "rename", "pause", "unpause", "update", "health_status", "oom"];

/// One line of `GET /events`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Line {
    action: String,
    actor: Actor,
    #[serde(rename = "timeNano")]
    time_nano: i64,
}

#[derive(Deserialize)]
struct Actor {
    #[serde(rename = "ID")]
    id: String,
    #[serde(rename = "Attributes")]
    attributes: Option<BTreeMap<String, String>>,
}

/// Why no more events come.
enum End {
    /// Nobody listens any more.
    Unwanted,
    /// The consumer is too slow.
    Overflow,
    /// The engine or the connection.
    Failed(Error),
    /// There was no answer to the subscription.
    Unanswered,
}

/// Subscribes when first polled. A task of its own takes the events off the connection, because the engine drops events
/// for a reader that does not keep up, and says nothing.
pub(super) fn subscribe(transport: Transport, instance: &Instance) -> BoxStream<'static, Item> {
    let instance = instance.clone();
    stream::once(async move {
        let (sender, receiver) = mpsc::channel(WAITING);
        tokio::spawn(pump(transport, instance, sender));
        stream::unfold(receiver, async |mut receiver| receiver.recv().await.map(|item| (item, receiver)))
    })
    .flatten()
    .boxed()
}

async fn pump(transport: Transport, instance: Instance, sender: mpsc::Sender<Item>) {
    let call = Call::about(ObjectKind::Container, "read events".to_owned());
    let unknown =
        |message: &str| EngineError::OutcomeUnknown { operation: call.operation.clone(), message: message.to_owned() };
    let error = match feed(&transport, &instance, &sender).await {
        End::Unwanted => return,
        End::Overflow => unknown("more events than could be read; some are lost"),
        End::Unanswered => call.unanswered(patience::QUICK),
        End::Failed(error) => {
            transport.forget_version();
            call.failed(transport.endpoint(), error)
        }
    };
    // Waits for room: the connection is closed already, so a slow consumer holds up nobody.
    drop(sender.send(Err(error)).await);
}

/// Passes events on until something ends it.
async fn feed(transport: &Transport, instance: &Instance, sender: &mpsc::Sender<Item>) -> End {
    let begin = Timestamp::now();
    let path = path(instance, begin);
    let mut body = match timeout(patience::QUICK, transport.open::<()>(Method::GET, &path, None)).await {
        Ok(Ok(response)) => response.into_body(),
        Ok(Err(error)) => return End::Failed(error),
        Err(_) => return End::Unanswered,
    };
    if let Err(end) = pass(sender, subscribed(begin)) {
        return end;
    }
    let mut buffer = Vec::new();
    loop {
        let data = tokio::select! {
            () = sender.closed() => return End::Unwanted,
            data = next_data(&mut body) => data,
        };
        match data {
            Ok(data) => buffer.extend_from_slice(&data),
            Err(error) => return End::Failed(error),
        }
        if let Err(end) = drain(&mut buffer, sender) {
            return end;
        }
    }
}

/// Passes on the complete lines of the buffer and keeps the rest.
fn drain(buffer: &mut Vec<u8>, sender: &mpsc::Sender<Item>) -> Result<(), End> {
    let complete = buffer.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
    for line in buffer[..complete].split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty()) {
        // One line that makes no sense could have been any change: the consumer has to look for itself.
        let line: Line = serde_json::from_slice(line).map_err(|error| End::Failed(error.into()))?;
        pass(sender, line.into())?;
    }
    buffer.drain(..complete);
    if buffer.len() > LONGEST { Err(End::Overflow) } else { Ok(()) }
}

fn pass(sender: &mpsc::Sender<Item>, event: EngineEvent) -> Result<(), End> {
    sender.try_send(Ok(event)).map_err(|error| match error {
        mpsc::error::TrySendError::Full(_) => End::Overflow,
        mpsc::error::TrySendError::Closed(_) => End::Unwanted,
    })
}

/// The next piece of the body; its end is an error, because subscriptions have none.
async fn next_data(body: &mut Incoming) -> Result<Bytes, Error> {
    loop {
        match body.frame().await {
            Some(frame) => {
                if let Ok(data) = frame?.into_data() {
                    return Ok(data);
                }
            }
            None => return Err(std::io::Error::from(std::io::ErrorKind::UnexpectedEof).into()),
        }
    }
}

/// Asks for a replay since a moment before now: the engine accepts a subscription before it takes part in it, and what
/// falls between would be lost. Being told twice does no harm.
fn path(instance: &Instance, begin: Timestamp) -> String {
    let since = begin.checked_sub(patience::REPLAY).unwrap_or(begin).as_nanosecond();
    let filters = serde_json::json!({
        "type": ["container"],
        "label": [format!("{}={instance}", labels::INSTANCE)],
        "event": ACTIONS,
    });
    let second = Duration::from_secs(1).as_nanos().cast_signed();
    format!("/events?since={}.{:09}&filters={}", since / second, since % second, encoded(&filters.to_string()))
}

fn subscribed(time: Timestamp) -> EngineEvent {
    EngineEvent { change: Change::Subscribed, id: String::new(), name: String::new(), labels: BTreeMap::new(), time }
}

impl From<Line> for EngineEvent {
    fn from(line: Line) -> Self {
        // The engine mixes labels with `name`, `image`, `exitCode` and the like.
        let mut labels = line.actor.attributes.unwrap_or_default();
        let name = labels.remove("name").unwrap_or_default();
        Self {
            change: change(&line.action),
            id: line.actor.id,
            name,
            labels,
            time: Timestamp::from_nanosecond(i128::from(line.time_nano)).unwrap_or(Timestamp::UNIX_EPOCH),
        }
    }
}

fn change(action: &str) -> Change {
    if let Some(health) = action.strip_prefix("health_status: ").and_then(health_of_word) {
        return Change::Health(health);
    }
    match action {
        "create" => Change::Created,
        "start" => Change::Started,
        "die" => Change::Died,
        "pause" => Change::Paused,
        "unpause" => Change::Unpaused,
        "rename" => Change::Renamed,
        "update" => Change::Updated,
        "destroy" => Change::Destroyed,
        "oom" => Change::OutOfMemory,
        _ => Change::Other,
    }
}
