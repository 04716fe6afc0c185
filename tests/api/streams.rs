//! Events as they happen.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::UnixStream;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use wharf::api::Limits;
use wharf::model::event::EventReason;

use crate::rig::{Rig, Script};
use crate::wire::{PATIENCE, read_until, request, unchunked, until};

/// A stream of server-sent events that is read by the test.
struct Reader {
    stream: UnixStream,
    read: Vec<u8>,
}

impl Reader {
    async fn open(rig: &Rig, query: &str, headers: &[(&str, &str)]) -> Self {
        let mut stream = rig.unix().await;
        let headers = [&[("Host", "x")], headers].concat();
        let ask = request("GET", &format!("/v1/events/stream{query}"), &headers, b"");
        stream.write_all(&ask).await.expect("sent");
        let mut reader = Self { stream, read: Vec::new() };
        read_until(&mut reader.stream, &mut reader.read, |text| text.contains("\r\n\r\n")).await;
        assert!(reader.text().contains("content-type: text/event-stream"), "{}", reader.text());
        reader
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.read).into_owned()
    }

    /// Reads until there are so many events; each as its id, its name and its data.
    async fn events(&mut self, count: usize) -> Vec<(Option<u64>, String, Value)> {
        read_until(&mut self.stream, &mut self.read, |text| parse(text).len() >= count).await;
        let events = parse(&self.text());
        assert_eq!(events.len(), count, "{events:?}");
        events
    }

    async fn sequences(&mut self, count: usize) -> Vec<Option<u64>> {
        self.events(count).await.into_iter().map(|(id, ..)| id).collect()
    }
}

fn parse(answer: &str) -> Vec<(Option<u64>, String, Value)> {
    let (_, body) = answer.split_once("\r\n\r\n").expect("a head");
    let body = String::from_utf8(unchunked(body.as_bytes())).expect("UTF-8");
    let whole = body.rsplit_once("\n\n").map_or("", |(whole, _)| whole);
    let field = |block: &str, name: &str| {
        block.lines().find_map(|line| line.strip_prefix(&format!("{name}: ")).map(str::to_owned))
    };
    let event = |block: &str| {
        let data = serde_json::from_str(&field(block, "data")?).expect("JSON");
        Some((field(block, "id").map(|id| id.parse().expect("a number")), field(block, "event")?, data))
    };
    whole.split("\n\n").filter_map(event).collect()
}

fn happen(script: &Script, count: usize) {
    (0..count).for_each(|at| script.happens(&format!("ws-00{}", at % 2), EventReason::Started));
}

#[tokio::test]
async fn events_have_sequence_kind_and_what_happened() {
    let rig = Rig::start().await;
    let mut reader = Reader::open(&rig, "", &[]).await;
    rig.script.happens("ws-000", EventReason::Failed);
    rig.script.is_measured("ws-001");
    let events = reader.events(2).await;
    assert_eq!((events[0].0, events[0].1.as_str()), (Some(1), "error"));
    assert_eq!((&events[0].2["workspace"], &events[0].2["sequence"]), (&json!("ws-000"), &json!(1)));
    // What is not in the log has no id, so that who comes again asks for what came after the last that had one.
    assert_eq!((events[1].0, events[1].1.as_str()), (None, "metrics_update"));
}

#[tokio::test]
async fn who_comes_again_gets_what_came_in_between_once() {
    let rig = Rig::start().await;
    happen(&rig.script, 5);
    let mut reader = Reader::open(&rig, "?after=0", &[("Last-Event-ID", "3")]).await;
    assert_eq!(reader.sequences(2).await, [Some(4), Some(5)]);
    happen(&rig.script, 2);
    assert_eq!(reader.sequences(4).await, [4, 5, 6, 7].map(Some));
    let mut from_start = Reader::open(&rig, "?after=0&workspace=ws-000", &[]).await;
    assert_eq!(from_start.sequences(4).await, [1, 3, 5, 6].map(Some));
    let mut from_now = Reader::open(&rig, "", &[]).await;
    rig.script.happens("ws-004", EventReason::Died);
    assert_eq!(from_now.sequences(1).await, [Some(8)]);
}

#[tokio::test]
async fn what_happens_while_the_log_is_read_is_told_once() {
    let rig = Rig::start().await;
    happen(&rig.script, 3);
    *rig.script.after_reading.lock().expect("not poisoned") = Some(Box::new(|script| happen(script, 3)));
    let mut reader = Reader::open(&rig, "?after=0", &[]).await;
    assert_eq!(reader.sequences(6).await, [1, 2, 3, 4, 5, 6].map(Some));
    happen(&rig.script, 1);
    assert_eq!(reader.sequences(7).await.last(), Some(&Some(7)));
}

#[tokio::test]
async fn what_overflows_while_the_log_is_read_is_read_from_the_log() {
    let rig = Rig::with(Script::new(2, 4), Limits::default()).await;
    happen(&rig.script, 600);
    // More than the subscription has room for, at a moment when nobody listens yet.
    *rig.script.after_reading.lock().expect("not poisoned") = Some(Box::new(|script| happen(script, 1_000)));
    let mut reader = Reader::open(&rig, "?after=0", &[]).await;
    let all: Vec<_> = (1..=1_600).map(Some).collect();
    assert_eq!(reader.sequences(1_600).await, all);
}

