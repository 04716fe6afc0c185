//! What every engine keeps: one set of bodies, run on each implementation of [`wharf::engine::Engine`].
//!
//! A simulated engine that nobody compares with a real one proves nothing: what a body here asserts has been seen on both.

mod bench;
mod console;
mod containers;
mod docker;
mod during;
mod events;
mod images;
mod lifecycle;
mod networks;
mod simulated;
mod stats;
mod story;
mod suite;
mod survey;
mod volumes;

#[path = "../common/cases.rs"]
mod cases;
#[path = "../support/mod.rs"]
mod support;
