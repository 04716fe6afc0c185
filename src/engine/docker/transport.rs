//! How requests reach the engine: one connection each, with the API version that both sides speak in the path.
//!
//! bollard's own transports do not fit: they put no version into the path, want the socket to exist when the client is
//! made, and do not tell a refused connection from a broken one. A connection for each request costs tens of
//! microseconds on a socket, and spares the question whether a request on a connection that the engine just closed was seen.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

use bollard::BollardRequest;
use bollard::errors::Error;
use http_body_util::BodyExt;
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::header::{CONNECTION, CONTENT_TYPE, HOST, HeaderValue, UPGRADE};
use hyper::upgrade::Upgraded;
use hyper::{Method, Request, Response, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};

use super::endpoint::Endpoint;

/// Before the first answer, and after the engine was lost: it may come back as another version.
const UNKNOWN: u16 = 0;

/// Sends requests. Clones share the negotiated version.
#[derive(Clone)]
pub(super) struct Transport(Arc<Shared>);

struct Shared {
    endpoint: Endpoint,
    /// Minor part of the API version in use; the major part has been 1 for ever.
    minor: AtomicU16,
}

/// No connection came about, so the request was not sent. Travels inside of an [`io::Error`], because bollard's error
/// type has no room of its own for it.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Unreachable(pub(super) &'static str);

impl Transport {
    pub(super) fn new(endpoint: Endpoint) -> Self {
        Self(Arc::new(Shared { endpoint, minor: AtomicU16::new(UNKNOWN) }))
    }

    pub(super) fn endpoint(&self) -> &Endpoint {
        &self.0.endpoint
    }

    /// Minor part of the API version in use, if it has been negotiated.
    pub(super) fn minor_version(&self) -> Option<u16> {
        Some(self.0.minor.load(Ordering::Relaxed)).filter(|minor| *minor != UNKNOWN)
    }

    pub(super) fn use_minor_version(&self, minor: u16) {
        self.0.minor.store(minor, Ordering::Relaxed);
    }

    pub(super) fn forget_version(&self) {
        self.0.minor.store(UNKNOWN, Ordering::Relaxed);
    }

    /// Sends a request and answers when the head of the response is there.
    pub(super) async fn send(&self, mut request: BollardRequest) -> Result<Response<Incoming>, Error> {
        let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
        let target = match self.minor_version() {
            Some(minor) => format!("/v1.{minor}{path}"),
            None => path.to_owned(),
        };
        *request.uri_mut() = target.parse::<Uri>()?;
        let host = HeaderValue::from_str(self.endpoint().authority()).map_err(hyper::http::Error::from)?;
        request.headers_mut().insert(HOST, host);
        let unreachable = |error: io::Error| {
            let kind = error.kind();
            io::Error::new(kind, Unreachable(self.endpoint().advice(kind)))
        };
        match self.endpoint() {
            Endpoint::Unix(path) => exchange(UnixStream::connect(path).await.map_err(unreachable)?, request).await,
            Endpoint::Tcp(authority) => {
                exchange(TcpStream::connect(authority).await.map_err(unreachable)?, request).await
            }
        }
    }

    /// A request of our own, for what bollard's types are too strict or too poor.
    pub(super) async fn open<B: Serialize>(
        &self,
        method: Method,
        path: &str,
        body: Option<&B>,
    ) -> Result<Response<Incoming>, Error> {
        let body = body.map(serde_json::to_vec).transpose()?.unwrap_or_default();
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(CONTENT_TYPE, "application/json")
            .body(bollard::body_full(Bytes::from(body)))?;
        refused(self.send(request).await?).await
    }

    /// A request of our own that is answered by something.
    pub(super) async fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T, Error> {
        let response = self.open(Method::POST, path, Some(body)).await?;
        let body = response.into_body().collect().await?.to_bytes();
        Ok(serde_json::from_slice(&body)?)
    }

    /// A request after which the connection is no longer HTTP, and belongs to both sides.
    pub(super) async fn upgrade(&self, path: &str, body: &impl Serialize) -> Result<Upgraded, Error> {
        let request = Request::builder()
            .method(Method::POST)
            .uri(path)
            .header(CONTENT_TYPE, "application/json")
            .header(CONNECTION, "Upgrade")
            .header(UPGRADE, "tcp")
            .body(bollard::body_full(Bytes::from(serde_json::to_vec(body)?)))?;
        let response = self.send(request).await?;
        if response.status() == StatusCode::SWITCHING_PROTOCOLS {
            return Ok(hyper::upgrade::on(response).await?);
        }
        refused(response).await?;
        Err(io::Error::new(io::ErrorKind::InvalidData, "the engine does not hand over the connection").into())
    }

    /// A read of our own.
    pub(super) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Error> {
        let response = self.open::<()>(Method::GET, path, None).await?;
        let body = response.into_body().collect().await?.to_bytes();
        Ok(serde_json::from_slice(&body)?)
    }
}

/// One request on a fresh connection, which ends with the response's body.
async fn exchange<S>(stream: S, request: BollardRequest) -> Result<Response<Incoming>, Error>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    // Its errors also come out of the request or the body, where somebody waits for them.
    tokio::spawn(async move { drop(connection.with_upgrades().await) });
    Ok(sender.send_request(request).await?)
}

/// Turns an answer that is not a success into the error that bollard would make of it.
async fn refused(response: Response<Incoming>) -> Result<Response<Incoming>, Error> {
    #[derive(serde::Deserialize)]
    struct Refusal {
        message: String,
    }
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    let body = response.into_body().collect().await?.to_bytes();
    let message = serde_json::from_slice(&body)
        .map_or_else(|_| String::from_utf8_lossy(&body).trim().to_owned(), |refusal: Refusal| refusal.message);
    Err(Error::DockerResponseServerError { status_code: status.as_u16(), message })
}

/// Percent-encodes a query's value; everything but RFC 3986's unreserved characters.
pub(super) fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push('%');
            out.extend([byte >> 4, byte & 15].map(|digit| char::from(b"0123456789ABCDEF"[usize::from(digit)])));
        }
    }
    out
}
