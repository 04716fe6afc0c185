//! The table of routes. The router and the OpenAPI document are both made from it, so a route cannot lack its description.

use std::sync::LazyLock;

use axum::http::StatusCode;
use schemars::SchemaGenerator;

use super::problem::Kind;
use super::table::Handler::{Memory, Waits};
use super::table::{Answer, Content, Form, Method, Parameter, Route};
use super::wire::{
    Asked, BatchList, EventPage, PlanList, PlannedWorkspace, PushNotification, Readiness, SourceAsked, SourceList,
    Told, Version, WorkspaceAnalysis, WorkspaceList, WorkspaceView,
};
use super::{deeds, openapi, reads, sources, streams};
use crate::model::batch::{Batch, BatchRequest, Verb};
use crate::model::metrics::Series;
use crate::model::name::Name;
use crate::model::selector::Selector;
use crate::model::source::SourceStatus;
use crate::model::statistics::{Statistics, Summary};

/// All routes, in the order of the document.
pub static ROUTES: LazyLock<Vec<Route>> = LazyLock::new(|| {
    let mut routes = workspaces();
    routes.extend(verbs());
    routes.extend(history());
    routes.extend(events());
    routes.extend(batches());
    routes.extend(of_sources());
    routes.extend(controller());
    routes
});

const NAME: Parameter = Parameter::path("name", Form::Text(Name::PATTERN), "The workspace's name.");
/// A manifest that is too broken to name a workspace is known by the name of its file.
const ANY_NAME: Parameter = Parameter::path(
    "name",
    Form::Text("^[^/]+$"),
    "The workspace's name; for a manifest too broken to have one, the name of its file.",
);
const ID: Parameter = Parameter::path("id", Form::Text("^[0-9A-HJKMNP-TV-Z]{26}$"), "The batch's id.");
const SOURCE: Parameter = Parameter::path("source", Form::Text(Name::PATTERN), "The source's name.");
const GITHUB_SIGNATURE: Parameter = Parameter::header(
    "X-Hub-Signature-256",
    Form::Any,
    "GitHub: `sha256=` and HMAC-SHA256 of the body, in hexadecimal.",
);
const GITEA_SIGNATURE: Parameter =
    Parameter::header("X-Gitea-Signature", Form::Any, "Gitea, Forgejo: HMAC-SHA256 of the body, in hexadecimal.");
const GITLAB_TOKEN: Parameter = Parameter::header("X-Gitlab-Token", Form::Any, "GitLab: the secret.");
const GITHUB_EVENT: Parameter = Parameter::header(
    "X-GitHub-Event",
    Form::Any,
    "What happened; `X-Gitea-Event`, `X-Forgejo-Event` and `X-Gitlab-Event` as well.",
);
const SELECTOR: Parameter = Parameter::query(
    "selector",
    Form::Text(Selector::PATTERN),
    "Only workspaces with these labels: `key=value`, `key!=value`, `key` or `!key`, separated by commas, as `-l` of the command line.",
);
const CONTINUE: Parameter = Parameter::query(
    "continue",
    Form::Text("^[^/]+/.+$"),
    "Go on after this page: what the page before has as `continue`.",
);
const LIMIT: Parameter = Parameter::query("limit", Form::Number(1, 1000), "At most so many items.");
const WORKSPACE: Parameter = Parameter::query(
    "workspace",
    Form::Any,
    "Only events of the workspace with this name, which need not exist any more.",
);
const KIND: Parameter = Parameter::query("kind", Form::Words(KINDS), "Only events of these kinds.");
const KINDS: &[&str] =
    &["status_changed", "container_update", "error", "recovery", "metrics_update", "sync_start", "sync_complete"];
/// What a signed number can hold, for readers in other languages.
const SEQUENCES: Form = Form::Number(0, i64::MAX as u64);
const AFTER: Parameter =
    Parameter::query("after", SEQUENCES, "The first events after this sequence; without it, the newest ones.");
const FROM_AFTER: Parameter = Parameter::query(
    "after",
    SEQUENCES,
    "First what the log has after this sequence, then what happens; without it, what happens from now on.",
);
const LAST_EVENT_ID: Parameter = Parameter::header(
    "Last-Event-ID",
    SEQUENCES,
    "As `after`, which it counts more than: clients send it by themselves when they come again.",
);
const METRIC: Parameter = Parameter::query("metric", Form::Words(METRICS), "Only these metrics.");
const METRICS: &[&str] = &["cpu", "memory", "network-rx", "network-tx", "block-read", "block-write", "pids", "disk"];
/// A length of time back, at most a year, or a time. Both parsers take a little more, such as 29 February.
const TIMES: Form = Form::Text(
    "^((8[0-6][0-9]{2}|[1-7]?[0-9]{1,3})h([0-5]?[0-9]m)?([0-5]?[0-9]s)?|[0-9]{1,5}m([0-5]?[0-9]s)?|[0-9]{1,7}s|20[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,9})?(Z|[+-](0[0-9]|1[0-2]):[0-5][0-9]))$",
);
const SINCE: Parameter =
    Parameter::query("since", TIMES, "From when: a time in RFC 3339, or how long ago, such as `24h`; default `1h`.");
