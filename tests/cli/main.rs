//! The command line as its users meet it: through the binary, its output, and its exit codes.

mod doctor;
mod fixture;
mod help;
mod prune;
mod reads;
mod reference;
mod streams;
mod validate;
