//! What a route is: the one description that the router and the OpenAPI document are both made from.

use axum::http::StatusCode;
use axum::response::Response;
use futures_util::future::BoxFuture;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Value, json};

use super::call::Call;
use super::problem::{Kind, Refused};

/// What a handler comes to.
pub type Outcome = Result<Response, Refused>;

/// What answers a request.
#[derive(Clone, Copy)]
pub enum Handler {
    /// From memory, at once.
    Memory(fn(&Call) -> Outcome),
    /// After something that takes its time.
    Waits(fn(Call) -> BoxFuture<'static, Outcome>),
}

impl Handler {
    /// Answers.
    pub async fn answer(self, call: Call) -> Outcome {
        match self {
            Self::Memory(handler) => handler(&call),
            Self::Waits(handler) => handler(call).await,
        }
    }
}

/// The methods there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Reads, and changes nothing.
    Get,
    /// Asks for something.
    Post,
    /// Asks for the end of something.
    Delete,
}

impl Method {
    /// As in OpenAPI; in HTTP it is in capitals.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::Post => "post",
            Self::Delete => "delete",
        }
    }
}

/// One method of one path.
pub struct Route {
    /// The method.
    pub method: Method,
    /// The path, with `{name}` for its parameters, as both axum and OpenAPI write it.
    pub path: &'static str,
    /// `operationId` of the document.
    pub id: &'static str,
    /// One line for people.
    pub summary: &'static str,
    /// More for people.
    pub description: &'static str,
    /// Everything that may be asked with it.
    pub parameters: &'static [Parameter],
    /// The form of its body, where it takes one.
    pub body: Option<fn(&mut SchemaGenerator) -> Schema>,
    /// Its answer when all is well.
    pub answer: Answer,
    /// What it may answer besides, see [`Route::problems`].
    refusals: &'static [Kind],
    /// Whether it is answered without a token.
    pub open: bool,
    /// Whether its message proves by itself who sent it, see [`Route::signed`].
    pub signed: bool,
    /// Whether it asks the controller anything.
    fixed: bool,
    /// What answers it.
    pub handler: Handler,
}

/// The answer of a route when all is well.
pub struct Answer {
    /// The status code.
    pub status: StatusCode,
    /// What it says.
    pub description: &'static str,
    /// In which form.
    pub content: Content,
    /// Another status code with the same content.
    pub otherwise: Option<(StatusCode, &'static str)>,
    /// A header of it, and what it says.
    pub header: Option<(&'static str, &'static str)>,
}

/// The form of an answer.
pub enum Content {
    /// JSON of a type.
    Json(fn(&mut SchemaGenerator) -> Schema),
    /// Text with this content type.
    Text(&'static str),
    /// Server-sent events, each with JSON of a type.
    Events(fn(&mut SchemaGenerator) -> Schema),
    /// Another protocol.
    None,
}

/// Something that may be asked for with a route.
#[derive(Clone, Copy, Debug)]
pub struct Parameter {
    /// As in the path or the query.
    pub name: &'static str,
    /// Where it is.
    pub place: Place,
    /// What it means.
    pub description: &'static str,
    /// What it may be.
    pub form: Form,
}

/// Where a parameter is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// A part of the path; always there.
    Path,
    /// In the query; never required.
    Query,
    /// A header; never required.
    Header,
}

/// What a parameter may be.
#[derive(Clone, Copy, Debug)]
pub enum Form {
    /// A whole number between two.
    Number(u64, u64),
    /// Any text.
    Any,
    /// A text whose form a regular expression describes; who reads it decides.
    Text(&'static str),
    /// Some of these words, separated by commas.
    Words(&'static [&'static str]),
}

impl Form {
    /// As JSON Schema.
    pub fn schema(self) -> Value {
        match self {
            Self::Number(least, most) => json!({"type": "integer", "minimum": least, "maximum": most}),
            Self::Any => json!({"type": "string", "minLength": 1, "maxLength": LONGEST}),
            Self::Text(pattern) => json!({"type": "string", "pattern": pattern, "minLength": 1, "maxLength": LONGEST}),
            Self::Words(words) => {
                json!({"type": "array", "items": {"type": "string", "enum": words}, "minItems": 1, "maxItems": 16})
            }
        }
    }
}

/// Characters of a parameter, at most.
pub const LONGEST: usize = 512;

impl Parameter {
    /// Of a path.
    pub const fn path(name: &'static str, form: Form, description: &'static str) -> Self {
        Self { name, place: Place::Path, description, form }
    }

