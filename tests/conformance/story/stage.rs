//! What a story needs of the engine it is played on, besides what every body needs.

use std::future::Future;

use crate::bench::Bench;

/// A bench on which stories are played. Containers are meant by their engine's ID, and have the command [`Stage::actor`].
pub trait Stage: Bench {
    /// A command that runs until it is told to end, or until it is killed, and does what [`Self::process`] says.
    fn actor(&self, stubborn: bool) -> Vec<String>;

    /// The command of a health check of an actor.
    fn check(&self) -> Vec<String>;

    /// Waits until the process of a container that was started can be told to do something. It may end meanwhile.
    fn until_it_listens(&self, id: &str) -> impl Future<Output = ()> + Send;

    /// Runs `docker` with these words; whether it succeeded.
    fn docker(&self, words: &[String]) -> impl Future<Output = bool> + Send;

    /// Lets processes of a container do something.
    fn process(&self, id: &str, deed: Deed) -> impl Future<Output = ()> + Send;

    /// Takes the engine down or brings it up. It is over when the engine is gone or answers.
    fn power(&self, power: Power) -> impl Future<Output = ()> + Send;
}

/// What processes do, of which the engine is told only afterwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    /// The main process ends with code 3.
    Exit,
    /// The main process takes more memory than there is.
    OutOfMemory,
    /// Another process does.
    ChildOutOfMemory,
    /// The health check fails from now on.
    FailCheck,
    /// It succeeds again.
    PassCheck,
}

/// What happens to an engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Power {
    /// Only the engine is killed.
    Kill,
    /// It is told to end, and does.
    ShutDown,
    /// It is killed, and everything that it ever started.
    Fail,
    /// It starts.
    Start,
}
