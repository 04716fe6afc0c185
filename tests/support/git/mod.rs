//! Repositories, and servers that they are fetched from and pushed to.

#![allow(clippy::unwrap_used, reason = "a helper of a test fails the test")]

pub mod https;
pub mod remote;
pub mod ssh;
