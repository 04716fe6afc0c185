//! One request, read and checked against its row of the table.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{FromRequestParts, Query, RawPathParams};
use axum::http::request::Parts;
use axum::http::{Request, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::de::DeserializeOwned;
use tokio_util::sync::CancellationToken;

use super::control::Control;
use super::problem::{Kind, Refused};
use super::table::{Form, LONGEST, Method, Parameter, Place, Route};
use crate::model::nearest::nearest;

/// What is too long, too slow or too much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections of each listener at a time.
    pub connections: usize,
    /// Bytes of a request's body.
    pub body: usize,
    /// Bytes of a forge's message. Anybody can send one, so that as much memory as this is anybody's on each connection. Forges list up to some thousand
    /// commits with the files they touch, and GitHub caps that at 25 MB; what is larger than this is refused, and found when the source is polled.
    pub signed_body: usize,
    /// How long the head of a request may take, and how long a connection may be idle.
    pub head_time: Duration,
    /// How long the body of a request may take.
    pub body_time: Duration,
    /// How long an answer may take; a stream may go on for ever once it has begun.
    pub answer_time: Duration,
    /// How long requests under way may take after the end was asked for.
    pub drain_time: Duration,
    /// How often a stream on which nothing happens says that it is still there.
    pub keep_alive: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 256,
            body: 64 * 1024,
            signed_body: 1024 * 1024,
            head_time: Duration::from_secs(10),
            body_time: Duration::from_secs(10),
            answer_time: Duration::from_secs(30),
            drain_time: Duration::from_secs(5),
            keep_alive: Duration::from_secs(15),
        }
    }
}

/// What all requests share.
pub struct Door {
    /// Who answers.
    pub control: Arc<dyn Control>,
    /// What is too much.
    pub limits: Limits,
    /// What can be asked.
    pub routes: &'static [Route],
    /// Cancelled when the server is to end.
    pub stopping: CancellationToken,
}

/// A request whose parameters are those of its route, with its body.
pub struct Call {
    /// What all requests share.
    pub door: Arc<Door>,
    /// The row of the table.
    route: &'static Route,
    /// The values of the parameters of the path and the query.
    values: BTreeMap<&'static str, String>,
    /// Empty for a request that only reads.
    body: Bytes,
    /// Everything else.
    pub parts: Parts,
}

impl Call {
    /// Reads a request. What is not in the table is refused: a slip in a parameter's name must not be taken for its absence.
    pub async fn read(door: Arc<Door>, route: &'static Route, request: Request<Body>) -> Result<Self, Refused> {
        let (mut parts, body) = request.into_parts();
        let mut values = BTreeMap::new();
        read_path(route, &mut parts, &mut values).await?;
        read_query(route, &parts, &mut values)?;
        read_headers(route, &parts, &mut values);
        let body = match route.method {
            Method::Get => Bytes::new(),
            Method::Post | Method::Delete => read_body(route, &parts, body, &door.limits).await?,
        };
        Ok(Self { door, route, values, body, parts })
    }

    /// A parameter as text.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }

    /// A parameter as a whole number, within the bounds that the table has for it.
    pub fn number(&self, name: &str) -> Result<Option<u64>, Refused> {
        let (Some(text), Some(Form::Number(least, most))) = (self.text(name), self.form(name)) else { return Ok(None) };
        let number = text.parse().ok().filter(|number| (least..=most).contains(number));
        let wrong = || Refused::invalid(name, format!("`{name}` is a whole number from {least} to {most}"));
        number.ok_or_else(wrong).map(Some)
    }

    /// A parameter that is a list of words of the table; empty when it is not there.
    pub fn words(&self, name: &str) -> Result<Vec<&str>, Refused> {
        let (Some(text), Some(Form::Words(known))) = (self.text(name), self.form(name)) else { return Ok(Vec::new()) };
        let word = |word: &'_ str| known.iter().copied().find(|known| *known == word);
        let wrong = || Refused::invalid(name, format!("`{name}` is some of {}, separated by commas", known.join(", ")));
        text.split(',').map(|part| word(part).ok_or_else(wrong)).collect()
    }

    /// A parameter as another type.
    pub fn parsed<T: std::str::FromStr<Err: ToString>>(&self, name: &str) -> Result<Option<T>, Refused> {
        let wrong = |error: T::Err| Refused::invalid(name, error.to_string());
        self.text(name).map(|text| text.parse().map_err(wrong)).transpose()
    }

    /// A parameter of the path as another type.
    pub fn required<T: std::str::FromStr<Err: ToString>>(&self, name: &str) -> Result<T, Refused> {
        let missing = || Refused::invalid(name, format!("`{name}` is missing"));
        self.parsed(name)?.ok_or_else(missing)
    }

    /// The body as it came.
    pub fn bytes(&self) -> &[u8] {
        &self.body
    }

