//! What people see of simulated containers: the lines that a process writes, and a few commands.

use std::collections::VecDeque;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream};
use jiff::Timestamp;
use tokio::sync::mpsc;

use super::Simulated;
use super::adapter::check_name;
use super::calls::Operation;
use super::clock::Clock;
use super::container::Container;
use super::faults::Refusal;
use super::process::{Course, KILLED, Line};
use crate::engine::{
    Chunk, Console, EngineError, ExecOptions, Execution, Input, LogOptions, ObjectKind, OutputStream, TerminalSize,
};
use crate::model::status::ContainerState;

type Item = Result<Chunk, EngineError>;

/// How long nothing is looked at that nobody wakes: a container that ends, a line that is due.
const LOOK: Duration = Duration::from_millis(50);

/// How many commands and lines are remembered.
const REMEMBERED: usize = 1000;

/// How the engine says that there is no such program.
const NOT_FOUND: i64 = 127;

/// A line in a container's log.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// Counts lines, so that a reader knows where it was.
    number: u64,
    at: Duration,
    stream: OutputStream,
    text: String,
}

impl Container {
    /// Notes what the process of a run that begins now will write.
    pub(super) fn begin_log(&mut self, now: Duration, lines: &[Line]) {
        let surplus = self.log.len().saturating_sub(REMEMBERED);
        self.log.drain(..surplus);
        let next = self.log.last().map_or(0, |entry| entry.number + 1);
        let entry = |(number, (after, stream, text)): (u64, &Line)| Entry {
            number,
            at: now.saturating_add(*after),
            stream: *stream,
            text: text.clone(),
        };
        self.log.extend((next..).zip(lines).map(entry));
    }

    /// Forgets what a process would have written that has ended.
    pub(super) fn end_log(&mut self, now: Duration) {
        self.log.retain(|entry| entry.at <= now);
    }
}

/// The commands of the engine, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Executions {
    begun: u64,
    newest: VecDeque<(String, Option<i64>)>,
}

impl Executions {
    fn begin(&mut self) -> String {
        self.begun += 1;
        if self.newest.len() == REMEMBERED {
            self.newest.pop_front();
        }
        let id = format!("{:064x}", self.begun);
        self.newest.push_back((id.clone(), None));
        id
    }

    fn end(&mut self, id: &str, code: i64) {
        if let Some((_, end)) = self.newest.iter_mut().find(|(own, _)| own == id) {
            *end = Some(code);
        }
    }

    /// The exit code; `None` while it runs.
    fn get(&self, id: &str) -> Result<Option<i64>, Refusal> {
        let found = self.newest.iter().find(|(own, _)| own == id);
        let missing = || Refusal::NotFound(ObjectKind::Container, format!("No such exec instance: {id}"));
        found.map(|(_, end)| *end).ok_or_else(missing)
    }
}

impl Console for Simulated {
    fn logs(&self, id: &str, options: &LogOptions) -> BoxStream<'static, Item> {
        let (engine, id, options) = (self.clone(), id.to_owned(), *options);
        stream::once(async move {
            match engine.open_logs(&id, &options).await {
                Ok(reader) => reader.chunks(),
                Err(error) => stream::iter([Err(error)]).boxed(),
            }
        })
        .flatten()
        .boxed()
    }

    async fn exec(&self, id: &str, options: &ExecOptions) -> Result<Execution, EngineError> {
        let (own, none) = (id.to_owned(), options.command.is_empty());
        let began = self.call(Operation::Exec, id, move |world| {
            check_name(&own)?;
            if none {
                return Err(Refusal::Invalid("there is no command to run".to_owned()));
            }
            let container = world.get(&own)?;
            let run = container.run;
            match container.state {
                ContainerState::Running => Ok((world.executions.begin(), run)),
                ContainerState::Paused => {
                    Err(Refusal::Conflict(format!("Container {own} is paused, unpause the container before exec")))
                }
                _ => Err(Refusal::Conflict(format!("Container {own} is not running"))),
            }
        });
        let (execution, run) = began.await?;
        let (sender, receiver) = mpsc::channel(1);
        let options = options.clone();
        let sender = Some(sender).filter(|_| options.interactive);
        let command = Command { engine: self.clone(), container: id.to_owned(), run, id: execution.clone(), options };
        Ok(Execution { id: execution, input: Box::new(Keyboard(sender)), output: command.output(receiver) })
    }

    async fn resize(&self, execution: &str, _: TerminalSize) -> Result<(), EngineError> {
        let own = execution.to_owned();
        self.call(Operation::Resize, "", move |world| {
            check_name(&own)?;
            world.executions.get(&own).map(drop)
        })
        .await
    }

    async fn exit_code(&self, execution: &str) -> Result<i64, EngineError> {
        let own = execution.to_owned();
        self.call(Operation::ExitCode, "", move |world| {
            check_name(&own)?;
            let running = || Refusal::Conflict("the command still runs".to_owned());
            world.executions.get(&own)?.ok_or_else(running)
        })
        .await
    }
}