const FROM: Parameter = Parameter::query("from", TIMES, "The same as `since`.");
const TO: Parameter = Parameter::query("to", TIMES, "Until when: a time in RFC 3339, or how long ago; default now.");
const STEP: Parameter = Parameter::query(
    "step",
    Form::Text("^[1-9][0-9]{0,3}(s|m|h)$"),
    "One point for each so long, such as `5m`; default: what suits the length.",
);

fn reads<T: schemars::JsonSchema>(description: &'static str) -> Answer {
    Answer::json::<T>(StatusCode::OK, description)
}

fn records<T: schemars::JsonSchema>(description: &'static str) -> Answer {
    Answer::json::<T>(StatusCode::ACCEPTED, description)
}

fn workspaces() -> Vec<Route> {
    let list = reads::<WorkspaceList>("A page of workspaces.");
    let one = reads::<WorkspaceView>("The workspace.");
    let plan = reads::<PlannedWorkspace>("What would be done.");
    let plans = reads::<PlanList>("What would be done.");
    vec![
        Route::new(Method::Get, "/v1/workspaces", "listWorkspaces", list, Memory(reads::workspaces))
            .about("List workspaces", "By name, each with its status and what it uses now.")
            .asks(&[SELECTOR, LIMIT, CONTINUE]),
        Route::new(Method::Get, "/v1/workspaces/{name}", "getWorkspace", one, Memory(reads::workspace))
            .about("Get a workspace", "Its status, as its status file has it, and what it uses now.")
            .asks(&[ANY_NAME])
            .refuses(&[Kind::NotFound]),
        Route::new(
            Method::Get,
            "/v1/workspaces/{name}/plan",
            "planWorkspace",
            plan,
            Waits(|call| Box::pin(reads::plan(call))),
        )
        .about("Plan a workspace", "What would be done about it now, and why. Looks at the engine and changes nothing.")
        .asks(&[NAME])
        .refuses(LOOKS),
        Route::new(Method::Get, "/v1/plan", "plan", plans, Waits(|call| Box::pin(reads::plan_all(call))))
            .about("Plan all workspaces", "What would be done now, and why. Looks at the engine and changes nothing.")
            .refuses(LOOKS_AT_ALL),
    ]
}

/// What a look at the engine about one workspace may be refused with.
const LOOKS: &[Kind] = &[Kind::NotFound, Kind::Conflict, Kind::Unavailable, Kind::TimedOut];
const LOOKS_AT_ALL: &[Kind] = &[Kind::Conflict, Kind::Unavailable, Kind::TimedOut];

/// What a deed may be refused with.
const DEEDS: &[Kind] = LOOKS;
const DEEDS_FOR_ALL: &[Kind] = LOOKS_AT_ALL;

