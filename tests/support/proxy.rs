//! A proxy in front of the engine's socket: it counts calls, and makes what engines do on bad days happen on demand.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinHandle;

use super::stream::{self, Disturbance};

/// This machine's engine.
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
    /// The engine's stream of events comes otherwise than it was sent.
    Disturb(Disturbance),
}

/// What goes wrong, with which calls.
struct Injected {
    call: String,
    fault: Fault,
    /// Whether only the first such call is concerned.
    once: bool,
}

/// The proxy. It ends when dropped.
pub struct Proxy {
    directory: TempDir,
    shared: Arc<Shared>,
    task: Mutex<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    engine: PathBuf,
    calls: Mutex<Vec<String>>,
    mutations: Mutex<Vec<String>>,
    faults: Mutex<Vec<Injected>>,
    injected: AtomicUsize,
    frozen: AtomicBool,
    open: AtomicUsize,
}

impl Proxy {
    /// Starts one in front of this machine's engine.
    pub fn start() -> Self {
        Self::before(Path::new(ENGINE))
    }

    /// Starts one in front of the engine at a socket, which need not answer yet.
    pub fn before(engine: &Path) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let shared = Arc::new(Shared { engine: engine.to_owned(), ..Shared::default() });
        let task = Mutex::new(listen(&directory.path().join("engine.sock"), &shared));
        Self { directory, shared, task }
    }

    /// From now on nobody listens, as after a kill of the engine, which leaves the file of its socket behind.
    pub fn hang_up(&self) {
        self.task.lock().expect("not poisoned").abort();
    }

    /// After [`Self::hang_up`]: somebody listens again.
    pub fn listen_again(&self) {
        std::fs::remove_file(self.socket()).expect("the old socket is there");
        *self.task.lock().expect("not poisoned") = listen(&self.socket(), &self.shared);
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

    /// The calls since the start that were to change something, each as `METHOD /path` with whatever the path names.
    pub fn mutations(&self) -> Vec<String> {
        self.shared.mutations.lock().expect("not poisoned").clone()
    }

    /// Lets the next call that begins with `call` go wrong, once: as in [`Self::take_calls`], or with a container's ID.
    pub fn inject(&self, call: &str, fault: Fault) {
        self.add(call, fault, true);
    }

    /// Lets every such call go wrong, until [`Self::heal`].
    pub fn inject_always(&self, call: &str, fault: Fault) {
        self.add(call, fault, false);
    }

    fn add(&self, call: &str, fault: Fault, once: bool) {
        let injected = Injected { call: call.to_owned(), fault, once };
        self.shared.faults.lock().expect("not poisoned").push(injected);
    }

    /// Nothing more goes wrong, except for what is already under way.
    pub fn heal(&self) {
        self.shared.faults.lock().expect("not poisoned").clear();
    }

    /// How many calls have gone wrong.
    pub fn injected(&self) -> usize {
        self.shared.injected.load(Ordering::Relaxed)
    }

    /// From now on no call is answered any more, or each is again. Calls that wait for an answer then get none.
    pub fn freeze(&self, frozen: bool) {
        self.shared.frozen.store(frozen, Ordering::Relaxed);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.hang_up();
    }
}

/// Serves connections to a socket until aborted; those that stand then go on.
fn listen(socket: &Path, shared: &Arc<Shared>) -> JoinHandle<()> {
    let listener = UnixListener::bind(socket).expect("bound");
    let serving = Arc::clone(shared);
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let shared = Arc::clone(&serving);
            // A connection that breaks is what many tests are about.
            tokio::spawn(async move {
                shared.open.fetch_add(1, Ordering::Relaxed);
                drop(shared.serve(client).await);
                shared.open.fetch_sub(1, Ordering::Relaxed);
            });
        }
    })
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
        let (raw, call) = (named(&head), described(&head));
        let fault = self.fault_of(&call, &raw);
        if !raw.starts_with("GET ") {
            self.mutations.lock().expect("not poisoned").push(raw);
        }
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
            Some(Fault::LoseReply) => self.forward(&head, &mut client).await.map(drop),
            Some(Fault::Replace(from, to)) => {
                let answer = self.forward(&head, &mut client).await?;
                client.write_all(&replaced(&answer, from.as_bytes(), to.as_bytes())).await
            }
            Some(Fault::Disturb(disturbance)) => {
                let mut engine = UnixStream::connect(&self.engine).await?;
                engine.write_all(&head).await?;
                stream::pass_on(engine, client, disturbance, &self.injected).await
            }
            None => {
                let mut engine = UnixStream::connect(&self.engine).await?;
                engine.write_all(&head).await?;
                copy_bidirectional(&mut client, &mut engine).await.map(drop)
            }
        }
    }

    fn fault_of(&self, call: &str, raw: &str) -> Option<Fault> {
        if self.frozen.load(Ordering::Relaxed) {
            return Some(Fault::Swallow);
        }
        let mut faults = self.faults.lock().expect("not poisoned");
        let concerns = |it: &Injected| call.starts_with(it.call.as_str()) || raw.starts_with(it.call.as_str());
        let position = faults.iter().position(concerns)?;
        let fault = faults[position].fault.clone();
        if faults[position].once {
            faults.remove(position);
        }
        self.injected.fetch_add(1, Ordering::Relaxed);
        Some(fault)
    }

    /// Sends the request on and answers all that the engine says, which it ends because it is told to close.
    async fn forward(&self, head: &[u8], client: &mut UnixStream) -> std::io::Result<Vec<u8>> {
        let mut engine = UnixStream::connect(&self.engine).await?;
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
}

/// `METHOD /path` of a request, without the version.
fn named(head: &[u8]) -> String {
    let text = String::from_utf8_lossy(head);
    let mut words = text.split_whitespace();
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let path = target.split('?').next().unwrap_or_default();
    let is_version =
        |part: &str| part.strip_prefix('v').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    let parts = path.split('/').enumerate().filter(|(index, part)| !(*index == 1 && is_version(part)));
    format!("{method} {}", parts.map(|(_, part)| part).collect::<Vec<_>>().join("/"))
}

/// The same with `{id}` for each ID.
fn described(head: &[u8]) -> String {
    let is_id = |part: &str| part.len() == 64 && part.bytes().all(|byte| byte.is_ascii_hexdigit());
    let named = named(head);
    named.split('/').map(|part| if is_id(part) { "{id}" } else { part }).collect::<Vec<_>>().join("/")
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
