//! The command line: one file a command, one printer, exit codes as an enum.
//!
//! Every command is a module with its arguments (whose documentation is its help) and
//! `run(&args, &mut printer) -> Result<ExitCode, CliError>`. Results go to standard output and everything else to standard
//! error, both only through [`printer::Printer`].

pub mod advice;
pub mod completions;
pub mod controller;
mod crash_points;
mod declared;
pub mod describe;
pub mod doctor;
pub mod error;
pub mod events;
pub mod exit;
pub mod explain;
mod files;
pub mod get;
pub mod logging;
pub mod man;
pub mod output;
pub mod plan;
pub mod printer;
pub mod prune;
pub mod run;
pub mod schema;
pub mod selector;
pub mod statuses;
pub mod table;
pub mod text;
pub mod validate;
pub mod watch;

use clap::{ColorChoice, CommandFactory, FromArgMatches, Parser, Subcommand};

use error::CliError;
use exit::ExitCode;
use logging::{LogArgs, Usual};
use printer::Printer;

/// Keeps container workspaces as their manifests declare them
///
/// Wharf watches a directory of YAML files that declare workspaces - isolated containers with a project directory
/// mounted - and a Docker engine, works out the difference, and closes it with the fewest calls. It writes a status file
/// beside each manifest; `wharf get` and `wharf describe` show them.
#[derive(Clone, Debug, Parser)]
#[command(name = "wharf", version, arg_required_else_help = true, after_help = AFTER_HELP)]
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

const AFTER_HELP: &str = "\
Examples:
  wharf run workspaces             keep what is declared there
  wharf plan workspaces            what that would do, and why
  wharf explain workspace.spec     what a manifest can say
  wharf validate workspaces/       check manifests; needs no engine
  wharf get --dir workspaces       workspaces at a glance
  wharf describe api-dev           why it is in its state, and what happens next
  wharf doctor                     what is wrong with this machine, and the fix

Exit codes:
  0  done
  1  failed; the reason is on standard error
  2  the command line makes no sense, or, where a flag asks, there is something to do
  3  settled, but not every workspace is as declared
  4  the container engine cannot be reached
  5  another controller holds the state directory";

/// The commands.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Run the controller: keep workspaces as their manifests declare them
    ///
    /// Watches DIR and the engine, closes the difference, and writes a status file beside each manifest. Ends in order on
    /// SIGINT and SIGTERM; containers keep running, and the next run takes them over.
    #[command(after_help = RUN)]
    Run(run::RunArgs),

    /// Show what the controller would do, and why; changes nothing
    #[command(after_help = PLAN)]
    Plan(plan::PlanArgs),

    /// Check manifests; needs no engine
    ///
    /// Prints everything that is wrong with all files as `FILE:LINE:COLUMN: MESSAGE`. The paths are checked together, as
    /// one source: a name that two of them declare is an error.
    #[command(after_help = VALIDATE)]
    Validate(validate::ValidateArgs),

    /// Show workspaces at a glance
    ///
    /// Reads the status files that the controller writes.
    #[command(visible_alias = "ls", after_help = GET)]
    Get(get::GetArgs),

    /// Show everything about workspaces: why they are in their state, and what happens next
    ///
    /// Shows identity, state, spec, conditions, the container and the last events, with the reason of every condition that is
    /// not as one would wish, the time of the next attempt, and what a person can do. The spec is the manifest's, without
    /// defaults and without values of the environment.
    #[command(after_help = DESCRIBE)]
    Describe(describe::DescribeArgs),

    /// Show what happened to workspaces, newest last
    ///
    /// A status file keeps the last ten events of its workspace; one that is equal to an earlier one of them is counted there.
    #[command(after_help = EVENTS)]
    Events(events::EventsArgs),

    /// Show deletions that are held, and confirm them
    ///
    /// Deletions are held when many workspaces would be deleted at once, or when the source is suddenly empty: that is more
    /// often an accident than a wish. Putting the manifests back lets go of them, too.
    #[command(after_help = PRUNE)]
    Prune(prune::PruneArgs),

    /// Explain the fields of a manifest
    #[command(after_help = EXPLAIN)]
    Explain(explain::ExplainArgs),

    /// Print JSON Schemas of manifests and status files
    ///
    /// For editors: put `# yaml-language-server: $schema=PATH` at the top of a manifest.
    #[command(after_help = SCHEMA)]
    Schema(schema::SchemaArgs),

    /// Print a completion script for a shell
    #[command(after_help = COMPLETIONS)]
    Completions(completions::CompletionsArgs),

    /// Print manual pages
    #[command(after_help = MAN)]
    Man(man::ManArgs),

    /// Find out what is wrong with this machine, and the fix
    ///
    /// Looks at the engine, the directories, the state's lock, file watches, disk space and the clock. Changes nothing.
    #[command(after_help = DOCTOR)]
    Doctor(doctor::DoctorArgs),
}

