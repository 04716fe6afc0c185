//! The OpenAPI document: it says what is so, for every route and every answer.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};
use wharf::api::{Limits, Refusal, openapi};

use crate::rig::{Mood, Rig, Script};
use crate::samples::{BATCH, SECRET, SOURCE};
use crate::wire::{Answer, exchange, read_until, request, until};

/// A route of the document.
struct Row {
    method: String,
    path: String,
    operation: Value,
}

fn rows() -> Vec<Row> {
    let document = openapi();
    let paths = document["paths"].as_object().expect("paths").clone();
    let of_path = |(path, item): (String, Value)| {
        let operations = item.as_object().expect("operations").clone();
        operations.into_iter().map(move |(method, operation)| Row {
            method: method.to_uppercase(),
            path: path.clone(),
            operation,
        })
    };
    paths.into_iter().flat_map(of_path).collect()
}

impl Row {
    fn statuses(&self) -> Vec<u16> {
        let responses = self.operation["responses"].as_object().expect("responses");
        responses.keys().map(|status| status.parse().expect("a number")).collect()
    }

    fn concrete(&self) -> String {
        self.path.replace("{name}", "ws-000").replace("{id}", BATCH).replace("{source}", SOURCE)
    }

    fn missing(&self) -> String {
        self.path
            .replace("{name}", "nobody")
            .replace("{id}", "01K0000000000000000000GQNE")
            .replace("{source}", "nobody")
    }

    fn body(&self, name: &str) -> Vec<u8> {
        if self.is_signed() {
            return br#"{"ref":"refs/heads/main"}"#.to_vec();
        }
        let takes_one = self.operation.get("requestBody").is_some();
        if takes_one { json!({"verb": "restart", "names": [name]}).to_string().into_bytes() } else { Vec::new() }
    }

    /// Whether its message proves who sent it.
    fn is_signed(&self) -> bool {
        self.path.ends_with("/push")
    }

    /// What the document says of an answer, wherever it says it.
    fn described(&self, status: u16) -> Value {
        let described = &self.operation["responses"][status.to_string()];
        match described["$ref"].as_str() {
            Some(reference) => openapi().pointer(reference.trim_start_matches('#')).expect("a reference").clone(),
            None => described.clone(),
        }
    }
}

const JSON: (&str, &str) = ("Content-Type", "application/json");
const HANDSHAKE: [(&str, &str); 4] = [
    ("Connection", "upgrade"),
    ("Upgrade", "websocket"),
    ("Sec-WebSocket-Version", "13"),
    ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
];

/// Asks so that a route answers with a status code.
async fn provoke(rig: &Rig, row: &Row, status: u16) -> Answer {
    let (method, path) = (row.method.as_str(), row.concrete());
    let body = row.body("ws-000");
    let headers = if row.is_signed() { vec![JSON, ("X-Gitlab-Token", SECRET)] } else { vec![JSON] };
    let usual = async || rig.ask(method, &path, &headers, &body).await;
    let [host, _] = rig.passport();
    rig.script.is(Mood::Fine);
    match status {
        101 => head(rig, &handshake(&path)).await,
        200 if path.ends_with("/stream") => head(rig, &request(method, &path, &[("Host", "x")], b"")).await,
        200 | 202 | 426 | 503 => usual().await,
        400 => rig.ask(method, &format!("{path}?nonsense=1"), &[JSON], &body).await,
        401 => rig.ask_tcp(method, &path, &[(host.0, &host.1)]).await,
        // Whatever its `Host` is.
        403 if row.is_signed() => rig.ask(method, &path, &[JSON], &body).await,
        403 => rig.ask_tcp(method, &path, &[("Host", "evil.example")]).await,
        404 => rig.ask(method, &row.missing(), &[JSON], &row.body("nobody")).await,
        408 => {
            let headers = [("Host", "x"), JSON, ("Content-Length", "10")];
            Answer::parse(&exchange(rig.unix().await, &request(method, &path, &headers, b"")).await)
        }
        409 => {
            let (message, help) = ("it is suspended".to_owned(), "take `suspend` out of its manifest".to_owned());
            rig.script.is(Mood::Refuses(Refusal::Conflict { message, help }));
            usual().await
        }
        413 => {
            let limit = if row.is_signed() { 1024 * 1024 } else { 64 * 1024 };
            rig.ask(method, &path, &[JSON], &vec![b' '; limit + 1]).await
        }
        415 => rig.ask(method, &path, &[("Content-Type", "text/plain")], b"{}").await,
        500 => {
            rig.script.is(Mood::Panics);
            if path.ends_with("/ws") { head(rig, &handshake(&path)).await } else { usual().await }
        }
        504 => {
            rig.script.is(Mood::Hangs);
            usual().await
        }
        other => panic!("{} {} declares {other}, and nobody knows when it answers so", row.method, row.path),
    }
}

