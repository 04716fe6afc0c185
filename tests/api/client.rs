//! The client, against the real server and against what is none.

use std::time::Duration;

use futures_util::StreamExt;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;
use wharf::api::client::{Client, ClientError, address};
use wharf::api::{Asked, EventPage, Told, WorkspaceList, WorkspaceView};
use wharf::model::batch::{Batch, BatchRequest, Verb};
use wharf::model::event::EventReason;
use wharf::model::metrics::Series;

use crate::rig::Rig;
use crate::wire::PATIENCE;

#[tokio::test]
async fn every_document_comes_back_as_what_it_was() {
    let rig = Rig::start().await;
    rig.script.happens("ws-000", EventReason::Failed);
    let client = Client::new(rig.socket());
    let list: WorkspaceList = client.get("/v1/workspaces").await.expect("a list");
    let one: WorkspaceView = client.get("/v1/workspaces/ws-000").await.expect("a workspace");
    assert_eq!((list.items.len(), &*list.items[0]), (5, &one));
    let page: EventPage = client.get("/v1/events").await.expect("a page");
    assert_eq!((page.items[0].sequence, page.next), (Some(1), 1));
    let path = address(&["v1", "workspaces", "ws-000", "metrics"], &[("from", "2026-01-01T00:00:00+01:00")]);
    let series: Series = client.get(&path).await.expect("a series");
    assert_eq!(series.from.to_string(), "2025-12-31T23:00:00Z");
    let asked: Asked = client.post("/v1/workspaces/ws-000/stop").await.expect("accepted");
    assert_eq!(asked.verb, Verb::Stop);
    let request: BatchRequest = serde_json::from_value(json!({"verb": "sync", "all": true})).expect("a request");
    let batch: Batch = client.send("/v1/batches", &request).await.expect("accepted");
    let canceled: Batch = client.delete(&address(&["v1", "batches", &batch.id], &[])).await.expect("accepted");
    assert!(canceled.canceled && canceled.id == batch.id);
    assert!(client.text("/metrics").await.expect("text").contains("wharf_passes_total"));
}

#[tokio::test]
async fn events_are_followed() {
    let rig = Rig::start().await;
    (0..3).for_each(|_| rig.script.happens("ws-000", EventReason::Failed));
    let client = Client::new(rig.socket());
    let mut stream = client.stream("/v1/events/stream?after=1").await.expect("a stream");
    let mut seen = Vec::new();
    for _ in 0..3 {
        let told = timeout(PATIENCE, stream.next()).await.expect("in time").expect("more").expect("an event");
        let Told::Event(event) = told else { panic!("{told:?}") };
        seen.push((event.sequence, event.record.message.clone()));
        if seen.len() == 2 {
            rig.script.happens("ws-000", EventReason::Recovered);
        }
    }
    assert_eq!(seen.iter().map(|(sequence, _)| *sequence).collect::<Vec<_>>(), [2, 3, 4].map(Some));
    assert_eq!(seen[2].1, "Recovered\r\nin two lines\n\n");
    rig.shutdown.cancel();
    assert!(timeout(PATIENCE, stream.next()).await.expect("in time").is_none());
}

#[tokio::test]
async fn a_problem_is_told_as_one() {
    let rig = Rig::start().await;
    let client = Client::new(rig.socket());
    let refused = client.get::<WorkspaceView>("/v1/workspaces/ws-00").await.expect_err("unknown");
    let ClientError::Problem(problem) = refused else { panic!("{refused:?}") };
    assert_eq!((problem.status, problem.nearest.as_deref()), (404, Some("ws-000")));
    let refused = client.stream("/v1/events/stream?kind=noise").await.err().expect("refused");
    assert!(matches!(refused, ClientError::Problem(_)), "{refused:?}");
}

#[tokio::test]
async fn nobody_there_is_told_from_somebody_else() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("wharf.sock");
    let client = Client::new(&path).with_timeout(Duration::from_millis(200));
    let ask = async || client.get::<WorkspaceList>("/v1/workspaces").await.expect_err("nobody");
    assert!(matches!(ask().await, ClientError::NotRunning { .. }));
    drop(std::os::unix::net::UnixListener::bind(&path).expect("bound"));
    assert!(matches!(ask().await, ClientError::NotRunning { .. }));
    std::fs::remove_file(&path).expect("removed");
    let listener = tokio::net::UnixListener::bind(&path).expect("bound");
    assert!(matches!(ask().await, ClientError::TimedOut { .. }));
    let answers = tokio::spawn(async move {
        // The first connection is the one that was given up.
        drop(listener.accept().await);
        for answer in [
            "SSH-2.0-OpenSSH_9.9\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nyes",
            "HTTP/1.1 404 No\r\n\r\n",
            "",
        ] {
            let (mut stream, _) = listener.accept().await.expect("a connection");
            drop(stream.read(&mut [0; 1024]).await);
            drop(stream.write_all(answer.as_bytes()).await);
        }
    });
    for _ in 0..4 {
        let error = ask().await;
        assert!(matches!(error, ClientError::Protocol { .. }), "{error:?}");
    }
    answers.await.expect("no panic");
}
