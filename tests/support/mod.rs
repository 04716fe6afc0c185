//! Helpers that several test programs share: manifests and a source directory, a small
//! image and clean-up on a real engine, engines, registries and git servers of their own, and proxies in front of the first two.

#![allow(dead_code, reason = "each test program uses its own part")]

pub mod gate;
pub mod git;
pub mod manifest;
pub mod private;
pub mod proxy;
pub mod real;
pub mod registry;
pub mod small_disk;
pub mod stream;
pub mod tell;
pub mod terminal;
pub mod world;
