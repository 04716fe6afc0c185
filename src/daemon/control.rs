//! What the API asks for, answered from memory or handed to the controller.

use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use futures_util::stream::{BoxStream, StreamExt, unfold};
use jiff::ToSpan;

use super::office::Office;
use crate::api::{
    Asked, Control, EventPage, EventQuery, Heard, PlannedAction, PlannedWorkspace, Readiness, Refusal, Requested,
    SeriesQuery, SourceAsked, WorkspaceAnalysis, WorkspaceView,
};
use crate::batch::PARALLELISM;
use crate::controller::RequestError;
use crate::events;
use crate::metrics::{Metrics, MetricsError, Request};
use crate::model::batch::{Batch, BatchRequest, Verb};
use crate::model::event::EventFilter;
use crate::model::metrics::{Metric, Series};
use crate::model::period::Period;
use crate::model::selector::Selector;
use crate::model::source::SourceStatus;
use crate::model::statistics::{Statistics, Summary};
use crate::model::{Name, Uid};
use crate::push::{Delivery, Disbelief};
use crate::store::StoreError;
use crate::telemetry::{self, Process, Scrape};
use crate::tracker::Tracked;

/// How far back an analysis looks, in hours.
const ANALYSED_HOURS: i64 = 7 * 24;

impl Control for Office {
    fn workspaces(&self) -> Vec<Arc<WorkspaceView>> {
        self.tracker.all().iter().map(|tracked| view(tracked)).collect()
    }

    fn workspace(&self, name: &str) -> Option<Arc<WorkspaceView>> {
        self.tracker.get(name).map(|tracked| view(&tracked))
    }

    fn plan(&self, names: Vec<Name>) -> BoxFuture<'_, Result<Vec<PlannedWorkspace>, Refusal>> {
        let found: Result<Vec<Arc<Tracked>>, Refusal> = if names.is_empty() {
            Ok(self.tracker.all())
        } else {
            names.iter().map(|name| self.tracked(name)).collect()
        };
        let planned = found.map(|found| found.iter().filter_map(|tracked| planned(tracked)).collect());
        std::future::ready(planned).boxed()
    }

    fn events(&self, query: EventQuery) -> Result<EventPage, Refusal> {
        self.page(&query).map_err(|error| internal(&error))
    }

    fn subscribe(&self) -> BoxStream<'static, Heard> {
        let subscription = self.hub.subscribe();
        let heard = unfold(subscription, async |mut subscription| {
            let heard = match subscription.next().await? {
                events::Heard::Event(event) => Heard::Event(event),
                events::Heard::Missed(count) => Heard::Missed(count),
            };
            Some((heard, subscription))
        });
        heard.boxed()
    }

    fn series(&self, name: Name, query: SeriesQuery) -> BoxFuture<'_, Result<Series, Refusal>> {
        async move {
            let now = self.now();
            let metrics = if query.metrics.is_empty() { Metric::ALL.to_vec() } else { query.metrics };
            let (from, to) = (query.from.timestamp(), query.to.timestamp());
            let step = query.step.map(Period::duration);
            let request = Request { metrics, from, to, step, now };
            self.ask_history(&name, move |history, uid| history.query(&uid, &request)).await
        }
        .boxed()
    }

    fn analysis(&self, name: Name) -> BoxFuture<'_, Result<WorkspaceAnalysis, Refusal>> {
        async move {
            let now = self.now();
            let resources = self.tracked(&name)?.workspace.as_ref().map(|it| it.spec.resources.clone());
            let from = now.checked_sub(ANALYSED_HOURS.hours()).unwrap_or(now);
            let request = Request { metrics: Vec::new(), from, to: now, step: None, now };
            let workspace = name.clone();
            self.ask_history(&name, move |history, uid| {
                let analyse = |metric| history.analyse(&uid, metric, &request);
                let metrics = Metric::ALL.into_iter().map(analyse).collect::<Result<_, _>>()?;
                let recommendation = history.recommend(&uid, &resources.unwrap_or_default(), now)?;
                Ok(WorkspaceAnalysis { workspace, metrics, recommendation })
            })
            .await
        }
        .boxed()
    }

    fn summary(&self) -> Summary {
        self.tracker.summary()
    }

    fn statistics(&self) -> Statistics {
        Self::statistics(self)
    }

    fn exposition(&self) -> String {
        telemetry::exposition(&Scrape {
            alive: self.is_going_on(),
            process: Process::own(),
            statistics: &Self::statistics(self),
            summary: &self.tracker.summary(),
            workspaces: &self.tracker.all(),
            webhooks: &self.deliveries.statistics(),
            batches: &Control::batches(self),
        })
    }

    fn readiness(&self) -> Readiness {
        let reasons = self.tracker.counters().obstacles();
        Readiness { ready: reasons.is_empty(), reasons }
    }

    fn is_alive(&self) -> bool {
        self.is_going_on()
    }

    fn ask(&self, verb: Verb, name: Name) -> BoxFuture<'_, Result<Asked, Refusal>> {
        async move {
            let id = ulid::Ulid::generate().to_string();
            self.handle.ask(verb, name.clone(), id).await.map_err(|error| self.refusal(&error))?;
            Ok(Asked { verb, workspace: Some(name.clone()), message: outlook(verb, &name) })
        }
        .boxed()
    }

    fn sync_all(&self) -> BoxFuture<'_, Result<Asked, Refusal>> {
        async move {
            self.handle.sync_all().await.map_err(|error| self.refusal(&error))?;
            self.tracker.sources().ask_all();
            let message = "everything is compared with the engine now".to_owned();
            Ok(Asked { verb: Verb::Sync, workspace: None, message })
        }
        .boxed()
    }

    fn sources(&self) -> Vec<SourceStatus> {
        self.tracker.sources().list()
    }

    fn source(&self, name: &str) -> Option<SourceStatus> {
        self.tracker.sources().get(name)
    }

    fn sync_source(&self, name: &str) -> Result<SourceAsked, Refusal> {
        Self::sync_source(self, name)
    }

    fn pushed(&self, name: &str, delivery: &Delivery<'_>) -> Result<SourceAsked, Disbelief> {
        Self::pushed(self, name, delivery)
    }

    fn requested(&self, request: &Requested<'_>) {
        Self::requested(self, request);
    }

    fn begin_batch(&self, request: BatchRequest) -> BoxFuture<'_, Result<Batch, Refusal>> {
        let begun = self.names_of(&request).and_then(|names| {
            let batches = self.batches().ok_or_else(ending)?;
            let parallelism = request.parallelism.unwrap_or(PARALLELISM);
            batches.begin(request.verb, names, parallelism, request.max_failures).map_err(|error| internal(&error))
        });
        std::future::ready(begun).boxed()
    }

    fn batches(&self) -> Vec<Batch> {
        Self::batches(self).map(crate::batch::Batches::all).unwrap_or_default()
    }

    fn batch(&self, id: &str) -> Option<Batch> {
        Self::batches(self)?.get(id)
    }

    fn cancel_batch(&self, id: String) -> BoxFuture<'_, Result<Batch, Refusal>> {
        let canceled = Self::batches(self)
            .ok_or_else(ending)
            .and_then(|batches| batches.cancel(&id).map_err(|error| internal(&error)))
            .and_then(|batch| batch.ok_or_else(|| Refusal::no_batch(&id)));
        std::future::ready(canceled).boxed()
    }
}

