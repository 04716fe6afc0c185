//! What containers say, and commands in them.
//!
//! A task of its own takes a connection apart and waits for whoever reads: what is not read stays with the engine, and holds up what
//! writes it.

use bollard::errors::Error;
use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream};
use http_body_util::BodyExt;
use hyper::Method;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use serde::Deserialize;
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout};

use super::failure::Call;
use super::multiplex::{Broken, Demultiplexer};
use super::transport::Transport;
use super::{Docker, patience, request, safe};
use crate::engine::{
    Chunk, Console, EngineError, ExecOptions, Execution, Input, LogOptions, ObjectKind, OutputStream, TerminalSize,
};

type Item = Result<Chunk, EngineError>;

/// Chunks that wait for a reader.
const WAITING: usize = 16;

/// How much is read from a connection at once.
const PIECE: usize = 32 << 10;

/// How the engine begins to tell, as if the command had written it, that there is no command. Source: moby
/// `api/server/router/container/exec.go`.
const NOT_RUN: [&[u8]; 3] = [b"OCI runtime exec failed", b"unable to find user", b"unable to find group"];

/// The exit codes of commands that could not be run.
const NOT_RUN_CODES: std::ops::RangeInclusive<i64> = 126..=128;

type Connection = TokioIo<Upgraded>;

/// `POST /containers/{id}/exec`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Created {
    id: String,
}

/// `GET /exec/{id}/json`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Execed {
    running: bool,
    exit_code: Option<i64>,
}

/// `GET /containers/{id}/json`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Contained {
    config: Config,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Config {
    tty: bool,
}

impl Console for Docker {
    fn logs(&self, id: &str, options: &LogOptions) -> BoxStream<'static, Item> {
        let (transport, id, options) = (self.transport.clone(), id.to_owned(), *options);
        piped(async move |chunks| read_logs(&transport, &id, &options, &chunks).await)
    }

    async fn exec(&self, id: &str, options: &ExecOptions) -> Result<Execution, EngineError> {
        let call = Call::on("run a command in", id);
        let path = format!("/containers/{}/exec", safe(&call, id)?);
        if options.command.is_empty() {
            return Err(call.invalid("there is no command to run".to_owned()));
        }
        let body = request::exec(options);
        let created = async { self.transport.post::<Created>(&path, &body).await };
        let id = self.run(&call, patience::QUICK, created).await?.id;
        let (path, body) = (format!("/exec/{}/start", safe(&call, &id)?), request::start_exec(options.tty));
        let connection = self.run(&call, patience::SLOW, self.transport.upgrade(&path, &body)).await?;
        let (reader, writer) = tokio::io::split(TokioIo::new(connection));
        let running = Running { transport: self.transport.clone(), call: call.clone(), id: id.clone() };
        let tty = options.tty;
        let output = piped(async move |chunks| running.pass_on(reader, tty, &chunks).await);
        Ok(Execution { id, input: Box::new(Writer { call, writer }), output })
    }

    /// The engine knows the terminal a moment after it has begun to start the command, and says until then that there is none.
    async fn resize(&self, execution: &str, size: TerminalSize) -> Result<(), EngineError> {
        let call = Call::about(ObjectKind::Container, "tell a command the size of its terminal".to_owned());
        let TerminalSize { columns, rows } = size;
        let path = format!("/exec/{}/resize?w={columns}&h={rows}", safe(&call, execution)?);
        let deadline = Instant::now() + patience::EXEC_BEGINS;
        loop {
            let request = async { self.transport.open::<()>(Method::POST, &path, None).await.map(drop) };
            match self.run(&call, patience::QUICK, request).await {
                Err(EngineError::Failed { .. } | EngineError::Conflict { .. }) if Instant::now() < deadline => {
                    sleep(patience::EXEC_LOOK).await;
                }
                answer => return answer,
            }
        }
    }

    async fn exit_code(&self, execution: &str) -> Result<i64, EngineError> {
        let call = Call::about(ObjectKind::Container, "ask how a command ended".to_owned());
        safe(&call, execution)?;
        exit_code(&self.transport, &call, execution).await
    }
}

