//! Texts about git repositories: whatever passes here is no option, no command and no way out of a directory, wherever it is put.

use std::fmt;
use std::str::FromStr;

use crate::model::text::textual;

/// Where a git repository is. It never holds a password.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RepositoryUrl(String);

/// The name of a branch or tag.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReferenceName(String);

/// The full ID of a commit, in hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CommitId(String);

/// A directory of a repository, relative to its root.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RepositoryPath(String);

/// Why a text is not one of this module's types. The text of an address is not quoted: it may hold a password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRepository {
    /// Not an address of a repository.
    #[error(
        "not an address of a git repository: use `https://host/path`, `ssh://git@host/path`, `git@host:path`, or an absolute path"
    )]
    Url,
    /// An address with what is, or looks like, a secret.
    #[error(
        "the address holds a user of HTTPS, a password or a query, which would be shown with it: put the token into a file and name it (`https.tokenFile`, `--https-token-file`)"
    )]
    Secret,
    /// Not a name of a branch or tag.
    #[error("`{0}` is not a name of a branch or tag: use one such as `main` or `release/1.4`, without `refs/heads/`")]
    Reference(String),
    /// Not an ID of a commit.
    #[error("`{0}` is not the full ID of a commit: use its 40 or 64 hexadecimal digits, which `git rev-parse` prints")]
    Commit(String),
    /// Not a directory of a repository.
    #[error("`{0}` is not a directory of a repository: use a relative path without `..`, such as `clusters/lab`")]
    Path(String),
}

impl RepositoryUrl {
    /// The address as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for RepositoryUrl {
    type Err = InvalidRepository;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let odd = |c: char| c.is_whitespace() || c.is_control();
        if text.starts_with('-') || text.contains(odd) {
            return Err(InvalidRepository::Url);
        }
        let (rest, remote, named_user) = match text.split_once("://") {
            Some(("https", rest)) => (rest, true, false),
            Some(("ssh", rest)) => (rest, true, true),
            Some(("file", rest)) => (rest, false, false),
            Some(_) => return Err(InvalidRepository::Url),
            None => return plain(text),
        };
        let (authority, path) = rest.split_once('/').ok_or(InvalidRepository::Url)?;
        let (user, host) = authority.rsplit_once('@').map_or((None, authority), |(user, host)| (Some(user), host));
        let secret = user.is_some_and(|user| !named_user || user.contains(':'));
        if secret || path.contains(['?', '#', '@']) && remote {
            return Err(InvalidRepository::Secret);
        }
        let hosted = remote != host.is_empty() && !host.starts_with('-');
        if hosted && !path.is_empty() { Ok(Self(text.to_owned())) } else { Err(InvalidRepository::Url) }
    }
}

/// A path of this machine, or `user@host:path` as ssh(1) has it. `transport::address` is what git runs a program for.
fn plain(text: &str) -> Result<RepositoryUrl, InvalidRepository> {
    if text.starts_with('/') {
        return Ok(RepositoryUrl(text.to_owned()));
    }
    let word = |text: &str| !text.is_empty() && !text.starts_with('-') && !text.contains(['/', ':', '@']);
    let address = text.split_once(':').filter(|(_, path)| !path.is_empty() && !path.starts_with([':', '-']));
    let named = address.and_then(|(host, _)| host.split_once('@'));
    match named {
        Some((user, host)) if word(user) && word(host) => Ok(RepositoryUrl(text.to_owned())),
        _ => Err(InvalidRepository::Url),
    }
}

impl ReferenceName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The rules of git-check-ref-format(1).
impl FromStr for ReferenceName {
    type Err = InvalidRepository;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let odd = |c: char| c.is_whitespace() || c.is_control() || r"~^:?*[\".contains(c);
        let part = |part: &str| !part.is_empty() && !part.starts_with('.') && part.strip_suffix(".lock").is_none();
        let refused = text.len() > 255
            || text.starts_with('-')
            || text.starts_with("refs/")
            || text.ends_with('.')
            || text == "@"
            || text == "HEAD"
            || text.contains(odd)
            || ["..", "@{"].iter().any(|word| text.contains(word));
        if refused || !text.split('/').all(part) {
            return Err(InvalidRepository::Reference(text.escape_debug().to_string()));
        }
        Ok(Self(text.to_owned()))
    }
}

