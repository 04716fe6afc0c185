//! A receiver of webhooks: a real HTTP server that answers as a test says, and keeps what it got.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::Response;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use wharf::model::event::Event;

/// Far more than anything here takes.
const DEADLINE: Duration = Duration::from_secs(60);

/// Waits until something holds.
pub async fn eventually(what: &str, holds: impl Fn() -> bool) {
    let deadline = Instant::now() + DEADLINE;
    while !holds() {
        assert!(Instant::now() < deadline, "{what}: not within {DEADLINE:?}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// What came with one request.
#[derive(Clone)]
pub struct Got {
    pub at: Instant,
    pub method: String,
    pub target: String,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Got {
    /// A header that must be there.
    pub fn header(&self, name: &str) -> String {
        let value = self.headers.get(name).unwrap_or_else(|| panic!("there is no header {name}"));
        value.to_str().expect("text").to_owned()
    }

    pub fn has(&self, name: &str) -> bool {
        self.headers.contains_key(name)
    }

    fn sequence(&self) -> u64 {
        let event: Event = serde_json::from_slice(&self.body).expect("an event");
        event.sequence.expect("it has a place in the log")
    }
}

/// What a request is answered.
pub struct Answer {
    status: u16,
    header: Option<(&'static str, &'static str)>,
    when: Option<Arc<AtomicBool>>,
    hang_up: bool,
}

impl Answer {
    pub fn status(status: u16) -> Self {
        Self { status, header: None, when: None, hang_up: false }
    }

    pub fn ok() -> Self {
        Self::status(204)
    }

    /// Nothing: the connection breaks.
    pub fn hang_up() -> Self {
        Self { hang_up: true, ..Self::ok() }
    }

    /// Well, but not before this is set.
    pub fn once(when: Arc<AtomicBool>) -> Self {
        Self { when: Some(when), ..Self::ok() }
    }

    pub fn with(self, name: &'static str, value: &'static str) -> Self {
        Self { header: Some((name, value)), ..self }
    }

    async fn give(self) -> Response {
        if let Some(when) = self.when {
            while !when.load(Ordering::SeqCst) {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        }
        if self.hang_up {
            // The end of the task that serves the connection is the end of the connection.
            std::panic::resume_unwind(Box::new("hang up"));
        }
        let mut response = Response::builder().status(StatusCode::from_u16(self.status).expect("a status"));
        if let Some((name, value)) = self.header {
            response = response.header(name, value);
        }
        response.body(Body::empty()).expect("a response")
    }
}

type Answers = Arc<dyn Fn(usize) -> Answer + Send + Sync>;

pub struct Receiver {
    address: SocketAddr,
    answers: Answers,
    got: Arc<Mutex<Vec<Got>>>,
    serving: Option<(JoinHandle<()>, CancellationToken)>,
}

impl Receiver {
    /// Answers the `n`th request, from 1, as told.
    pub async fn answering(answers: impl Fn(usize) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let mut receiver = Self { address, answers: Arc::new(answers), got: Arc::default(), serving: None };
        receiver.serve(listener);
        receiver
    }

    fn serve(&mut self, listener: TcpListener) {
        let (got, answers) = (Arc::clone(&self.got), Arc::clone(&self.answers));
        let handler = move |method: Method, uri: Uri, headers: HeaderMap, body: Bytes| {
            let (got, answers) = (Arc::clone(&got), Arc::clone(&answers));
            async move {
                let request =
                    Got { at: Instant::now(), method: method.to_string(), target: uri.to_string(), headers, body };
                let nth = {
                    let mut got = got.lock().expect("the list");
                    got.push(request);
                    got.len()
                };
                answers(nth).give().await
            }
        };
        let (router, end) = (Router::new().fallback(handler), CancellationToken::new());
        let until = end.clone();
        let task = tokio::spawn(async move {
            let serving = axum::serve(listener, router);
            serving.with_graceful_shutdown(async move { until.cancelled().await }).await.expect("it serves");
        });
        self.serving = Some((task, end));
    }

    /// Ends it, with all its connections.
    pub async fn stop(&mut self) {
        let (task, end) = self.serving.take().expect("it serves");
        end.cancel();
        task.await.expect("it ends in order");
    }

    /// Serves again, at the same address.
    pub async fn restart(&mut self) {
        let listener = TcpListener::bind(self.address).await.expect("the port is free again");
        self.serve(listener);
    }

    pub fn url(&self, target: &str) -> String {
        format!("http://{}{target}", self.address)
    }

    pub fn got(&self) -> Vec<Got> {
        self.got.lock().expect("the list").clone()
    }

    pub fn count(&self) -> usize {
        self.got.lock().expect("the list").len()
    }

    /// Which events came, in their order.
    pub fn sequences(&self) -> Vec<u64> {
        self.got().iter().map(Got::sequence).collect()
    }

    pub fn sequences_at(&self, target: &str) -> Vec<u64> {
        self.got().iter().filter(|got| got.target == target).map(Got::sequence).collect()
    }
}