impl Office {
    fn tracked(&self, name: &Name) -> Result<Arc<Tracked>, Refusal> {
        self.tracker.get(name.as_str()).ok_or_else(|| self.no_workspace(name.as_str()))
    }

    fn no_workspace(&self, name: &str) -> Refusal {
        let all = self.tracker.all();
        Refusal::no_workspace(name, all.iter().map(|tracked| tracked.document.metadata.name.as_str()))
    }

    /// The workspaces that a batch is about, each once.
    fn names_of(&self, request: &BatchRequest) -> Result<Vec<Name>, Refusal> {
        if !request.names.is_empty() {
            let mut names: Vec<Name> = Vec::new();
            for text in &request.names {
                let name: Name = text.parse().map_err(|_| self.no_workspace(text))?;
                self.tracked(&name)?;
                if !names.contains(&name) {
                    names.push(name);
                }
            }
            return Ok(names);
        }
        let invalid = |message: String| Refusal::Invalid { field: "selector".to_owned(), message };
        let selector = request.selector.as_deref().map(str::parse::<Selector>).transpose();
        let selector = selector.map_err(|error| invalid(error.to_string()))?;
        let chosen = |tracked: &&Arc<Tracked>| {
            let metadata = &tracked.document.metadata;
            metadata.uid.is_some() && selector.as_ref().is_none_or(|selector| selector.selects(&metadata.labels))
        };
        let names = self.tracker.all();
        Ok(names.iter().filter(chosen).filter_map(|tracked| tracked.document.metadata.name.parse().ok()).collect())
    }

