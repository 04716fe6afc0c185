//! Where a repository is. What could run a program, show a secret or be read by somebody on the way is refused here.

use std::fmt;
use std::str::FromStr;

/// The address of a repository, without any secret in it, so that it may be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    text: String,
    transport: Transport,
}

/// How a repository is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// HTTP over TLS, with or without a token.
    Https,
    /// SSH with a key.
    Ssh,
    /// A directory of this machine.
    File,
}

/// Why a text is not the address of a repository. Does not repeat the text, which may hold a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidAddress {
    /// Blanks and control characters included.
    #[error("the repository's url is empty or has blanks or control characters in it: write it as `https://host/path`")]
    Unfit,
    /// It would be an option of git or ssh.
    #[error("the repository's url, or the host in it, begins with `-`: write it as `https://host/path`")]
    Option,
    /// It has a user with a password, or any user with https.
    #[error(
        "the repository's url has credentials in it, which would be shown and logged: remove them, and give `user` and a \
         token file of mode 0600 (https) or a key file (ssh)"
    )]
    Credentials,
    /// It has a part after `?` or `#`.
    #[error("the repository's url has a `?` or `#` in it: remove what follows, and give a secret in a token file")]
    Query,
    /// Everybody on the way could read and change what comes.
    #[error("`http://` is not allowed, because everybody on the way could change the manifests: use `https://`")]
    Http,
    /// Any other, such as `ext::`, which runs programs.
    #[error(
        "the repository's url is of a kind that is not allowed: use `https://host/path`, `ssh://user@host/path`, \
         `user@host:path`, `file:///path` or an absolute path"
    )]
    Kind,
}

impl Address {
    /// As git takes it.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// How it is reached.
    pub fn transport(&self) -> Transport {
        self.transport
    }
}

impl FromStr for Address {
    type Err = InvalidAddress;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.is_empty() || text.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return Err(InvalidAddress::Unfit);
        }
        if text.starts_with('-') {
            return Err(InvalidAddress::Option);
        }
        let transport = transport(text)?;
        if transport != Transport::File && text.contains(['?', '#']) {
            return Err(InvalidAddress::Query);
        }
        Ok(Self { text: text.to_owned(), transport })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

fn transport(text: &str) -> Result<Transport, InvalidAddress> {
    if text.starts_with('/') {
        return Ok(Transport::File);
    }
    match text.split_once("://") {
        Some(("https", rest)) => https(rest),
        Some(("ssh", rest)) => ssh(rest),
        Some(("file", rest)) if rest.starts_with('/') => Ok(Transport::File),
        Some(("http", _)) => Err(InvalidAddress::Http),
        Some(_) => Err(InvalidAddress::Kind),
        None => like_scp(text),
    }
}

fn https(rest: &str) -> Result<Transport, InvalidAddress> {
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    match authority {
        _ if authority.contains('@') => Err(InvalidAddress::Credentials),
        "" => Err(InvalidAddress::Kind),
        _ => host(authority).map(|()| Transport::Https),
    }
}

fn ssh(rest: &str) -> Result<Transport, InvalidAddress> {
    let (authority, _) = rest.split_once('/').ok_or(InvalidAddress::Kind)?;
    login(authority).map(|()| Transport::Ssh)
}

/// `user@host:path`. Two colons would be git's way to name a program that is run.
fn like_scp(text: &str) -> Result<Transport, InvalidAddress> {
    let (authority, path) = text.split_once(':').ok_or(InvalidAddress::Kind)?;
    if authority.contains('/') || path.is_empty() || path.starts_with(':') {
        return Err(InvalidAddress::Kind);
    }
    // `user:password@host`, without the `ssh://` that would tell the two colons apart.
    if path.split('/').next().is_some_and(|first| first.contains('@')) && !authority.contains('@') {
        return Err(InvalidAddress::Credentials);
    }
    login(authority).map(|()| Transport::Ssh)
}

fn login(authority: &str) -> Result<(), InvalidAddress> {
    let (user, name) = authority.rsplit_once('@').unwrap_or(("", authority));
    if user.contains(':') {
        return Err(InvalidAddress::Credentials);
    }
    if user.starts_with('-') {
        return Err(InvalidAddress::Option);
    }
    host(name)
}

fn host(name: &str) -> Result<(), InvalidAddress> {
    match name {
        "" => Err(InvalidAddress::Kind),
        _ if name.starts_with('-') => Err(InvalidAddress::Option),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_transports_are_told_apart() {
        for (text, transport) in [
            ("https://git.example/team/manifests.git", Transport::Https),
            ("https://git.example:8443/x", Transport::Https),
            ("ssh://git@git.example:2222/team/manifests", Transport::Ssh),
            ("git@git.example:team/manifests.git", Transport::Ssh),
            ("git.example:manifests", Transport::Ssh),
            ("file:///srv/manifests.git", Transport::File),
            ("/srv/manifests.git", Transport::File),
        ] {
            assert_eq!(text.parse::<Address>().map(|address| address.transport()), Ok(transport), "{text}");
        }
    }

    #[test]
    fn what_runs_programs_or_is_read_on_the_way_is_refused() {
        for (text, why) in [
            ("ext::sh -c touch% /tmp/x", InvalidAddress::Unfit),
            ("ext::sh", InvalidAddress::Kind),
            ("https::x", InvalidAddress::Kind),
            ("fd::17/x", InvalidAddress::Kind),
            ("http://127.0.0.1/x", InvalidAddress::Http),
            ("git://git.example/x", InvalidAddress::Kind),
            ("file://host/x", InvalidAddress::Kind),
            ("manifests", InvalidAddress::Kind),
            ("./manifests:x", InvalidAddress::Kind),
            ("--upload-pack=touch", InvalidAddress::Option),
            ("-oProxyCommand=touch:x", InvalidAddress::Option),
            ("ssh://-oProxyCommand=touch/x", InvalidAddress::Option),
            ("git@-oProxyCommand=touch:x", InvalidAddress::Option),
            ("ssh://-l@host/x", InvalidAddress::Option),
            ("https://", InvalidAddress::Kind),
            ("ssh://host", InvalidAddress::Kind),
            ("", InvalidAddress::Unfit),
            ("https://host/a\nb", InvalidAddress::Unfit),
        ] {
            assert_eq!(text.parse::<Address>(), Err(why), "{text}");
        }
    }

    #[test]
    fn credentials_are_refused_and_not_repeated() {
        for text in [
            "https://user:canary@host/x",
            "https://canary@host/x",
            "ssh://user:canary@host/x",
            "user:canary@host/x",
            "https://host/x?token=canary",
        ] {
            let error = text.parse::<Address>().expect_err(text);
            assert!(!format!("{error} {error:?}").contains("canary"), "{text}");
            assert!(error.to_string().contains("token file"), "{error}");
        }
    }
}
