//! Deciding: from what is declared and what was observed to ordered actions and to a status. Pure: no runtime, no clock,
//! no files; time and chance are inputs, so that every decision can be written down as a test case.

pub mod action;
mod cast;
pub mod compile;
mod decide;
pub mod dependencies;
pub mod guard;
pub mod invariants;
pub mod leftovers;
mod names;
pub mod situation;
pub mod status;
mod vacate;

pub use action::{Action, Cause, Step, Target};
pub use compile::{Origin, Scope, Subject};
pub use decide::plan;
pub use situation::{
    Asked, Blocked, Denied, Goal, Hold, Image, Observed, Plan, ProjectDir, Restart, Retry, SecretsSeen, Situation,
};
pub use status::{Acceptance, Reach, View, status};
