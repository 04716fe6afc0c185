//! From bollard's errors and the engine's words to the few kinds of [`EngineError`].

use std::error::Error as _;
use std::net::SocketAddr;
use std::time::Duration;

use bollard::errors::Error;

use super::endpoint::Endpoint;
use super::hidden::Hidden;
use super::transport::Unreachable;
use crate::engine::{EngineError, EnvValue, ObjectKind};

/// A call as its errors name it.
#[derive(Clone, Debug)]
pub(super) struct Call {
    /// What is done to which object, as in `start container 4f5e1234abcd`.
    pub(super) operation: String,
    /// What a 404 is about unless the engine says something else.
    pub(super) object: ObjectKind,
    /// What its errors do not tell, although the engine may quote it.
    hidden: Hidden,
}

impl Call {
    /// A call about a container with an ID, which is shortened as the engine's own client does.
    pub(super) fn on(verb: &str, id: &str) -> Self {
        let short: String = id.escape_debug().take(12).collect();
        Self::about(ObjectKind::Container, format!("{verb} container {short}"))
    }

    /// A call about something else.
    pub(super) fn about(object: ObjectKind, operation: String) -> Self {
        Self { operation, object, hidden: Hidden::default() }
    }

    /// The same call, about something with this environment.
    pub(super) fn with_environment(self, env: &[(String, EnvValue)]) -> Self {
        Self { hidden: Hidden::of(env), ..self }
    }

    /// The request itself is wrong.
    pub(super) fn invalid(&self, message: String) -> EngineError {
        EngineError::Invalid { operation: self.operation.clone(), message }
    }

    /// Nothing was sent.
    pub(super) fn unavailable(&self, endpoint: &Endpoint, message: String) -> EngineError {
        EngineError::Unavailable { operation: self.operation.clone(), endpoint: endpoint.to_string(), message }
    }

    /// It was sent, and there was no answer for so long.
    pub(super) fn unanswered(&self, after: Duration) -> EngineError {
        EngineError::OutcomeUnknown {
            operation: self.operation.clone(),
            message: format!("none within {} s", after.as_secs()),
        }
    }

    /// Anything that bollard or the transport reports.
    pub(super) fn failed(&self, endpoint: &Endpoint, error: Error) -> EngineError {
        let operation = self.operation.clone();
        match error {
            Error::DockerResponseServerError { status_code, message } => self.refused(endpoint, status_code, &message),
            Error::DockerStreamError { error } => EngineError::Failed { operation, message: self.told(&error) },
            Error::IOError { err } if reason(&err).is_some() => {
                self.unavailable(endpoint, reason(&err).unwrap_or_default().to_owned())
            }
            // These come from building the request; nothing was sent.
            Error::URLEncodedError { .. }
            | Error::URLParseError { .. }
            | Error::InvalidURIError { .. }
            | Error::InvalidURIPartsError { .. }
            | Error::HttpClientError { .. } => self.invalid(self.hidden.left_out_of(&chain(&error))),
            // Everything else happened after the request left: a broken connection, half an answer, no sense in it.
            other => EngineError::OutcomeUnknown { operation, message: self.hidden.left_out_of(&chain(&other)) },
        }
    }

    /// The engine's words as they are told.
    fn told(&self, message: &str) -> String {
        steady(&self.hidden.left_out_of(message))
    }

    /// An answer with a status that is not a success.
    fn refused(&self, endpoint: &Endpoint, status: u16, message: &str) -> EngineError {
        let operation = self.operation.clone();
        let object = missing(message).unwrap_or(self.object);
        let message = self.told(message);
        match status {
            // Of several networks with one name none can be used; making sure of it leaves one.
            _ if message.starts_with("network ") && message.contains(" is ambiguous") => {
                EngineError::NotFound { operation, object: ObjectKind::Network, message }
            }
            // The engine was replaced by one that speaks another version; the next call asks again.
            400 if message.contains("client version") => self.unavailable(endpoint, message),
            // The directory can appear without any change of the request.
            400 if message.contains("bind source path does not exist") => EngineError::Failed { operation, message },
            400 => EngineError::Invalid { operation, message },
            404 => EngineError::NotFound { operation, object, message },
            // An authorisation plugin's no is also a 403, and is no conflict.
            403 if !message.contains("authorization denied") => EngineError::Conflict { operation, message },
            409 => EngineError::Conflict { operation, message },
            _ => EngineError::Failed { operation, message },
        }
    }
}

/// The transport's own words, if the error comes from making the connection.
fn reason(error: &std::io::Error) -> Option<&'static str> {
    error.get_ref()?.downcast_ref::<Unreachable>().map(|unreachable| unreachable.0)
}

/// The engine's words without what differs between equal failures, and with the fix where it is known.
fn steady(message: &str) -> String {
    if let Some(address) = taken(message) {
        return format!("host port {address} is taken; free it or change spec.ports");
    }
    let mut text = String::with_capacity(message.len());
    let mut rest = message;
    while let Some(start) = rest.find(|c: char| c.is_ascii_hexdigit()) {
        let (before, run) = rest.split_at(start);
        let (run, after) = run.split_at(run.find(|c: char| !c.is_ascii_hexdigit()).unwrap_or(run.len()));
        text.push_str(before);
        // A digest is part of what the manifest says.
        text.push_str(if run.len() == ID_DIGITS && !text.ends_with("sha256:") { "…" } else { run });
        rest = after;
    }
    (text + rest).replace(" (…)", "")
}

