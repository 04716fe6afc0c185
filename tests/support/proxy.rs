//! A proxy in front of the engine's socket: it counts calls, and makes what engines do on bad days happen on demand.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinHandle;

/// The engine behind the proxy.
pub const ENGINE: &str = "/var/run/docker.sock";

/// What goes wrong with a call.
#[derive(Clone, Debug)]
pub enum Fault {
    /// The engine does its work; its answer is lost.
    LoseReply,
    /// The engine never sees the call, and no answer ever comes.
    Swallow,
    /// The engine never sees the call; this answer comes instead.
    Answer {
        /// The status line after the protocol, such as `400 Bad Request`.
        status: &'static str,
        /// The body.
        body: String,
    },
    /// The engine's answer comes with one text in place of another of the same length.
    Replace(&'static str, &'static str),
}

/// The proxy. It ends when dropped.
pub struct Proxy {
    directory: TempDir,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

#[derive(Default)]
struct Shared {
    calls: Mutex<Vec<String>>,
    faults: Mutex<Vec<(String, Fault)>>,
    frozen: AtomicBool,
    open: AtomicUsize,
}

impl Proxy {
    /// Starts one.
    pub fn start() -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let listener = UnixListener::bind(directory.path().join("engine.sock")).expect("bound");
        let shared = Arc::new(Shared::default());
        let serving = Arc::clone(&shared);
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let shared = Arc::clone(&serving);
                // A connection that breaks is what many tests are about.
                tokio::spawn(async move {
                    shared.open.fetch_add(1, Ordering::Relaxed);
                    drop(shared.serve(client).await);
                    shared.open.fetch_sub(1, Ordering::Relaxed);
                });
            }
        });
        Self { directory, shared, task }
    }

    /// The socket.
    pub fn socket(&self) -> PathBuf {
        self.directory.path().join("engine.sock")
    }

    /// The address to connect to.
    pub fn host(&self) -> String {
        format!("unix://{}", self.socket().display())
    }

    /// The calls since the last time, each as `METHOD /path` without version and query, with `{id}` for a container's ID.
    pub fn take_calls(&self) -> Vec<String> {
        std::mem::take(&mut *self.shared.calls.lock().expect("not poisoned"))
    }

    /// How many connections are open.
    pub fn open(&self) -> usize {
        self.shared.open.load(Ordering::Relaxed)
    }

    /// Lets the next call that begins with `call` (as in [`Self::take_calls`]) go wrong, once.
    pub fn inject(&self, call: &str, fault: Fault) {
        self.shared.faults.lock().expect("not poisoned").push((call.to_owned(), fault));
    }

    /// From now on no call is answered any more, or each is again. Calls that wait for an answer then get none.
    pub fn freeze(&self, frozen: bool) {
        self.shared.frozen.store(frozen, Ordering::Relaxed);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Shared {
    /// One connection; clients make one for each request.
    async fn serve(&self, mut client: UnixStream) -> std::io::Result<()> {
        let mut head = Vec::new();
        while !head.windows(4).any(|window| window == b"\r\n\r\n") {
            if client.read_buf(&mut head).await? == 0 {
                return Ok(());
            }
        }
        let call = described(&head);
        let fault = self.fault_of(&call);
        self.calls.lock().expect("not poisoned").push(call);
        match fault {
            Some(Fault::Swallow) => {
                // Until the client gives up.
                while client.read_buf(&mut head).await? > 0 {}
                Ok(())
            }
            Some(Fault::Answer { status, body }) => {
                let length = body.len();
                let answer = format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\n\r\n{body}");
                client.write_all(answer.as_bytes()).await
            }
            Some(Fault::LoseReply) => forward(&head, &mut client).await.map(drop),
            Some(Fault::Replace(from, to)) => {
                let answer = forward(&head, &mut client).await?;
                client.write_all(&replaced(&answer, from.as_bytes(), to.as_bytes())).await
            }
            None => {
                let mut engine = UnixStream::connect(ENGINE).await?;
                engine.write_all(&head).await?;
                copy_bidirectional(&mut client, &mut engine).await.map(drop)
            }
        }
    }

    fn fault_of(&self, call: &str) -> Option<Fault> {
        if self.frozen.load(Ordering::Relaxed) {
            return Some(Fault::Swallow);
        }
        let mut faults = self.faults.lock().expect("not poisoned");
        let position = faults.iter().position(|(prefix, _)| call.starts_with(prefix.as_str()))?;
        Some(faults.remove(position).1)
    }
}

/// `METHOD /path` of a request.
fn described(head: &[u8]) -> String {
    let text = String::from_utf8_lossy(head);
    let mut words = text.split_whitespace();
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let path = target.split('?').next().unwrap_or_default();
    let is_id = |part: &str| part.len() == 64 && part.bytes().all(|byte| byte.is_ascii_hexdigit());
    let is_version =
        |part: &str| part.strip_prefix('v').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    let parts: Vec<&str> = path
        .split('/')
        .enumerate()
        .filter(|(index, part)| !(*index == 1 && is_version(part)))
        .map(|(_, part)| if is_id(part) { "{id}" } else { part })
        .collect();
    format!("{method} {}", parts.join("/"))
}

/// Sends the request on and answers all that the engine says, which it ends because it is told to close.
async fn forward(head: &[u8], client: &mut UnixStream) -> std::io::Result<Vec<u8>> {
    let mut engine = UnixStream::connect(ENGINE).await?;
    let line = head.windows(2).position(|window| window == b"\r\n").map_or(0, |position| position + 2);
    engine.write_all(&head[..line]).await?;
    engine.write_all(b"Connection: close\r\n").await?;
    engine.write_all(&head[line..]).await?;
    let (mut from_engine, mut to_engine) = engine.split();
    let (mut from_client, _) = client.split();
    let mut answer = Vec::new();
    tokio::select! {
        // The rest of the request's body, if it did not come with the head.
        copied = tokio::io::copy(&mut from_client, &mut to_engine) => copied.map(drop)?,
        read = from_engine.read_to_end(&mut answer) => read.map(drop)?,
    }
    Ok(answer)
}

fn replaced(text: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    assert_eq!(from.len(), to.len(), "the answer's length is announced before it");
    let mut out = text.to_vec();
    for start in 0..=text.len().saturating_sub(from.len()) {
        if text[start..].starts_with(from) {
            out[start..start + to.len()].copy_from_slice(to);
        }
    }
    out
}