const RUN: &str = "\
Examples:
  wharf run workspaces
  wharf run workspaces --once
  wharf run workspaces --engine simulated     no engine needed

Exit codes:
  0  ended in order; with --once, everything is as declared
  1  failed; the reason is on standard error
  2  the command line makes no sense
  3  with --once: settled, but not every workspace is as declared
  4  with --once: the container engine cannot be reached
  5  another controller holds the state directory";

const PLAN: &str = "\
Examples:
  wharf plan workspaces
  wharf plan workspaces api-dev --exit-code
  wharf plan workspaces -o json

Exit codes:
  0  done
  1  failed, or a name is unknown
  2  the command line makes no sense; with --exit-code, there is something to do
  4  the container engine cannot be reached";

const PRUNE: &str = "\
Examples:
  wharf prune --dir workspaces
  wharf prune --dir workspaces --confirm

Exit codes:
  0  done, also when nothing is held
  1  a name is unknown, or a file cannot be read or written
  2  the command line makes no sense";

const VALIDATE: &str = "\
Examples:
  wharf validate workspaces/
  wharf validate api.yaml db.yaml -o json
  generate | wharf validate -

Exit codes:
  0  everything is valid
  1  something is wrong, or cannot be read
  2  the command line makes no sense";

const GET: &str = "\
Examples:
  wharf get
  wharf get api-dev db -o wide
  wharf get -l team=payments,tier!=prod --watch
  wharf get api-dev -o json | jq .status.phase

Exit codes:
  0  done, also when there are no workspaces
  1  a name is unknown, or a status file cannot be read
  2  the command line makes no sense";

const DESCRIBE: &str = "\
Examples:
  wharf describe api-dev
  wharf describe -l team=payments

Exit codes:
  0  done
  1  a name is unknown, or a status file cannot be read
  2  the command line makes no sense";

const EVENTS: &str = "\
Examples:
  wharf events
  wharf events api-dev --watch
  wharf events -o json

Exit codes:
  0  done, also when there are no events
  1  a name is unknown, or a status file cannot be read
  2  the command line makes no sense";

const EXPLAIN: &str = "\
Examples:
  wharf explain
  wharf explain workspace.spec.network

Exit codes:
  0  done
  1  there is no such field
  2  the command line makes no sense";

const SCHEMA: &str = "\
Examples:
  wharf schema
  wharf schema workspace > workspace.schema.json
  wharf schema --write schemas/

Exit codes:
  0  done
  1  there is no such schema, or a file cannot be written
  2  the command line makes no sense";

const COMPLETIONS: &str = "\
Examples:
  wharf completions bash > ~/.local/share/bash-completion/completions/wharf
  wharf completions zsh > ~/.zfunc/_wharf
  wharf completions fish > ~/.config/fish/completions/wharf.fish

Exit codes:
  0  done
  2  the command line makes no sense";

const MAN: &str = "\
Examples:
  wharf man get | man -l -
  wharf man --write /usr/local/share/man/man1

Exit codes:
  0  done
  1  a file cannot be written
  2  the command line makes no sense, or there is no such command";

const DOCTOR: &str = "\
Examples:
  wharf doctor --dir workspaces
  wharf doctor --host unix:///run/user/1000/docker.sock

Exit codes:
  0  nothing stands in the way
  1  something does, an unreachable engine included; each finding has its fix
  2  the command line makes no sense";

/// Does what this process's command line says.
pub fn main() -> ExitCode {
    let cli = match parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help that nobody reads to its end is no error.
            let _ = error.print();
            return if error.use_stderr() { ExitCode::Usage } else { ExitCode::Done };
        }
    };
    let mut printer = Printer::new(cli.no_color, cli.log.quiet > 0);
    let usual = if matches!(cli.command, Command::Run(_)) { Usual::Info } else { Usual::Warnings };
    let outcome = cli.log.init(cli.no_color, usual).and_then(|()| run(&cli.command, &mut printer));
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
        Command::Prune(args) => prune::run(args, printer),
        Command::Validate(args) => validate::run(args, printer),
        Command::Get(args) => get::run(args, printer),
        Command::Describe(args) => describe::run(args, printer),
        Command::Events(args) => events::run(args, printer),
        Command::Explain(args) => explain::run(args, printer),
        Command::Schema(args) => schema::run(args, printer),
        Command::Completions(args) => completions::run(args, printer),
        Command::Man(args) => man::run(args, printer),
        Command::Doctor(args) => doctor::run(args, printer),
    }
}