/// The length of an ID of a container, a network or an endpoint, which is another one at every attempt.
const ID_DIGITS: usize = 64;

/// The address that cannot be published because somebody else has it, if that is what the engine says.
fn taken(message: &str) -> Option<SocketAddr> {
    if !message.contains("port is already allocated") && !message.contains("address already in use") {
        return None;
    }
    let without_protocol =
        |word: &str| word.trim_end_matches(':').trim_end_matches("/tcp").trim_end_matches("/udp").parse();
    message.split_whitespace().find_map(|word| without_protocol(word).ok())
}

/// What a 404 says is missing: the creation of a container can miss its image, and its start its network.
fn missing(message: &str) -> Option<ObjectKind> {
    if message.starts_with("network ") || message.contains("could not find network") {
        Some(ObjectKind::Network)
    } else if message.contains("No such image") {
        Some(ObjectKind::Image)
    } else {
        None
    }
}

/// An error with its causes, because bollard's Display often leaves out what happened.
fn chain(error: &Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let words = cause.to_string();
        if !text.contains(&words) {
            text.push_str(": ");
            text.push_str(&words);
        }
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(status_code: u16, message: &str) -> String {
        let call = Call::on("start", &"4f5e1234abcd".repeat(5));
        let error = Error::DockerResponseServerError { status_code, message: message.to_owned() };
        let error = call.failed(&Endpoint::Unix("/run/x".into()), error);
        assert!(error.to_string().starts_with("start container 4f5e1234abcd: "), "{error}");
        let text = format!("{error:?}");
        let object = text.split("object: ").nth(1).and_then(|rest| rest.split(',').next()).unwrap_or_default();
        format!("{} {object}", text.split(' ').next().unwrap_or_default()).trim().to_owned()
    }

    /// The words are those of engine 20.10.
    #[test]
    fn answers_by_status_and_words() {
        for (status, message, expected) in [
            (400, "Minimum memory limit allowed is 6MB", "Invalid"),
            (400, "client version 1.53 is too new. Maximum supported API version is 1.41", "Unavailable"),
            (400, "invalid mount config for type \"bind\": bind source path does not exist: /x", "Failed"),
            (403, "error while removing network: network x id 1 has active endpoints", "Conflict"),
            (403, "authorization denied by plugin p", "Failed"),
            (404, "No such container: x", "NotFound Container"),
            (404, "No such image: x:1", "NotFound Image"),
            (404, "network x not found", "NotFound Network"),
            (400, "network x is ambiguous (2 matches found on name)", "NotFound Network"),
            (409, "Conflict. The container name \"/x\" is already in use", "Conflict"),
            (500, "driver failed programming external connectivity: port is already allocated", "Failed"),
            (503, "", "Failed"),
        ] {
            assert_eq!(kind(status, message), expected, "{status} {message}");
        }
    }

    #[test]
    fn equal_failures_are_told_in_equal_words() {
        let id = "0123456789abcdef".repeat(4);
        let endpoint = format!("driver failed programming external connectivity on endpoint wharf-a ({id})");
        for (message, expected) in [
            (
                format!("{endpoint}: Bind for 127.0.0.1:18981 failed: port is already allocated"),
                "host port 127.0.0.1:18981 is taken; free it or change spec.ports",
            ),
            (
                format!(
                    "{endpoint}: Error starting userland proxy: listen tcp6 [::1]:80: bind: address already in use"
                ),
                "host port [::1]:80 is taken; free it or change spec.ports",
            ),
            (
                format!("{endpoint}: port is already allocated"),
                "driver failed programming external connectivity on endpoint wharf-a: port is already allocated",
            ),
            (format!("name in use by container \"{id}\"."), "name in use by container \"…\"."),
            (format!("no manifest for a@sha256:{id}"), &format!("no manifest for a@sha256:{id}")),
            (format!("{id}0 größer"), &format!("{id}0 größer")),
            (id.clone(), "…"),
        ] {
            assert_eq!(steady(&message), expected);
        }
    }

    #[test]
    fn what_was_sent_without_a_clear_answer_is_unknown() {
        let call = Call::on("create", "x");
        let endpoint = Endpoint::Unix("/run/x".into());
        let broken = || std::io::Error::from(std::io::ErrorKind::ConnectionReset);
        let error = call.failed(&endpoint, Error::IOError { err: broken() });
        assert!(matches!(error, EngineError::OutcomeUnknown { .. }), "{error:?}");
        let refused = std::io::Error::new(std::io::ErrorKind::ConnectionRefused, Unreachable("nobody listens"));
        let error = call.failed(&endpoint, Error::IOError { err: refused });
        let shown = "create container x: the container engine at unix:///run/x cannot be used: nobody listens";
        assert_eq!(error.to_string(), shown);
    }
}