fn handshake(path: &str) -> Vec<u8> {
    let mut text = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n");
    text.extend(HANDSHAKE.map(|(name, value)| format!("{name}: {value}\r\n")));
    format!("{text}\r\n").into_bytes()
}

/// The head of an answer that does not end, and the body of one that has a length.
async fn head(rig: &Rig, request: &[u8]) -> Answer {
    use tokio::io::AsyncWriteExt;
    let (mut stream, mut read) = (rig.unix().await, Vec::new());
    stream.write_all(request).await.expect("sent");
    let whole = |text: &str| {
        let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
        let length = head.split("content-length: ").nth(1).and_then(|rest| rest.lines().next()?.parse().ok());
        body.len() >= length.unwrap_or(0)
    };
    read_until(&mut stream, &mut read, whole).await;
    Answer::parse(&read)
}

/// A server whose only seat is taken.
async fn busy() -> (Rig, tokio::net::UnixStream) {
    let rig = Rig::with(
        Script::new(5, 16),
        Limits { connections: 1, head_time: Duration::from_secs(600), ..Limits::default() },
    )
    .await;
    let seat = rig.unix().await;
    until("the only seat is taken", async || rig.get("/version").await.status == 503).await;
    (rig, seat)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_answers_with_every_status_that_it_declares() {
    let short = Duration::from_millis(150);
    let limits = Limits { body_time: short, answer_time: short, ..Limits::default() };
    let (usual, hurried) = (Rig::start().await, Rig::with(Script::new(5, 16), limits).await);
    let (busy, _seat) = busy().await;
    let mut seen = 0;
    for row in rows() {
        for status in row.statuses() {
            let rig = match status {
                408 | 504 => &hurried,
                503 => &busy,
                _ => &usual,
            };
            let answer = provoke(rig, &row, status).await;
            let what = format!("{} {} {status}: {answer:?}", row.method, row.path);
            assert_eq!(answer.status, status, "{what}");
            assert_is_as_described(&row.described(status), &answer, &what);
            seen += 1;
        }
    }
    assert!(seen > 200, "only {seen} answers of {} routes", rows().len());
}

#[track_caller]
fn assert_is_as_described(described: &Value, answer: &Answer, what: &str) {
    let declared: BTreeSet<&str> =
        described["content"].as_object().into_iter().flatten().map(|(content_type, _)| content_type.as_str()).collect();
    let content_type = answer.header("content-type");
    assert_eq!(content_type.is_some(), !declared.is_empty(), "{what}");
    assert!(content_type.is_none_or(|content_type| declared.contains(content_type)), "{declared:?}: {what}");
    for (header, _) in described["headers"].as_object().into_iter().flatten() {
        // Two problems may share a status; what they have in common is there.
        assert!(answer.header(&header.to_lowercase()).is_some(), "no {header}: {what}");
    }
    if answer.status >= 400 {
        answer.problem();
    }
    assert!(answer.status == 101 || answer.header("cache-control").is_some(), "{what}");
}

#[test]
fn every_route_says_what_it_is_for_and_has_a_name_of_its_own() {
    let mut ids = BTreeSet::new();
    let rows = rows();
    assert!(rows.len() >= 31, "only {} routes", rows.len());
    for row in &rows {
        for member in ["summary", "description"] {
            let text = row.operation[member].as_str().unwrap_or_default();
            assert!(!text.is_empty(), "{} {} has no {member}", row.method, row.path);
        }
        assert!(ids.insert(row.operation["operationId"].to_string()), "{} {}: not its own id", row.method, row.path);
        let parameters = row.operation["parameters"].as_array().expect("parameters");
        let in_path = parameters.iter().filter(|parameter| parameter["in"] == "path").count();
        assert_eq!(in_path, row.path.matches('{').count(), "{} {}", row.method, row.path);
    }
}

#[test]
fn every_reference_leads_somewhere() {
    fn references(value: &Value, found: &mut BTreeSet<String>) {
        match value {
            Value::Object(object) => {
                found.extend(object.get("$ref").and_then(Value::as_str).map(str::to_owned));
                object.values().for_each(|value| references(value, found));
            }
            Value::Array(items) => items.iter().for_each(|value| references(value, found)),
            _ => {}
        }
    }
    let (document, mut found) = (openapi(), BTreeSet::new());
    references(&document, &mut found);
    assert!(found.contains("#/components/schemas/Problem"), "{found:?}");
    for reference in found {
        assert!(document.pointer(reference.trim_start_matches('#')).is_some(), "{reference}");
    }
}

#[test]
fn the_committed_document_is_up_to_date() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas/openapi.json");
    let committed = std::fs::read_to_string(path).unwrap_or_default();
    let generated = format!("{:#}\n", openapi());
    assert!(committed == generated, "schemas/openapi.json is out of date: run `wharf schema --write schemas`");
}

#[tokio::test]
async fn the_document_is_served() {
    let rig = Rig::start().await;
    assert_eq!(rig.get("/openapi.json").await.json(), openapi());
}
