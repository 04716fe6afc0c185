//! Events as they happen: server-sent events and WebSockets.

use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade, close_code};
use axum::response::IntoResponse;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::stream::{BoxStream, StreamExt};
use tokio::time::{Instant, interval_at};

use super::call::{Call, Door};
use super::follow::follow;
use super::problem::{Kind, Refused};
use super::reads::event_query;
use super::seat::Seat;
use super::table::Outcome;
use super::wire::Told;

/// `GET /v1/events/stream`
pub fn sse(call: &Call) -> Outcome {
    let events = asked_for(call)?;
    let stopping = call.door.stopping.clone();
    let stream = events.map(|told| Ok::<_, Infallible>(sse_event(&told))).take_until(stopping.cancelled_owned());
    let alive = KeepAlive::new().interval(call.door.limits.keep_alive);
    Ok(Sse::new(stream).keep_alive(alive).into_response())
}

/// The stream that the parameters ask for. A client that comes again says where it was with `Last-Event-ID`, which counts more than the
/// `after` that it came with the first time.
fn asked_for(call: &Call) -> Result<BoxStream<'static, Told>, Refused> {
    let mut query = event_query(call)?;
    query.after = call.number("Last-Event-ID")?.or(query.after);
    Ok(follow(Arc::clone(&call.door.control), query)?)
}

/// A kind has no line break and neither has JSON, which is what the builder would panic at.
fn sse_event(told: &Told) -> Event {
    let event = Event::default().event(told.kind()).data(json(told));
    told.sequence().map_or(event.clone(), |sequence| event.id(sequence.to_string()))
}

fn json(told: &Told) -> String {
    serde_json::to_string(told).unwrap_or_else(|error| {
        tracing::error!(%error, "an event has no JSON form");
        "{}".to_owned()
    })
}

/// `GET /v1/events/ws`
pub async fn websocket(mut call: Call) -> Outcome {
    let upgrade = WebSocketUpgrade::from_request_parts(&mut call.parts, &()).await.map_err(|rejection| {
        let help = "connect with a WebSocket client; `/v1/events/stream` says the same to others";
        Kind::Upgrade.problem(format!("this is no handshake of a WebSocket: {}", rejection.body_text()), help)
    })?;
    let events = asked_for(&call)?;
    let seat = call.parts.extensions.get::<Seat>().cloned();
    let door = call.door;
    // Nothing is expected from the client but answers to pings.
    Ok(upgrade.max_message_size(MOST_HEARD).max_frame_size(MOST_HEARD).on_upgrade(async move |socket| {
        tell(socket, events, &door).await;
        // The connection counts, and is waited for at the end, as long as it is used.
        drop(seat);
    }))
}

/// Bytes of a message from a client.
const MOST_HEARD: usize = 4096;

/// Tells until the client goes, does not answer any more, or the server ends.
async fn tell(mut socket: WebSocket, mut events: BoxStream<'static, Told>, door: &Door) {
    let alive = door.limits.keep_alive;
    let mut pings = interval_at(Instant::now() + alive, alive);
    let mut heard = true;
    let reason = loop {
        let message = tokio::select! {
            () = door.stopping.cancelled() => break Some((close_code::AWAY, "the controller ends")),
            told = events.next() => match told {
                Some(told) => Message::text(json(&told)),
                None => break Some((close_code::AWAY, "the controller ends")),
            },
            received = socket.recv() => match received {
                Some(Ok(Message::Close(_)) | Err(_)) | None => break None,
                Some(Ok(_)) => {
                    heard = true;
                    continue;
                }
            },
            _ = pings.tick() => {
                if !std::mem::take(&mut heard) {
                    break None;
                }
                Message::Ping(Vec::new().into())
            }
        };
        // A client that does not read is waited for no longer than one that does not answer.
        let sent = tokio::select! {
            () = door.stopping.cancelled() => break Some((close_code::AWAY, "the controller ends")),
            sent = tokio::time::timeout(alive * 2, socket.send(message)) => sent,
        };
        if !matches!(sent, Ok(Ok(()))) {
            break None;
        }
    };
    if let Some((code, reason)) = reason {
        let frame = CloseFrame { code, reason: reason.into() };
        let goodbye = socket.send(Message::Close(Some(frame)));
        // Whether the client hears it or not, it is over.
        drop(tokio::time::timeout(door.limits.drain_time, goodbye).await);
    }
}
