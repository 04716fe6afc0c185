//! `wharf policy`: tries policies, and what the other commands need of them.

mod read;
mod test;
mod trial;

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

pub use read::{PolicyError, read};
pub(super) use trial::{Trial, Tried};

use super::error::CliError;
use super::exit::ExitCode;
use super::help;
use super::printer::Printer;
use crate::model::source::SourceKind;

/// The arguments of `wharf policy`.
#[derive(Clone, Debug, Args)]
pub struct PolicyArgs {
    /// What to do with policies.
    #[command(subcommand)]
    pub command: PolicyCommand,
}

/// What can be done with policies.
#[derive(Clone, Debug, Subcommand)]
pub enum PolicyCommand {
    /// Check what policies admit and deny against cases in a file
    ///
    /// Paths of the host are not looked up: everything is where it seems to be, except what a case says under `links`.
    #[command(after_help = help::POLICY)]
    Test(TestArgs),
}

/// The arguments of `wharf policy test`.
#[derive(Clone, Debug, Args)]
pub struct TestArgs {
    /// A file of cases: the policies, and manifests with what is expected of each
    #[arg(value_name = "CASES")]
    pub cases: PathBuf,
}

/// Kinds of sources, as the command line has them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// A directory of this machine.
    #[default]
    Directory,
    /// A git repository, whose built-in policy counts too.
    Git,
}

impl From<Kind> for SourceKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Directory => Self::Directory,
            Kind::Git => Self::Git,
        }
    }
}

/// Does what is asked for.
pub fn run(args: &PolicyArgs, printer: &mut Printer) -> Result<ExitCode, CliError> {
    match &args.command {
        PolicyCommand::Test(args) => test::run(args, printer),
    }
}
