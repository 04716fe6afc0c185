//! One git source: as options, and as what a source is made from.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;

use super::{ConfigurationError, absolute};
use crate::cli::error::CliError;
use crate::cli::values::positive;
use crate::disk::read_secret;
use crate::model::Name;
use crate::model::configuration::{
    CommitId, GitHttps, GitSource, GitSsh, GitVerify, GitWebhook, ReferenceName, RepositoryPath, RepositoryUrl,
};
use crate::model::period::Period;
use crate::model::quantity::Memory;
use crate::push::Hook;
use crate::source::git::{self, GitOptions};

/// The options that name a git repository as the source.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Git source")]
pub struct GitArgs {
    /// A git repository with the manifests, instead of DIR: https://…, ssh://…, git@host:path, or a path; needs --status-dir
    #[arg(long, value_name = "URL")]
    pub git: Option<String>,

    /// The branch to follow [default: that of the repository's HEAD]
    #[arg(long, value_name = "NAME", requires = "git", conflicts_with_all = ["tag", "revision"])]
    pub branch: Option<ReferenceName>,

    /// The tag to follow, instead of a branch
    #[arg(long, value_name = "NAME", requires = "git", conflicts_with = "revision")]
    pub tag: Option<ReferenceName>,

    /// The commit to stay at, by its full ID, instead of a branch
    #[arg(long, value_name = "COMMIT", requires = "git")]
    pub revision: Option<CommitId>,

    /// The directory of the repository that holds the manifests [default: the whole repository]
    #[arg(long, value_name = "SUBDIR", requires = "git")]
    pub path: Option<RepositoryPath>,

    /// How often the repository is asked for news [default: 1m]
    #[arg(long, value_name = "DURATION", requires = "git", value_parser = positive)]
    pub interval: Option<Period>,

    /// Where relative paths in the manifests begin [default: `projects` in the state directory]
    #[arg(long, value_name = "DIR", requires = "git")]
    pub base: Option<PathBuf>,

    /// How long a fetch may take [default: 2m]
    #[arg(long, value_name = "DURATION", requires = "git", value_parser = positive)]
    pub git_timeout: Option<Period>,

    /// How large a checkout may be [default: 64Mi]
    #[arg(long, value_name = "SIZE", requires = "git")]
    pub git_max_bytes: Option<Memory>,

    /// The file with the private SSH key; mode 0600
    #[arg(long, value_name = "FILE", requires_all = ["git", "ssh_known_hosts"], conflicts_with_all = HTTPS)]
    pub ssh_key: Option<PathBuf>,

    /// The file with the SSH host's keys, as ssh(1) keeps them in `known_hosts`
    #[arg(long, value_name = "FILE", requires_all = ["git", "ssh_key"])]
    pub ssh_known_hosts: Option<PathBuf>,

    /// The user's name for HTTPS [default: git]
    #[arg(long, value_name = "NAME", requires_all = ["git", "https_token_file"])]
    pub https_username: Option<String>,

    /// The file with the token or password for HTTPS; mode 0600
    #[arg(long, value_name = "FILE", requires = "git")]
    pub https_token_file: Option<PathBuf>,

    /// The file with the certificates to trust for HTTPS, in PEM [default: those of this machine]
    #[arg(long, value_name = "FILE", requires = "git")]
    pub https_ca_file: Option<PathBuf>,

    /// Only commits signed with an SSH key of this file come into force, see `ALLOWED SIGNERS` in ssh-keygen(1)
    #[arg(long, value_name = "FILE", requires = "git", conflicts_with = "keyring")]
    pub allowed_signers: Option<PathBuf>,

    /// Only commits signed with a PGP key of this file come into force, as `gpg --export` writes it
    #[arg(long, value_name = "FILE", requires = "git")]
    pub keyring: Option<PathBuf>,

    /// The branch of the repository to push the status files to; it is wharf's alone, and the key or token needs the right to write
    #[arg(long, value_name = "NAME", requires = "git")]
    pub status_branch: Option<ReferenceName>,

    /// The file with the secret of the messages by which GitHub, Gitea, Forgejo or GitLab say that there are news; mode 0600
    #[arg(long, value_name = "FILE", requires = "git")]
    pub git_webhook_secret_file: Option<PathBuf>,
}

