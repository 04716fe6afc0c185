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
mod follow;
mod openapi;
mod problem;
mod reads;
mod refusal;
mod router;
mod routes;
mod server;
mod socket;
mod sources;
mod sse;
mod streams;
mod table;
mod wire;

pub use access::{Token, TokenError};
pub use account::{Caller, Outcome, Requested};
pub use call::Limits;
pub use control::{Control, EventQuery, Heard, SeriesQuery};
pub use openapi::openapi;
pub use problem::Problem;
pub use refusal::{Refusal, Thing};
pub use server::{Listeners, ServeError, Server, serve};
pub use wire::{
    Asked, BatchList, EventPage, Missed, PlanList, PlannedAction, PlannedWorkspace, PushNotification, Readiness,
    SourceAsked, SourceList, Told, Version, WorkspaceAnalysis, WorkspaceList, WorkspaceView,
};
