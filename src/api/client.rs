//! A client of the API over the unix socket.

use std::path::{Path, PathBuf};
use std::time::Duration;

use futures_util::stream::{BoxStream, StreamExt, try_unfold};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::{Method, Request, Response, header};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::net::UnixStream;
use tokio::time::timeout;

use super::problem::Problem;
use super::sse::{Message, Parser};
use super::wire::Told;

/// Asks the controller that listens on a socket. Each request has a connection of its own.
#[derive(Clone, Debug)]
pub struct Client {
    socket: PathBuf,
    timeout: Duration,
}

/// Why a request came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nobody listens.
    #[error("no controller answers on {}", socket.display())]
    NotRunning {
        /// Where.
        socket: PathBuf,
    },
    /// The socket is there, and not for us.
    #[error("the control socket {} cannot be used; ask as the user that the controller runs as", socket.display())]
    Socket {
        /// Where.
        socket: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The controller says why not.
    #[error("{0}")]
    Problem(Box<Problem>),
    /// The controller did not answer in time.
    #[error("the controller did not answer within {} s; its log says what it does", after.as_secs())]
    TimedOut {
        /// How long was waited.
        after: Duration,
    },
    /// What answers is no controller of this version, or it ended in the middle.
    #[error("the answer on {} is not that of a controller of this version: {message}", socket.display())]
    Protocol {
        /// Where.
        socket: PathBuf,
        /// What is wrong with it.
        message: String,
    },
}

/// Longer than the server takes at most.
const TIMEOUT: Duration = Duration::from_secs(35);
/// Several times the server's keep-alive: a stream that says nothing for so long is dead.
const SILENCE: Duration = Duration::from_secs(60);
/// Bytes of an answer.
const LONGEST: usize = 64 * 1024 * 1024;

impl Client {
    /// A client of the controller that listens there, if one does.
    pub fn new(socket: impl Into<PathBuf>) -> Self {
        Self { socket: socket.into(), timeout: TIMEOUT }
    }

