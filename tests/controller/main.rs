//! The whole controller on the simulated engine: what users are promised, in virtual time.

mod counts;
mod delete;
mod deletions;
mod depends;
mod drift;
mod engine_away;
mod groups;
mod lifecycle;
mod networks;
mod once;
mod ownership;
mod panic;
mod recovery;
mod replace;
mod retries;
mod rig;
mod source;
mod suspend_archive;
