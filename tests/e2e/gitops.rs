//! Repositories as sources: what is pushed is in force, whatever happens to the remote, to access, to the controller or to a policy.
//!
//! Everything is real: the engine, the program, git, and the servers that it is pushed to and fetched from.

mod away;
mod forge;
mod killed;
mod policy;
mod pushed;
mod sources;
mod stage;
