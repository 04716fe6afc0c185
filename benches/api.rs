//! Reads of the control API over its socket with 100 workspaces, while deeds wait for an engine that does not answer. A connection for each
//! request, as the command line makes them.

#[path = "../tests/api/rig.rs"]
#[allow(dead_code, reason = "the tests use the rest")]
mod rig;
#[path = "../tests/api/samples.rs"]
mod samples;
mod support;

use std::time::{Duration, Instant};

use rig::{Mood, Rig, Script};
use support::figures::percentiles;
use tokio::runtime::Runtime;
use wharf::api::Limits;
use wharf::api::client::Client;
use wharf::model::event::EventReason;

const WORKSPACES: usize = 100;
const REQUESTS: usize = 2_000;
/// Deeds that hang meanwhile.
const HANGING: usize = 40;
/// What a read may take at most, at the 99th percentile.
const TARGET: (f64, f64) = (1.0, 2.0);

fn main() {
    let runtime = Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let limits = Limits { answer_time: Duration::from_secs(600), ..Limits::default() };
        let rig = Rig::with(Script::new(WORKSPACES, 1024), limits).await;
        for at in 0..1_000 {
            rig.script.happens(&format!("ws-{:03}", at % WORKSPACES), EventReason::Started);
        }
        rig.script.is(Mood::Hangs);
        let client = Client::new(rig.socket());
        for _ in 0..HANGING {
            let client = client.clone();
            tokio::spawn(async move { client.post::<serde_json::Value>("/v1/workspaces/ws-000/start").await });
        }
        for (what, path) in [
            ("all workspaces", "/v1/workspaces"),
            ("workspaces by label", "/v1/workspaces?selector=team%3Dpayments&limit=20"),
            ("one workspace", "/v1/workspaces/ws-050"),
            ("100 events", "/v1/events?limit=100"),
            ("summary", "/v1/summary"),
        ] {
            let times = measure(&client, path).await;
            percentiles(&format!("api: {what} of {WORKSPACES}, engine hangs"), &times, Some(TARGET));
        }
    });
    // What hangs would be waited for.
    runtime.shutdown_background();
}

async fn measure(client: &Client, path: &str) -> Vec<Duration> {
    let mut times = Vec::with_capacity(REQUESTS);
    for _ in 0..REQUESTS {
        let begun = Instant::now();
        let text = client.text(path).await.expect("an answer");
        times.push(begun.elapsed());
        assert!(text.starts_with('{'), "{text}");
    }
    times
}
