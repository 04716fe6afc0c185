//! What is too long, too slow or too much.

use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, timeout};
use wharf::api::Limits;
use wharf::api::client::Client;
use wharf::model::statistics::Summary;

use crate::rig::{Mood, Rig, Script};
use crate::wire::{Answer, PATIENCE, exchange, read_until, request, until};

const JSON: (&str, &str) = ("Content-Type", "application/json");

#[tokio::test]
async fn a_body_is_64_kib_at_most_however_it_is_sent() {
    let rig = Rig::start().await;
    let mut fits = json!({"verb": "sync", "all": true}).to_string().into_bytes();
    fits.resize(64 * 1024, b' ');
    assert_eq!(rig.ask("POST", "/v1/batches", &[JSON], &fits).await.status, 202);
    fits.push(b' ');
    let over = rig.ask("POST", "/v1/batches", &[JSON], &fits).await;
    assert_eq!((over.status, &over.problem()["detail"]), (413, &json!("the body is longer than 64 KiB")));
    // Without a length that could be looked at.
    let mut chunked = request("POST", "/v1/batches", &[("Host", "x"), JSON, ("Transfer-Encoding", "chunked")], b"");
    for chunk in fits.chunks(8192) {
        chunked.extend(format!("{:x}\r\n", chunk.len()).bytes().chain(chunk.iter().copied()).chain(*b"\r\n"));
    }
    chunked.extend(b"0\r\n\r\n");
    let over = Answer::parse(&exchange(rig.unix().await, &chunked).await);
    assert_eq!(over.status, 413, "{over:?}");
    assert_eq!(rig.script.take_asked().len(), 1);
}

#[tokio::test]
async fn a_head_that_does_not_end_is_not_waited_for() {
    let limits = Limits { head_time: Duration::from_millis(300), ..Limits::default() };
    let rig = Rig::with(Script::new(5, 16), limits).await;
    for start in [&b""[..], b"GET /v1/workspaces HTTP/1.1\r\nHost: x\r\n"] {
        let (mut stream, begun) = (rig.unix().await, Instant::now());
        stream.write_all(start).await.expect("sent");
        let trickle = async {
            // A byte now and then does not make it last.
            while stream.write_all(b"x").await.is_ok() {
                if timeout(Duration::from_millis(50), stream.read_u8()).await.is_ok_and(|read| read.is_err()) {
                    break;
                }
            }
        };
        assert!(timeout(PATIENCE, trickle).await.is_ok(), "it is still open after {:?}", begun.elapsed());
    }
    // Nor is a head without measure taken in.
    let endless = request("GET", "/v1/workspaces", &[("Host", "x"), ("X-Long", &"x".repeat(1_000_000))], b"");
    assert_eq!(Answer::parse(&exchange(rig.unix().await, &endless).await).status, 431);
}

#[tokio::test]
async fn a_body_that_does_not_come_is_not_waited_for() {
    let limits = Limits { body_time: Duration::from_millis(300), ..Limits::default() };
    let rig = Rig::with(Script::new(5, 16), limits).await;
    let begun = request("POST", "/v1/batches", &[("Host", "x"), JSON, ("Content-Length", "30")], b"");
    let answer = Answer::parse(&exchange(rig.unix().await, &[&begun, &b"{\"verb\""[..]].concat()).await);
    assert_eq!((answer.status, &answer.problem()["type"]), (408, &json!("urn:wharf:problem:too-slow")));
    assert_eq!(rig.script.take_asked(), [""; 0]);
}

#[tokio::test]
async fn a_deed_that_hangs_is_answered_and_reads_go_on() {
    let limits = Limits { answer_time: Duration::from_millis(300), ..Limits::default() };
    let rig = Rig::with(Script::new(5, 16), limits).await;
    rig.script.is(Mood::Hangs);
    let path = "/v1/workspaces/ws-000/start";
    let deed = rig.ask("POST", path, &[], b"").await;
    assert_eq!(deed.status, 504);
    assert!(deed.problem()["help"].as_str().is_some_and(|help| help.contains("may still be done")), "{deed:?}");
    assert_eq!(rig.get("/v1/workspaces").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_257th_connection_is_told_so_and_the_next_one_is_served_again() {
    let limits = Limits { head_time: Duration::from_secs(600), ..Limits::default() };
    let rig = Rig::with(Script::new(1, 16), limits).await;
    let mut seats = Vec::new();
    for _ in 0..256 {
        let mut stream = rig.unix().await;
        stream.write_all(b"GET /version HTTP/1.1\r\nHost: x\r\n\r\n").await.expect("sent");
        read_until(&mut stream, &mut Vec::new(), |text| text.contains("\"wharf\"")).await;
        seats.push(stream);
    }
    let turned_away = rig.get("/v1/workspaces").await;
    assert_eq!((turned_away.status, turned_away.header("retry-after")), (503, Some("1")));
    assert_eq!(turned_away.problem()["detail"], "256 connections are open already");
    // The seats of loopback are others: nobody there can keep out who uses the socket, nor the other way round.
    let [host, token] = rig.passport();
    assert_eq!(rig.ask_tcp("GET", "/v1/workspaces", &[(host.0, &host.1), (token.0, &token.1)]).await.status, 200);
    seats.pop();
    until("a seat is free again", async || rig.get("/v1/workspaces").await.status == 200).await;
}

#[tokio::test]
async fn what_is_no_http_is_refused() {
    let rig = Rig::start().await;
    for nonsense in [
        &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"[..],
        b"GET / HTTP/9.9\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ] {
        let bytes = exchange(rig.unix().await, nonsense).await;
        assert!(bytes.is_empty() || Answer::parse(&bytes).status == 400, "{bytes:?}");
    }
    let summary: Summary = Client::new(rig.socket()).get("/v1/summary").await.expect("it goes on");
    assert_eq!(summary.workspaces, 5);
}