/// The options that SSH excludes.
const HTTPS: [&str; 3] = ["https_username", "https_token_file", "https_ca_file"];

/// What a git source is made from. Paths are absolute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GitSettings {
    /// The repository, without any secret.
    pub url: RepositoryUrl,
    /// What of it is followed.
    pub reference: Reference,
    /// The directory of it that holds the manifests; `None`: the whole.
    pub path: Option<RepositoryPath>,
    /// How often it is asked for news.
    pub interval: Duration,
    /// Where relative paths in its manifests begin.
    pub base: PathBuf,
    /// How long a fetch may take.
    pub timeout: Duration,
    /// How large a checkout may be, in bytes.
    pub max_bytes: u64,
    /// How to be let in.
    pub access: Access,
    /// Whose signature a commit must have; `None`: nobody's.
    pub verify: Option<Signers>,
    /// The branch that statuses are pushed to.
    pub status_branch: Option<ReferenceName>,
    /// The file with the secret of messages that say that there are news.
    pub webhook: Option<PathBuf>,
}

/// What of a repository is followed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Reference {
    /// The branch that its HEAD names.
    #[default]
    Head,
    /// A branch.
    Branch(ReferenceName),
    /// A tag.
    Tag(ReferenceName),
    /// One commit.
    Revision(CommitId),
}

/// How to be let in to a repository. Files are named here, never what is in them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Access {
    /// As anybody.
    #[default]
    Open,
    /// By a key over SSH.
    Ssh {
        /// The private key.
        key_file: PathBuf,
        /// The host's keys.
        known_hosts_file: PathBuf,
    },
    /// Over HTTPS.
    Https {
        /// The user's name.
        username: String,
        /// The token; `None`: as anybody.
        token_file: Option<PathBuf>,
        /// The authorities to trust; `None`: those of the machine.
        ca_file: Option<PathBuf>,
    },
}

/// Whose signature a commit must have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Signers {
    /// SSH keys, in the form of `ALLOWED SIGNERS`.
    Ssh(PathBuf),
    /// PGP keys.
    Pgp(PathBuf),
}

impl GitArgs {
    /// The same as it would be written into a configuration; `None` without `--git`.
    pub(super) fn spec(&self) -> Result<Option<GitSource>, CliError> {
        let Some(url) = &self.git else { return Ok(None) };
        let args = self.clone();
        let https =
            GitHttps { username: args.https_username, token_file: args.https_token_file, ca_file: args.https_ca_file };
        let verify = GitVerify { allowed_signers_file: args.allowed_signers, keyring_file: args.keyring };
        let ssh = args.ssh_key.zip(args.ssh_known_hosts);
        Ok(Some(GitSource {
            // Clap would quote what it refuses, and there may be a password in it.
            url: url.parse().map_err(ConfigurationError::Repository)?,
            branch: args.branch,
            tag: args.tag,
            revision: args.revision,
            path: args.path,
            interval: args.interval.unwrap_or(GitSource::INTERVAL),
            base: args.base,
            timeout: args.git_timeout.unwrap_or(GitSource::TIMEOUT),
            max_bytes: args.git_max_bytes.unwrap_or(GitSource::MAX_BYTES),
            ssh: ssh.map(|(key_file, known_hosts_file)| GitSsh { key_file, known_hosts_file }),
            https: Some(https).filter(|https| *https != GitHttps::default()),
            verify: Some(verify).filter(|verify| *verify != GitVerify::default()),
            status_branch: args.status_branch,
            webhook: args.git_webhook_secret_file.map(|secret_file| GitWebhook { secret_file }),
        }))
    }
}

