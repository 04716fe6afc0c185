//! What is read.

use serde_json::{Value, json};
use wharf::model::event::EventReason;

use crate::rig::Rig;
use crate::samples::BATCH;

fn names(page: &Value) -> Vec<&str> {
    let items = page["items"].as_array().expect("items");
    items.iter().filter_map(|item| item["document"]["metadata"]["name"].as_str()).collect()
}

#[tokio::test]
async fn workspaces_are_listed_with_status_and_use() {
    let rig = Rig::start().await;
    let page = rig.get("/v1/workspaces").await.json();
    assert_eq!(names(&page), ["ws-000", "ws-001", "ws-002", "ws-003", "ws-004"]);
    assert_eq!((&page["total"], page.get("continue")), (&json!(5), None));
    let first = &page["items"][0];
    assert_eq!(first["document"]["status"]["phase"], "Active");
    assert_eq!(first["usage"]["cpuPercent"], 12.5);
    assert_eq!(&rig.get("/v1/workspaces/ws-000").await.json(), first);
}

#[tokio::test]
async fn workspaces_are_chosen_by_label() {
    let rig = Rig::start().await;
    for (selector, expected) in [
        ("team=payments", &["ws-000", "ws-002", "ws-004"][..]),
        ("team%3Dpayments", &["ws-000", "ws-002", "ws-004"]),
        ("!team", &["ws-001", "ws-003"]),
        ("team!=payments", &["ws-001", "ws-003"]),
        ("team,!team", &[]),
    ] {
        let page = rig.get(&format!("/v1/workspaces?selector={selector}")).await.json();
        assert_eq!(names(&page), expected, "{selector}");
    }
    let answer = rig.get("/v1/workspaces?selector=team+in+(a)").await;
    assert_eq!((answer.status, &answer.problem()["field"]), (400, &json!("selector")));
}

#[tokio::test]
async fn pages_follow_one_another_without_gap_or_repetition() {
    let rig = Rig::start().await;
    let (mut seen, mut next) = (Vec::new(), String::new());
    loop {
        let page = rig.get(&format!("/v1/workspaces?limit=2{next}")).await.json();
        seen.extend(names(&page).into_iter().map(str::to_owned));
        assert_eq!(page["total"], 5);
        let Some(token) = page["continue"].as_str() else { break };
        next = format!("&continue={token}");
    }
    assert_eq!(seen, ["ws-000", "ws-001", "ws-002", "ws-003", "ws-004"]);
    // A workspace that went in between is no obstacle.
    let page = rig.get("/v1/workspaces?continue=ws-0015/gone.yaml").await.json();
    assert_eq!(names(&page), ["ws-002", "ws-003", "ws-004"]);
    assert_eq!(rig.get("/v1/workspaces?continue=ws-001").await.status, 400);
}

#[tokio::test]
async fn a_name_that_is_not_known_meets_the_nearest() {
    let rig = Rig::start().await;
    let answer = rig.get("/v1/workspaces/ws-00").await;
    let problem = answer.problem();
    assert_eq!((answer.status, &problem["type"]), (404, &json!("urn:wharf:problem:not-found")));
    assert_eq!(problem["detail"], "there is no workspace `ws-00`");
    assert_eq!((&problem["help"], &problem["nearest"]), (&json!("did you mean `ws-000`?"), &json!("ws-000")));
    let far = rig.get("/v1/workspaces/%E6%BC%A2%1b").await.problem();
    assert_eq!(far["detail"], "there is no workspace `漢\\u{1b}`");
    assert!(far["help"].as_str().is_some_and(|help| help.contains("GET /v1/workspaces")), "{far}");
}

#[tokio::test]
async fn plans_say_what_and_why() {
    let rig = Rig::start().await;
    let plan = rig.get("/v1/workspaces/ws-001/plan").await.json();
    let action = json!({"action": "start container", "cause": "it does not run"});
    assert_eq!(plan, json!({"workspace": "ws-001", "actions": [action]}));
    assert_eq!(rig.get("/v1/plan").await.json()["items"].as_array().map(Vec::len), Some(5));
    assert_eq!(rig.get("/v1/workspaces/Not%20a%20name/plan").await.problem()["field"], "name");
}

