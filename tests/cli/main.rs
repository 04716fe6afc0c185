//! The command line as its users meet it: through the binary, its output, and its exit codes.

mod audit;
mod configuration;
mod doctor;
mod fixture;
mod help;
mod live;
mod metrics;
mod policy;
mod prune;
mod reads;
mod reference;
mod sources;
mod streams;
mod summary;
mod top;
mod validate;

#[path = "../support/mod.rs"]
mod support;
