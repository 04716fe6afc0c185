//! The command line: one file a command, one printer, exit codes as an enum.
//!
//! Every command is a module with its arguments (whose documentation is its help) and
//! `run(&args, &mut printer) -> Result<ExitCode, CliError>`. Results go to standard output and everything else to standard
//! error, both only through [`printer::Printer`].

mod accounts;
pub mod adopt;
mod adopted;
pub mod advice;
pub mod batch;
pub mod client;
pub mod completions;
pub mod config;
pub mod container;
pub mod controller;
mod crash_points;
mod declared;
pub mod describe;
pub mod doctor;
pub mod error;
pub mod events;
pub mod exec;
pub mod exit;
pub mod explain;
mod files;
pub mod gc;
pub mod get;
mod help;
mod instance;
pub mod logging;
pub mod logs;
pub mod man;
pub mod metrics;
pub mod output;
pub mod page;
pub mod plan;
pub mod policy;
pub mod printer;
pub mod prune;
pub mod run;
pub mod schema;
mod secrets;
pub mod sources;
pub mod sparkline;
pub mod statuses;
pub mod summary;
pub mod table;
pub mod terminal;
pub mod text;
pub mod top;
pub mod units;
pub mod validate;
mod values;
pub mod verbs;
pub mod watch;

use clap::{ColorChoice, CommandFactory, FromArgMatches, Parser, Subcommand};

use error::CliError;
use exit::ExitCode;
use logging::{LogArgs, Usual};
use printer::Printer;

use crate::model::batch::Verb;

/// Keeps container workspaces as their manifests declare them
///
/// Wharf watches a directory of YAML files that declare workspaces - isolated containers with a project directory
/// mounted - and a Docker engine, works out the difference, and closes it with the fewest calls. It writes a status file
/// beside each manifest; `wharf get` and `wharf describe` show them.
#[derive(Clone, Debug, Parser)]
#[command(name = "wharf", version, arg_required_else_help = true, after_help = help::AFTER_HELP)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,

    /// No colours, even on a terminal (the variable `NO_COLOR` does the same)
    #[arg(long, global = true, help_heading = "Global options")]
    pub no_color: bool,

    /// What the log says, and how.
    #[command(flatten)]
    pub log: LogArgs,
}