#[tokio::test]
async fn history_is_asked_for_by_time_and_step() {
    let rig = Rig::start().await;
    let path = "/v1/workspaces/ws-000/metrics";
    for (query, asked) in [
        ("", "[] over 3600 s by []"),
        ("?since=24h&step=5m", "[] over 86400 s by [5m]"),
        (
            "?from=2026-01-31T12:00:00Z&to=2026-01-31T13:00:00%2B00:00&metric=cpu,memory",
            "[cpu,memory] over 3600 s by []",
        ),
        ("?from=2h&to=1h&metric=pids", "[pids] over 3600 s by []"),
    ] {
        let answer = rig.get(&format!("{path}{query}")).await;
        assert_eq!(answer.status, 200, "{query}: {answer:?}");
        assert_eq!(rig.script.take_asked(), [format!("series of ws-000: {asked}")], "{query}");
    }
    for (query, field) in [
        ("?since=yesterday", "since"),
        ("?since=1h&from=2h", "since"),
        ("?from=1h&to=2h", "from"),
        ("?step=0s", "step"),
        ("?metric=cpu,heat", "metric"),
        ("?step=1h&step=2h", "step"),
        ("?metrics=cpu", "metrics"),
    ] {
        let answer = rig.get(&format!("{path}{query}")).await;
        assert_eq!((answer.status, &answer.problem()["field"]), (400, &json!(field)), "{query}");
    }
    assert_eq!(rig.script.take_asked(), [""; 0]);
    let analysis = rig.get("/v1/workspaces/ws-000/analysis").await.json();
    assert_eq!(analysis["recommendation"]["cpu"]["suggested"], "600m");
}

#[tokio::test]
async fn the_event_log_is_read_in_pages() {
    let rig = Rig::start().await;
    for at in 0..6 {
        rig.script
            .happens(&format!("ws-00{}", at % 2), if at < 4 { EventReason::Started } else { EventReason::Failed });
    }
    for (query, sequences, next, more) in [
        ("", &[1, 2, 3, 4, 5, 6][..], 6, false),
        ("?limit=2", &[5, 6], 6, false),
        ("?after=0&limit=2", &[1, 2], 2, true),
        ("?after=4", &[5, 6], 6, false),
        ("?after=6", &[], 6, false),
        ("?workspace=ws-001", &[2, 4, 6], 6, false),
        ("?kind=error", &[5, 6], 6, false),
        ("?kind=error,container_update&workspace=ws-000&after=1", &[3, 5], 6, false),
        ("?workspace=long-gone", &[], 6, false),
    ] {
        let page = rig.get(&format!("/v1/events{query}")).await.json();
        let found: Vec<_> =
            page["items"].as_array().expect("items").iter().filter_map(|item| item["sequence"].as_u64()).collect();
        assert_eq!(found, sequences, "{query}");
        assert_eq!((&page["next"], &page["more"]), (&json!(next), &json!(more)), "{query}");
    }
    for (query, field) in [("?kind=noise", "kind"), ("?after=-1", "after"), ("?limit=0", "limit"), ("?limit=", "limit")]
    {
        assert_eq!(rig.get(&format!("/v1/events{query}")).await.problem()["field"], field, "{query}");
    }
}

#[tokio::test]
async fn health_is_a_status_code() {
    let rig = Rig::start().await;
    assert_eq!((rig.get("/livez").await.status, rig.get("/readyz").await.status), (200, 200));
    *rig.script.ready.lock().expect("not poisoned") = false;
    let (alive, ready) = (rig.get("/livez").await, rig.get("/readyz").await);
    assert_eq!((alive.status, ready.status), (503, 503));
    assert_eq!(ready.json(), json!({"ready": false, "reasons": ["the engine does not answer"]}));
}

#[tokio::test]
async fn numbers_are_read_by_people_and_prometheus() {
    let rig = Rig::start().await;
    assert_eq!(rig.get("/v1/summary").await.json()["workspaces"], 5);
    assert_eq!(rig.get("/v1/statistics").await.json()["passes"], 7);
    let metrics = rig.get("/metrics").await;
    assert_eq!(metrics.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    assert!(metrics.text().contains("wharf_passes_total 7"), "{metrics:?}");
    assert_eq!(rig.get("/version").await.json()["version"], env!("CARGO_PKG_VERSION"));
    let batches = rig.get("/v1/batches").await.json();
    assert_eq!(batches["items"][0], rig.get(&format!("/v1/batches/{BATCH}")).await.json());
}

#[tokio::test]
async fn what_is_not_there_is_a_problem_too() {
    let rig = Rig::start().await;
    for path in ["/", "/v1", "/v2/workspaces", "/v1/workspaces/", "/v1/workspaces/a/b/c"] {
        let answer = rig.get(path).await;
        assert_eq!((answer.status, &answer.problem()["type"]), (404, &json!("urn:wharf:problem:no-route")), "{path}");
    }
    for (method, path, allow) in [
        ("POST", "/v1/workspaces", "GET, HEAD"),
        ("PUT", "/v1/workspaces/ws-000", "GET, HEAD, DELETE"),
        ("GET", "/v1/sync", "POST"),
        ("OPTIONS", "/v1/batches", "POST, GET, HEAD"),
        ("BREW", "/livez", "GET, HEAD"),
    ] {
        let answer = rig.ask(method, path, &[], b"").await;
        assert_eq!((answer.status, answer.header("allow")), (405, Some(allow)), "{method} {path}");
        answer.problem();
    }
    let head = rig.ask("HEAD", "/v1/workspaces", &[], b"").await;
    assert_eq!((head.status, head.body.len()), (200, 0));
}
