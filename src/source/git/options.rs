//! What is followed, how it is reached, and how much of it is taken: checked before anything is run.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use super::address::{Address, Transport};
use crate::model::Name;

/// How to follow a repository, as somebody wrote it down.
#[derive(Clone, Debug)]
pub struct GitSettings {
    /// What the source is called; `None` where it is the only one.
    pub name: Option<Name>,
    /// Where the repository is.
    pub url: Address,
    /// What of it is followed.
    pub reference: Reference,
    /// The directory of the repository that holds the manifests, relative to its root; empty for the root.
    pub subpath: String,
    /// Time between two syncs.
    pub interval: Duration,
    /// A directory for this source alone, made (mode 0700) when it does not exist. Whatever is in it can be lost.
    pub state: PathBuf,
    /// The directory of this machine that relative paths in the manifests begin at, absolute.
    pub base: PathBuf,
    /// How an ssh server is talked to; needed with ssh.
    pub ssh: Option<SshAccess>,
    /// Who is told to an https server; `None` for a public repository.
    pub token: Option<TokenAccess>,
    /// Certificate authorities that an https server is checked against (PEM), instead of the machine's.
    pub ca_file: Option<PathBuf>,
    /// Whose signature a commit needs to come into force; `None` for no signature.
    pub verify: Option<Verify>,
    /// The branch of the same repository that statuses are pushed to; `None`: they are not pushed.
    pub status_branch: Option<String>,
    /// How much is taken.
    pub limits: GitLimits,
}

/// What of a repository is followed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Reference {
    /// The branch that the remote calls its own (`HEAD`).
    #[default]
    Head,
    /// A branch.
    Branch(String),
    /// A tag.
    Tag(String),
    /// A commit by its full ID.
    Revision(String),
}

/// How an ssh server is talked to. Nothing else of the machine's ssh configuration is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SshAccess {
    /// The private key, without a passphrase, mode 0600.
    pub key: PathBuf,
    /// The servers' own keys, as `ssh-keyscan` writes them. A server that is not in it is refused.
    pub known_hosts: PathBuf,
}

/// Who is told to an https server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenAccess {
    /// The user; with many servers any text will do.
    pub user: String,
    /// A file of mode 0600 with the token as its first line. Read at each sync, so that a token can be renewed.
    pub file: PathBuf,
}

/// Whose signature a commit needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verify {
    /// One of those in a file of allowed signers (see `ssh-keygen`, "ALLOWED SIGNERS").
    Ssh {
        /// The file.
        allowed_signers: PathBuf,
    },
    /// One of those in a keyring, as `gpg --export` writes it.
    Gpg {
        /// The file.
        keyring: PathBuf,
    },
}

/// How much is taken from a repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GitLimits {
    /// Bytes of a download, and of all manifests together.
    pub bytes: u64,
    /// Manifests and symbolic links.
    pub files: usize,
    /// Time for a sync.
    pub time: Duration,
}

/// Settings that were checked.
#[derive(Clone, Debug)]
pub struct GitOptions(GitSettings);