/// The commands.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Run the controller: keep workspaces as their manifests declare them
    ///
    /// Watches DIR and the engine, closes the difference, and writes a status file beside each manifest. Ends in order on
    /// SIGINT and SIGTERM; containers keep running, and the next run takes them over.
    #[command(after_help = help::RUN)]
    Run(Box<run::RunArgs>),

    /// Show what the controller would do, and why; changes nothing
    #[command(after_help = help::PLAN)]
    Plan(Box<plan::PlanArgs>),

    /// Check manifests; needs no engine
    ///
    /// Prints everything that is wrong with all files as `FILE:LINE:COLUMN: MESSAGE`. The paths are checked together, as
    /// one source: a name that two of them declare is an error.
    #[command(after_help = help::VALIDATE)]
    Validate(validate::ValidateArgs),

    /// Try policies, which say what manifests may ask for
    #[command(after_help = help::POLICY)]
    Policy(policy::PolicyArgs),

    /// Show workspaces at a glance
    ///
    /// Reads the status files that the controller writes. `wharf get sources` shows where manifests come from and what came of them, which only a
    /// running controller knows.
    #[command(visible_alias = "ls", after_help = help::GET)]
    Get(get::GetArgs),

    /// Show everything about workspaces: why they are in their state, and what happens next
    ///
    /// Shows identity, state, spec, conditions, the container and the last events, with the reason of every condition that is
    /// not as one would wish, the time of the next attempt, and what a person can do. The spec is the manifest's, without
    /// defaults and without values of the environment.
    #[command(after_help = help::DESCRIBE)]
    Describe(describe::DescribeArgs),

    /// Show what happened to workspaces, newest last
    ///
    /// The controller keeps the last fifty events of each workspace for thirty days; one that is equal to an earlier one is counted there. Without
    /// a controller, the last ten of each status file are shown.
    #[command(after_help = help::EVENTS)]
    Events(events::EventsArgs),

    /// Show all workspaces in a few numbers, and what the controller does
    ///
    /// Counts workspaces by phase, adds up what they use, and tells of the controller's passes, failures and measurements since its start.
    /// Without a controller, the status files are counted.
    #[command(after_help = help::SUMMARY)]
    Summary(summary::SummaryArgs),

    /// Show what a workspace has used, and what is concluded from that
    ///
    /// The controller keeps each reading for an hour, minutes for a day, hours for a month and days for a year. A course shows zero at its bottom
    /// and the greatest value at its top; where nothing was measured is a gap.
    #[command(after_help = help::METRICS)]
    Metrics(metrics::MetricsArgs),

    /// Show what workspaces use, as it changes
    ///
    /// A screen with all workspaces, sorted and filtered by keys that its last line names, and with what happens to them. Amounts are of one
    /// second where they are of traffic; K, M and G are powers of 1024. Without a terminal, one table is printed.
    #[command(after_help = help::TOP)]
    Top(top::TopArgs),

    /// Let workspaces run, until their manifests change
    ///
    /// What is declared `Stopped` runs as well, and what has spent its recovery budget begins a new one. `wharf resume` takes that back, and
    /// so does the next change of the manifest.
    #[command(after_help = help::VERBS)]
    Start(verbs::VerbArgs),

    /// Let workspaces rest, until their manifests change
    ///
    /// The containers are stopped and kept. `wharf resume` takes that back, and so does the next change of the manifest.
    #[command(after_help = help::VERBS)]
    Stop(verbs::VerbArgs),

    /// End the runs of workspaces and begin others
    ///
    /// Each is restarted once, whatever is interrupted.
    #[command(after_help = help::VERBS)]
    Restart(verbs::VerbArgs),

    /// Look at workspaces now; what waits for its next attempt is tried at once
    ///
    /// With --source, that source is read now instead, which it is once a second at most; what has changed in it is taken in.
    #[command(after_help = help::SYNC)]
    Sync(verbs::SyncArgs),

    /// Take back what was asked for: the manifests count again
    #[command(after_help = help::VERBS)]
    Resume(verbs::VerbArgs),

    /// Remove workspaces: their documents in the manifests, and so the workspaces
    ///
    /// What happens to containers and volumes is what `deletionPolicy` and `deleteVolumes` say.
    #[command(after_help = help::VERBS)]
    Delete(verbs::VerbArgs),

    /// Show batches, which `start`, `stop` and the like are, or end one
    ///
    /// A batch that was interrupted goes on when the controller is started again. It is kept for a day after its end.
    #[command(after_help = help::BATCH)]
    Batch(batch::BatchArgs),

    /// Show what a workspace's container has written
    ///
    /// Its standard output goes to standard output, its standard error to standard error.
    #[command(after_help = help::LOGS)]
    Logs(logs::LogsArgs),

    /// Run a command in a workspace's container
    ///
    /// At a terminal, and without `-i` and `-t`, the command gets the terminal; else it gets what these ask for. A command
    /// goes on when `wharf exec` is ended from outside.
    #[command(after_help = help::EXEC)]
    Exec(exec::ExecArgs),

    /// Show deletions that are held, and confirm them
    ///
    /// Deletions are held when many workspaces would be deleted at once, or when the source is suddenly empty: that is more
    /// often an accident than a wish. Putting the manifests back lets go of them, too.
    #[command(after_help = help::PRUNE)]
    Prune(prune::PruneArgs),

    /// Show what belongs to no workspace on the engine, and remove it
    ///
    /// Orphans are containers with the label of the source's instance that neither a manifest nor the controller's memory knows, networks that
    /// nobody needs and, with `--volumes`, volumes. Without that label, nothing is touched; where the source, the memory or the engine cannot
    /// be read completely, nothing is removed.
    #[command(after_help = help::GC)]
    Gc(gc::GcArgs),

    /// Write the manifest of a container that Wharf did not make, or go on with a source that was moved
    ///
    /// CONTAINER: prints a manifest that declares what the container is; values of its environment are not told. Wharf makes a container of its own
    /// from it. --instance OLD: shows which containers of the instance that the source was before belong to its manifests; with --confirm,
    /// the source is that instance from now on, which the file .wharf-instance in it says.
    #[command(after_help = help::ADOPT)]
    Adopt(adopt::AdoptArgs),

    /// Explain the fields of a manifest
    #[command(after_help = help::EXPLAIN)]
    Explain(explain::ExplainArgs),

    /// Print JSON Schemas of manifests and status files
    ///
    /// For editors: put `# yaml-language-server: $schema=PATH` at the top of a manifest.
    #[command(after_help = help::SCHEMA)]
    Schema(schema::SchemaArgs),

    /// Print a completion script for a shell
    #[command(after_help = help::COMPLETIONS)]
    Completions(completions::CompletionsArgs),

    /// Print manual pages
    #[command(after_help = help::MAN)]
    Man(man::ManArgs),

    /// Find out what is wrong with this machine, and the fix
    ///
    /// Looks at the engine, the directories, the state's lock, file watches, disk space and the clock. Changes nothing.
    #[command(after_help = help::DOCTOR)]
    Doctor(doctor::DoctorArgs),
}