impl Simulated {
    async fn open_logs(&self, id: &str, options: &LogOptions) -> Result<LogReader, EngineError> {
        let (own, asked) = (id.to_owned(), *options);
        let begin = self.call(Operation::Logs, id, move |world| {
            check_name(&own)?;
            let (container, now) = (world.get(&own)?, world.clock.now());
            let written: Vec<&Entry> = container.log.iter().filter(|entry| entry.at <= now).collect();
            let last = asked.tail.map_or(usize::MAX, |lines| usize::try_from(lines).unwrap_or(usize::MAX));
            let skipped = written.len().saturating_sub(last);
            let next = written.get(skipped).map(|entry| entry.number);
            let after_all = || written.last().map_or(0, |entry| entry.number + 1);
            Ok((next.unwrap_or_else(after_all), world.boot))
        });
        let (next, boot) = begin.await?;
        Ok(LogReader { engine: self.clone(), container: id.to_owned(), options: *options, next, boot })
    }
}

/// Somebody who reads a container's log.
struct LogReader {
    engine: Simulated,
    container: String,
    options: LogOptions,
    /// The number of the next line.
    next: u64,
    /// The engine's boot at which the reading began.
    boot: u64,
}

/// What a reader sees when it looks.
enum Sight {
    Chunk(Chunk),
    NothingYet,
    End,
    Reset,
}

impl LogReader {
    fn chunks(self) -> BoxStream<'static, Item> {
        stream::unfold(Some(self), async |reader| {
            let mut reader = reader?;
            loop {
                match reader.look() {
                    Sight::Chunk(chunk) => return Some((Ok(chunk), Some(reader))),
                    Sight::NothingYet => tokio::time::sleep(LOOK).await,
                    Sight::End => return None,
                    Sight::Reset => {
                        let operation = Operation::Logs.describe(&reader.container);
                        let message = "the connection was reset".to_owned();
                        return Some((Err(EngineError::OutcomeUnknown { operation, message }), None));
                    }
                }
            }
        })
        .boxed()
    }

    fn look(&mut self) -> Sight {
        let world = self.engine.world();
        if world.boot != self.boot {
            return Sight::Reset;
        }
        let Ok(container) = world.get(&self.container) else { return Sight::End };
        let now = world.clock.now();
        let unread = |entry: &&Entry| entry.number >= self.next && entry.at <= now;
        let early = |entry: &Entry| self.options.since.is_some_and(|since| world.clock.timestamp(entry.at) < since);
        if let Some(entry) = container.log.iter().filter(unread).find(|entry| !early(entry)) {
            self.next = entry.number + 1;
            return Sight::Chunk(entry.chunk(&world.clock, self.options.timestamps));
        }
        if self.options.follow && container.lives() { Sight::NothingYet } else { Sight::End }
    }
}

impl Entry {
    fn chunk(&self, clock: &Clock, timestamps: bool) -> Chunk {
        let time = if timestamps { format!("{} ", nanoseconds(clock.timestamp(self.at))) } else { String::new() };
        Chunk { stream: self.stream, bytes: format!("{time}{}\n", self.text).into_bytes() }
    }
}

fn nanoseconds(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%S.%9fZ").to_string()
}

/// What a command reads; nothing once it has ended.
struct Keyboard(Option<mpsc::Sender<Vec<u8>>>);