/// Why a repository cannot be followed as the settings say.
#[derive(Debug, thiserror::Error)]
pub enum InvalidGitOptions {
    /// A name of a branch or tag, or a commit.
    #[error(
        "the {what} `{}` cannot be one: {remedy}",
        text.escape_debug()
    )]
    Reference {
        /// `branch`, `tag` or `revision`.
        what: &'static str,
        /// As written.
        text: String,
        /// What would be right.
        remedy: &'static str,
    },
    /// The branch for statuses is the one that manifests come from.
    #[error("the status branch `{0}` is the branch that is followed, whose manifests it would replace: choose another")]
    StatusBranch(String),
    /// The subpath.
    #[error("the subpath `{}` leaves the repository: write it relative to the repository's root, without `..`", .0.escape_debug())]
    Subpath(String),
    /// A path that has to be absolute.
    #[error("{what} `{}` is not an absolute path: write it out from `/`", path.display())]
    Relative {
        /// Which setting.
        what: &'static str,
        /// As written.
        path: PathBuf,
    },
    /// A path that ssh or gpg would not take as it is.
    #[error("{what} `{}` has blanks, quotes, `%`, `$` or `\\` in it, which ssh and gpg read in their own way: move it", path.display())]
    Path {
        /// Which setting.
        what: &'static str,
        /// As written.
        path: PathBuf,
    },
    /// A file that is needed.
    #[error("{what} `{}` cannot be used ({source}): check the path and its permissions", path.display())]
    File {
        /// Which setting.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// A secret that others can read.
    #[error("{what} `{}` has mode {mode:04o}: others may read it; make it yours alone with `chmod 600`", path.display())]
    Mode {
        /// Which setting.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// A setting that the transport needs, or has no use for.
    #[error("{0}")]
    Combination(&'static str),
}

impl Default for GitLimits {
    fn default() -> Self {
        Self { bytes: 64 << 20, files: 10_000, time: Duration::from_secs(120) }
    }
}

impl GitSettings {
    /// The remote's own branch of a repository, whole, every minute, with nothing to identify ourselves.
    pub fn new(url: Address, state: PathBuf, base: PathBuf) -> Self {
        Self {
            name: None,
            url,
            reference: Reference::Head,
            subpath: String::new(),
            interval: Duration::from_secs(60),
            state,
            base,
            ssh: None,
            token: None,
            ca_file: None,
            verify: None,
            status_branch: None,
            limits: GitLimits::default(),
        }
    }
}

impl Reference {
    /// As the remote calls it.
    pub(super) fn remote_name(&self) -> String {
        match self {
            Self::Head => "HEAD".to_owned(),
            Self::Branch(name) => format!("refs/heads/{name}"),
            Self::Tag(name) => format!("refs/tags/{name}"),
            Self::Revision(id) => id.clone(),
        }
    }

    fn check(&self) -> Result<(), InvalidGitOptions> {
        match self {
            Self::Head => Ok(()),
            Self::Branch(name) => named("branch", name),
            Self::Tag(name) => named("tag", name),
            Self::Revision(id) if is_object_id(id) => Ok(()),
            Self::Revision(id) => Err(InvalidGitOptions::Reference {
                what: "revision",
                text: id.clone(),
                remedy: "give all 40 hexadecimal digits of the commit's ID, in lower case",
            }),
        }
    }
}

impl std::fmt::Display for Reference {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Head => formatter.write_str("the remote's default branch"),
            Self::Branch(name) => write!(formatter, "branch {name}"),
            Self::Tag(name) => write!(formatter, "tag {name}"),
            Self::Revision(id) => write!(formatter, "revision {id}"),
        }
    }
}

impl GitOptions {
    /// Checks settings: each by itself, against each other, and whether the files that they name can be used.
    pub fn new(mut settings: GitSettings) -> Result<Self, InvalidGitOptions> {
        settings.reference.check()?;
        status_branch(&settings)?;
        settings.subpath = subpath(&settings.subpath)?;
        absolute("the state directory", &settings.state)?;
        absolute("the base directory", &settings.base)?;
        combination(&settings)?;
        let options = Self(settings);
        options.check_files()?;
        Ok(options)
    }

    /// Those of a copy of the branch that statuses are pushed to, beside the copy of what is followed: neither waits for the other.
    pub(super) fn for_statuses(&self, branch: &str) -> Self {
        Self(GitSettings {
            reference: Reference::Branch(branch.to_owned()),
            state: self.0.state.join("statuses"),
            subpath: String::new(),
            verify: None,
            ..self.0.clone()
        })
    }

    /// Looks at the files that the settings name: they may have changed since.
    pub fn check_files(&self) -> Result<(), InvalidGitOptions> {
        if let Some(SshAccess { key, known_hosts }) = &self.0.ssh {
            secret("the ssh key file", key)?;
            quotable("the ssh key file", key)?;
            readable("the known_hosts file", known_hosts)?;
            quotable("the known_hosts file", known_hosts)?;
        }
        if let Some(token) = &self.0.token {
            secret("the token file", &token.file)?;
        }
        if let Some(file) = &self.0.ca_file {
            readable("the CA file", file)?;
        }
        match &self.0.verify {
            Some(Verify::Ssh { allowed_signers }) => readable("the allowed signers file", allowed_signers).map(drop),
            Some(Verify::Gpg { keyring }) => {
                readable("the keyring file", keyring)?;
                quotable("the keyring file", keyring)
            }
            None => Ok(()),
        }
    }
}

impl std::ops::Deref for GitOptions {
    type Target = GitSettings;

    fn deref(&self) -> &GitSettings {
        &self.0
    }
}

fn named(what: &'static str, text: &str) -> Result<(), InvalidGitOptions> {
    let remedy = "give its name alone, without `refs/`, blanks, `..` or any of `~^:?*[\\`";
    let wrong = || InvalidGitOptions::Reference { what, text: text.to_owned(), remedy };
    if is_ref_name(text) { Ok(()) } else { Err(wrong()) }
}

