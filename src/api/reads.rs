//! Answers from memory.

use std::str::FromStr;
use std::sync::Arc;

use axum::body::Body;
use axum::http::StatusCode;
use jiff::Timestamp;

use super::answer::{ok, with_type};
use super::call::Call;
use super::control::{EventQuery, SeriesQuery};
use super::problem::Refused;
use super::refusal::Refusal;
use super::table::Outcome;
use super::wire::{BatchList, PlanList, Version, WorkspaceList, WorkspaceView};
use crate::model::Name;
use crate::model::event::EventKind;
use crate::model::metrics::{InvalidMetric, Metric};
use crate::model::period::Period;
use crate::model::selector::Selector;

/// The content type that Prometheus reads.
pub const EXPOSITION: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Items of a page when nothing else is asked for.
pub const USUAL: usize = 100;

/// `GET /v1/workspaces`
pub fn workspaces(call: &Call) -> Outcome {
    let selector = call.parsed::<Selector>("selector")?.unwrap_or_default();
    let limit = limit(call, usize::MAX)?;
    let after = call.text("continue").map(Position::parse).transpose()?;
    let mut selected = call.door.control.workspaces();
    selected.retain(|view| selector.selects(&view.document.metadata.labels));
    let total = selected.len() as u64;
    if let Some(after) = &after {
        selected.retain(|view| Position::of(view) > *after);
    }
    let more = selected.len() > limit;
    selected.truncate(limit);
    let next = selected.last().filter(|_| more).map(|view| Position::of(view).token());
    ok(&WorkspaceList { items: selected, next, total })
}

/// Where a page ends. Two manifests may claim one name, so the manifest is part of it.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Position {
    name: String,
    manifest: String,
}

impl Position {
    fn of(view: &WorkspaceView) -> Self {
        let metadata = &view.document.metadata;
        Self { name: metadata.name.clone(), manifest: metadata.manifest.clone() }
    }

    /// A name has no `/`: it is a label, or the name of a file.
    fn token(self) -> String {
        format!("{}/{}", self.name, self.manifest)
    }

    fn parse(token: &str) -> Result<Self, Refused> {
        let wrong = || Refused::invalid("continue", "`continue` is what the page before has as `continue`");
        let (name, manifest) = token.split_once('/').ok_or_else(wrong)?;
        Ok(Self { name: name.to_owned(), manifest: manifest.to_owned() })
    }
}

/// `GET /v1/workspaces/{name}`
pub fn workspace(call: &Call) -> Outcome {
    let view = find(call)?;
    ok(&*view)
}

fn find(call: &Call) -> Result<Arc<WorkspaceView>, Refused> {
    let control = &call.door.control;
    let name = call.required::<String>("name")?;
    let unknown = || {
        let all = control.workspaces();
        Refusal::no_workspace(&name, all.iter().map(|view| view.document.metadata.name.as_str())).into()
    };
    control.workspace(&name).ok_or_else(unknown)
}

/// `GET /v1/workspaces/{name}/plan`
pub async fn plan(call: Call) -> Outcome {
    let name: Name = call.required("name")?;
    let planned = call.door.control.plan(vec![name.clone()]).await?;
    let planned = planned.into_iter().next().ok_or_else(|| Refusal::no_workspace(name.as_str(), []))?;
    ok(&planned)
}

/// `GET /v1/plan`
pub async fn plan_all(call: Call) -> Outcome {
    let items = call.door.control.plan(Vec::new()).await?;
    ok(&PlanList { items })
}

/// `GET /v1/events`
pub fn events(call: &Call) -> Outcome {
    let query = event_query(call)?;
    ok(&call.door.control.events(query)?)
}

/// Which events are asked for, by the parameters that all routes about events have.
pub fn event_query(call: &Call) -> Result<EventQuery, Refused> {
    let word = |word: &str| word.parse::<EventKind>().map_err(|error| Refused::invalid("kind", error));
    Ok(EventQuery {
        workspace: call.text("workspace").map(str::to_owned),
        kinds: call.words("kind")?.into_iter().map(word).collect::<Result<_, _>>()?,
        after: call.number("after")?,
        limit: limit(call, USUAL)?,
    })
}

fn limit(call: &Call, usual: usize) -> Result<usize, Refused> {
    let limit = call.number("limit")?;
    Ok(limit.map_or(usual, |limit| usize::try_from(limit).unwrap_or(usize::MAX)))
}

