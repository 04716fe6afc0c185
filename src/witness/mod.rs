//! Decorators around the engine, the disk and the store that tell a witness of every effect before and after it happens, and stop
//! having effects when the witness says that the process has ended.
//!
//! So one list of boundaries serves two purposes: simulations end a process at any of them and look at every effect, and a build
//! with the feature `crash-points` ends the real process at a named one. Nothing is decorated otherwise.

mod disk;
mod engine;
mod store;

use std::fmt;
use std::io;

pub use disk::WitnessedDisk;
pub use engine::WitnessedEngine;
pub use store::WitnessedMedium;

/// A moment right before or after an effect: a process may end there and leave what it has done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Boundary<'a> {
    /// What is done, such as `engine.create` or `disk.rename`.
    pub operation: &'static str,
    /// To what: a container's ID or name, a path; empty where there is only one.
    pub object: &'a str,
    /// Before or after.
    pub side: Side,
}

/// Which side of an effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Nothing has happened yet.
    Before,
    /// It has happened, and who asked for it does not know yet.
    After,
    /// It was tried and failed, or may have happened, and who asked for it does not know yet.
    Failed,
}

impl Side {
    fn behind<T, E>(answer: &Result<T, E>) -> Self {
        if answer.is_ok() { Self::After } else { Self::Failed }
    }
}

/// What becomes of a process at a boundary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It goes on.
    GoesOn,
    /// It has ended: nothing that it does has an effect any more.
    Ended,
}

/// Is told of every boundary. Must not wait.
pub trait Witness: fmt::Debug + Send + Sync + 'static {
    /// A process arrives at a boundary.
    fn crosses(&self, boundary: &Boundary<'_>) -> Fate;
}

impl fmt::Display for Boundary<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let side = match self.side {
            Side::Before => "before",
            Side::After => "after",
            Side::Failed => "failed",
        };
        write!(formatter, "{}.{side}", self.operation)
    }
}

/// What a process that has ended gets for an answer, if anything of it still asks.
fn ended() -> io::Error {
    io::Error::other("the process has ended")
}
