//! The control API through real sockets and its real router, with a controller that does as it is told.

mod access;
mod client;
mod deeds;
mod document;
mod limits;
mod reads;
mod rig;
mod samples;
mod sockets;
mod sources;
mod streams;
mod wire;
