//! What is asked for.

use serde_json::json;
use wharf::api::Refusal;

use crate::rig::{Mood, Rig};
use crate::samples::BATCH;

#[tokio::test]
async fn each_verb_reaches_the_controller_once() {
    let rig = Rig::start().await;
    for verb in ["start", "stop", "restart", "sync", "resume"] {
        let answer = rig.ask("POST", &format!("/v1/workspaces/ws-001/{verb}"), &[], b"").await;
        assert_eq!(answer.status, 202, "{answer:?}");
        assert_eq!((&answer.json()["verb"], &answer.json()["workspace"]), (&json!(verb), &json!("ws-001")));
        assert_eq!(rig.script.take_asked(), [format!("{verb} ws-001")]);
    }
    assert_eq!(rig.ask("DELETE", "/v1/workspaces/ws-001", &[], b"").await.status, 202);
    assert_eq!(rig.ask("POST", "/v1/sync", &[], b"").await.status, 202);
    assert_eq!(rig.script.take_asked(), ["delete ws-001", "sync all"]);
}

#[tokio::test]
async fn a_batch_is_begun_looked_at_and_canceled() {
    let rig = Rig::start().await;
    let begun = rig.post("/v1/batches", &json!({"verb": "restart", "names": ["ws-000", "ws-001"]})).await;
    let place = format!("/v1/batches/{BATCH}");
    assert_eq!((begun.status, begun.header("location")), (202, Some(place.as_str())));
    assert_eq!(rig.get(&place).await.json(), begun.json());
    let canceled = rig.ask("DELETE", &place, &[], b"").await;
    assert_eq!((canceled.status, &canceled.json()["canceled"]), (202, &json!(true)));
    let asked = ["batch restart [ws-000,ws-001] [] all: false".to_owned(), format!("cancel {BATCH}")];
    assert_eq!(rig.script.take_asked(), asked);
    let unknown = rig.get("/v1/batches/01K0000000000000000000GQNE").await;
    assert_eq!(
        (unknown.status, unknown.problem()["detail"].as_str()),
        (404, Some("there is no batch `01K0000000000000000000GQNE`"))
    );
}

#[tokio::test]
async fn a_request_that_makes_no_sense_changes_nothing() {
    let rig = Rig::start().await;
    for (body, field) in [
        (json!({"verb": "restart"}), "names"),
        (json!({"verb": "restart", "names": ["ws-000"], "all": true}), "names"),
        (json!({"verb": "restart", "selector": "a in (b)"}), "selector"),
        (json!({"verb": "restart", "all": true, "parallelism": 0}), "parallelism"),
        (json!({"verb": "restart", "all": true, "parallelism": 65}), "parallelism"),
        (json!({"verb": "restart", "all": true, "maxFailure": 1}), "body"),
        (json!({"verb": "explode", "all": true}), "body"),
        (json!({"verb": "restart", "names": ["Not a name"]}), "names"),
        (json!({"verb": "restart", "names": vec!["ws-000"; 901]}), "names"),
        (json!([]), "body"),
    ] {
        let answer = rig.post("/v1/batches", &body).await;
        assert_eq!((answer.status, &answer.problem()["field"]), (400, &json!(field)), "{body}");
    }
    for (path, headers, body, status) in [
        ("/v1/batches", &[("Content-Type", "application/json")][..], &b"{\"verb\":"[..], 400),
        ("/v1/batches", &[("Content-Type", "text/plain")], b"{}", 415),
        ("/v1/batches", &[("Content-Type", "application/jsonp")], b"{}", 415),
        ("/v1/batches", &[], b"{}", 415),
        ("/v1/sync", &[("Content-Type", "application/json")], b"{}", 400),
        ("/v1/sync", &[("Content-Type", "application/x-www-form-urlencoded")], b"", 415),
        ("/v1/sync?force=true", &[], b"", 400),
        ("/v1/workspaces/ws-0o0/start", &[], b"", 404),
        ("/v1/workspaces/WS/start", &[], b"", 400),
    ] {
        let answer = rig.ask("POST", path, headers, body).await;
        assert_eq!(answer.status, status, "{path} {headers:?}");
        answer.problem();
    }
    assert_eq!(rig.script.take_asked(), [""; 0]);
}

#[tokio::test]
async fn json_may_say_its_charset() {
    let rig = Rig::start().await;
    let body = json!({"verb": "sync", "all": true}).to_string();
    let answer =
        rig.ask("POST", "/v1/batches", &[("content-type", "Application/JSON; charset=utf-8")], body.as_bytes()).await;
    assert_eq!(answer.status, 202, "{answer:?}");
}

#[tokio::test]
async fn every_refusal_is_a_problem_with_the_next_step() {
    let rig = Rig::start().await;
    let (message, help) = ("it is so".to_owned(), "do that".to_owned());
    let workspace = wharf::api::Thing::Workspace;
    for (refusal, status, kind, next) in [
        (Refusal::Conflict { message: message.clone(), help: help.clone() }, 409, "conflict", "do that"),
        (Refusal::Unavailable { message: message.clone(), help }, 503, "unavailable", "do that"),
        (Refusal::Invalid { field: "names".to_owned(), message: message.clone() }, 400, "invalid", "openapi.json"),
        (Refusal::Internal { message }, 500, "internal", "log"),
        (
            Refusal::NotFound { what: workspace, name: "a".to_owned(), nearest: Some("b".to_owned()) },
            404,
            "not-found",
            "did you mean `b`?",
        ),
    ] {
        rig.script.is(Mood::Refuses(refusal));
        let answer = rig.ask("POST", "/v1/workspaces/ws-000/start", &[], b"").await;
        let problem = answer.problem();
        assert_eq!((answer.status, &problem["type"]), (status, &json!(format!("urn:wharf:problem:{kind}"))));
        assert!(problem["help"].as_str().is_some_and(|help| help.contains(next)), "{problem}");
    }
}

#[tokio::test]
async fn a_defect_is_a_problem_and_the_server_goes_on() {
    let rig = Rig::start().await;
    rig.script.is(Mood::Panics);
    let answer = rig.get("/v1/workspaces").await;
    assert_eq!(answer.status, 500);
    assert!(!answer.problem().to_string().contains("told to panic"), "{answer:?}");
    rig.script.is(Mood::Fine);
    assert_eq!(rig.get("/v1/workspaces").await.status, 200);
}
