//! Short texts with a grammar: image references, paths inside a container, capabilities.

use std::fmt;
use std::str::FromStr;

use super::text::textual;

/// An image reference: `[registry/]repository[:tag][@digest]`.
///
/// Source of the grammar: <https://pkg.go.dev/github.com/distribution/reference>.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ImageReference(String);

/// An absolute path, with no `..` in it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AbsolutePath(String);

/// A Linux capability without its `CAP_` prefix, or `ALL`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Capability(String);

/// Why a text is not one of the references of this module.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidReference {
    /// Not an image reference.
    #[error(
        "`{0}` is not an image reference: use `[registry/]repository[:tag][@sha256:digest]`, with the repository in lower case, such as `debian:12`"
    )]
    Image(String),
    /// Not an absolute path.
    #[error("`{0}` is not an absolute path: begin with `/` and leave out `..`, such as `/workspace`")]
    Path(String),
    /// Not a capability.
    #[error(
        "`{0}` is not a Linux capability: use a name from capabilities(7) without `CAP_`, such as `NET_BIND_SERVICE`, or `ALL`"
    )]
    Capability(String),
}

fn lower_alphanumeric(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit()
}

/// `alnum+ (separator alnum+)*`, where separators are `.`, `_`, `__` and dashes.
fn is_path_component(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.first().copied().is_some_and(lower_alphanumeric)
        && bytes.last().copied().is_some_and(lower_alphanumeric)
        && bytes.iter().all(|byte| lower_alphanumeric(*byte) || b"._-".contains(byte))
}

fn is_registry(text: &str) -> bool {
    let (host, port) = text.rsplit_once(':').map_or((text, None), |(host, port)| (host, Some(port)));
    let host_byte = |byte: u8| byte.is_ascii_alphanumeric() || b".-".contains(&byte);
    host.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric())
        && host.bytes().all(host_byte)
        && port.is_none_or(|port| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()))
}

fn is_tag(text: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    text.len() <= 128
        && text.bytes().next().is_some_and(word)
        && text.bytes().all(|byte| word(byte) || b".-".contains(&byte))
}

fn is_digest(text: &str) -> bool {
    text.strip_prefix("sha256:").is_some_and(|hex| {
        hex.len() == 64 && hex.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
    })
}

impl ImageReference {
    /// The reference as written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The host of the registry, `docker.io` unless the reference names one.
    pub fn registry(&self) -> &str {
        let host = self.as_str().split_once('/').map(|(first, _)| first);
        host.filter(|host| host.contains(['.', ':']) || *host == "localhost").unwrap_or("docker.io")
    }

    /// Repository and tag (or digest), as a pull asks for them. Without either, the tag is `latest`: a pull without a
    /// tag would fetch every tag of the repository.
    pub fn repository_and_tag(&self) -> (&str, &str) {
        if let Some((name, digest)) = self.0.split_once('@') {
            return (Self::split_tag(name).0, digest);
        }
        let (repository, tag) = Self::split_tag(&self.0);
        (repository, tag.unwrap_or("latest"))
    }

    /// A colon before the last slash belongs to the registry's port, not to a tag.
    fn split_tag(text: &str) -> (&str, Option<&str>) {
        match text.rsplit_once(':') {
            Some((repository, tag)) if !tag.contains('/') => (repository, Some(tag)),
            _ => (text, None),
        }
    }
}

impl FromStr for ImageReference {
    type Err = InvalidReference;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, digest) = text.split_once('@').map_or((text, None), |(name, digest)| (name, Some(digest)));
        let (repository, tag) = Self::split_tag(name);
        let mut components: Vec<&str> = repository.split('/').collect();
        let first_is_registry = components.len() > 1
            && components.first().is_some_and(|first| first.contains(['.', ':']) || *first == "localhost");
        let registry_valid = !first_is_registry || is_registry(components.remove(0));
        let valid = text.len() <= 512
            && registry_valid
            && components.iter().all(|component| is_path_component(component))
            && tag.is_none_or(is_tag)
            && digest.is_none_or(is_digest);
        if valid { Ok(Self(text.to_owned())) } else { Err(InvalidReference::Image(text.escape_debug().to_string())) }
    }
}

impl AbsolutePath {
    /// The path as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for AbsolutePath {
    type Err = InvalidReference;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let plain = !text.chars().any(char::is_control) && text.len() <= 4096;
        if text.starts_with('/') && plain && !text.split('/').any(|part| part == "..") {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidReference::Path(text.escape_debug().to_string()))
        }
    }
}

