//! One attempt to bring an event, and what its answer means.

use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::rfc2822;
use reqwest::header::{CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use reqwest::redirect::Policy as Redirects;
use reqwest::{Client, Response, StatusCode};
use secrecy::ExposeSecret;

use super::{Address, Webhook, WebhookError, signature};
use crate::model::event::Event;

/// So much of an answer is read, so that its connection can be used again. Nobody looks at it.
const ANSWER: usize = 64 << 10;

/// An event on its way: the same for each attempt.
pub(super) struct Message {
    /// Its ID.
    pub id: String,
    kind: &'static str,
    body: Vec<u8>,
}

/// What came of an attempt.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The receiver has it.
    Taken,
    /// It will never take it.
    Refused(String),
    /// It may take it later.
    Failed {
        why: String,
        /// How long it asks to be left alone.
        asked: Option<Duration>,
    },
}

impl Message {
    pub fn of(event: &Event) -> Result<Self, serde_json::Error> {
        Ok(Self { id: ulid::Ulid::generate().to_string(), kind: event.kind.as_str(), body: serde_json::to_vec(event)? })
    }
}

/// A client for this address. On this machine neither a proxy nor the certificate authorities are of use, unless it speaks TLS.
pub(super) fn client(address: &Address, timeout: Duration) -> Result<Client, WebhookError> {
    let mut builder = Client::builder()
        .timeout(timeout)
        // A receiver that has moved is configured anew: what is signed for one is not sent to another.
        .redirect(Redirects::none())
        .user_agent(concat!("wharf/", env!("CARGO_PKG_VERSION")))
        .pool_max_idle_per_host(1)
        .tls_built_in_native_certs(address.url().scheme() == "https");
    if address.is_loopback() {
        builder = builder.no_proxy();
    }
    builder.build().map_err(|error| WebhookError::Client(Box::new(error)))
}

/// Posts a message once.
pub(super) async fn post(client: &Client, webhook: &Webhook, message: &Message) -> Outcome {
    let timestamp = Timestamp::now().as_second();
    let mut request = client
        .post(webhook.address.url().clone())
        .header(CONTENT_TYPE, "application/json")
        .header("Wharf-Event", message.kind)
        .header("Wharf-Delivery", &message.id)
        .header("Wharf-Timestamp", timestamp);
    if let Some(secret) = &webhook.secret {
        let signed = signature(secret.expose_secret(), timestamp, &message.body);
        request = request.header("Wharf-Signature-256", signed);
    }
    match request.body(message.body.clone()).send().await {
        Ok(response) => {
            let outcome = meaning(response.status(), response.headers(), Timestamp::now());
            finish(response).await;
            outcome
        }
        Err(error) => Outcome::Failed { why: reason(error), asked: None },
    }
}

/// Reads what remains of an answer, up to a limit; the attempt's time limit holds for this, too.
async fn finish(mut response: Response) {
    let mut read = 0;
    while read < ANSWER {
        match response.chunk().await {
            Ok(Some(chunk)) => read += chunk.len(),
            Ok(None) | Err(_) => return,
        }
    }
}

/// What an answer means. A server's own failures pass, and so do, of the client's, those that are about the moment: 408 and 429 by
/// [RFC 9110](https://www.rfc-editor.org/rfc/rfc9110#section-15.5) and [RFC 6585](https://www.rfc-editor.org/rfc/rfc6585#section-4), and
/// 425 by [RFC 8470](https://www.rfc-editor.org/rfc/rfc8470#section-5.2).
fn meaning(status: StatusCode, headers: &HeaderMap, now: Timestamp) -> Outcome {
    let why = format!("the receiver answers {}", status.as_u16());
    match status.as_u16() {
        200..=299 => Outcome::Taken,
        408 | 425 | 429 | 500.. => {
            let asked = headers.get(RETRY_AFTER).and_then(|value| retry_after(value.to_str().ok()?, now));
            Outcome::Failed { why, asked }
        }
        _ => Outcome::Refused(why),
    }
}

/// Seconds, or a date: [RFC 9110, 10.2.3](https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3).
fn retry_after(text: &str, now: Timestamp) -> Option<Duration> {
    if let Ok(seconds) = text.trim().parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = rfc2822::DateTimeParser::new().parse_timestamp(text.trim()).ok()?;
    Some(date.duration_since(now).try_into().unwrap_or(Duration::ZERO))
}

/// Why nothing came back, with what lies behind it, and without the address.
fn reason(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut source = std::error::Error::source(&error);
    while let Some(behind) = source {
        text = format!("{text}: {behind}");
        source = behind.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meant(status: u16, retry_after: Option<&str>) -> Outcome {
        let mut headers = HeaderMap::new();
        if let Some(value) = retry_after {
            headers.insert(RETRY_AFTER, value.parse().expect("a header"));
        }
        let now = "2026-01-31T12:00:00Z".parse().expect("a time");
        meaning(StatusCode::from_u16(status).expect("a status"), &headers, now)
    }

    #[test]
    fn answers_end_an_event_or_call_for_patience() {
        for status in [200, 201, 202, 204, 299] {
            assert_eq!(meant(status, None), Outcome::Taken, "{status}");
        }
        for status in [301, 302, 307, 308, 400, 401, 403, 404, 410, 413, 422, 451] {
            assert_eq!(meant(status, Some("5")), Outcome::Refused(format!("the receiver answers {status}")));
        }
        for status in [408, 425, 429, 500, 502, 503, 504, 599] {
            assert!(matches!(meant(status, None), Outcome::Failed { asked: None, .. }), "{status}");
        }
    }

    #[test]
    fn a_receiver_asks_for_time_in_seconds_or_by_a_date() {
        for (text, seconds) in [
            ("120", Some(120)),
            (" 0 ", Some(0)),
            ("Sat, 31 Jan 2026 12:01:30 GMT", Some(90)),
            ("Sat, 31 Jan 2026 11:00:00 GMT", Some(0)),
            ("-5", None),
            ("soon", None),
            ("", None),
        ] {
            let why = "the receiver answers 503".to_owned();
            let asked = seconds.map(Duration::from_secs);
            assert_eq!(meant(503, Some(text)), Outcome::Failed { why, asked }, "{text:?}");
        }
    }
}
