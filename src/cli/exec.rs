//! `wharf exec`: a command in a workspace's container.

use std::io::{Read, Stdin};
use std::sync::Arc;

use clap::Args;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;

use super::container::{Places, Target};
use super::error::CliError;
use super::exit::ExitCode;
use super::printer::Printer;
use super::terminal::{self, RawTerminal};
use crate::engine::docker::Docker;
use crate::engine::{Chunk, Console, EngineError, ExecOptions, Input};

/// The arguments of `wharf exec`.
#[derive(Clone, Debug, Args)]
pub struct ExecArgs {
    /// The workspace
    #[arg(value_name = "NAME")]
    pub name: String,

    /// Pass standard input on to the command
    #[arg(short, long)]
    pub interactive: bool,

    /// Give the command a terminal
    #[arg(short, long)]
    pub tty: bool,

    /// Run as this user and group, by name or number [default: the container's]
    #[arg(short, long, value_name = "USER[:GROUP]")]
    pub user: Option<String>,

    /// Run in this directory [default: the container's]
    #[arg(short, long, value_name = "DIR")]
    pub workdir: Option<String>,

    /// The program and its arguments
    #[arg(value_name = "COMMAND", required = true, trailing_var_arg = true)]
    pub command: Vec<String>,

    /// Where to look.
    #[command(flatten)]
    pub places: Places,
}

/// Runs the command to its end; its exit code is the result.
pub fn run(args: &ExecArgs, printer: &mut Printer) -> Result<ExitCode, CliError> {
    let options = options(args, terminal::at_both());
    if options.tty && options.interactive && !terminal::at_input() {
        return Err(CliError::NoTerminal);
    }
    let target = Target { name: &args.name, places: &args.places };
    let told = target.told(printer)?;
    let runtime = tokio::runtime::Runtime::new().map_err(CliError::Runtime)?;
    let end = runtime.block_on(execute(target, &told, &options, printer));
    runtime.shutdown_background();
    end
}

/// A person who says nothing about it gets what a person at a terminal expects; flags are taken as they are.
fn options(args: &ExecArgs, person: bool) -> ExecOptions {
    let lent = person && !args.tty && !args.interactive;
    ExecOptions {
        command: args.command.clone(),
        user: args.user.clone(),
        working_dir: args.workdir.clone(),
        tty: args.tty || lent,
        interactive: args.interactive || lent,
    }
}

async fn execute(
    target: Target<'_>,
    told: &str,
    options: &ExecOptions,
    printer: &mut Printer,
) -> Result<ExitCode, CliError> {
    let engine = Arc::new(target.engine()?);
    let container = target.container(&engine, told).await?;
    let execution = engine.exec(&container, options).await.map_err(|source| target.failed(source))?;
    let lent = if options.tty && options.interactive { Some(Lent::begin()?) } else { None };
    if options.tty {
        let changes = signal(SignalKind::window_change()).map_err(CliError::Runtime)?;
        tokio::spawn(follow_size(Arc::clone(&engine), execution.id.clone(), changes));
    }
    if options.interactive {
        tokio::spawn(pass_in(execution.input));
    }
    let end = match lent {
        Some(mut lent) => tokio::select! {
            biased;
            code = lent.ended_by_signal() => return Ok(ExitCode::Command(code)),
            end = pass_out(execution.output, printer) => end,
        },
        None => pass_out(execution.output, printer).await,
    };
    match end? {
        End::Unread => return Ok(ExitCode::Done),
        End::Complete => {}
        End::Failed { error, silent } => {
            return Err(explain(target, &engine, &execution.id, options, error, silent).await);
        }
    }
    let code = engine.exit_code(&execution.id).await.map_err(|source| target.failed(source))?;
    // Codes are 0 to 255; anything else would be a strange engine's way to say that it failed.
    Ok(ExitCode::Command(u8::try_from(code).unwrap_or(u8::MAX)))
}

/// How the output of a command ended.
enum End {
    /// There is no more.
    Complete,
    /// Nobody reads it any more.
    Unread,
    /// The engine has no more; `silent`: nor had it any.
    Failed { error: EngineError, silent: bool },
}

async fn pass_out(
    mut output: BoxStream<'static, Result<Chunk, EngineError>>,
    printer: &mut Printer,
) -> Result<End, CliError> {
    let mut silent = true;
    while let Some(chunk) = output.next().await {
        match chunk {
            Ok(chunk) => printer.pass_on(&chunk)?,
            Err(error) => return Ok(End::Failed { error, silent }),
        }
        silent = false;
        if printer.reader_gone() {
            return Ok(End::Unread);
        }
    }
    Ok(End::Complete)
}

