//! The whole controller on the simulated engine: what users are promised, in virtual time.

mod counts;
mod delete;
mod deletions;
mod depends;
mod drift;
mod engine_away;
mod groups;
mod lifecycle;
mod measured;
mod networks;
mod news;
mod once;
mod ownership;
mod panic;
mod policies;
mod recovery;
mod replace;
mod requests;
mod retries;
mod rig;
mod source;
mod sources;
mod suspend_archive;
