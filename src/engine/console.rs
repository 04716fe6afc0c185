//! What people do with a container: read what it says, and run a command in it. The controller needs none of it, so it is a trait
//! of its own.

use std::future::Future;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use jiff::Timestamp;

use super::EngineError;

/// What people ask of an engine. Calls end within the implementation's timeout; streams last as long as what they show.
pub trait Console: Send + Sync + 'static {
    /// What a container has written, oldest first, in pieces of any size. `NotFound` when it is gone.
    ///
    /// Lines of one stream keep their order; those of two streams are ordered as the engine received them. Without `follow` the
    /// stream ends with what there is, with it when the container ends. A reader that is slow holds up nobody.
    fn logs(&self, id: &str, options: &LogOptions) -> BoxStream<'static, Result<Chunk, EngineError>>;

    /// Runs a command in a container. `Conflict` when the container does not run or is paused, `NotFound` when it is gone. A command
    /// that cannot be run is told as `Failed` by the output, and the exit code is then 126 or 127.
    ///
    /// Not idempotent: after `OutcomeUnknown` the command may run.
    fn exec(&self, id: &str, options: &ExecOptions) -> impl Future<Output = Result<Execution, EngineError>> + Send;

    /// Tells a command that has a terminal how large it is.
    fn resize(&self, execution: &str, size: TerminalSize) -> impl Future<Output = Result<(), EngineError>> + Send;

    /// The exit code of a command whose output has ended. `Conflict` while it runs.
    fn exit_code(&self, execution: &str) -> impl Future<Output = Result<i64, EngineError>> + Send;
}

/// Which part of what a container has written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LogOptions {
    /// Go on with what it writes until it ends.
    pub follow: bool,
    /// Only so many of the last lines; `None`: all.
    pub tail: Option<u64>,
    /// Only what was written at this time or later.
    pub since: Option<Timestamp>,
    /// Begin each line with the time at which it was written, in RFC 3339 with nanoseconds, and a blank.
    pub timestamps: bool,
}

/// What is run, and how.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExecOptions {
    /// The program and its arguments. At least the program.
    pub command: Vec<String>,
    /// User and group, by name or number; `None`: the container's.
    pub user: Option<String>,
    /// The directory it starts in; `None`: the container's.
    pub working_dir: Option<String>,
    /// Whether it gets a terminal. It then has one stream of output, and lines end as on a terminal.
    pub tty: bool,
    /// Whether it gets an input. Else its input has ended before it begins.
    pub interactive: bool,
}

/// A command under way. Dropping it ends the connection, not the command.
pub struct Execution {
    /// The engine's name for it.
    pub id: String,
    /// What it reads.
    pub input: Box<dyn Input>,
    /// What it writes, in order; ends with the command. A reader that is slow holds it up, and nothing is lost.
    pub output: BoxStream<'static, Result<Chunk, EngineError>>,
}

/// What a command reads.
pub trait Input: Send {
    /// Waits until the command takes it. An error when the command reads no more.
    fn write<'a>(&'a mut self, bytes: &'a [u8]) -> BoxFuture<'a, Result<(), EngineError>>;

    /// Ends the input, which a command sees as the end of a file. Once it has ended, nothing can be written.
    fn close(&mut self) -> BoxFuture<'_, Result<(), EngineError>>;
}

/// A piece of what was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// To which stream.
    pub stream: OutputStream,
    /// The bytes as they are; lines and characters may be cut anywhere.
    pub bytes: Vec<u8>,
}

/// Where something was written to. A terminal is [`OutputStream::Stdout`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutputStream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// The size of a terminal, in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TerminalSize {
    /// Characters in a line.
    pub columns: u16,
    /// Lines.
    pub rows: u16,
}

impl<C: Console> Console for Arc<C> {
    fn logs(&self, id: &str, options: &LogOptions) -> BoxStream<'static, Result<Chunk, EngineError>> {
        C::logs(self, id, options)
    }

    async fn exec(&self, id: &str, options: &ExecOptions) -> Result<Execution, EngineError> {
        C::exec(self, id, options).await
    }

    async fn resize(&self, execution: &str, size: TerminalSize) -> Result<(), EngineError> {
        C::resize(self, execution, size).await
    }

    async fn exit_code(&self, execution: &str) -> Result<i64, EngineError> {
        C::exit_code(self, execution).await
    }
}