impl Command {
    /// Finds out where the files of the controller are that a command is about.
    fn settle(&mut self) -> Result<(), CliError> {
        let location = match self {
            Self::Get(args) => &mut args.location,
            Self::Describe(args) => &mut args.location,
            Self::Events(args) => &mut args.location,
            Self::Summary(args) => &mut args.location,
            Self::Metrics(args) => &mut args.location,
            Self::Top(args) => &mut args.location,
            Self::Start(args) | Self::Stop(args) | Self::Restart(args) | Self::Resume(args) | Self::Delete(args) => {
                &mut args.location
            }
            Self::Sync(args) => &mut args.verb.location,
            Self::Batch(args) => &mut args.location,
            Self::Logs(args) => &mut args.places.location,
            Self::Exec(args) => &mut args.places.location,
            Self::Prune(args) => &mut args.location,
            Self::Gc(args) => &mut args.location,
            Self::Adopt(args) => &mut args.location,
            Self::Doctor(args) => &mut args.location,
            Self::Run(_)
            | Self::Plan(_)
            | Self::Validate(_)
            | Self::Policy(_)
            | Self::Explain(_)
            | Self::Schema(_)
            | Self::Completions(_)
            | Self::Man(_) => return Ok(()),
        };
        location.settle()
    }
}

/// Does what this process's command line says.
pub fn main() -> ExitCode {
    let mut cli = match parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help that nobody reads to its end is no error.
            let _ = error.print();
            return if error.use_stderr() { ExitCode::Usage } else { ExitCode::Done };
        }
    };
    let mut printer = Printer::new(cli.no_color, cli.log.quiet > 0);
    let usual = if matches!(cli.command, Command::Run(_)) { Usual::Info } else { Usual::Warnings };
    let settled = cli.log.init(cli.no_color, usual).and_then(|()| cli.command.settle());
    let outcome = settled.and_then(|()| run(&cli.command, &mut printer));
    outcome.unwrap_or_else(|error| {
        printer.error(&error);
        error.exit_code()
    })
}

/// Help and usage errors are printed while parsing, so `--no-color` has to be seen before.
fn parse() -> Result<Cli, clap::Error> {
    let plain = std::env::args_os().any(|argument| argument == "--no-color");
    let colours = if plain { ColorChoice::Never } else { ColorChoice::Auto };
    Cli::from_arg_matches(&Cli::command().color(colours).try_get_matches()?)
}

fn run(command: &Command, printer: &mut Printer) -> Result<ExitCode, CliError> {
    match command {
        Command::Run(args) => run::run(args, printer),
        Command::Plan(args) => plan::run(args, printer),
        Command::Start(args) => verbs::run(Verb::Start, args, printer),
        Command::Stop(args) => verbs::run(Verb::Stop, args, printer),
        Command::Restart(args) => verbs::run(Verb::Restart, args, printer),
        Command::Sync(args) => verbs::sync(args, printer),
        Command::Resume(args) => verbs::run(Verb::Resume, args, printer),
        Command::Delete(args) => verbs::run(Verb::Delete, args, printer),
        Command::Batch(args) => batch::run(args, printer),
        Command::Prune(args) => prune::run(args, printer),
        Command::Adopt(args) => adopt::run(args, printer),
        Command::Gc(args) => gc::run(args, printer),
        Command::Validate(args) => validate::run(args, printer),
        Command::Policy(args) => policy::run(args, printer),
        Command::Get(args) => get::run(args, printer),
        Command::Describe(args) => describe::run(args, printer),
        Command::Events(args) => events::run(args, printer),
        Command::Summary(args) => summary::run(args, printer),
        Command::Metrics(args) => metrics::run(args, printer),
        Command::Top(args) => top::run(args, printer),
        Command::Logs(args) => logs::run(args, printer),
        Command::Exec(args) => exec::run(args, printer),
        Command::Explain(args) => explain::run(args, printer),
        Command::Schema(args) => schema::run(args, printer),
        Command::Completions(args) => completions::run(args, printer),
        Command::Man(args) => man::run(args, printer),
        Command::Doctor(args) => doctor::run(args, printer),
    }
}