    /// With another time after which an answer is not waited for any more.
    #[must_use]
    pub fn with_timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// Where it asks.
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// `GET`, with an answer in JSON. See [`address`] for paths.
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        self.whole(Method::GET, path, None).await.and_then(|bytes| self.read(&bytes))
    }

    /// `GET`, with an answer in text.
    pub async fn text(&self, path: &str) -> Result<String, ClientError> {
        let bytes = self.whole(Method::GET, path, None).await?;
        String::from_utf8(bytes.into()).map_err(|_| self.protocol(&"it is not UTF-8"))
    }

    /// `POST` without a body.
    pub async fn post<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        self.whole(Method::POST, path, None).await.and_then(|bytes| self.read(&bytes))
    }

    /// `POST` of a value as JSON.
    pub async fn send<B: Serialize, T: DeserializeOwned>(&self, path: &str, body: &B) -> Result<T, ClientError> {
        let body = serde_json::to_vec(body).map_err(|error| self.protocol(&error))?;
        self.whole(Method::POST, path, Some(body)).await.and_then(|bytes| self.read(&bytes))
    }

    /// `DELETE`.
    pub async fn delete<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        self.whole(Method::DELETE, path, None).await.and_then(|bytes| self.read(&bytes))
    }

    /// A stream of events, such as `/v1/events/stream`. Ends when the controller does; who wants to go on asks again with `after`, the last
    /// sequence that it got.
    pub async fn stream(&self, path: &str) -> Result<BoxStream<'static, Result<Told, ClientError>>, ClientError> {
        let response = self.within(self.request(Method::GET, path, None)).await?;
        let state = (self.clone(), response.into_body(), Parser::default(), Vec::new().into_iter());
        let messages = try_unfold(state, async |(client, mut body, mut parser, mut ready)| {
            loop {
                if let Some(message) = ready.next() {
                    return Ok(Some((client.told(&message)?, (client, body, parser, ready))));
                }
                let Some(piece) = client.piece(&mut body).await? else { return Ok(None) };
                let messages = parser.push(&piece).map_err(|_| client.protocol(&"an event is too long"))?;
                ready = messages.into_iter();
            }
        });
        Ok(messages.boxed())
    }

    /// The next bytes of a stream; `None` at its end.
    async fn piece(&self, body: &mut Incoming) -> Result<Option<Bytes>, ClientError> {
        let frame = timeout(SILENCE, body.frame()).await.map_err(|_| ClientError::TimedOut { after: SILENCE })?;
        let frame = frame.transpose().map_err(|error| self.protocol(&error))?;
        Ok(frame.map(|frame| frame.into_data().unwrap_or_default()))
    }

    fn told(&self, message: &Message) -> Result<Told, ClientError> {
        serde_json::from_str(&message.data).map_err(|error| self.protocol(&error))
    }

    fn read<T: DeserializeOwned>(&self, bytes: &[u8]) -> Result<T, ClientError> {
        serde_json::from_slice(bytes).map_err(|error| self.protocol(&error))
    }

    async fn whole(&self, method: Method, path: &str, body: Option<Vec<u8>>) -> Result<Bytes, ClientError> {
        self.within(async { self.collect(self.request(method, path, body).await?).await }).await
    }

    async fn within<T>(&self, work: impl Future<Output = Result<T, ClientError>>) -> Result<T, ClientError> {
        let late = |_| ClientError::TimedOut { after: self.timeout };
        timeout(self.timeout, work).await.map_err(late)?
    }

    async fn collect(&self, response: Response<Incoming>) -> Result<Bytes, ClientError> {
        let body = Limited::new(response.into_body(), LONGEST).collect().await;
        Ok(body.map_err(|error| self.protocol(&error))?.to_bytes())
    }

    /// Sends a request and waits for the head of its answer. What is not a success is a problem.
    async fn request(
        &self,
        method: Method,
        path: &str,
        body: Option<Vec<u8>>,
    ) -> Result<Response<Incoming>, ClientError> {
        let mut request = Request::builder().method(method).uri(path).header(header::HOST, "localhost");
        if body.is_some() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        let request =
            request.body(Full::new(Bytes::from(body.unwrap_or_default()))).map_err(|error| self.protocol(&error))?;
        let stream = UnixStream::connect(&self.socket).await.map_err(|error| self.unreachable(error))?;
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(|error| self.protocol(&error))?;
        // It carries the body as well, and ends with it.
        tokio::spawn(connection);
        let response = sender.send_request(request).await.map_err(|error| self.protocol(&error))?;
        if response.status().is_success() {
            return Ok(response);
        }
        let status = response.status();
        let bytes = self.collect(response).await?;
        let problem = serde_json::from_slice(&bytes).map_err(|_| self.protocol(&format!("status {status}")))?;
        Err(ClientError::Problem(problem))
    }

    fn unreachable(&self, error: std::io::Error) -> ClientError {
        let socket = self.socket.clone();
        match error.kind() {
            std::io::ErrorKind::NotFound | std::io::ErrorKind::ConnectionRefused => ClientError::NotRunning { socket },
            _ => ClientError::Socket { socket, source: error },
        }
    }

    fn protocol(&self, message: &dyn std::fmt::Display) -> ClientError {
        ClientError::Protocol { socket: self.socket.clone(), message: message.to_string() }
    }
}

/// A path of these parts with this query, all of it encoded: `address(&["v1", "workspaces", name], &[("limit", "5")])`.
pub fn address(parts: &[&str], query: &[(&str, &str)]) -> String {
    let path: String = parts.iter().flat_map(|part| ["/".to_owned(), encoded(part)]).collect();
    let query: Vec<String> =
        query.iter().map(|(name, value)| format!("{}={}", encoded(name), encoded(value))).collect();
    if query.is_empty() { path } else { format!("{path}?{}", query.join("&")) }
}

/// In percent form, but for what RFC 3986 calls unreserved.
fn encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
    text.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_hold_anything() {
        assert_eq!(address(&["v1", "workspaces", "a/b ä"], &[]), "/v1/workspaces/a%2Fb%20%C3%A4");
        let query = address(&["v1", "workspaces"], &[("selector", "team=a,!b"), ("limit", "5")]);
        assert_eq!(query, "/v1/workspaces?selector=team%3Da%2C%21b&limit=5");
    }
}
