//! What comes from the controller, for as long as it is of interest.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::StreamExt;
use tokio::sync::{mpsc, watch};
use tokio::time::{MissedTickBehavior, interval};

use super::state::News;
use crate::api::client::{Client, ClientError, address};
use crate::api::{EventPage, Told};
use crate::cli::client::workspaces;
use crate::model::metrics::Series;

/// How long to wait before a controller that is away is asked again for its events.
const AGAIN: Duration = Duration::from_secs(1);

/// How many events of before are shown.
const BEFORE: &str = "50";

/// Tells of all workspaces, again and again, and of the history of the one that is shown alone. Ends when nobody listens.
pub async fn poll(client: Client, every: Duration, shown: watch::Receiver<Option<String>>, news: mpsc::Sender<News>) {
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut known = BTreeSet::new();
    let mut looked = shown.clone();
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            changed = looked.changed() => if changed.is_err() { return },
        }
        let name = shown.borrow().clone();
        let told = match look(&client, &mut known, name, &news).await {
            Ok(told) => told,
            Err(error) => news.send(News::Away(error.to_string())).await.is_ok(),
        };
        if !told {
            return;
        }
    }
}

/// One look at everything; whether anybody listens.
async fn look(
    client: &Client,
    known: &mut BTreeSet<String>,
    shown: Option<String>,
    news: &mpsc::Sender<News>,
) -> Result<bool, ClientError> {
    let views = workspaces(client, None).await?;
    let summary = client.get("/v1/summary").await?;
    let measured = views.iter().filter(|view| view.usage.is_some());
    let names: BTreeSet<String> = measured.map(|view| view.document.metadata.name.clone()).collect();
    let listened = news.send(News::Workspaces(views, summary)).await.is_ok();
    if let Some(name) = shown {
        let path = address(&["v1", "workspaces", &name, "metrics"], &[("since", "15m")]);
        let series = client.get(&path).await.map_err(|error| error.to_string());
        let _ = news.send(News::Series(name, series)).await;
    }
    for name in names.difference(known) {
        let course = course(client, name).await;
        let _ = news.send(News::Course(name.clone(), course)).await;
    }
    *known = names;
    Ok(listened)
}

/// What was before this program began. Without it, a course begins now.
async fn course(client: &Client, name: &str) -> Vec<(i64, f64)> {
    let path = address(&["v1", "workspaces", name, "metrics"], &[("since", "5m"), ("metric", "cpu")]);
    let series: Option<Series> = client.get(&path).await.ok();
    let points = series.into_iter().flat_map(|series| series.metrics).flat_map(|metric| metric.points);
    points.map(|point| (point.time.timestamp().as_second(), point.mean)).collect()
}

/// Tells of events: the newest of those before, and then each as it happens, also when the controller was away. Ends when
/// nobody listens.
pub async fn follow(client: Client, news: mpsc::Sender<News>) {
    let mut after = None;
    while !news.is_closed() {
        // That it is away is told by whoever asks for the workspaces.
        if matches!(follow_once(&client, &mut after, &news).await, Ok(false)) {
            return;
        }
        tokio::time::sleep(AGAIN).await;
    }
}

/// Until the stream ends; whether anybody listens. `after`: the last sequence that was told.
async fn follow_once(client: &Client, after: &mut Option<u64>, news: &mpsc::Sender<News>) -> Result<bool, ClientError> {
    let from = if let Some(after) = *after {
        after
    } else {
        let page: EventPage = client.get(&address(&["v1", "events"], &[("limit", BEFORE)])).await?;
        for event in page.items {
            if news.send(News::Event(event.into())).await.is_err() {
                return Ok(false);
            }
        }
        page.next
    };
    *after = Some(from);
    let mut stream = client.stream(&address(&["v1", "events", "stream"], &[("after", &from.to_string())])).await?;
    while let Some(told) = stream.next().await {
        if let Told::Event(event) = told? {
            *after = event.sequence.or(*after);
            if news.send(News::Event(event)).await.is_err() {
                return Ok(false);
            }
        }
    }
    Ok(true)
}