    fn page(&self, query: &EventQuery) -> Result<EventPage, StoreError> {
        let bounds = self.store.event_bounds()?;
        let (oldest, newest) = bounds.unwrap_or_default();
        // Behind the end of the log, because the log was lost and began anew: from its beginning.
        let after = query.after.map(|after| if after > newest { 0 } else { after });
        let truncated = query.after.is_some_and(|asked| after != query.after || asked + 1 < oldest);
        let nothing = EventPage { items: Vec::new(), next: newest, more: false, truncated };
        let workspace = match query.workspace.as_deref().map(str::parse::<Name>) {
            Some(Ok(name)) => Some(name),
            // Nothing ever happened to what cannot be a name.
            Some(Err(_)) => return Ok(nothing),
            None => None,
        };
        let filter = EventFilter { workspace, kinds: query.kinds.clone(), after, except: Vec::new() };
        let more_than_asked = query.limit.saturating_add(1);
        let mut items = self.store.events(&filter, more_than_asked)?;
        let surplus = items.len() > query.limit;
        if surplus && after.is_some() {
            items.truncate(query.limit);
        } else if surplus {
            items.remove(0);
        }
        let more = surplus && after.is_some();
        let last = items.last().and_then(|event| event.sequence);
        let next = if more { last.unwrap_or(newest) } else { newest.max(last.unwrap_or_default()) };
        Ok(EventPage { items, next, more, ..nothing })
    }

    /// Asks the history, which may wait for the disk, where nobody else has to wait for that.
    async fn ask_history<T: Send + 'static>(
        &self,
        name: &Name,
        question: impl FnOnce(Metrics, Uid) -> Result<T, MetricsError> + Send + 'static,
    ) -> Result<T, Refusal> {
        let tracked = self.tracked(name)?;
        let unavailable =
            |message: &str, help: &str| Refusal::Unavailable { message: message.to_owned(), help: help.to_owned() };
        let history = self.metrics.clone().ok_or_else(|| {
            unavailable("resource use is not measured", "start the controller without `--monitor-interval 0`")
        })?;
        let uid = tracked.document.metadata.uid.clone().ok_or_else(|| {
            unavailable("the workspace has no valid manifest yet", "`wharf validate` says what is wrong with it")
        })?;
        let answer = tokio::task::spawn_blocking(move || question(history, uid)).await;
        match answer {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(internal(&error)),
            Err(error) => Err(internal(&error)),
        }
    }

    fn refusal(&self, error: &RequestError) -> Refusal {
        let message = error.to_string();
        let conflict = |help: &str| Refusal::Conflict { message: message.clone(), help: help.to_owned() };
        match error {
            RequestError::Unknown(name) => self.no_workspace(name.as_str()),
            RequestError::NotInForce(_) => conflict("correct its manifest first"),
            RequestError::BeingDeleted(_) => conflict("declare it again to keep it"),
            RequestError::Suspended(_) => conflict("take `suspend` out of its manifest"),
            RequestError::NotToRun { name, .. } => conflict(&format!("`wharf start {name}` lets it run")),
            RequestError::Manifest { .. } => conflict("correct or change the manifest by hand"),
            RequestError::NotRecorded(_) => {
                let help = "see to the disk that holds the state directory; nothing was changed".to_owned();
                Refusal::Unavailable { message, help }
            }
            RequestError::Ending => ending(),
        }
    }
}

fn view(tracked: &Tracked) -> Arc<WorkspaceView> {
    Arc::new(WorkspaceView { document: tracked.document.clone(), usage: tracked.usage.clone() })
}

fn planned(tracked: &Tracked) -> Option<PlannedWorkspace> {
    let remaining = &tracked.remaining;
    let action = |(action, cause): &(String, String)| PlannedAction { action: action.clone(), cause: cause.clone() };
    Some(PlannedWorkspace {
        workspace: tracked.document.metadata.name.parse().ok()?,
        actions: remaining.steps.iter().map(action).collect(),
        blocked: remaining.blocked.clone(),
        held: remaining.held.clone(),
    })
}

fn outlook(verb: Verb, name: &Name) -> String {
    match verb {
        Verb::Start => format!("{name} runs from now on, until its manifest changes"),
        Verb::Stop => format!("{name} rests from now on, until its manifest changes"),
        Verb::Restart => format!("{name} is restarted"),
        Verb::Sync => format!("{name} is looked at now"),
        Verb::Resume => format!("for {name} counts what its manifest says"),
        Verb::Delete => format!("the manifest of {name} is removed, and {name} with it"),
    }
}

fn ending() -> Refusal {
    let help = "start it again, and ask again".to_owned();
    Refusal::Unavailable { message: "the controller is ending".to_owned(), help }
}

fn internal(error: &dyn std::error::Error) -> Refusal {
    Refusal::Internal { message: error.to_string() }
}
