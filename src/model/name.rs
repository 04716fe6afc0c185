//! Names: of workspaces, their UIDs, and the controller instance that owns them.

use std::fmt;
use std::str::FromStr;

use super::hash::Fingerprint;
use super::text::textual;

/// A workspace's name: an RFC 1123 label of at most 63 characters.
///
/// The label form is what Docker, DNS and Kubernetes all accept, so a name is usable as a container name, a host
/// name and a label value without escaping.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(Box<str>);

/// Why a text is not a [`Name`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{}` is not a valid name: use at most 63 lower-case letters, digits and `-`, beginning and ending with a letter or digit, such as `api-dev`",
    shown(.0)
)]
pub struct InvalidName(String);

/// Control characters and great length must not reach a terminal through an error message.
fn shown(text: &str) -> String {
    const LIMIT: usize = 80;
    let mut out: String = text.chars().take(LIMIT).flat_map(char::escape_debug).collect();
    if text.chars().count() > LIMIT {
        out.push('…');
    }
    out
}

impl Name {
    /// What is a name, as a regular expression of JSON Schema.
    pub const PATTERN: &str = "^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$";

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Name {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let edge = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
        let bytes = text.as_bytes();
        let inner = bytes.iter().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || *b == b'-');
        if inner && bytes.len() <= 63 && edge(bytes.first()) && edge(bytes.last()) {
            Ok(Self(text.into()))
        } else {
            Err(InvalidName(text.to_owned()))
        }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&self.0)
    }
}

textual!(Name, "Name", "name", {
    "type": "string",
    "pattern": "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$",
    "minLength": 1,
    "maxLength": 63
});

/// The identity of one life of a workspace: a ULID, given when its manifest is first seen and kept until it is
/// deleted. Deleting a manifest and declaring the same name again later gives another UID.
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize, schemars::JsonSchema,
)]
#[serde(transparent)]
#[schemars(inline)]
pub struct Uid(String);

impl Uid {
    /// Takes over a UID that was read from a label or a record.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The UID as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Uid {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// The name of one controller on one engine: objects without its label are somebody else's.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Instance(Name);

impl Instance {
    /// The default instance of a source: its last path component and a hash of the whole, so that it is readable,
    /// differs between sources, and is the same again after the store is lost.
    ///
    /// `source` is the canonical path (or URL) of the source.
    pub fn of_source(source: &str) -> Self {
        let fingerprint = Fingerprint::of_bytes(source.as_bytes());
        let hash = &fingerprint.as_str()[..8];
        let last = source.rsplit('/').find(|part| !part.is_empty()).unwrap_or_default();
        let readable: String = last
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' })
            .take(40)
            .collect();
        let text = format!("{}-{hash}", readable.trim_matches('-'));
        Self(Name(text.trim_start_matches('-').into()))
    }

    /// The instance as text, usable as a label value.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl FromStr for Instance {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

impl fmt::Display for Instance {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_rfc_1123_labels() {
        for good in ["a", "api-dev", "0", &"x".repeat(63)] {
            assert!(good.parse::<Name>().is_ok(), "{good}");
        }
        for bad in ["", "-a", "a-", "A", "a_b", "../x", "a.b", "ä", &"x".repeat(64)] {
            assert!(bad.parse::<Name>().is_err(), "{bad}");
        }
    }

    #[test]
    fn an_error_does_not_carry_control_characters_to_the_terminal() {
        let error = "a\u{1b}[31m".parse::<Name>().expect_err("control characters are refused");
        assert!(!error.to_string().contains('\u{1b}'));
    }

    #[test]
    fn the_default_instance_is_readable_stable_and_particular() {
        let a = Instance::of_source("/srv/Team Workspaces");
        assert_eq!(a, Instance::of_source("/srv/Team Workspaces"));
        assert!(a.as_str().starts_with("team-workspaces-"), "{a}");
        assert_ne!(a, Instance::of_source("/home/Team Workspaces"));
        assert!(Instance::of_source("/").as_str().parse::<Name>().is_ok());
    }
}
