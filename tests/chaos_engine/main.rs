//! What engines, registries and disks do on bad days, done to real ones: each test injects one row of the table of faults and
//! looks on from the engine's side all the while, see [`trial::Trial`].
//!
//! `./tests/chaos` runs all of it at full size and prints what was measured.

mod deaths;
mod disk;
mod events;
mod frozen;
mod killed;
mod odd;
mod project;
mod registry;
mod replies;
mod slow;
mod taken;
mod trial;
mod watch;

#[path = "../support/mod.rs"]
mod support;

use support::{manifest, world};
