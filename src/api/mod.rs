//! The control API: HTTP over a unix socket and, if wanted, over loopback.
//!
//! [`Control`] is what the API needs of a running controller; whoever runs one implements it. Nothing here knows the store or the engine.
//!
//! ```text
//!   socket / server   a connection: whose, how many, how slow
//!        │
//!   access            over loopback: the token, `Host`, `Origin`; or a signature of its own
//!        │
//!   router ◄── routes: one table ──► openapi
//!        │
//!   call              parameters and body against the row of the table
//!        │
//!   reads, deeds, streams, sources ──► Control ◄── account: who asked for what
//! ```
//!
//! What goes wrong on the way is a problem document with the next step in it.

mod access;
mod account;
mod answer;
mod call;
pub mod client;
mod control;
mod deeds;
mod error;
mod follow;
mod header;
mod openapi;
mod problem;
mod reads;
mod refusal;
mod requested;
mod router;
mod routes;
mod seat;
mod server;
mod socket;
mod sources;
mod sse;
mod streams;
mod table;
mod wire;

pub use access::{Token, TokenError};
pub use call::Limits;
pub use control::{Control, EventQuery, Heard, SeriesQuery};
pub use error::ServeError;
pub use problem::Problem;
pub use refusal::{Refusal, Thing};
pub use requested::{Caller, Outcome, Requested};
pub use server::{Listeners, Server, serve};
pub use wire::{
    Asked, BatchList, EventPage, Missed, PlanList, PlannedAction, PlannedWorkspace, PushNotification, Readiness,
    SourceAsked, SourceList, Told, Version, WorkspaceAnalysis, WorkspaceList, WorkspaceView,
};

/// The OpenAPI 3.1 document of the API.
pub fn openapi() -> serde_json::Value {
    openapi::document(&routes::ROUTES)
}
