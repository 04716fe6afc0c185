//! Where manifests come from, as configured.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::repository::{CommitId, ReferenceName, RepositoryPath, RepositoryUrl};
use crate::model::name::Name;
use crate::model::period::Period;
use crate::model::quantity::Memory;

/// A source of manifests: exactly one of `directory` and `git`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SourceSpec {
    /// What it is called, unlike all others: in status files, policies and commands.
    pub name: Name,
    /// A directory of this machine, which is watched. Who may write to it decides what runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub directory: Option<DirectorySource>,
    /// A git repository, which is fetched. Its authors decide what runs, as far as policies let them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub git: Option<GitSource>,
}

/// A directory of this machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DirectorySource {
    /// The directory with the manifests.
    #[schemars(length(min = 1))]
    pub path: PathBuf,
}

/// A git repository, at one branch, tag or revision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GitSource {
    /// The repository: `https://…`, `ssh://…`, `git@host:path`, or the absolute path of one on this machine. No user and no
    /// password of HTTPS in it: use `https`.
    pub url: RepositoryUrl,
    /// The branch to follow. Default: the one that the repository's HEAD names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<ReferenceName>,
    /// The tag to follow, instead of a branch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<ReferenceName>,
    /// The commit to stay at, by its full ID, instead of a branch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<CommitId>,
    /// The directory of the repository that holds the manifests. Default: the whole repository.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<RepositoryPath>,
    /// How often the repository is asked for news. Default `1m`.
    #[serde(default = "interval")]
    pub interval: Period,
    /// The directory of this machine at which relative paths in its manifests begin. Default: `projects/NAME` in the state directory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub base: Option<PathBuf>,
    /// How long a fetch may take. Default `2m`.
    #[serde(default = "timeout")]
    pub timeout: Period,
    /// How large a checkout may be. Default `64Mi`.
    #[serde(default = "max_bytes")]
    pub max_bytes: Memory,
    /// How to be let in over SSH.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ssh: Option<GitSsh>,
    /// How to be let in over HTTPS, and whom to trust.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub https: Option<GitHttps>,
    /// Whose signature a commit must have to come into force. Default: none is asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verify: Option<GitVerify>,
    /// The branch of the same repository that the status files are pushed to, as commits by `wharf <wharf@localhost>`, at most one in 30
    /// seconds and only when a status changed. It is wharf's alone: other files are removed from it. The token or key needs the right to
    /// write, and whoever may read the repository reads the statuses. Default: nothing is pushed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status_branch: Option<ReferenceName>,
    /// Who may say that there are news, so that they are fetched at once. Default: nobody; the repository is asked at each `interval`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub webhook: Option<GitWebhook>,
}

/// How to be let in over SSH.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GitSsh {
    /// The file with the private key, without a passphrase; mode 0600.
    #[schemars(length(min = 1))]
    pub key_file: PathBuf,
    /// The file with the host's keys, in the form of `known_hosts`. A host that is not in it is not talked to.
    #[schemars(length(min = 1))]
    pub known_hosts_file: PathBuf,
}

/// How to be let in over HTTPS, and whom to trust.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GitHttps {
    /// The user's name; for a token, what the host asks for, such as `git` or `oauth2`. Only with `tokenFile`. Default `git`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub username: Option<String>,
    /// The file with the token or password; mode 0600. It is read anew for each fetch. Default: none is presented.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub token_file: Option<PathBuf>,
    /// The file with the certificates of authorities to trust, in PEM. Default: those of this machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub ca_file: Option<PathBuf>,
}

/// Whose signature a commit must have: exactly one of the files.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GitVerify {
    /// SSH keys that may sign, in the form of ssh-keygen(1)'s `ALLOWED SIGNERS`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub allowed_signers_file: Option<PathBuf>,
    /// PGP keys that may sign, as `gpg --export` writes them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub keyring_file: Option<PathBuf>,
}

/// Who may say that there are news.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GitWebhook {
    /// The file with the secret that GitHub, Gitea and Forgejo sign their messages with, and GitLab sends along: at least 16 bytes, mode 0600.
    #[schemars(length(min = 1))]
    pub secret_file: PathBuf,
}

impl GitSource {
    /// How often a repository is asked for news that nobody said anything about.
    pub const INTERVAL: Period = Period::from_secs(60);
    /// How long a fetch may take.
    pub const TIMEOUT: Period = Period::from_secs(120);
    /// How large a checkout may be.
    pub const MAX_BYTES: Memory = Memory::from_bytes(64 << 20);
}

fn interval() -> Period {
    GitSource::INTERVAL
}

fn timeout() -> Period {
    GitSource::TIMEOUT
}

fn max_bytes() -> Memory {
    GitSource::MAX_BYTES
}