fn status_branch(settings: &GitSettings) -> Result<(), InvalidGitOptions> {
    let Some(branch) = &settings.status_branch else { return Ok(()) };
    named("status branch", branch)?;
    match &settings.reference {
        Reference::Branch(followed) if followed == branch => Err(InvalidGitOptions::StatusBranch(branch.clone())),
        _ => Ok(()),
    }
}

/// Git's own rules (`git check-ref-format`), and no name that could be taken for an option.
fn is_ref_name(text: &str) -> bool {
    let component = |part: &str| !part.is_empty() && !part.starts_with('.') && !part.as_bytes().ends_with(b".lock");
    let allowed = |c: char| !(c.is_control() || c.is_whitespace() || "~^:?*[\\".contains(c));
    text.split('/').all(component)
        && text.chars().all(allowed)
        && !text.starts_with('-')
        && !text.starts_with("refs/")
        && !text.ends_with('.')
        && !text.contains("..")
        && !text.contains("@{")
        && text != "@"
}

pub(super) fn is_object_id(text: &str) -> bool {
    text.len() == 40 && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

/// The subpath with single `/` between its components.
fn subpath(text: &str) -> Result<String, InvalidGitOptions> {
    let wrong = || InvalidGitOptions::Subpath(text.to_owned());
    if text.starts_with('-') || text.chars().any(char::is_control) {
        return Err(wrong());
    }
    let parts = Path::new(text).components().filter(|part| *part != Component::CurDir);
    let names = parts.map(|part| match part {
        Component::Normal(name) => name.to_str().ok_or_else(wrong),
        _ => Err(wrong()),
    });
    Ok(names.collect::<Result<Vec<_>, _>>()?.join("/"))
}

fn combination(settings: &GitSettings) -> Result<(), InvalidGitOptions> {
    let transport = settings.url.transport();
    let unfit = match transport {
        Transport::Ssh if settings.ssh.is_none() => Some(
            "an ssh repository needs a key file and a known_hosts file: make the latter with `ssh-keyscan HOST`, and compare \
             what it says with what the server's administrator tells you",
        ),
        Transport::Https | Transport::File if settings.ssh.is_some() => {
            Some("a key file is of use with ssh only: remove it, or write the url as `ssh://user@host/path`")
        }
        Transport::Ssh | Transport::File if settings.token.is_some() || settings.ca_file.is_some() => {
            Some("a token or CA file is of use with https only: remove it, or write the url as `https://host/path`")
        }
        _ if settings
            .token
            .as_ref()
            .is_some_and(|token| token.user.is_empty() || token.user.contains(char::is_control)) =>
        {
            Some("a token needs a user: give one, such as `git`")
        }
        _ if settings.interval.is_zero() || settings.limits.time.is_zero() => {
            Some("the interval and the time limit have to be longer than nothing: write them as `1m`")
        }
        _ => None,
    };
    unfit.map_or(Ok(()), |what| Err(InvalidGitOptions::Combination(what)))
}

fn absolute(what: &'static str, path: &Path) -> Result<(), InvalidGitOptions> {
    if path.is_absolute() { Ok(()) } else { Err(InvalidGitOptions::Relative { what, path: path.into() }) }
}

fn readable(what: &'static str, path: &Path) -> Result<fs::Metadata, InvalidGitOptions> {
    absolute(what, path)?;
    let failed = |source| InvalidGitOptions::File { what, path: path.into(), source };
    // Looked at before it is opened: a named pipe would keep us waiting.
    if !fs::metadata(path).map_err(failed)?.is_file() {
        return Err(failed(std::io::Error::other("it is not a file")));
    }
    fs::File::open(path).and_then(|file| file.metadata()).map_err(failed)
}

fn secret(what: &'static str, path: &Path) -> Result<(), InvalidGitOptions> {
    let mode = readable(what, path)?.mode() & 0o7777;
    if mode.trailing_zeros() >= 6 { Ok(()) } else { Err(InvalidGitOptions::Mode { what, path: path.into(), mode }) }
}

fn quotable(what: &'static str, path: &Path) -> Result<(), InvalidGitOptions> {
    let plain = |c: char| !(c.is_whitespace() || c.is_control() || "\"'`%$\\".contains(c));
    let fit = path.to_str().is_some_and(|text| text.chars().all(plain));
    if fit { Ok(()) } else { Err(InvalidGitOptions::Path { what, path: path.into() }) }
}
