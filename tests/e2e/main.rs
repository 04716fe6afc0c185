//! What users are promised, on the real engine and through the compiled program: manifests in, containers and status files out.
//!
//! Each test has a source directory, an instance and a name prefix of its own, see [`support::world::World`].

mod adopt;
mod batch;
mod counts;
mod crash;
mod drift;
mod engine;
mod exec;
mod follow;
mod gc;
mod gitops;
mod guard;
mod image;
mod inside;
mod logs;
mod once;
mod registry;
mod secrets;
mod shutdown;
mod two;

#[path = "../support/mod.rs"]
mod support;

use support::{manifest, terminal, world};
