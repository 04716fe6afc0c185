//! The unix socket as a file, and the end of the server.

use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::sync::Arc;

use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use wharf::api::client::Client;
use wharf::api::{Control, Limits, Listeners, ServeError, Server};
use wharf::model::statistics::Summary;

use crate::rig::{Mood, Rig, Script};
use crate::wire::{PATIENCE, read_until, request, until};

#[tokio::test]
async fn the_socket_is_ours_alone_and_goes_at_the_end() {
    let mut rig = Rig::start().await;
    let metadata = std::fs::symlink_metadata(rig.socket()).expect("there");
    assert!(metadata.file_type().is_socket());
    assert_eq!(metadata.permissions().mode() & 0o777, 0o600);
    assert_eq!(rig.get("/v1/summary").await.status, 200);
    rig.shutdown.cancel();
    let served = rig.served.take().expect("it serves");
    timeout(PATIENCE, served).await.expect("an end").expect("no panic");
    assert!(!rig.socket().exists());
}

#[tokio::test]
async fn a_stale_socket_is_replaced_and_a_living_one_is_not() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("wharf.sock");
    let bind = || Server::bind(Listeners { socket: Some(path.clone()), ..Listeners::default() });
    // What a killed process leaves behind: a name that nobody listens on.
    drop(std::os::unix::net::UnixListener::bind(&path).expect("bound"));
    assert!(path.exists());
    let server = bind().await.expect("the stale socket is removed");
    let refused = bind().await.expect_err("somebody listens");
    assert!(matches!(refused, ServeError::InUse { .. }) && path.exists(), "{refused}");
    drop(server);
    assert!(!path.exists());
    std::fs::write(&path, "a file of somebody").expect("written");
    let refused = bind().await.expect_err("no socket");
    assert!(matches!(refused, ServeError::NotASocket { .. }), "{refused}");
    assert_eq!(std::fs::read_to_string(&path).expect("kept"), "a file of somebody");
}

#[tokio::test]
async fn a_socket_that_somebody_else_made_in_the_meantime_stays() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("wharf.sock");
    let server = Server::bind(Listeners { socket: Some(path.clone()), ..Listeners::default() }).await.expect("bound");
    std::fs::remove_file(&path).expect("removed");
    let _other = std::os::unix::net::UnixListener::bind(&path).expect("bound");
    drop(server);
    assert!(path.exists());
}

#[tokio::test]
async fn a_path_that_no_address_holds_is_told() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("x".repeat(100)).join("wharf.sock");
    let refused = Server::bind(Listeners { socket: Some(path), ..Listeners::default() }).await.expect_err("too long");
    assert!(refused.to_string().contains("use a shorter `--state-dir`"), "{refused}");
}

#[tokio::test]
async fn streams_end_with_the_server() {
    let mut rig = Rig::start().await;
    let (mut sse, mut read) = (rig.unix().await, Vec::new());
    let ask = request("GET", "/v1/events/stream", &[("Host", "x")], b"");
    tokio::io::AsyncWriteExt::write_all(&mut sse, &ask).await.expect("sent");
    let url = "ws://localhost/v1/events/ws";
    let (mut websocket, _) = tokio_tungstenite::client_async(url, rig.unix().await).await.expect("a WebSocket");
    until("both listen", async || rig.script.listeners() == 2).await;
    rig.shutdown.cancel();
    read_until(&mut sse, &mut read, |text| text.ends_with("0\r\n\r\n")).await;
    let last = timeout(PATIENCE, futures_util::StreamExt::next(&mut websocket)).await.expect("an end");
    let close = last.expect("a message").expect("no error");
    assert!(close.is_close() && close.to_string().contains("the controller ends"), "{close:?}");
    let served = rig.served.take().expect("it serves");
    timeout(PATIENCE, served).await.expect("an end").expect("no panic");
    assert_eq!(rig.script.listeners(), 0);
}

#[tokio::test]
async fn a_request_that_hangs_does_not_hold_up_the_end() {
    let directory = tempfile::tempdir().expect("a directory");
    let limits = Limits {
        answer_time: std::time::Duration::from_secs(600),
        drain_time: std::time::Duration::from_millis(100),
        ..Limits::default()
    };
    let path = directory.path().join("wharf.sock");
    let listeners = Listeners { socket: Some(path.clone()), limits, ..Listeners::default() };
    let (script, shutdown) = (Script::new(1, 16), CancellationToken::new());
    script.is(Mood::Hangs);
    let control = Arc::clone(&script) as Arc<dyn Control>;
    let served = tokio::spawn(wharf::api::serve(control, listeners, shutdown.clone()));
    let client = Client::new(&path);
    until("it answers", async || client.get::<Summary>("/v1/summary").await.is_ok()).await;
    let hanging = tokio::spawn(async move { client.post::<serde_json::Value>("/v1/workspaces/ws-000/start").await });
    until("the request is there", async || script.was_reached()).await;
    shutdown.cancel();
    timeout(PATIENCE, served).await.expect("an end").expect("no panic").expect("bound");
    assert!(hanging.await.expect("no panic").is_err());
}
