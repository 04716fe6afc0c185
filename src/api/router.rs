//! The table of routes as something that answers requests.

use std::any::Any;
use std::collections::BTreeMap;
use std::future::ready;
use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderValue, header};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodFilter, MethodRouter};
use tower_http::catch_panic::CatchPanicLayer;

use super::access::Guard;
use super::account::Account;
use super::answer::uncached;
use super::call::{Call, Door};
use super::problem::{Kind, Refused};
use super::table::{Method, Outcome, Route};

/// The router of one listener. `guard` says who may ask; without one everybody who got here may.
pub fn router(door: &Arc<Door>, guard: Option<Arc<Guard>>) -> Router {
    let mut paths: BTreeMap<&str, (MethodRouter, Vec<&str>)> = BTreeMap::new();
    for route in door.routes {
        let door = Arc::clone(door);
        let handler = move |request: Request| answer(Arc::clone(&door), route, request);
        let (methods, names) = paths.entry(route.path).or_default();
        *methods = std::mem::take(methods).on(filter(route.method), handler);
        names.extend(allowed(route.method));
    }
    let mut router = Router::new();
    for (path, (methods, names)) in paths {
        let allow = names.join(", ");
        router = router.route(path, methods.fallback(move |request: Request| ready(wrong_method(&request, &allow))));
    }
    let checked = from_fn(move |request: Request, next: Next| admit(guard.clone(), request, next));
    router
        .fallback(|request: Request| ready(no_route(&request)))
        .layer(checked)
        .layer(CatchPanicLayer::custom(panicked))
}

const fn filter(method: Method) -> MethodFilter {
    match method {
        Method::Get => MethodFilter::GET,
        Method::Post => MethodFilter::POST,
        Method::Delete => MethodFilter::DELETE,
    }
}

/// What can be asked with, in the form of HTTP: what can be read can be asked for without its content.
const fn allowed(method: Method) -> &'static [&'static str] {
    match method {
        Method::Get => &["GET", "HEAD"],
        Method::Post => &["POST"],
        Method::Delete => &["DELETE"],
    }
}

async fn admit(guard: Option<Arc<Guard>>, request: Request, next: Next) -> Response {
    let began = Instant::now();
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let refused = guard.and_then(|guard| guard.refusal(&request));
    let response = match refused {
        Some(refused) => refused.into_response(),
        None => next.run(request).await,
    };
    let status = response.status().as_u16();
    tracing::debug!(%method, path, status, took = ?began.elapsed(), "answered");
    uncached(response)
}

/// Runs a handler, for as long as an answer may take.
async fn answer(door: Arc<Door>, route: &'static Route, request: Request) -> Response {
    let outcome = async {
        let limit = door.limits.answer_time;
        let call = Call::read(door, route, request).await?;
        let account = Account::of(&call);
        let late = |_| {
            let detail = format!("there was no answer within {} s", limit.as_secs_f64());
            Kind::TimedOut
                .problem(detail, "it may still be done: look at the workspace or the batch before you ask again")
        };
        let outcome = tokio::time::timeout(limit, route.handler.answer(call)).await.map_err(late).flatten();
        account.end(&outcome);
        outcome
    };
    let outcome: Outcome = outcome.await;
    outcome.unwrap_or_else(IntoResponse::into_response)
}

fn wrong_method(request: &Request, allow: &str) -> Response {
    let detail = format!("{} is not for {}", shown(request.method().as_str()), shown(request.uri().path()));
    let mut response = Kind::Method.problem(detail, format!("use {allow}")).into_response();
    if let Ok(allow) = HeaderValue::try_from(allow) {
        response.headers_mut().insert(header::ALLOW, allow);
    }
    response
}

fn no_route(request: &Request) -> Refused {
    let detail = format!("there is nothing at {}", shown(request.uri().path()));
    Kind::NoRoute.problem(detail, "`/openapi.json` lists the paths there are")
}

fn shown(text: &str) -> String {
    text.chars().take(80).flat_map(char::escape_debug).collect()
}

/// What a panic says may hold anything, so the client is not told.
#[expect(clippy::needless_pass_by_value, reason = "the layer gives it away")]
fn panicked(panic: Box<dyn Any + Send>) -> Response<Body> {
    let text = panic.downcast_ref::<&str>().copied().map(str::to_owned);
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
    tracing::error!(panic = text, "a request of the API met a defect");
    let help = "the controller goes on; its log has the panic: report it";
    uncached(Kind::Internal.problem("Wharf met a defect while it answered", help).into_response())
}
