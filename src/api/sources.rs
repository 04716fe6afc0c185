//! Where manifests come from: reading that, and asking for a look.

use super::answer::{accepted, ok};
use super::call::Call;
use super::header::one as once;
use super::problem::{Kind, Refused};
use super::refusal::Refusal;
use super::table::Outcome;
use super::wire::SourceList;
use crate::model::name::Name;
use crate::push::{Delivery, Disbelief};

/// `GET /v1/sources`
pub fn all(call: &Call) -> Outcome {
    ok(&SourceList { items: call.door.control.sources() })
}

/// `GET /v1/sources/{source}`
pub fn one(call: &Call) -> Outcome {
    let name: Name = call.required("source")?;
    let control = &call.door.control;
    let unknown = || {
        let all = control.sources();
        Refusal::no_source(name.as_str(), all.iter().map(|source| source.name.as_str()))
    };
    ok(&control.source(name.as_str()).ok_or_else(unknown)?)
}

/// `POST /v1/sources/{source}/sync`
pub fn sync(call: &Call) -> Outcome {
    let name: Name = call.required("source")?;
    let asked = call.door.control.sync_source(name.as_str())?;
    tracing::info!(source = asked.source, "a look at a source was asked for through the API");
    accepted(&asked)
}

/// `POST /v1/sources/{source}/push`
pub fn pushed(call: &Call) -> Outcome {
    let name = call.text("source").unwrap_or_default();
    let header = |name: &str| once(&call.parts.headers, &name.parse().ok()?);
    let delivery = Delivery::new(header, call.bytes());
    let asked = call.door.control.pushed(name, &delivery).map_err(disbelieved)?;
    tracing::debug!(source = asked.source, "a forge says: {}", asked.message);
    accepted(&asked)
}

fn disbelieved(why: Disbelief) -> Refused {
    let detail = why.to_string();
    match why {
        Disbelief::NotProven => {
            let help = "check the webhook's address, and that its secret is the text of the file that the source names";
            Kind::Forbidden.problem(detail, help)
        }
        Disbelief::Unreadable => Refused::invalid("body", detail),
    }
}
