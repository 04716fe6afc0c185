//! The forms of answers.

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use serde::Serialize;

use super::problem::Kind;
use super::table::Outcome;

/// JSON of a value.
pub fn json<T: Serialize>(status: StatusCode, value: &T) -> Outcome {
    let text = serde_json::to_vec(value).map_err(|error| {
        tracing::error!(%error, "an answer has no JSON form");
        Kind::Internal.problem("the answer has no JSON form", "this is a defect of Wharf: report it")
    })?;
    Ok(with_type(status, "application/json", Body::from(text)))
}

/// JSON of a value, and all is well.
pub fn ok<T: Serialize>(value: &T) -> Outcome {
    json(StatusCode::OK, value)
}

/// JSON of a value: recorded, and not yet done.
pub fn accepted<T: Serialize>(value: &T) -> Outcome {
    json(StatusCode::ACCEPTED, value)
}

/// Anything with a content type.
pub fn with_type(status: StatusCode, content_type: &'static str, body: Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// Nothing of the API is kept by anybody: it says what is true now.
pub fn uncached(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}
