//! What the simulated engine adds to an engine: faults, people, outages, and the same trace for the same seed.
//!
//! What every engine keeps is tested in `tests/conformance`.

mod bench;
mod faults;
mod outages;
mod people;
mod processes;
mod resources;
mod traces;
mod watching;