/// `GET /v1/workspaces/{name}/metrics`
pub async fn metrics(call: Call) -> Outcome {
    let query = series_query(&call, Timestamp::now())?;
    let name = call.required("name")?;
    ok(&call.door.control.series(name, query).await?)
}

/// A length of time back, or a beginning and an end.
fn series_query(call: &Call, now: Timestamp) -> Result<SeriesQuery, Refused> {
    let since = call.parsed::<Since>("since")?;
    let from = call.parsed::<Since>("from")?;
    if since.is_some() && from.is_some() {
        return Err(Refused::invalid("since", "`since` and `from` say the same: use one of them"));
    }
    let to = call.parsed::<Since>("to")?.map_or(now, |to| to.before(now));
    let from = since.or(from).map_or_else(|| HISTORY.before(now), |from| from.before(now));
    if from >= to {
        return Err(Refused::invalid("from", "the beginning has to be before the end (`to`, by default now)"));
    }
    let mut metrics: Vec<Metric> = Vec::new();
    for word in call.words("metric")? {
        let metric = word.parse().map_err(|error: InvalidMetric| Refused::invalid("metric", error.to_string()))?;
        if !metrics.contains(&metric) {
            metrics.push(metric);
        }
    }
    let step = call.parsed::<Period>("step")?;
    if step.is_some_and(|step| step < Period::from_secs(1)) {
        return Err(Refused::invalid("step", "a step is at least `1s`"));
    }
    Ok(SeriesQuery { metrics, from: from.into(), to: to.into(), step })
}

/// How much of the history is shown when nothing else is asked for.
const HISTORY: Since = Since::Back(Period::from_secs(60 * 60));

/// A point in time, as such or as a length of time back.
#[derive(Clone, Copy)]
enum Since {
    At(Timestamp),
    Back(Period),
}

impl Since {
    /// What lies before all time is its beginning.
    fn before(self, now: Timestamp) -> Timestamp {
        match self {
            Self::At(time) => time,
            Self::Back(period) => now.checked_sub(period.duration()).unwrap_or(Timestamp::MIN),
        }
    }
}

impl FromStr for Since {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let back = text.parse().map(Self::Back).ok();
        let wrong = || {
            let shown: String = text.chars().take(40).flat_map(char::escape_debug).collect();
            format!("`{shown}` is no time: use one such as `2026-01-31T12:00:00Z`, or how long ago, such as `24h`")
        };
        back.or_else(|| text.parse().map(Self::At).ok()).ok_or_else(wrong)
    }
}

/// `GET /v1/workspaces/{name}/analysis`
pub async fn analysis(call: Call) -> Outcome {
    let name = call.required("name")?;
    ok(&call.door.control.analysis(name).await?)
}

/// `GET /v1/summary`
pub fn summary(call: &Call) -> Outcome {
    ok(&call.door.control.summary())
}

/// `GET /v1/statistics`
pub fn statistics(call: &Call) -> Outcome {
    ok(&call.door.control.statistics())
}

/// `GET /v1/batches`
pub fn batches(call: &Call) -> Outcome {
    ok(&BatchList { items: call.door.control.batches() })
}

/// `GET /v1/batches/{id}`
pub fn batch(call: &Call) -> Outcome {
    let id: String = call.required("id")?;
    let batch = call.door.control.batch(&id).ok_or_else(|| Refusal::no_batch(&id))?;
    ok(&batch)
}

/// `GET /livez`
#[expect(clippy::unnecessary_wraps, reason = "as every handler")]
pub fn alive(call: &Call) -> Outcome {
    let alive = (StatusCode::OK, "alive\n");
    let dead = (StatusCode::SERVICE_UNAVAILABLE, "not alive: restart it\n");
    let (status, text) = if call.door.control.is_alive() { alive } else { dead };
    Ok(with_type(status, "text/plain; charset=utf-8", Body::from(text)))
}

/// `GET /readyz`
pub fn ready(call: &Call) -> Outcome {
    let readiness = call.door.control.readiness();
    let status = if readiness.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    super::answer::json(status, &readiness)
}

/// `GET /metrics`
#[expect(clippy::unnecessary_wraps, reason = "as every handler")]
pub fn exposition(call: &Call) -> Outcome {
    Ok(with_type(StatusCode::OK, EXPOSITION, Body::from(call.door.control.exposition())))
}

/// `GET /version`
pub fn version(_: &Call) -> Outcome {
    ok(&Version {
        program: env!("CARGO_PKG_NAME").to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        api: "v1".to_owned(),
    })
}