    /// The row of the table.
    pub const fn route(&self) -> &'static Route {
        self.route
    }

    /// The body as a type.
    pub fn document<T: DeserializeOwned>(&self) -> Result<T, Refused> {
        let wrong =
            |error: serde_json::Error| Refused::invalid("body", format!("the body is not as it should be: {error}"));
        serde_json::from_slice(&self.body).map_err(wrong)
    }

    fn form(&self, name: &str) -> Option<Form> {
        self.route.parameters.iter().find(|parameter| parameter.name == name).map(|parameter| parameter.form)
    }
}

fn declared(route: &'static Route, place: Place) -> impl Iterator<Item = &'static Parameter> {
    route.parameters.iter().filter(move |parameter| parameter.place == place)
}

async fn read_path(
    route: &'static Route,
    parts: &mut Parts,
    values: &mut BTreeMap<&'static str, String>,
) -> Result<(), Refused> {
    let wrong = || Kind::Invalid.problem("the path is not UTF-8", "encode names in the path as UTF-8, in percent form");
    let path = RawPathParams::from_request_parts(parts, &()).await.map_err(|_| wrong())?;
    for parameter in declared(route, Place::Path) {
        let found = path.iter().find(|(name, _)| *name == parameter.name);
        values.extend(found.map(|(_, value)| (parameter.name, value.to_owned())));
    }
    Ok(())
}

fn read_query(
    route: &'static Route,
    parts: &Parts,
    values: &mut BTreeMap<&'static str, String>,
) -> Result<(), Refused> {
    let wrong = || Kind::Invalid.problem("the query cannot be read", "write it as `?name=value&name=value`, in UTF-8");
    let Query(query) = Query::<Vec<(String, String)>>::try_from_uri(&parts.uri).map_err(|_| wrong())?;
    for (name, value) in query {
        let Some(parameter) = declared(route, Place::Query).find(|parameter| parameter.name == name) else {
            return Err(unknown(route, &name));
        };
        if value.is_empty() || value.chars().count() > LONGEST {
            return Err(Refused::invalid(&name, format!("`{name}` has from 1 to {LONGEST} characters")));
        }
        if values.insert(parameter.name, value).is_some() {
            return Err(Refused::invalid(&name, format!("`{name}` is there twice: say it once")));
        }
    }
    Ok(())
}

fn unknown(route: &'static Route, name: &str) -> Refused {
    let known: Vec<_> = declared(route, Place::Query).map(|parameter| parameter.name).collect();
    let meant = match nearest(name, known.iter().copied()) {
        Some(nearest) => format!("; did you mean `{nearest}`?"),
        None if known.is_empty() => "; there are none here".to_owned(),
        None => format!("; there are: {}", known.join(", ")),
    };
    let shown: String = name.chars().take(80).flat_map(char::escape_debug).collect();
    Refused::invalid(&shown, format!("there is no parameter `{shown}`{meant}"))
}

/// A header that is not readable is as good as none: what is read from headers comes from programs that repeat what they were told.
fn read_headers(route: &'static Route, parts: &Parts, values: &mut BTreeMap<&'static str, String>) {
    for parameter in declared(route, Place::Header) {
        let value = parts.headers.get(parameter.name).and_then(|value| value.to_str().ok());
        let value = value.filter(|value| !value.is_empty());
        values.extend(value.map(|value| (parameter.name, value.to_owned())));
    }
}

/// The body in whole, within the limits. Its type is looked at first: nothing is read of what is not wanted.
async fn read_body(route: &Route, parts: &Parts, body: Body, limits: &Limits) -> Result<Bytes, Refused> {
    let content_type = parts.headers.get(header::CONTENT_TYPE).map(|value| value.to_str().unwrap_or_default());
    if !content_type.map_or(route.body.is_none(), is_json) {
        let help = if route.signed {
            "set the content type of the forge's webhook to `application/json`"
        } else {
            "send it with `Content-Type: application/json`"
        };
        return Err(Kind::MediaType.problem("only JSON is understood", help));
    }
    let limit = if route.signed { limits.signed_body } else { limits.body };
    let too_large = || {
        let help = if route.signed {
            "nothing is lost: the source is polled all the same; let the forge send push events only"
        } else {
            "ask for less at a time"
        };
        Kind::TooLarge.problem(format!("the body is longer than {} KiB", limit / 1024), help)
    };
    let announced = parts.headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    if announced.is_some_and(|length: u64| length > limit as u64) {
        return Err(too_large());
    }
    let read = tokio::time::timeout(limits.body_time, Limited::new(body, limit).collect()).await;
    let slow = |_| {
        let limit = limits.body_time.as_secs_f64();
        Kind::TooSlow.problem(format!("the body did not arrive within {limit} s"), "send it at once")
    };
    let bytes = read.map_err(slow)?.map_err(|error| {
        if error.is::<LengthLimitError>() {
            return too_large();
        }
        Kind::Invalid.problem("the body ended early", "send it whole")
    })?;
    let bytes = bytes.to_bytes();
    if route.body.is_none() && !bytes.is_empty() {
        return Err(Refused::invalid("body", "this takes no body: what is asked for is in the path"));
    }
    Ok(bytes)
}

fn is_json(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/json")
}
