//! HTTP as bytes, so that tests can also say what no client library would.

use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;

use crate::rig::{Rig, TOKEN};

/// How long anything may take that is expected to come.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// An answer in whole.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    /// Names in small letters.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("UTF-8")
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The problem that it is, after a look at whether it is one as the documentation says.
    #[track_caller]
    pub fn problem(&self) -> Value {
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{self:?}");
        let problem = self.json();
        assert_eq!(problem["status"], self.status, "{problem}");
        for member in ["type", "title", "detail", "help"] {
            assert!(problem[member].as_str().is_some_and(|text| !text.is_empty()), "{member}: {problem}");
        }
        problem
    }

    /// From all bytes of a connection.
    pub fn parse(bytes: &[u8]) -> Self {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n");
        let end = end.unwrap_or_else(|| panic!("no head: {:?}", String::from_utf8_lossy(bytes)));
        let head = std::str::from_utf8(&bytes[..end]).expect("an ASCII head");
        let mut lines = head.split("\r\n");
        let status = lines.next().and_then(|line| line.split(' ').nth(1)).expect("a status line").parse();
        let header =
            |line: &str| line.split_once(':').map(|(name, value)| (name.to_lowercase(), value.trim().to_owned()));
        let headers: Vec<_> = lines.filter_map(header).collect();
        let chunked = headers.iter().any(|(name, value)| name == "transfer-encoding" && value == "chunked");
        let rest = &bytes[end + 4..];
        let body = if chunked { unchunked(rest) } else { rest.to_vec() };
        Self { status: status.expect("a number"), headers, body }
    }
}

/// The chunks that are there, whether or not the last one is.
pub fn unchunked(mut rest: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    while let Some(end) = rest.windows(2).position(|two| two == b"\r\n") {
        let size = std::str::from_utf8(&rest[..end]).ok().and_then(|size| usize::from_str_radix(size, 16).ok());
        let Some(size @ 1..) = size else { break };
        let chunk = &rest[end + 2..];
        body.extend_from_slice(&chunk[..size.min(chunk.len())]);
        rest = &chunk[(size + 2).min(chunk.len())..];
    }
    body
}

/// Sends bytes and reads until the other side closes.
pub async fn exchange<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, request: &[u8]) -> Vec<u8> {
    // Who refuses a request may close before it has read all of it.
    drop(stream.write_all(request).await);
    let mut bytes = Vec::new();
    drop(timeout(PATIENCE, stream.read_to_end(&mut bytes)).await.expect("an end of the answer"));
    bytes
}

/// The bytes of a request.
pub fn request(method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let length = body.len().to_string();
    let length = (!body.is_empty()).then_some(("Content-Length", length.as_str()));
    let lines = headers.iter().copied().chain(length).map(|(name, value)| format!("{name}: {value}\r\n"));
    let text = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n{}", lines.collect::<String>());
    [text.as_bytes(), b"\r\n", body].concat()
}

impl Rig {
    pub async fn unix(&self) -> UnixStream {
        UnixStream::connect(self.socket()).await.expect("connected")
    }

    pub async fn tcp(&self) -> TcpStream {
        TcpStream::connect(self.address).await.expect("connected")
    }

    /// Asks over the unix socket with headers and a body.
    pub async fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let headers = [&[("Host", "localhost")], headers].concat();
        Answer::parse(&exchange(self.unix().await, &request(method, path, &headers, body)).await)
    }

    /// Asks over loopback with exactly these headers.
    pub async fn ask_tcp(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
        Answer::parse(&exchange(self.tcp().await, &request(method, path, headers, b"")).await)
    }

    /// `Host` and `Authorization` of a request over loopback that is let in.
    pub fn passport(&self) -> [(&'static str, String); 2] {
        [("Host", format!("127.0.0.1:{}", self.address.port())), ("Authorization", format!("Bearer {TOKEN}"))]
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &[], b"").await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.ask("POST", path, &[("Content-Type", "application/json")], body.to_string().as_bytes()).await
    }
}

/// Reads from a stream until what was read satisfies a condition, or the stream ends.
pub async fn read_until<S: AsyncRead + Unpin>(stream: &mut S, read: &mut Vec<u8>, done: impl Fn(&str) -> bool) {
    let reading = async {
        while !done(&String::from_utf8_lossy(read)) {
            if stream.read_buf(read).await.expect("readable") == 0 {
                break;
            }
        }
    };
    let ended = timeout(PATIENCE, reading).await;
    assert!(ended.is_ok(), "it did not come: {}", String::from_utf8_lossy(read));
}

/// Polls a condition until it holds.
pub async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let polling = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    assert!(timeout(PATIENCE, polling).await.is_ok(), "in vain: {what}");
}