impl Input for Keyboard {
    fn write<'a>(&'a mut self, bytes: &'a [u8]) -> BoxFuture<'a, Result<(), EngineError>> {
        Box::pin(async move {
            let unread = || EngineError::Failed {
                operation: "write to a command".to_owned(),
                message: "the command reads no more".to_owned(),
            };
            let sender = self.0.as_ref().ok_or_else(unread)?;
            sender.send(bytes.to_vec()).await.map_err(|_| unread())
        })
    }

    fn close(&mut self) -> BoxFuture<'_, Result<(), EngineError>> {
        self.0 = None;
        Box::pin(std::future::ready(Ok(())))
    }
}

/// A command under way.
struct Command {
    engine: Simulated,
    container: String,
    /// The run of the container in which it was begun.
    run: u64,
    id: String,
    options: ExecOptions,
}

impl Command {
    /// What it writes. Reads nothing once this is dropped.
    fn output(self, receiver: mpsc::Receiver<Vec<u8>>) -> BoxStream<'static, Item> {
        let words: Vec<&str> = self.options.command.iter().map(String::as_str).collect();
        let program = words.first().copied().unwrap_or_default();
        if !Course::exists(program) {
            self.engine.world().executions.end(&self.id, NOT_FOUND);
            let message = format!("exec: \"{program}\": executable file not found in $PATH: unknown");
            let operation = Operation::Exec.describe(&self.container);
            return stream::iter([Err(EngineError::Failed { operation, message })]).boxed();
        }
        if words == ["cat"] {
            return self.echo(receiver);
        }
        let course = Course::of(&words);
        let begin = self.engine.world().clock.now();
        self.play(begin, course)
    }

    /// Gives back what it is given.
    fn echo(self, receiver: mpsc::Receiver<Vec<u8>>) -> BoxStream<'static, Item> {
        stream::unfold((self, receiver), async |(command, mut receiver)| {
            tokio::select! {
                biased;
                bytes = receiver.recv() => {
                    let Some(bytes) = bytes else {
                        command.engine.world().executions.end(&command.id, 0);
                        return None;
                    };
                    Some((Ok(Chunk { stream: OutputStream::Stdout, bytes }), (command, receiver)))
                }
                () = command.until_container_ends() => None,
            }
        })
        .boxed()
    }

    /// Writes its lines when their time comes, and ends.
    fn play(self, begin: Duration, course: Course) -> BoxStream<'static, Item> {
        let lines: VecDeque<Line> = course.says.into();
        let ends = course.ends;
        stream::unfold((self, lines), move |(command, mut lines)| async move {
            let line = lines.pop_front();
            let end = ends.filter(|_| line.is_none());
            let due = line.as_ref().map(|(after, ..)| *after).or(end.map(|(after, _)| after));
            tokio::select! {
                biased;
                () = command.until(due.map(|after| begin.saturating_add(after))) => {}
                () = command.until_container_ends() => return None,
            }
            match (line, end) {
                (Some((_, stream, text)), _) => Some((Ok(command.chunk(stream, &text)), (command, lines))),
                (None, end) => {
                    command.engine.world().executions.end(&command.id, end.map_or(0, |(_, code)| code));
                    None
                }
            }
        })
        .boxed()
    }

    /// A terminal has one stream, and ends lines its own way.
    fn chunk(&self, stream: OutputStream, text: &str) -> Chunk {
        if self.options.tty {
            return Chunk { stream: OutputStream::Stdout, bytes: format!("{text}\r\n").into_bytes() };
        }
        Chunk { stream, bytes: format!("{text}\n").into_bytes() }
    }

    /// Waits for a time; for ever without one.
    async fn until(&self, due: Option<Duration>) {
        let instant = due.and_then(|due| self.engine.world().clock.instant(due));
        match instant {
            Some(instant) => tokio::time::sleep_until(instant).await,
            None => std::future::pending().await,
        }
    }

    /// Its processes end with the container's first.
    async fn until_container_ends(&self) {
        loop {
            {
                let mut world = self.engine.world();
                if !world.get(&self.container).is_ok_and(|container| container.run == self.run) {
                    world.executions.end(&self.id, KILLED);
                    return;
                }
            }
            tokio::time::sleep(LOOK).await;
        }
    }
}
