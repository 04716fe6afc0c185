//! The git source on the real `git`, with real servers: what comes into force, what stays in force, and that nothing of a
//! hostile repository is run or written.

#![allow(clippy::unwrap_used, reason = "a helper of a test fails the test")]

mod basics;
mod faults;
mod growth;
mod hostile;
mod https;
mod killed;
mod links;
mod options;
mod publish;
mod rig;
mod signed;
mod ssh;

#[path = "../support/mod.rs"]
mod support;
