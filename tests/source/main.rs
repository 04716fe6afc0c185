//! The source on the real file system: what it reports, when it says to look, and that it never calls absent what it could
//! not read.

#![allow(clippy::unwrap_used, reason = "a helper of a test fails the test")]

mod directory;
mod following;
mod limits;
mod saving;
mod support;