#[tokio::test]
async fn a_reader_that_is_too_slow_is_told_how_much_it_missed() {
    let rig = Rig::with(Script::new(2, 4), Limits::default()).await;
    let mut reader = Reader::open(&rig, "", &[]).await;
    // One task at a time: nothing is read while these happen.
    happen(&rig.script, 10);
    let events = reader.events(5).await;
    assert_eq!((events[0].0, events[0].1.as_str()), (None, "missed"));
    assert_eq!(events[0].2, json!({"kind": "missed", "count": 6}));
    assert_eq!(events[1..].iter().map(|(id, ..)| *id).collect::<Vec<_>>(), [7, 8, 9, 10].map(Some));
    happen(&rig.script, 5);
    assert_eq!(reader.events(10).await[5].2, json!({"kind": "missed", "count": 1, "after": 10}));
}

#[tokio::test]
async fn a_log_that_has_dropped_what_is_asked_for_says_so() {
    let rig = Rig::start().await;
    happen(&rig.script, 2);
    *rig.script.truncated.lock().expect("not poisoned") = true;
    let mut reader = Reader::open(&rig, "?after=0", &[]).await;
    let events = reader.events(3).await;
    assert_eq!(events[0].2, json!({"kind": "missed", "after": 0}));
    assert_eq!(events[1..].iter().map(|(id, ..)| *id).collect::<Vec<_>>(), [1, 2].map(Some));
}

/// Says often that it is there.
fn often() -> Limits {
    Limits { keep_alive: Duration::from_millis(100), ..Limits::default() }
}

#[tokio::test]
async fn a_stream_on_which_nothing_happens_says_that_it_is_there_and_ends_with_its_reader() {
    let rig = Rig::with(Script::new(2, 4), often()).await;
    let mut reader = Reader::open(&rig, "", &[]).await;
    read_until(&mut reader.stream, &mut reader.read, |text| text.contains("\r\n:")).await;
    assert_eq!(rig.script.listeners(), 1);
    drop(reader);
    until("nobody listens", async || rig.script.listeners() == 0).await;
}

#[tokio::test]
async fn what_cannot_be_asked_of_a_stream_is_a_problem() {
    let rig = Rig::start().await;
    for (query, header, field) in
        [("?kind=noise", "", "kind"), ("?after=x", "", "after"), ("?limit=3", "", "limit"), ("", "x", "Last-Event-ID")]
    {
        let answer = rig.ask("GET", &format!("/v1/events/stream{query}"), &[("Last-Event-ID", header)], b"").await;
        assert_eq!((answer.status, &answer.problem()["field"]), (400, &json!(field)), "{query} {header}");
    }
}

async fn websocket(rig: &Rig, query: &str) -> WebSocketStream<UnixStream> {
    let url = format!("ws://localhost/v1/events/ws{query}");
    let (socket, _) = tokio_tungstenite::client_async(url, rig.unix().await).await.expect("a WebSocket");
    socket
}

/// The next message that is no ping.
async fn next(socket: &mut WebSocketStream<UnixStream>) -> Value {
    loop {
        let message = timeout(PATIENCE, socket.next()).await.expect("in time").expect("open").expect("a message");
        if let Message::Text(text) = message {
            return serde_json::from_str(&text).expect("JSON");
        }
    }
}

#[tokio::test]
async fn a_websocket_says_the_same() {
    let rig = Rig::start().await;
    happen(&rig.script, 3);
    let mut socket = websocket(&rig, "?after=1&workspace=ws-000").await;
    assert_eq!(next(&mut socket).await["sequence"], 3);
    rig.script.happens("ws-000", EventReason::Failed);
    let event = next(&mut socket).await;
    assert_eq!((&event["sequence"], &event["kind"]), (&json!(4), &json!("error")));
    // What a client says is of no interest, as long as it is short.
    socket.send(Message::text("hello")).await.expect("sent");
    rig.script.happens("ws-000", EventReason::Recovered);
    assert_eq!(next(&mut socket).await["sequence"], 5);
    socket.send(Message::text("x".repeat(5_000))).await.expect("sent");
    until("it is closed", async || rig.script.listeners() == 0).await;
}

#[tokio::test]
async fn a_websocket_that_does_not_answer_is_closed() {
    let rig = Rig::with(Script::new(2, 4), often()).await;
    // Reading is what answers pings, so one that is not read does not answer.
    let _silent = websocket(&rig, "").await;
    until("it listens", async || rig.script.listeners() == 1).await;
    until("it is closed", async || rig.script.listeners() == 0).await;
}

#[tokio::test]
async fn a_websocket_over_loopback_needs_the_token_and_no_foreign_page() {
    let rig = Rig::start().await;
    let [host, token] = rig.passport();
    let handshake = [
        ("Upgrade", "websocket"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
        (host.0, host.1.as_str()),
    ];
    for (more, status) in [(vec![(token.0, token.1.as_str()), ("Origin", "https://evil.example")], 403), (vec![], 401)]
    {
        let answer = rig.ask_tcp("GET", "/v1/events/ws", &[&handshake[..], &more].concat()).await;
        assert_eq!(answer.status, status, "{more:?}");
    }
    assert_eq!(rig.script.listeners(), 0);
}
