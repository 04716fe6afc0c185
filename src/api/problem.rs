//! Problem documents (RFC 9457): every answer that is not the one that was asked for.

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::refusal::{Refusal, Thing};

/// The content type of problem documents.
pub const CONTENT_TYPE: &str = "application/problem+json";

/// Why a request was not met, in the form of RFC 9457.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Problem {
    /// The kind of problem for programs: `urn:wharf:problem:` and a word.
    #[serde(rename = "type")]
    pub kind: String,
    /// The kind of problem for people.
    pub title: String,
    /// The status code of the answer.
    pub status: u16,
    /// What is wrong this time.
    pub detail: String,
    /// The next step.
    pub help: String,
    /// The field or parameter that is wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// The name that was probably meant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nearest: Option<String>,
}

impl std::fmt::Display for Problem {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.detail)
    }
}

/// The kinds of problems: their status codes, words and titles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A parameter, a name or a body is not as it should be.
    Invalid,
    /// Without the token, or with another one.
    Unauthorized,
    /// From a page of another site, or by another user.
    Forbidden,
    /// There is no such workspace, batch or source.
    NotFound,
    /// There is nothing at this path.
    NoRoute,
    /// There is something at this path, and not for this method.
    Method,
    /// The request took too long to arrive.
    TooSlow,
    /// It cannot be done as things are.
    Conflict,
    /// The body is too long.
    TooLarge,
    /// The body is not JSON.
    MediaType,
    /// The route is for WebSockets.
    Upgrade,
    /// A defect of Wharf.
    Internal,
    /// It cannot be done now.
    Unavailable,
    /// There are too many connections.
    Busy,
    /// The answer took too long.
    TimedOut,
}

impl Kind {
    /// The status code of its answers.
    pub const fn status(self) -> StatusCode {
        match self {
            Self::Invalid => StatusCode::BAD_REQUEST,
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::Forbidden => StatusCode::FORBIDDEN,
            Self::NotFound | Self::NoRoute => StatusCode::NOT_FOUND,
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::Conflict => StatusCode::CONFLICT,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::MediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Upgrade => StatusCode::UPGRADE_REQUIRED,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Unavailable | Self::Busy => StatusCode::SERVICE_UNAVAILABLE,
            Self::TimedOut => StatusCode::GATEWAY_TIMEOUT,
        }
    }

    const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Invalid => ("invalid", "The request is not valid"),
            Self::Unauthorized => ("unauthorized", "A valid token is needed"),
            Self::Forbidden => ("forbidden", "The request is not allowed from there"),
            Self::NotFound => ("not-found", "There is no such thing"),
            Self::NoRoute => ("no-route", "There is nothing at this path"),
            Self::Method => ("method", "The method is not for this path"),
            Self::TooSlow => ("too-slow", "The request took too long to arrive"),
            Self::Conflict => ("conflict", "It cannot be done as things are"),
            Self::TooLarge => ("too-large", "The body is too long"),
            Self::MediaType => ("media-type", "The body is not JSON"),
            Self::Upgrade => ("upgrade", "The path is for WebSockets"),
            Self::Internal => ("internal", "A defect of Wharf"),
            Self::Unavailable => ("unavailable", "It cannot be done now"),
            Self::Busy => ("busy", "There are too many connections"),
            Self::TimedOut => ("timed-out", "The answer took too long"),
        }
    }

    /// The kind for programs.
    pub const fn word(self) -> &'static str {
        self.words().0
    }

    /// The kind for people.
    pub const fn title(self) -> &'static str {
        self.words().1
    }

    /// The header that such an answer has besides, where it has one that does not depend on the route.
    pub const fn header(self) -> Option<(HeaderName, HeaderValue)> {
        match self {
            Self::Unauthorized => Some((header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))),
            Self::Upgrade => Some((header::UPGRADE, HeaderValue::from_static("websocket"))),
            Self::Unavailable | Self::Busy => Some((header::RETRY_AFTER, HeaderValue::from_static("1"))),
            _ => None,
        }
    }

    /// A problem of this kind.
    pub fn problem(self, detail: impl Into<String>, help: impl Into<String>) -> Refused {
        let (word, title) = self.words();
        Refused {
            kind: self,
            document: Box::new(Problem {
                kind: format!("urn:wharf:problem:{word}"),
                title: title.to_owned(),
                status: self.status().as_u16(),
                detail: detail.into(),
                help: help.into(),
                field: None,
                nearest: None,
            }),
        }
    }
}

/// A problem on its way to the client.
#[derive(Clone, Debug)]
pub struct Refused {
    kind: Kind,
    document: Box<Problem>,
}

impl Refused {
    /// A parameter or a field that is wrong.
    pub fn invalid(field: &str, detail: impl Into<String>) -> Self {
        let mut refused = Kind::Invalid.problem(detail, "`/openapi.json` describes every parameter and field");
        refused.document.field = Some(field.to_owned());
        refused
    }
}

impl Refused {
    /// Why, without what a client may have sent as a value: that can be anything.
    pub fn reason(&self) -> &str {
        if self.kind == Kind::Invalid { &self.document.title } else { &self.document.detail }
    }
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        let detail = refusal.to_string();
        match refusal {
            Refusal::NotFound { what, nearest, .. } => {
                let list = match what {
                    Thing::Workspace => "`GET /v1/workspaces` lists the workspaces there are",
                    Thing::Batch => "`GET /v1/batches` lists the batches that are kept",
                    Thing::Source => "`GET /v1/sources` lists the sources there are",
                };
                let help = nearest.as_ref().map_or(list.to_owned(), |name| format!("did you mean `{name}`?"));
                let mut refused = Kind::NotFound.problem(detail, help);
                refused.document.nearest = nearest;
                refused
            }
            Refusal::Conflict { help, .. } => Kind::Conflict.problem(detail, help),
            Refusal::Invalid { field, .. } => Self::invalid(&field, detail),
            Refusal::Unavailable { help, .. } => Kind::Unavailable.problem(detail, help),
            Refusal::Internal { .. } => {
                Kind::Internal.problem(detail, "the controller's log says more; try again, and report it if it stays")
            }
        }
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        // A struct of texts and a number always has a JSON form.
        let text = serde_json::to_vec(&self.document).unwrap_or_default();
        let mut response = Response::new(Body::from(text));
        *response.status_mut() = self.kind.status();
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(CONTENT_TYPE));
        if let Some((name, value)) = self.kind.header() {
            response.headers_mut().insert(name, value);
        }
        response
    }
}