/// The engine notes the end of a command a moment after its output has ended.
async fn exit_code(transport: &Transport, call: &Call, execution: &str) -> Result<i64, EngineError> {
    let path = format!("/exec/{execution}/json");
    let deadline = Instant::now() + patience::EXEC_ENDS;
    loop {
        let seen = timeout(patience::QUICK, transport.get::<Execed>(&path)).await;
        let seen = seen.map_err(|_| call.unanswered(patience::QUICK))?;
        match seen.map_err(|error| call.failed(transport.endpoint(), error))? {
            Execed { running: false, exit_code: Some(code) } => return Ok(code),
            _ if Instant::now() < deadline => sleep(patience::EXEC_LOOK).await,
            _ => {
                let message = "the command still runs".to_owned();
                return Err(EngineError::Conflict { operation: call.operation.clone(), message });
            }
        }
    }
}

/// The end of a pipe into which chunks go.
struct Chunks(mpsc::Sender<Item>);

impl Chunks {
    /// Waits for room. `false`: nobody reads any more.
    async fn send(&self, chunk: Chunk) -> bool {
        self.0.send(Ok(chunk)).await.is_ok()
    }
}

/// The stream of what a task of its own produces when the stream is first looked at; its error is the last item.
fn piped<F>(produce: impl FnOnce(Chunks) -> F + Send + 'static) -> BoxStream<'static, Item>
where
    F: Future<Output = Result<(), EngineError>> + Send + 'static,
{
    stream::once(async move {
        let (sender, receiver) = mpsc::channel(WAITING);
        tokio::spawn(async move {
            let unread = sender.clone();
            tokio::select! {
                () = unread.closed() => {}
                end = produce(Chunks(sender)) => if let Err(error) = end {
                    drop(unread.send(Err(error)).await);
                },
            }
        });
        stream::unfold(receiver, async |mut receiver| receiver.recv().await.map(|item| (item, receiver)))
    })
    .flatten()
    .boxed()
}

async fn read_logs(transport: &Transport, id: &str, options: &LogOptions, chunks: &Chunks) -> Result<(), EngineError> {
    let call = Call::on("read the logs of", id);
    let failed = |error: Error| call.failed(transport.endpoint(), error);
    let unanswered = |_| call.unanswered(patience::QUICK);
    let id = safe(&call, id)?;
    let container = timeout(patience::QUICK, transport.get::<Contained>(&format!("/containers/{id}/json"))).await;
    let terminal = container.map_err(unanswered)?.map_err(failed)?.config.tty;
    let path = logs_path(id, options);
    let response = timeout(patience::QUICK, transport.open::<()>(Method::GET, &path, None)).await;
    let mut body = response.map_err(unanswered)?.map_err(failed)?.into_body();
    let mut demultiplexer = Demultiplexer::new(terminal);
    loop {
        // Who follows waits for the container, however long it is silent; else it is the engine that is waited for.
        let frame = if options.follow {
            body.frame().await
        } else {
            timeout(patience::QUICK, body.frame()).await.map_err(unanswered)?
        };
        let Some(frame) = frame else { return demultiplexer.end().map_err(|why| broken(&call, why)) };
        let Ok(data) = frame.map_err(|error| failed(error.into()))?.into_data() else { continue };
        for chunk in demultiplexer.take(&data).map_err(|why| broken(&call, why))? {
            if !chunks.send(chunk).await {
                return Ok(());
            }
        }
    }
}

fn logs_path(id: &str, options: &LogOptions) -> String {
    let LogOptions { follow, tail, since, timestamps } = options;
    let tail = tail.map_or_else(|| "all".to_owned(), |lines| lines.to_string());
    let since = since.map(|since| format!("&since={}", seconds(since))).unwrap_or_default();
    format!("/containers/{id}/logs?stdout=true&stderr=true&follow={follow}&timestamps={timestamps}&tail={tail}{since}")
}

/// Seconds since 1970 as the engine takes them; what was before is not known to it.
fn seconds(time: Timestamp) -> String {
    let time = time.max(Timestamp::UNIX_EPOCH);
    format!("{}.{:09}", time.as_second(), time.subsec_nanosecond())
}

fn broken(call: &Call, why: Broken) -> EngineError {
    let operation = call.operation.clone();
    match why {
        Broken::Told(message) => EngineError::Failed { operation, message },
        Broken::Senseless(message) => EngineError::OutcomeUnknown { operation, message: message.to_owned() },
    }
}

/// A command under way.
struct Running {
    transport: Transport,
    call: Call,
    id: String,
}

impl Running {
    /// Passes on what it writes.
    async fn pass_on(&self, mut reader: ReadHalf<Connection>, tty: bool, chunks: &Chunks) -> Result<(), EngineError> {
        let mut demultiplexer = Demultiplexer::new(tty);
        let mut piece = vec![0; PIECE];
        // Whether there is a command at all shows when the first words turn out to be the only ones.
        let mut held: Option<Chunk> = None;
        let mut first = true;
        loop {
            let count = reader
                .read(&mut piece)
                .await
                .map_err(|error| self.call.failed(self.transport.endpoint(), error.into()))?;
            if count == 0 {
                break;
            }
            for chunk in demultiplexer.take(&piece[..count]).map_err(|why| broken(&self.call, why))? {
                if std::mem::take(&mut first) && NOT_RUN.iter().any(|words| chunk.bytes.starts_with(words)) {
                    held = Some(chunk);
                    continue;
                }
                for chunk in held.take().into_iter().chain([chunk]) {
                    if !chunks.send(chunk).await {
                        return Ok(());
                    }
                }
            }
        }
        demultiplexer.end().map_err(|why| broken(&self.call, why))?;
        match held {
            Some(words) => self.judge(words, chunks).await,
            None => Ok(()),
        }
    }

    /// Words that look as if the engine had said them: it has, if the exit code says so, too.
    async fn judge(&self, words: Chunk, chunks: &Chunks) -> Result<(), EngineError> {
        let code = exit_code(&self.transport, &self.call, &self.id).await?;
        if words.stream == OutputStream::Stdout && NOT_RUN_CODES.contains(&code) {
            let message = String::from_utf8_lossy(&words.bytes).trim().to_owned();
            return Err(EngineError::Failed { operation: self.call.operation.clone(), message });
        }
        chunks.send(words).await;
        Ok(())
    }
}

/// What a command reads.
struct Writer {
    call: Call,
    writer: WriteHalf<Connection>,
}

impl Writer {
    fn unread(&self, error: &std::io::Error) -> EngineError {
        let message = format!("the command reads no more ({error})");
        EngineError::Failed { operation: self.call.operation.clone(), message }
    }
}

impl Input for Writer {
    fn write<'a>(&'a mut self, bytes: &'a [u8]) -> BoxFuture<'a, Result<(), EngineError>> {
        Box::pin(async move {
            let written = async {
                self.writer.write_all(bytes).await?;
                self.writer.flush().await
            };
            written.await.map_err(|error| self.unread(&error))
        })
    }

    fn close(&mut self) -> BoxFuture<'_, Result<(), EngineError>> {
        Box::pin(async move { self.writer.shutdown().await.map_err(|error| self.unread(&error)) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_engine_is_asked_for_a_part() {
        let all = "/containers/a/logs?stdout=true&stderr=true&follow=false&timestamps=false&tail=all";
        assert_eq!(logs_path("a", &LogOptions::default()), all);
        let since = Some("2026-01-02T03:04:05.000000678Z".parse().expect("a time"));
        let options = LogOptions { follow: true, tail: Some(5), since, timestamps: true };
        let part =
            "/containers/a/logs?stdout=true&stderr=true&follow=true&timestamps=true&tail=5&since=1767323045.000000678";
        assert_eq!(logs_path("a", &options), part);
    }
}
