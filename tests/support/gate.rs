//! What stands between an engine and a registry: it passes requests on, or answers as registries do on bad days.

use std::io::Result;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// How the registry behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mood {
    /// As it is.
    Well,
    /// It takes this long over each answer.
    Slow(Duration),
    /// 401: it wants a password that nobody has.
    Unauthorized,
    /// 404: it does not have the image.
    Missing,
    /// 429: it has been asked too often, and says when to ask again.
    TooManyRequests,
}

/// The gate. It closes when dropped.
pub struct Gate {
    port: u16,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

struct Shared {
    registry: u16,
    mood: Mutex<Mood>,
    asked: Mutex<Vec<Asked>>,
    refused: AtomicUsize,
}

/// A request for a manifest, which is how each pull begins.
#[derive(Clone, Debug)]
pub struct Asked {
    pub path: String,
    pub from: Instant,
    pub until: Instant,
}

impl Gate {
    /// One before the registry on a port.
    pub async fn before(registry: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("bound");
        let port = listener.local_addr().expect("bound").port();
        let shared = Arc::new(Shared {
            registry,
            mood: Mutex::new(Mood::Well),
            asked: Mutex::default(),
            refused: AtomicUsize::new(0),
        });
        let serving = Arc::clone(&shared);
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let shared = Arc::clone(&serving);
                tokio::spawn(async move { shared.serve(client).await });
            }
        });
        Self { port, shared, task }
    }

    /// The name of an image of the registry, as it is pulled through the gate.
    pub fn image(&self, tag: &str) -> String {
        format!("127.0.0.1:{}/wharf-test:{tag}", self.port)
    }

    /// From now on the registry behaves like this.
    pub fn set(&self, mood: Mood) {
        *self.shared.mood.lock().expect("not poisoned") = mood;
    }

    /// How many requests of any kind have been refused.
    pub fn refused(&self) -> usize {
        self.shared.refused.load(Ordering::Relaxed)
    }

    /// The requests for manifests since the last time.
    pub fn take_asked(&self) -> Vec<Asked> {
        std::mem::take(&mut *self.shared.asked.lock().expect("not poisoned"))
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Shared {
    /// One connection; it is closed after one request.
    async fn serve(&self, mut client: TcpStream) -> Result<()> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            // Engines try TLS first, which begins otherwise than any request.
            if client.read_buf(&mut head).await? == 0 || !head[0].is_ascii_uppercase() {
                return Ok(());
            }
        }
        let from = Instant::now();
        let mood = *self.mood.lock().expect("not poisoned");
        let result = self.answer(mood, &head, &mut client).await;
        let path = String::from_utf8_lossy(&head).split(' ').nth(1).unwrap_or_default().to_owned();
        if path.contains("/manifests/") {
            self.asked.lock().expect("not poisoned").push(Asked { path, from, until: Instant::now() });
        }
        result
    }

    async fn answer(&self, mood: Mood, head: &[u8], client: &mut TcpStream) -> Result<()> {
        let (status, header, code) = match mood {
            Mood::Well => return self.pass_on(head, client).await,
            Mood::Slow(delay) => {
                tokio::time::sleep(delay).await;
                return self.pass_on(head, client).await;
            }
            Mood::Unauthorized => ("401 Unauthorized", "WWW-Authenticate: Basic realm=\"test\"\r\n", "UNAUTHORIZED"),
            Mood::Missing => ("404 Not Found", "", "MANIFEST_UNKNOWN"),
            Mood::TooManyRequests => ("429 Too Many Requests", "Retry-After: 3\r\n", "TOOMANYREQUESTS"),
        };
        self.refused.fetch_add(1, Ordering::Relaxed);
        let body = format!(r#"{{"errors":[{{"code":"{code}","message":"words of the registry"}}]}}"#);
        let length = body.len();
        let fixed =
            "Content-Type: application/json\r\nDocker-Distribution-Api-Version: registry/2.0\r\nConnection: close\r\n";
        let answer = format!("HTTP/1.1 {status}\r\n{fixed}{header}Content-Length: {length}\r\n\r\n{body}");
        client.write_all(answer.as_bytes()).await
    }

    async fn pass_on(&self, head: &[u8], client: &mut TcpStream) -> Result<()> {
        let mut registry = TcpStream::connect(("127.0.0.1", self.registry)).await?;
        registry.write_all(&head[..head.len() - 2]).await?;
        registry.write_all(b"Connection: close\r\n\r\n").await?;
        copy(&mut registry, client).await.map(drop)
    }
}