fn verbs() -> Vec<Route> {
    let asked = || records::<Asked>("It is recorded, and not yet done.");
    let remove =
        "Removes its document from the source, and so the workspace. Refused where the source is not a directory.";
    vec![
        Route::new(
            Method::Delete,
            "/v1/workspaces/{name}",
            "deleteWorkspace",
            asked(),
            Waits(|call| Box::pin(deeds::ask(call, Verb::Delete))),
        )
        .about("Delete a workspace", remove)
        .asks(&[NAME])
        .refuses(DEEDS),
        Route::new(
            Method::Post,
            "/v1/workspaces/{name}/start",
            "startWorkspace",
            asked(),
            Waits(|call| Box::pin(deeds::ask(call, Verb::Start))),
        )
        .about("Start a workspace", "Whatever the manifest's `state` says, until the manifest changes.")
        .asks(&[NAME])
        .refuses(DEEDS),
        Route::new(
            Method::Post,
            "/v1/workspaces/{name}/stop",
            "stopWorkspace",
            asked(),
            Waits(|call| Box::pin(deeds::ask(call, Verb::Stop))),
        )
        .about("Stop a workspace", "Whatever the manifest's `state` says, until the manifest changes.")
        .asks(&[NAME])
        .refuses(DEEDS),
        Route::new(
            Method::Post,
            "/v1/workspaces/{name}/restart",
            "restartWorkspace",
            asked(),
            Waits(|call| Box::pin(deeds::ask(call, Verb::Restart))),
        )
        .about("Restart a workspace", "Ends its run and begins another.")
        .asks(&[NAME])
        .refuses(DEEDS),
        Route::new(
            Method::Post,
            "/v1/workspaces/{name}/sync",
            "syncWorkspace",
            asked(),
            Waits(|call| Box::pin(deeds::ask(call, Verb::Sync))),
        )
        .about("Look at a workspace now", "What waits for its next attempt is tried at once.")
        .asks(&[NAME])
        .refuses(DEEDS),
        Route::new(
            Method::Post,
            "/v1/workspaces/{name}/resume",
            "resumeWorkspace",
            asked(),
            Waits(|call| Box::pin(deeds::ask(call, Verb::Resume))),
        )
        .about("Take back what was asked of a workspace", "The manifest's `state` counts again.")
        .asks(&[NAME])
        .refuses(DEEDS),
        Route::new(Method::Post, "/v1/sync", "sync", asked(), Waits(|call| Box::pin(deeds::sync_all(call))))
            .about("Look at everything now", "The source is read, and all workspaces are looked at.")
            .refuses(DEEDS_FOR_ALL),
    ]
}

fn history() -> Vec<Route> {
    let series = reads::<Series>("The history.");
    let analysis = reads::<WorkspaceAnalysis>("What the history says.");
    vec![
        Route::new(
            Method::Get,
            "/v1/workspaces/{name}/metrics",
            "workspaceMetrics",
            series,
            Waits(|call| Box::pin(reads::metrics(call))),
        )
        .about(
            "Get the history of a workspace's use of resources",
            "From the finest history that is kept that far back.",
        )
        .asks(&[NAME, METRIC, SINCE, FROM, TO, STEP])
        .refuses(LOOKS),
        Route::new(
            Method::Get,
            "/v1/workspaces/{name}/analysis",
            "workspaceAnalysis",
            analysis,
            Waits(|call| Box::pin(reads::analysis(call))),
        )
        .about("Get what a workspace's history says", "Trend, anomalies, and which limits would fit.")
        .asks(&[NAME])
        .refuses(LOOKS),
    ]
}

fn events() -> Vec<Route> {
    let page = reads::<EventPage>("A part of the log.");
    let told = Content::Events(SchemaGenerator::subschema_for::<Told>);
    let stream = Answer::of(
        StatusCode::OK,
        "Server-sent events: `event` is the kind, `id` the sequence, `data` the event as JSON. A reader that is too slow gets an event \
         `missed`.",
        told,
    );
    let upgrade = Answer::of(
        StatusCode::SWITCHING_PROTOCOLS,
        "A WebSocket on which each event is a text of JSON.",
        Content::None,
    );
    vec![
        Route::new(Method::Get, "/v1/events", "listEvents", page, Memory(reads::events))
            .about(
                "Read the event log",
                "In order of sequence. An event that happens again moves to the end and counts.",
            )
            .asks(&[WORKSPACE, KIND, AFTER, LIMIT])
            .refuses(&[Kind::Unavailable]),
        Route::new(Method::Get, "/v1/events/stream", "streamEvents", stream, Memory(streams::sse))
            .about("Follow events as server-sent events", "Goes on until the client or the controller ends it.")
            .asks(&[WORKSPACE, KIND, FROM_AFTER, LAST_EVENT_ID])
            .refuses(&[Kind::Unavailable]),
        Route::new(
            Method::Get,
            "/v1/events/ws",
            "followEvents",
            upgrade,
            Waits(|call| Box::pin(streams::websocket(call))),
        )
        .about("Follow events over a WebSocket", "The same as `/v1/events/stream`, for clients that cannot do that.")
        .asks(&[WORKSPACE, KIND, FROM_AFTER])
        .refuses(&[Kind::Unavailable, Kind::Upgrade]),
    ]
}