    /// Of a query.
    pub const fn query(name: &'static str, form: Form, description: &'static str) -> Self {
        Self { name, place: Place::Query, description, form }
    }

    /// Of a header.
    pub const fn header(name: &'static str, form: Form, description: &'static str) -> Self {
        Self { name, place: Place::Header, description, form }
    }
}

impl Answer {
    /// JSON of a type.
    pub fn json<T: JsonSchema>(status: StatusCode, description: &'static str) -> Self {
        Self::of(status, description, Content::Json(SchemaGenerator::subschema_for::<T>))
    }

    /// In another form.
    pub const fn of(status: StatusCode, description: &'static str, content: Content) -> Self {
        Self { status, description, content, otherwise: None, header: None }
    }

    /// With a header that is always there.
    pub const fn with_header(self, name: &'static str, description: &'static str) -> Self {
        Self { header: Some((name, description)), ..self }
    }

    /// With another status code for the same content.
    pub const fn or(self, status: StatusCode, description: &'static str) -> Self {
        Self { otherwise: Some((status, description)), ..self }
    }
}

impl Route {
    /// A route that asks the controller, for those with a token, and takes no body.
    pub fn new(method: Method, path: &'static str, id: &'static str, answer: Answer, handler: Handler) -> Self {
        let texts = ("", "");
        Self {
            method,
            path,
            id,
            summary: texts.0,
            description: texts.1,
            parameters: &[],
            body: None,
            answer,
            refusals: &[],
            open: false,
            signed: false,
            fixed: false,
            handler,
        }
    }

    /// With texts for people.
    #[must_use]
    pub const fn about(self, summary: &'static str, description: &'static str) -> Self {
        Self { summary, description, ..self }
    }

    /// With parameters.
    #[must_use]
    pub const fn asks(self, parameters: &'static [Parameter]) -> Self {
        Self { parameters, ..self }
    }

    /// With a body.
    #[must_use]
    pub fn takes<T: JsonSchema>(self) -> Self {
        Self { body: Some(SchemaGenerator::subschema_for::<T>), ..self }
    }

    /// With what may be refused.
    #[must_use]
    pub const fn refuses(self, refusals: &'static [Kind]) -> Self {
        Self { refusals, ..self }
    }

    /// Answered without a token.
    #[must_use]
    pub const fn open(self) -> Self {
        Self { open: true, ..self }
    }

    /// For messages that prove by themselves who sent them: they need no token, and come for whatever host, because a server in front of this one is
    /// what others know. They may be longer than others.
    #[must_use]
    pub const fn signed(self) -> Self {
        Self { open: true, signed: true, ..self }
    }

    /// Whether it is for requests with this method for this path.
    pub fn is_for(&self, method: &str, path: &str) -> bool {
        let is_named = |part: &str| part.starts_with('{');
        let mut parts = self.path.split('/').zip(path.split('/'));
        let fits = parts.all(|(own, part)| own == part || is_named(own) && !part.is_empty());
        let as_long = self.path.split('/').count() == path.split('/').count();
        method.eq_ignore_ascii_case(self.method.as_str()) && fits && as_long
    }

    /// The same answer always, without asking the controller.
    #[must_use]
    pub const fn fixed(self) -> Self {
        Self { fixed: true, ..self }
    }

    /// Every problem that it may answer with.
    pub fn problems(&self) -> Vec<Kind> {
        let mut problems = vec![Kind::Invalid];
        if !self.open {
            problems.push(Kind::Unauthorized);
        }
        problems.push(Kind::Forbidden);
        if self.method != Method::Get {
            problems.extend([Kind::TooSlow, Kind::TooLarge, Kind::MediaType]);
        }
        if !self.fixed {
            problems.push(Kind::Internal);
        }
        problems.push(Kind::Busy);
        problems.extend(self.refusals);
        problems
    }
}
