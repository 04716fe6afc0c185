//! The resource monitor on the simulated engine, on files and on the real engine; and the history that is kept of what it reads.

mod history;
mod kills;
mod real;
mod stage;
mod watching;

#[path = "../support/mod.rs"]
mod support;