impl CommitId {
    /// The ID as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for CommitId {
    type Err = InvalidRepository;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if matches!(text.len(), 40 | 64) && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            Ok(Self(text.to_ascii_lowercase()))
        } else {
            Err(InvalidRepository::Commit(text.escape_debug().to_string()))
        }
    }
}

impl RepositoryPath {
    /// The path as text, without `/` at its end.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for RepositoryPath {
    type Err = InvalidRepository;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let trimmed = text.trim_end_matches('/');
        let part = |part: &str| !matches!(part, "" | "." | ".." | ".git") && !part.contains(char::is_control);
        if !trimmed.starts_with('-') && trimmed.split('/').all(part) {
            Ok(Self(trimmed.to_owned()))
        } else {
            Err(InvalidRepository::Path(text.escape_debug().to_string()))
        }
    }
}

impl fmt::Display for RepositoryUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl fmt::Display for ReferenceName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl fmt::Display for CommitId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl fmt::Display for RepositoryPath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

textual!(RepositoryUrl, "RepositoryUrl", "repository-url", { "type": "string", "minLength": 1 });
textual!(ReferenceName, "ReferenceName", "reference-name", { "type": "string", "minLength": 1 });
textual!(CommitId, "CommitId", "commit-id", { "type": "string", "minLength": 1 });
textual!(RepositoryPath, "RepositoryPath", "repository-path", { "type": "string", "minLength": 1 });

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_git_may_be_given() {
        for good in [
            "https://git.example.com/teams/workspaces.git",
            "ssh://git@git.example.com:2222/teams/workspaces.git",
            "git@github.com:teams/workspaces.git",
            "/srv/git/workspaces.git",
            "file:///srv/git/workspaces.git",
        ] {
            assert_eq!(good.parse::<RepositoryUrl>().expect(good).to_string(), good);
        }
        for bad in [
            "",
            "ext::sh -c id",
            "ext::sh",
            "a@ext::sh",
            "fd::7",
            "-uid",
            "ssh://-oProxyCommand=id/x",
            "ssh://git@-oProxyCommand=id/x",
            "git@-oProxyCommand:x",
            "https://host",
            "http://host/x",
            "https:///x",
            "file://host/x",
            "workspaces.git",
            "../workspaces.git",
            "host:path",
            "ftp://host/x",
            "/srv/a b",
            "git@host:",
        ] {
            assert_eq!(bad.parse::<RepositoryUrl>(), Err(InvalidRepository::Url), "{bad}");
        }
    }

    #[test]
    fn addresses_with_secrets_are_refused_and_not_shown() {
        for bad in [
            "https://user:s3cret@host/x",
            "https://s3cret@host/x",
            "ssh://git:s3cret@host/x",
            "https://host/x?token=s3cret",
            "https://host/x#s3cret",
            "https://user:s3/cret@host/x",
        ] {
            let error = bad.parse::<RepositoryUrl>().expect_err(bad);
            assert_eq!(error, InvalidRepository::Secret, "{bad}");
            assert!(!format!("{error} {error:?}").contains("s3"), "{error}");
        }
    }

    #[test]
    fn names_commits_and_directories() {
        for good in ["main", "release/1.4", "v1.0.0", "a@b"] {
            assert!(good.parse::<ReferenceName>().is_ok(), "{good}");
        }
        for bad in [
            "",
            "-f",
            "a..b",
            "a b",
            "a~1",
            "refs/heads/main",
            "a/",
            "/a",
            ".a",
            "a.lock",
            "@",
            "HEAD",
            "a@{1}",
            "a.",
            "a:b",
        ] {
            assert!(bad.parse::<ReferenceName>().is_err(), "{bad}");
        }
        let commit = "0123456789ABCDEF0123456789abcdef01234567";
        assert_eq!(commit.parse::<CommitId>().expect("valid").as_str(), commit.to_lowercase());
        for bad in ["", "main", &commit[..39], "--------------------------------------xx"] {
            assert!(bad.parse::<CommitId>().is_err(), "{bad}");
        }
        assert_eq!("clusters/lab/".parse::<RepositoryPath>().expect("valid").as_str(), "clusters/lab");
        for bad in ["", "/", "/etc", "..", "a/../b", "a//b", ".", ".git", "a/.git/hooks", "-a", "a\nb"] {
            assert!(bad.parse::<RepositoryPath>().is_err(), "{bad:?}");
        }
    }
}
