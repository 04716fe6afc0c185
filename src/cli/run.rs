//! `wharf run`: the controller.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::accounts;
use super::config::{self, Behaviour, Configured, REPOSITORIES, SourcePlace};
use super::controller::{ControllerArgs, EngineKind, excluded};
use super::crash_points;
use super::error::CliError;
use super::exit::ExitCode;
use super::printer::Printer;
use super::values::period;
use crate::api::Token;
use crate::audit::Audit;
use crate::controller::{Ending, Options};
use crate::daemon::{self, Followed, Parts, Settings};
use crate::disk::Host;
use crate::engine::Engine;
use crate::model::Name;
use crate::model::source::ONLY;
use crate::monitor::{self, Roots};
use crate::source::git::GitSource;
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

    /// How it behaves.
    #[command(flatten)]
    pub behaviour: Behaviour,

    /// Where to account for what is asked for, admitted and done, one line of JSON each; `none`: nowhere. It is kept below 10 MiB, with five earlier
    /// ones beside it [default: audit.log in the state directory]
    #[arg(long, value_name = "FILE", help_heading = "Places")]
    pub audit_log_path: Option<PathBuf>,
}

/// Runs the controller until it is told to end.
pub fn run(args: &RunArgs, printer: &mut Printer) -> Result<ExitCode, CliError> {
    let configured = config::settings(&args.controller, &args.behaviour)?;
    if let [only] = configured.sources.as_slice()
        && let SourcePlace::Directory(_) = only.place
    {
        config::directory(&configured)?;
    }
    let mut options = configured.options()?;
    options.once = args.once;
    options.once_timeout = args.once_timeout;
    let runtime = tokio::runtime::Runtime::new().map_err(CliError::Runtime)?;
    let ending = match args.controller.engine {
        EngineKind::Docker => {
            let engine = configured.docker()?;
            let settings = settings(&configured, engine.is_local())?;
            runtime.block_on(control(engine, options, settings, &configured, args, printer))
        }
        EngineKind::Simulated => {
            let settings = settings(&configured, false)?;
            let engine = ControllerArgs::simulated;
            runtime.block_on(async { control(engine(), options, settings, &configured, args, printer).await })
        }
    };
    // A scan of a source that hangs must not keep the process.
    runtime.shutdown_timeout(Duration::from_secs(1));
    ending
}

/// What is around the controller. `local`: containers are on this machine, and so the kernel's files about them.
fn settings(configured: &Configured, local: bool) -> Result<Settings, CliError> {
    let listen = configured.listen.as_ref();
    let listen = listen.map(|(address, file)| Ok::<_, CliError>((*address, Token::from_file(file)?))).transpose()?;
    let interval = configured.monitor_interval;
    let roots = local.then(Roots::default);
    let monitor = (!interval.is_zero()).then(|| monitor::Options { interval, roots, ..monitor::Options::default() });
    let webhooks = configured.webhooks.as_deref().map(webhook::read).transpose()?.unwrap_or_default();
    let mut hooks = BTreeMap::new();
    for source in &configured.sources {
        if let SourcePlace::Git(git) = &source.place
            && let Some(hook) = git.hook()?
        {
            let name = source.name.as_ref().map_or_else(|| ONLY.to_owned(), ToString::to_string);
            hooks.insert(name, hook);
        }
    }
    Ok(Settings { socket: true, listen, monitor, retention: configured.retention, webhooks, hooks })
}

async fn control<E: Engine>(
    engine: E,
    mut options: Options,
    settings: Settings,
    configured: &Configured,
    args: &RunArgs,
    printer: &mut Printer,
) -> Result<ExitCode, CliError> {
    let engine = crash_points::engine(engine);
    options.disk = crash_points::disk(options.disk);
    let whence = whence(configured);
    let what = format!("wharf run {whence} (instance {})", options.scope.instance);
    let lock = Lock::acquire(&options.state_dir, &what)?;
    options.audit_log = audit_log(args, &options.state_dir)?;
    remember_instance(&Host, &options.state_dir, &options.scope.instance)?;
    let store = open_store(crash_points::medium(Store::medium(&lock)), "store", printer)?;
    let history = settings.monitor.as_ref().map(|_| open_store(Store::history_medium(&lock), "history", printer));
    let history = history.transpose()?;
    drop(lock);
    let shutdown = CancellationToken::new();
    end_on_signals(shutdown.clone())?;
    let sources = followed(configured, &options).await?;
    let status_files = StatusFiles::on(Arc::clone(&options.disk), &options.source, options.status_dir.as_deref());
    tracing::info!(source = %whence, instance = %options.scope.instance, "controller started");
    let parts = Parts { engine, store, history, sources, status_files };
    let ending = daemon::run(parts, settings, options, shutdown).await?;
    Ok(exit_code(ending))
}

/// Where manifests come from, in a line.
fn whence(configured: &Configured) -> String {
    let shown = configured.sources.iter().map(|source| match &source.place {
        SourcePlace::Directory(path) => path.display().to_string(),
        SourcePlace::Git(git) => git.url.to_string(),
    });
    shown.collect::<Vec<_>>().join(", ")
}

/// Opens the sources. No remote is asked yet.
async fn followed(configured: &Configured, options: &Options) -> Result<Vec<Followed>, CliError> {
    let mut followed = Vec::new();
    for source in &configured.sources {
        followed.push(match &source.place {
            SourcePlace::Directory(path) => {
                let source_options = source::Options { poll: options.poll, ..source::Options::default() };
                Followed::Directory(Source::on(Arc::clone(&options.disk), path, excluded(options), source_options))
            }
            SourcePlace::Git(git) => {
                let name = source.name.as_ref().map_or(ONLY, Name::as_str);
                let state = options.state_dir.join(REPOSITORIES).join(name);
                let source = GitSource::open(git.options(source.name.as_ref(), state)?).await?;
                Followed::Git(Box::new(source))
            }
        });
    }
    Ok(followed)
}

/// Where deeds are accounted for.
fn audit_log(args: &RunArgs, state_dir: &Path) -> Result<Audit, CliError> {
    match &args.audit_log_path {
        Some(path) if path.as_os_str() == "none" => Ok(Audit::none()),
        Some(path) => Ok(Audit::open(path)?),
        None => Ok(Audit::open(&state_dir.join(accounts::FILE))?),
    }
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
