//! `wharf run`: the controller.

use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::controller::{ControllerArgs, EngineKind, excluded, period};
use super::crash_points;
use super::error::CliError;
use super::exit::ExitCode;
use super::printer::Printer;
use crate::controller::{self, Ending, Options, follow_directory};
use crate::engine::Engine;
use crate::source::{self, Source};
use crate::status_file::StatusFiles;
use crate::store::{Lock, Outcome, Store};

/// The arguments of `wharf run`.
#[derive(Clone, Debug, Args)]
pub struct RunArgs {
    /// What to run on.
    #[command(flatten)]
    pub controller: ControllerArgs,

    /// Reconcile until everything has settled, then exit: 0 when all is as declared, else 3
    #[arg(long, help_heading = "Behaviour")]
    pub once: bool,

    /// With --once: exit after this time even if not everything has settled
    #[arg(long, value_name = "DURATION", value_parser = period, default_value = "10m", help_heading = "Behaviour")]
    pub once_timeout: Duration,

    /// How often to compare everything with the engine, whatever events arrive
    #[arg(long, value_name = "DURATION", value_parser = period, default_value = "30s", help_heading = "Behaviour")]
    pub resync: Duration,

    /// How often to inspect every container, to find changes that neither events nor lists show
    #[arg(long, value_name = "DURATION", value_parser = period, default_value = "10m", help_heading = "Behaviour")]
    pub audit: Duration,

    /// How often to read the source again when no change is noticed
    #[arg(long, value_name = "DURATION", value_parser = period, default_value = "2s", help_heading = "Behaviour")]
    pub poll: Duration,

    /// How many short engine calls may be under way at once
    #[arg(long, value_name = "COUNT", default_value_t = 8, help_heading = "Behaviour")]
    pub concurrency: usize,
}

/// Runs the controller until it is told to end.
pub fn run(args: &RunArgs, printer: &mut Printer) -> Result<ExitCode, CliError> {
    let mut options = args.controller.options()?;
    options.once = args.once;
    options.once_timeout = args.once_timeout;
    options.resync = args.resync;
    options.audit = args.audit;
    options.poll = args.poll;
    options.concurrency = args.concurrency;
    let runtime = tokio::runtime::Runtime::new().map_err(CliError::Runtime)?;
    let ending = match args.controller.engine {
        EngineKind::Docker => {
            let engine = args.controller.docker()?;
            runtime.block_on(control(engine, options, printer))
        }
        EngineKind::Simulated => {
            runtime.block_on(async { control(ControllerArgs::simulated(), options, printer).await })
        }
    };
    // A scan of a source that hangs must not keep the process.
    runtime.shutdown_timeout(Duration::from_secs(1));
    ending
}

async fn control<E: Engine>(engine: E, mut options: Options, printer: &mut Printer) -> Result<ExitCode, CliError> {
    let engine = crash_points::engine(engine);
    options.disk = crash_points::disk(options.disk);
    let what = format!("wharf run {} (instance {})", options.source.display(), options.scope.instance);
    let lock = Lock::acquire(&options.state_dir, &what)?;
    let store = open_store(&lock, printer)?;
    drop(lock);
    let shutdown = CancellationToken::new();
    end_on_signals(shutdown.clone())?;
    let source_options = source::Options { poll: options.poll, ..source::Options::default() };
    let disk = Arc::clone(&options.disk);
    let source = Source::on(Arc::clone(&disk), &options.source, excluded(&options), source_options);
    let (inputs, receiver) = mpsc::unbounded_channel();
    tokio::spawn(follow_directory(source, options.state_dir.clone(), inputs, shutdown.clone()));
    let status_files = StatusFiles::on(disk, &options.source, options.status_dir.as_deref());
    tracing::info!(source = %options.source.display(), instance = %options.scope.instance, "controller started");
    let ending = controller::run(engine, store, status_files, receiver, options, shutdown).await?;
    Ok(exit_code(ending))
}

fn open_store(lock: &Lock, printer: &mut Printer) -> Result<Store, CliError> {
    let opened = Store::open_on(crash_points::medium(Store::medium(lock)))?;
    if let Outcome::Rebuilt { quarantined, why } = &opened.outcome {
        printer.warning(&format!(
            "the store was damaged ({why}) and is rebuilt from manifests and labels; the old one is kept in {}",
            quarantined.display()
        ));
    }
    Ok(opened.store)
}

fn exit_code(ending: Ending) -> ExitCode {
    match ending {
        Ending::Shutdown => {
            tracing::info!("controller ended; containers go on");
            ExitCode::Done
        }
        Ending::Settled => ExitCode::Done,
        Ending::NotAsDeclared => ExitCode::NotAsDeclared,
        Ending::EngineUnreachable => ExitCode::EngineUnreachable,
        Ending::StateDirectoryLost => {
            tracing::error!(
                "the state directory was removed while it was in use: start the controller again; containers go on"
            );
            ExitCode::Failed
        }
    }
}

/// The first signal ends the controller in order, a second one at once.
fn end_on_signals(shutdown: CancellationToken) -> Result<(), CliError> {
    let mut interrupt = signal(SignalKind::interrupt()).map_err(CliError::Runtime)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(CliError::Runtime)?;
    tokio::spawn(async move {
        received(&mut interrupt, &mut terminate).await;
        tracing::info!("ending: actions under way are finished first; once more to end at once");
        shutdown.cancel();
        received(&mut interrupt, &mut terminate).await;
        std::process::exit(130);
    });
    Ok(())
}

async fn received(interrupt: &mut Signal, terminate: &mut Signal) {
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}