/// A command that could not be run has an exit code all the same.
async fn explain(
    target: Target<'_>,
    engine: &Docker,
    execution: &str,
    options: &ExecOptions,
    error: EngineError,
    silent: bool,
) -> CliError {
    let EngineError::Failed { message, .. } = &error else { return target.failed(error) };
    if !silent || !engine.exit_code(execution).await.is_ok_and(|code| (126..=128).contains(&code)) {
        return target.failed(error);
    }
    CliError::NotRun {
        workspace: target.name.to_owned(),
        program: options.command.first().cloned().unwrap_or_default(),
        reason: reason(message).to_owned(),
        missing: is_missing(message),
    }
}

/// The engine's words without the names of its parts.
fn reason(message: &str) -> &str {
    let words = ["container process: ", "container process caused: "];
    let cut = words.iter().find_map(|words| message.split_once(words)).map_or(message, |(_, rest)| rest);
    cut.trim_end_matches(": unknown")
}

/// Whether the program is not there, rather than cannot be run. Engines before Docker 23 have one exit code for both.
fn is_missing(message: &str) -> bool {
    let nowhere = message.contains("executable file not found");
    nowhere || message.contains("exec: \"") && message.contains("no such file or directory")
}

/// Passes standard input on, until either side has enough.
async fn pass_in(mut input: Box<dyn Input>) {
    let (sender, mut receiver) = mpsc::channel::<Vec<u8>>(1);
    // Nothing can end a read from a terminal, so it has a thread that nobody waits for.
    std::thread::spawn(move || {
        let mut piece = [0; 8 << 10];
        while let Ok(count @ 1..) = std::io::stdin().lock().read(&mut piece) {
            if sender.blocking_send(piece[..count].to_vec()).is_err() {
                return;
            }
        }
    });
    while let Some(bytes) = receiver.recv().await {
        // A command may end, or close its input, before it has read everything. How it ends tells whether that is an error.
        if input.write(&bytes).await.is_err() {
            return;
        }
    }
    drop(input.close().await);
}

/// Tells the command the size of the terminal, now and whenever it changes. A wrong size is not worth failing for.
async fn follow_size(engine: Arc<Docker>, execution: String, mut changes: Signal) {
    loop {
        if let Some(size) = terminal::size()
            && let Err(error) = engine.resize(&execution, size).await
        {
            tracing::debug!(%error, "the command does not know the size of the terminal");
        }
        if changes.recv().await.is_none() {
            return;
        }
    }
}

/// The terminal, while the command has it; given back when dropped.
struct Lent {
    _terminal: RawTerminal<Stdin>,
    interrupt: Signal,
    terminate: Signal,
    hang_up: Signal,
}

impl Lent {
    /// The signals first: one that comes in between must not leave the terminal lent.
    fn begin() -> Result<Self, CliError> {
        let [interrupt, terminate, hang_up] =
            [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()].map(signal);
        let (interrupt, terminate, hang_up) = (
            interrupt.map_err(CliError::Runtime)?,
            terminate.map_err(CliError::Runtime)?,
            hang_up.map_err(CliError::Runtime)?,
        );
        let terminal = RawTerminal::enter().map_err(CliError::Runtime)?;
        Ok(Self { _terminal: terminal, interrupt, terminate, hang_up })
    }

    /// Waits for a signal to this process, as keys make none; the exit code is that of a process that it ends.
    async fn ended_by_signal(&mut self) -> u8 {
        tokio::select! {
            _ = self.interrupt.recv() => 130,
            _ = self.terminate.recv() => 143,
            _ = self.hang_up.recv() => 129,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_engines_words_are_sorted() {
        for (message, expected, missing) in [
            (
                "OCI runtime exec failed: exec failed: unable to start container process: exec: \"x\": executable file not found in $PATH: unknown",
                "exec: \"x\": executable file not found in $PATH",
                true,
            ),
            (
                "OCI runtime exec failed: exec failed: container_linux.go:380: starting container process caused: exec: \"/x\": stat /x: no such file or directory: unknown",
                "exec: \"/x\": stat /x: no such file or directory",
                true,
            ),
            (
                "OCI runtime exec failed: exec failed: unable to start container process: exec: \"/tmp\": permission denied: unknown",
                "exec: \"/tmp\": permission denied",
                false,
            ),
            (
                "OCI runtime exec failed: exec failed: unable to start container process: chdir to cwd (\"/x\") set in config.json failed: no such file or directory: unknown",
                "chdir to cwd (\"/x\") set in config.json failed: no such file or directory",
                false,
            ),
            (
                "unable to find user x: no matching entries in passwd file",
                "unable to find user x: no matching entries in passwd file",
                false,
            ),
        ] {
            assert_eq!((reason(message), is_missing(message)), (expected, missing));
        }
    }
}