/// capabilities(7), as of Linux 6.1.
const CAPABILITIES: [&str; 42] = [
    "ALL",
    "AUDIT_CONTROL",
    "AUDIT_READ",
    "AUDIT_WRITE",
    "BLOCK_SUSPEND",
    "BPF",
    "CHECKPOINT_RESTORE",
    "CHOWN",
    "DAC_OVERRIDE",
    "DAC_READ_SEARCH",
    "FOWNER",
    "FSETID",
    "IPC_LOCK",
    "IPC_OWNER",
    "KILL",
    "LEASE",
    "LINUX_IMMUTABLE",
    "MAC_ADMIN",
    "MAC_OVERRIDE",
    "MKNOD",
    "NET_ADMIN",
    "NET_BIND_SERVICE",
    "NET_BROADCAST",
    "NET_RAW",
    "PERFMON",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYSLOG",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_CHROOT",
    "SYS_MODULE",
    "SYS_NICE",
    "SYS_PACCT",
    "SYS_PTRACE",
    "SYS_RAWIO",
    "SYS_RESOURCE",
    "SYS_TIME",
    "SYS_TTY_CONFIG",
    "WAKE_ALARM",
];

impl Capability {
    /// A capability that is known to be valid because this crate names it.
    pub(crate) fn known(name: &'static str) -> Self {
        debug_assert!(CAPABILITIES.contains(&name), "{name} is not a capability");
        Self(name.to_owned())
    }

    /// The capability as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Capability {
    type Err = InvalidReference;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let upper = text.to_ascii_uppercase();
        let name = upper.strip_prefix("CAP_").unwrap_or(&upper);
        if CAPABILITIES.contains(&name) {
            Ok(Self(name.to_owned()))
        } else {
            Err(InvalidReference::Capability(text.escape_debug().to_string()))
        }
    }
}

macro_rules! display_text {
    ($($type:ty),*) => {$(
        impl fmt::Display for $type {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.pad(&self.0)
            }
        }
    )*};
}

display_text!(ImageReference, AbsolutePath, Capability);

textual!(ImageReference, "ImageReference", "image-reference", { "type": "string", "minLength": 1 });
textual!(AbsolutePath, "AbsolutePath", "absolute-path", { "type": "string", "pattern": "^/" });
textual!(Capability, "Capability", "capability", { "type": "string" });

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_registry_is_named_or_the_usual_one() {
        for (text, host) in [
            ("debian:12", "docker.io"),
            ("team/tool", "docker.io"),
            ("ghcr.io/team/tool:1", "ghcr.io"),
            ("localhost/tool", "localhost"),
            ("10.0.0.1:5000/tool", "10.0.0.1:5000"),
        ] {
            let image: ImageReference = text.parse().expect("a reference");
            assert_eq!(image.registry(), host, "{text}");
        }
    }

    #[test]
    fn image_references() {
        let digest = format!("debian@sha256:{}", "a".repeat(64));
        for (text, repository, tag) in [
            ("debian", "debian", "latest"),
            ("debian:12", "debian", "12"),
            ("ghcr.io/acme/dev:1.4", "ghcr.io/acme/dev", "1.4"),
            ("127.0.0.1:5000/box", "127.0.0.1:5000/box", "latest"),
            ("localhost/a_b.c-d:x", "localhost/a_b.c-d", "x"),
            (digest.as_str(), "debian", &digest[7..]),
        ] {
            let reference: ImageReference = text.parse().expect(text);
            assert_eq!(reference.repository_and_tag(), (repository, tag));
        }
        for bad in ["", "Debian", "debian:", ":12", "a b", "-x", "../images", "a//b", "debian@sha256:12", "a:b:c"] {
            assert!(bad.parse::<ImageReference>().is_err(), "{bad}");
        }
    }

    #[test]
    fn paths_are_absolute_and_do_not_climb() {
        for good in ["/", "/workspace", "/a/..b"] {
            assert!(good.parse::<AbsolutePath>().is_ok(), "{good}");
        }
        for bad in ["", "a", "./a", "/a/../b", "/a\0"] {
            assert!(bad.parse::<AbsolutePath>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn capabilities_are_known_and_normalised() {
        assert_eq!("cap_chown".parse::<Capability>().expect("known").as_str(), "CHOWN");
        assert!("CHWON".parse::<Capability>().is_err());
    }
}