impl GitSettings {
    /// As the git source takes it. `state`: where it keeps its copy.
    pub fn options(&self, name: Option<&Name>, state: PathBuf) -> Result<GitOptions, CliError> {
        let url = self.url.to_string().parse().map_err(ConfigurationError::Address)?;
        let mut settings = git::GitSettings::new(url, state, self.base.clone());
        settings.name = name.cloned();
        settings.reference = match &self.reference {
            Reference::Head => git::Reference::Head,
            Reference::Branch(name) => git::Reference::Branch(name.to_string()),
            Reference::Tag(name) => git::Reference::Tag(name.to_string()),
            Reference::Revision(id) => git::Reference::Revision(id.to_string()),
        };
        settings.subpath = self.path.as_ref().map(ToString::to_string).unwrap_or_default();
        settings.interval = self.interval;
        settings.status_branch = self.status_branch.as_ref().map(ToString::to_string);
        settings.limits = git::GitLimits { bytes: self.max_bytes, time: self.timeout, ..git::GitLimits::default() };
        settings.verify = self.verify.clone().map(|signers| match signers {
            Signers::Ssh(allowed_signers) => git::Verify::Ssh { allowed_signers },
            Signers::Pgp(keyring) => git::Verify::Gpg { keyring },
        });
        match self.access.clone() {
            Access::Open => {}
            Access::Ssh { key_file, known_hosts_file } => {
                settings.ssh = Some(git::SshAccess { key: key_file, known_hosts: known_hosts_file });
            }
            Access::Https { username, token_file, ca_file } => {
                settings.token = token_file.map(|file| git::TokenAccess { user: username, file });
                settings.ca_file = ca_file;
            }
        }
        Ok(GitOptions::new(settings).map_err(ConfigurationError::Git)?)
    }

    /// Whose messages say that there are news of it.
    pub fn hook(&self) -> Result<Option<Hook>, CliError> {
        let Some(file) = &self.webhook else { return Ok(None) };
        let hook = Hook::new(read_secret(file).map_err(ConfigurationError::HookSecret)?);
        Ok(Some(match &self.reference {
            Reference::Branch(name) => hook.following(format!("refs/heads/{name}")),
            Reference::Tag(name) => hook.following(format!("refs/tags/{name}")),
            Reference::Head | Reference::Revision(_) => hook,
        }))
    }

    /// From what is written. `directory`: where relative paths begin; `projects`: where those in manifests do, unless `base` says otherwise.
    pub(super) fn of(spec: GitSource, directory: &Path, projects: PathBuf) -> Result<Self, CliError> {
        let place = |path: &PathBuf| absolute(&directory.join(path));
        let verify = spec.verify.unwrap_or_default();
        let ssh = verify.allowed_signers_file.as_ref().map(place).transpose()?.map(Signers::Ssh);
        let pgp = verify.keyring_file.as_ref().map(place).transpose()?.map(Signers::Pgp);
        let webhook = spec.webhook.map(|it| place(&it.secret_file)).transpose()?;
        Ok(Self {
            url: spec.url,
            reference: reference(spec.branch, spec.tag, spec.revision),
            path: spec.path,
            interval: spec.interval.duration(),
            base: spec.base.as_ref().map_or(Ok(projects), place)?,
            timeout: spec.timeout.duration(),
            max_bytes: spec.max_bytes.bytes(),
            access: access(spec.ssh, spec.https, place)?,
            verify: ssh.or(pgp),
            status_branch: spec.status_branch,
            webhook,
        })
    }
}

/// At most one of them is given, which is checked where they are read.
fn reference(branch: Option<ReferenceName>, tag: Option<ReferenceName>, revision: Option<CommitId>) -> Reference {
    let branch = branch.map(Reference::Branch);
    branch.or(tag.map(Reference::Tag)).or(revision.map(Reference::Revision)).unwrap_or_default()
}

fn access(
    ssh: Option<GitSsh>,
    https: Option<GitHttps>,
    place: impl Fn(&PathBuf) -> Result<PathBuf, CliError>,
) -> Result<Access, CliError> {
    if let Some(GitSsh { key_file, known_hosts_file }) = ssh {
        return Ok(Access::Ssh { key_file: place(&key_file)?, known_hosts_file: place(&known_hosts_file)? });
    }
    let Some(GitHttps { username, token_file, ca_file }) = https else { return Ok(Access::Open) };
    Ok(Access::Https {
        username: username.unwrap_or_else(|| "git".to_owned()),
        token_file: token_file.as_ref().map(&place).transpose()?,
        ca_file: ca_file.as_ref().map(&place).transpose()?,
    })
}