fn batches() -> Vec<Route> {
    let begun = records::<Batch>("The batch is recorded, and goes on by itself.")
        .with_header("Location", "Where the batch tells how far it is.");
    let list = reads::<BatchList>("The batches that are kept, newest first.");
    let one = reads::<Batch>("The batch, with the state of each of its workspaces.");
    let canceled = records::<Batch>("What has begun is finished, the rest is skipped.");
    vec![
        Route::new(Method::Post, "/v1/batches", "beginBatch", begun, Waits(|call| Box::pin(deeds::begin_batch(call))))
            .about(
                "Ask something of many workspaces",
                "A few are worked on at a time. The batch goes on after a restart.",
            )
            .takes::<BatchRequest>()
            .refuses(DEEDS),
        Route::new(Method::Get, "/v1/batches", "listBatches", list, Memory(reads::batches))
            .about("List batches", "A batch is kept for a day after its end."),
        Route::new(Method::Get, "/v1/batches/{id}", "getBatch", one, Memory(reads::batch))
            .about("Get a batch", "How far it is.")
            .asks(&[ID])
            .refuses(&[Kind::NotFound]),
        Route::new(
            Method::Delete,
            "/v1/batches/{id}",
            "cancelBatch",
            canceled,
            Waits(|call| Box::pin(deeds::cancel_batch(call))),
        )
        .about("Cancel a batch", "Nothing happens to one that has ended.")
        .asks(&[ID])
        .refuses(DEEDS),
    ]
}

fn of_sources() -> Vec<Route> {
    let list = reads::<SourceList>("The sources.");
    let one = reads::<SourceStatus>("The source.");
    let asked = records::<SourceAsked>("It is asked for, and not yet done.");
    let pushed = records::<SourceAsked>("It is believed; `message` says what comes of it.");
    let push = "For a forge's webhook, over loopback behind a server that others reach. The signature is the authority: no token is asked for, and any \
                `Host` is fine. What does not concern the branch that is followed is accepted and passed over. A message that is played again asks for \
                another look at the repository and for nothing else; a source is looked at once a second at most. Whoever has not the secret is \
                answered alike, whether or not there is such a source.";
    vec![
        Route::new(Method::Get, "/v1/sources", "listSources", list, Memory(sources::all))
            .about("List sources", "Where manifests come from, by name, and what came of them."),
        Route::new(Method::Get, "/v1/sources/{source}", "getSource", one, Memory(sources::one))
            .about("Get a source", "Where manifests come from, and what came of them.")
            .asks(&[SOURCE])
            .refuses(&[Kind::NotFound]),
        Route::new(Method::Post, "/v1/sources/{source}/sync", "syncSource", asked, Memory(sources::sync))
            .about("Look at a source now", "Once a second at most; what is asked for meanwhile is one more look.")
            .asks(&[SOURCE])
            .refuses(&[Kind::NotFound]),
        Route::new(Method::Post, "/v1/sources/{source}/push", "pushSource", pushed, Memory(sources::pushed))
            .about("Say that somebody pushed", push)
            .asks(&[SOURCE, GITHUB_SIGNATURE, GITEA_SIGNATURE, GITLAB_TOKEN, GITHUB_EVENT])
            .takes::<PushNotification>()
            .signed(),
    ]
}

fn controller() -> Vec<Route> {
    let summary = reads::<Summary>("The summary.");
    let statistics = reads::<Statistics>("The statistics.");
    let alive = Answer::of(StatusCode::OK, "It is alive.", Content::Text("text/plain; charset=utf-8"))
        .or(StatusCode::SERVICE_UNAVAILABLE, "Only a restart helps.");
    let ready =
        reads::<Readiness>("It does its work.").or(StatusCode::SERVICE_UNAVAILABLE, "It does not, and says why.");
    let exposition = Answer::of(StatusCode::OK, "The metrics.", Content::Text(reads::EXPOSITION));
    let version = reads::<Version>("The version.");
    let document = reads::<serde_json::Value>("This document.");
    vec![
        Route::new(Method::Get, "/v1/summary", "summary", summary, Memory(reads::summary))
            .about("Get all workspaces in a few numbers", "What they are, and what they use together."),
        Route::new(Method::Get, "/v1/statistics", "statistics", statistics, Memory(reads::statistics))
            .about("Get what the controller has done", "Since it was started."),
        Route::new(Method::Get, "/livez", "alive", alive, Memory(reads::alive))
            .about("Ask whether the controller is alive", "Answered without a token.")
            .open(),
        Route::new(Method::Get, "/readyz", "ready", ready, Memory(reads::ready))
            .about("Ask whether the controller does its work", "And what is in the way."),
        Route::new(Method::Get, "/metrics", "exposition", exposition, Memory(reads::exposition))
            .about("Get metrics for Prometheus", "Of the controller and of all workspaces."),
        Route::new(Method::Get, "/version", "version", version, Memory(reads::version))
            .about("Get the version", "Of the program that answers.")
            .fixed(),
        Route::new(Method::Get, "/openapi.json", "openapi", document, Memory(openapi::serve))
            .about("Get this document", "In OpenAPI 3.1.")
            .fixed(),
    ]
}
