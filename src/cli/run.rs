//! `wharf run`: the controller.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::controller::{ControllerArgs, EngineKind, excluded, period};
use super::crash_points;
use super::error::CliError;
use super::exit::ExitCode;
use super::printer::Printer;
use crate::api::Token;
use crate::controller::{Ending, Options};
use crate::daemon::{self, Parts, Settings};
use crate::disk::Host;
use crate::engine::Engine;
use crate::metrics::Retention;
use crate::model::period::Period;
use crate::monitor::{self, Roots};
use crate::source::{self, Source};
use crate::status_file::StatusFiles;
use crate::store::{Lock, Medium, Outcome, Store, remember_instance};
use crate::webhook;

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

    /// How often to measure what workspaces use; `0`: never
    #[arg(long, value_name = "DURATION", default_value = "10s", help_heading = "Measuring")]
    pub monitor_interval: Period,

    /// How long to keep the history of what workspaces use, such as `minute=12h,hour=7d` [default:
    /// raw=1h,minute=24h,hour=30d,day=365d]
    #[arg(long, value_name = "TIER=DURATION,…", default_value = "", value_parser = retention, help_heading = "Measuring")]
    pub retention: Retention,

    /// A file that says to whom events are brought by HTTP; `wharf schema webhooks` says what it can hold
    #[arg(long, value_name = "FILE", help_heading = "Control API")]
    pub webhooks: Option<PathBuf>,

    /// Let the control API listen on this loopback address, too; needs --token-file
    #[arg(long, value_name = "ADDRESS:PORT", requires = "token_file", help_heading = "Control API")]
    pub listen: Option<SocketAddr>,

    /// The file with the token that is asked for on --listen; mode 0600
    #[arg(long, value_name = "FILE", requires = "listen", help_heading = "Control API")]
    pub token_file: Option<PathBuf>,
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
            let settings = settings(args, engine.is_local())?;
            runtime.block_on(control(engine, options, settings, printer))
        }
        EngineKind::Simulated => {
            let settings = settings(args, false)?;
            runtime.block_on(async { control(ControllerArgs::simulated(), options, settings, printer).await })
        }
    };
    // A scan of a source that hangs must not keep the process.
    runtime.shutdown_timeout(Duration::from_secs(1));
    ending
}

/// What is around the controller. `local`: containers are on this machine, and so the kernel's files about them.
fn settings(args: &RunArgs, local: bool) -> Result<Settings, CliError> {
    let listen = match (args.listen, &args.token_file) {
        (Some(address), Some(file)) => Some((address, Token::from_file(file)?)),
        _ => None,
    };
    let interval = args.monitor_interval.duration();
    let roots = local.then(Roots::default);
    let monitor = (!interval.is_zero()).then(|| monitor::Options { interval, roots, ..monitor::Options::default() });
    let webhooks = args.webhooks.as_deref().map(webhook::read).transpose()?.unwrap_or_default();
    Ok(Settings { socket: true, listen, monitor, retention: args.retention, webhooks })
}

/// `minute=12h,hour=7d`: how long to keep which tier of the history.
fn retention(text: &str) -> Result<Retention, String> {
    let mut retention = Retention::default();
    for part in text.split(',').filter(|part| !part.is_empty()) {
        let (tier, kept) =
            part.split_once('=').ok_or_else(|| format!("`{part}`: use TIER=DURATION, such as `minute=12h`"))?;
        let kept = period(kept)?;
        match tier {
            "raw" => retention.raw = kept,
            "minute" => retention.minute = kept,
            "hour" => retention.hour = kept,
            "day" => retention.day = kept,
            other => return Err(format!("`{other}` is no tier: use raw, minute, hour or day")),
        }
    }
    Ok(retention)
}

async fn control<E: Engine>(
    engine: E,
    mut options: Options,
    settings: Settings,
    printer: &mut Printer,
) -> Result<ExitCode, CliError> {
    let engine = crash_points::engine(engine);
    options.disk = crash_points::disk(options.disk);
    let what = format!("wharf run {} (instance {})", options.source.display(), options.scope.instance);
    let lock = Lock::acquire(&options.state_dir, &what)?;
    remember_instance(&Host, &options.state_dir, &options.scope.instance)?;
    let store = open_store(crash_points::medium(Store::medium(&lock)), "store", printer)?;
    let history = settings.monitor.as_ref().map(|_| open_store(Store::history_medium(&lock), "history", printer));
    let history = history.transpose()?;
    drop(lock);
    let shutdown = CancellationToken::new();
    end_on_signals(shutdown.clone())?;
    let source_options = source::Options { poll: options.poll, ..source::Options::default() };
    let disk = Arc::clone(&options.disk);
    let source = Source::on(Arc::clone(&disk), &options.source, excluded(&options), source_options);
    let status_files = StatusFiles::on(disk, &options.source, options.status_dir.as_deref());
    tracing::info!(source = %options.source.display(), instance = %options.scope.instance, "controller started");
    let parts = Parts { engine, store, history, source, status_files };
    let ending = daemon::run(parts, settings, options, shutdown).await?;
    Ok(exit_code(ending))
}

/// Opens what is remembered. `what`: what it is for, in a word.
fn open_store(medium: Arc<dyn Medium>, what: &str, printer: &mut Printer) -> Result<Store, CliError> {
    let opened = Store::open_on(medium)?;
    if let Outcome::Rebuilt { quarantined, why } = &opened.outcome {
        let again = if what == "store" { "is rebuilt from manifests and labels" } else { "begins anew" };
        printer.warning(&format!(
            "the {what} was damaged ({why}) and {again}; the old one is kept in {}",
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
