//! Why a controller cannot be told from what is written: what, where, and the next step.

use std::path::PathBuf;

use crate::disk::SecretFileError;
use crate::manifest::Diagnostic;
use crate::model::configuration::InvalidRepository;
use crate::source::git::{InvalidAddress, InvalidGitOptions};

/// Why a configuration, or what the command line says instead of it, is of no use.
#[derive(Debug, thiserror::Error)]
pub enum ConfigurationError {
    /// The file cannot be read.
    #[error("cannot read the configuration {}", file.display())]
    Read {
        /// The file, as given.
        file: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// Something is wrong with what the file says. Each on a line: where, what, what would be right.
    #[error("{}", .0.iter().map(Diagnostic::to_string).collect::<Vec<_>>().join("\n"))]
    Invalid(Vec<Diagnostic>),
    /// Nothing says where the manifests are.
    #[error("nothing says where the manifests are")]
    NoSource,
    /// Sources that a command cannot look at by itself.
    #[error("this command looks at one directory by itself, and the sources are others or several")]
    Sources,
    /// Sources without a place for status files.
    #[error("a git repository is a source, or there are several sources, and nothing says where the status files go")]
    NoStatusDirectory,
    /// The address of a repository is not one.
    #[error(transparent)]
    Address(#[from] InvalidAddress),
    /// A repository cannot be followed as it is told.
    #[error(transparent)]
    Git(#[from] InvalidGitOptions),
    /// The secret of a forge's messages cannot be used.
    #[error(transparent)]
    HookSecret(SecretFileError),
    /// The address of a repository is not one, or holds a secret.
    #[error("`--git`: {0}")]
    Repository(InvalidRepository),
}

impl ConfigurationError {
    /// Whether it is the command line that makes no sense.
    pub fn is_usage(&self) -> bool {
        matches!(self, Self::NoSource | Self::NoStatusDirectory | Self::Repository(_))
    }

    /// The next step, where the text does not say it itself.
    pub fn help(&self) -> Option<String> {
        let help = match self {
            Self::Invalid(_) | Self::Repository(_) | Self::Address(_) | Self::Git(_) => return None,
            Self::HookSecret(error) => return Some(error.help()),
            Self::Read { .. } => {
                "check that it exists and that you may read it, or name another with `--config FILE` or WHARF_CONFIG"
            }
            Self::NoSource => {
                "name a directory (`wharf run DIR`), a repository (`--git URL`) or a configuration (`--config FILE`)"
            }
            Self::Sources => "name one directory, or ask the running controller: `wharf get`, `wharf describe NAME`",
            Self::NoStatusDirectory => {
                "name a directory with `--status-dir DIR`: nothing is ever written into a checkout"
            }
        };
        Some(help.to_owned())
    }
}
