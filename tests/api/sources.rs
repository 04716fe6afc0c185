//! Sources: reading them, asking for a look, and what forges post.

use serde_json::json;
use wharf::push::Hook;

use crate::rig::{Mood, Rig};
use crate::samples::{SECRET, SOURCE};
use crate::wire::{Answer, exchange, request};

const BODY: &[u8] = br#"{"ref":"refs/heads/main","commits":[]}"#;
const JSON: (&str, &str) = ("Content-Type", "application/json");
const PUSH: (&str, &str) = ("X-Gitlab-Event", "Push Hook");
const PROOF: (&str, &str) = ("X-Gitlab-Token", SECRET);

fn push(source: &str) -> String {
    format!("/v1/sources/{source}/push")
}

#[tokio::test]
async fn sources_are_read_and_looked_at() {
    let rig = Rig::start().await;
    let all = rig.get("/v1/sources").await.json();
    assert_eq!((&all["items"][0]["name"], &all["items"][0]["outcome"]), (&json!(SOURCE), &json!("AppliedWithErrors")));
    assert_eq!(rig.get("/v1/sources/team").await.json(), all["items"][0]);
    let asked = rig.ask("POST", "/v1/sources/team/sync", &[], b"").await;
    assert_eq!((asked.status, &asked.json()["source"]), (202, &json!("team")));
    assert_eq!(rig.script.take_asked(), ["sync source team"]);
    let unknown = rig.ask("POST", "/v1/sources/taem/sync", &[], b"").await;
    assert_eq!((unknown.status, &unknown.problem()["nearest"]), (404, &json!("team")));
    assert_eq!(rig.get("/v1/sources/taem").await.problem()["nearest"], json!("team"));
}

#[tokio::test]
async fn a_forge_needs_no_token_and_says_whatever_host() {
    let rig = Rig::start().await;
    for host in [("Host", "wharf.example"), ("Host", "evil.example:80")] {
        let bytes = request("POST", &push(SOURCE), &[host, ("Origin", "https://git.example"), JSON, PUSH, PROOF], BODY);
        let answer = Answer::parse(&exchange(rig.tcp().await, &bytes).await);
        assert_eq!(answer.status, 202, "{host:?}: {answer:?}");
    }
    assert_eq!(rig.script.take_asked(), ["pushed team: Sync", "pushed team: Sync"]);
    // Nothing but that is open with it.
    let [host, _] = rig.passport();
    for (method, path, status) in [
        ("GET", push(SOURCE), 401),
        ("POST", "/v1/sources/team/sync".to_owned(), 401),
        ("POST", "/v1/sources//push".to_owned(), 401),
        ("POST", format!("{}/", push(SOURCE)), 401),
        ("POST", "/v1/sources/team/x/push".to_owned(), 401),
    ] {
        let headers = [(host.0, host.1.as_str()), PROOF];
        assert_eq!(rig.ask_tcp(method, &path, &headers).await.status, status, "{method} {path}");
    }
}

#[tokio::test]
async fn who_has_not_the_secret_learns_nothing() {
    let rig = Rig::start().await;
    let wrong = ("X-Gitlab-Token", "It is a secret to alL");
    let signature = ("X-Hub-Signature-256", "sha256=0000000000000000000000000000000000000000000000000000000000000000");
    let twice = [JSON, PUSH, PROOF, PROOF];
    let mut answers = Vec::new();
    for source in [SOURCE, "nobody", "-not-a-name-"] {
        for headers in [&[JSON, PUSH, wrong][..], &[JSON, PUSH], &[JSON, PUSH, signature], &twice] {
            answers.push(rig.ask("POST", &push(source), headers, BODY).await);
        }
    }
    for answer in &answers {
        assert_eq!((answer.status, &answer.body), (403, &answers[0].body), "{answer:?}");
        answer.problem();
    }
    assert_eq!((rig.script.take_asked(), rig.script.take_accounts()), (Vec::new(), Vec::new()));
}

#[tokio::test]
async fn what_a_forge_says_is_checked_before_it_counts() {
    let rig = Rig::start().await;
    let large = [br#"{"ref":"refs/heads/main","x":""#, vec![b'x'; 900_000].as_slice(), br#""}"#].concat();
    let too_large = vec![b' '; 1024 * 1024 + 1];
    let form = ("Content-Type", "application/x-www-form-urlencoded");
    for (headers, body, status, told) in [
        (&[JSON, PUSH, PROOF][..], BODY, 202, "Sync"),
        (&[JSON, PUSH, PROOF], &large, 202, "Sync"),
        (&[JSON, ("X-GitHub-Event", "ping"), PROOF], b"{}", 202, "OtherEvent"),
        (&[JSON, PUSH, PROOF], br#"{"ref":"refs/heads/next"}"#, 202, "OtherReference"),
        (&[JSON, PUSH, PROOF], b"{", 400, "no JSON object"),
        (&[form, PUSH, PROOF], b"payload=%7B%7D", 415, "`application/json`"),
        (&[JSON, PUSH, PROOF], &too_large, 413, "polled"),
    ] {
        let answer = rig.ask("POST", &push(SOURCE), headers, body).await;
        assert_eq!(answer.status, status, "{told}: {answer:?}");
        assert!(answer.text().contains(told), "{told}: {answer:?}");
    }
    let asked = ["pushed team: Sync", "pushed team: Sync", "pushed team: OtherEvent", "pushed team: OtherReference"];
    assert_eq!(rig.script.take_asked(), asked);
    assert!(!format!("{:?}", Hook::new(SECRET.as_bytes().to_vec().into())).contains(SECRET));
}

#[tokio::test]
async fn who_asks_for_something_is_accounted_for() {
    let rig = Rig::start().await;
    let [host, token] = rig.passport();
    let me = format!("api uid={} pid={}", rustix::process::geteuid().as_raw(), std::process::id());
    rig.ask("POST", "/v1/workspaces/ws-001/stop", &[], b"").await;
    rig.ask_tcp("POST", "/v1/workspaces/ws-001/stop", &[(host.0, &host.1), (token.0, &token.1)]).await;
    rig.ask("POST", "/v1/workspaces/nobody/stop", &[], b"").await;
    rig.post("/v1/batches", &json!({"verb": "stop", "names": ["ws-001"]})).await;
    rig.post("/v1/batches", &json!({"verb": "a secret", "names": ["ws-001"]})).await;
    rig.ask("POST", &push(SOURCE), &[JSON, PUSH, PROOF], BODY).await;
    rig.script.is(Mood::Panics);
    rig.ask("POST", "/v1/sources/team/sync", &[], b"").await;
    rig.script.is(Mood::Fine);
    // None of these changes anything, or is let in.
    rig.get("/v1/workspaces").await;
    rig.ask_tcp("POST", "/v1/workspaces/ws-001/stop", &[(host.0, &host.1)]).await;
    let expected = [
        format!("{me}: stopWorkspace [ws-001] Accepted"),
        "api token: stopWorkspace [ws-001] Accepted".to_owned(),
        format!("{me}: stopWorkspace [nobody] Refused(\"there is no workspace `nobody`\")"),
        format!("{me}: beginBatch [stop of 1 workspaces, batch {}] Accepted", crate::samples::BATCH),
        format!("{me}: beginBatch [] Refused(\"The request is not valid\")"),
        "api push: pushSource [team] Accepted".to_owned(),
        format!("{me}: syncSource [team] Abandoned"),
    ];
    assert_eq!(rig.script.take_accounts(), expected);
}
