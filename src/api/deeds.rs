//! What is asked for. An answer says that it is recorded, not that it is done.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;

use super::account::Detail;
use super::answer::{accepted, json};
use super::call::Call;
use super::problem::{Kind, Refused};
use super::table::Outcome;
use crate::model::batch::{Batch, BatchRequest, Verb};
use crate::model::name::{InvalidName, Name};
use crate::model::selector::{InvalidSelector, Selector};

/// `POST /v1/workspaces/{name}/{verb}` and `DELETE /v1/workspaces/{name}`
pub async fn ask(call: Call, verb: Verb) -> Outcome {
    let name = call.required("name")?;
    let asked = call.door.control.ask(verb, name).await?;
    tracing::info!(workspace = asked.workspace.as_ref().map(tracing::field::display), %verb, "asked through the API");
    accepted(&asked)
}

/// `POST /v1/sync`
pub async fn sync_all(call: Call) -> Outcome {
    let asked = call.door.control.sync_all().await?;
    tracing::info!(verb = %Verb::Sync, "asked through the API for all workspaces");
    accepted(&asked)
}

/// `POST /v1/batches`
pub async fn begin_batch(call: Call) -> Outcome {
    let request: BatchRequest = call.document()?;
    check(&request)?;
    let batch = call.door.control.begin_batch(request).await?;
    tracing::info!(batch = batch.id, verb = %batch.verb, workspaces = batch.items.len(), "a batch was asked for through the API");
    let mut response = accepted(&batch)?;
    locate(&mut response, &batch)?;
    let detail = format!("{} of {} workspaces, batch {}", batch.verb, batch.items.len(), batch.id);
    response.extensions_mut().insert(Detail(detail));
    Ok(response)
}

fn locate(response: &mut Response, batch: &Batch) -> Result<(), Refused> {
    let unfit =
        |_| Kind::Internal.problem("the batch has an id that fits no address", "this is a defect of Wharf: report it");
    let location = HeaderValue::try_from(format!("/v1/batches/{}", batch.id)).map_err(unfit)?;
    response.headers_mut().insert(header::LOCATION, location);
    Ok(())
}

/// What the schema says of a request for a batch, and that it says once which workspaces are meant.
fn check(request: &BatchRequest) -> Result<(), Refused> {
    let ways = [!request.names.is_empty(), request.selector.is_some(), request.all];
    if ways.into_iter().filter(|way| *way).count() != 1 {
        return Err(Refused::invalid(
            "names",
            "say which workspaces with exactly one of `names`, `selector` and `all`",
        ));
    }
    if request.names.len() > BatchRequest::MOST_NAMES {
        let detail = format!("at most {} names fit: use `selector` or `all`", BatchRequest::MOST_NAMES);
        return Err(Refused::invalid("names", detail));
    }
    if request.parallelism.is_some_and(|parallelism| !(1..=64).contains(&parallelism)) {
        return Err(Refused::invalid("parallelism", "from 1 to 64 workspaces are worked on at once"));
    }
    for name in &request.names {
        let wrong = |error: InvalidName| Refused::invalid("names", error.to_string());
        name.parse::<Name>().map_err(wrong)?;
    }
    let wrong = |error: InvalidSelector| Refused::invalid("selector", error.to_string());
    request.selector.as_ref().map_or(Ok(()), |selector| selector.parse::<Selector>().map(drop).map_err(wrong))
}

/// `DELETE /v1/batches/{id}`
pub async fn cancel_batch(call: Call) -> Outcome {
    let id: String = call.required("id")?;
    let batch = call.door.control.cancel_batch(id).await?;
    tracing::info!(batch = batch.id, "the end of a batch was asked for through the API");
    json(StatusCode::ACCEPTED, &batch)
}
