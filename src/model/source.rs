//! Where manifests come from, as it is told: where a source stands, and what came of its last sync.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::time::Time;

/// What a directory is called that is the only source.
pub const ONLY: &str = "source";

/// What a source is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum SourceKind {
    /// A directory of this machine, which only its administrators write to.
    Directory,
    /// A git repository, whose authors need not be this machine's administrators.
    Git,
}

/// Where a source stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SourceStatus {
    /// What it is called. Where there are several, the paths of its manifests begin with it.
    pub name: String,
    /// What it is.
    pub kind: SourceKind,
    /// The directory, or the repository's address without user and password.
    pub location: String,
    /// Which branch, tag or revision of a repository is followed, such as `branch main`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// The directory of the repository that holds the manifests, where it is not the whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The commit that is in force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<Revision>,
    /// When the source was last read completely.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_sync: Option<Time>,
    /// When a repository is asked next, unless somebody pushes or asks before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_sync: Option<Time>,
    /// Why the last attempt failed; absent when it succeeded. What was in force before stays in force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_error: Option<SourceError>,
    /// What came of the manifests that are in force.
    pub outcome: SourceOutcome,
    /// The same in words, with the first mistakes.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// Workspaces that it declares and that were accepted.
    pub workspaces: u64,
    /// Documents and files of it that are not in force.
    pub refused: u64,
}

impl SourceStatus {
    /// A source that has not been read yet. `location`: without user and password.
    pub fn new(name: impl Into<String>, kind: SourceKind, location: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            kind,
            location: location.into(),
            reference: None,
            path: None,
            revision: None,
            last_sync: None,
            next_sync: None,
            last_error: None,
            outcome: SourceOutcome::Pending,
            message: String::new(),
            workspaces: 0,
            refused: 0,
        }
    }
}

/// A commit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Revision {
    /// Its ID, in hexadecimal digits.
    pub commit: String,
    /// Who wrote it, as `Name <address>`.
    pub author: String,
    /// The first line of its message.
    pub subject: String,
    /// When it was committed.
    pub time: Time,
}

/// Why an attempt to read a source failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SourceError {
    /// What failed, and what to do.
    pub message: String,
    /// When it first failed in this way.
    pub since: Time,
}

/// What came of a source's manifests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum SourceOutcome {
    /// It has not been read yet.
    #[default]
    Pending,
    /// All of its manifests are in force.
    Applied,
    /// Those that are valid and allowed are in force; the others are not.
    AppliedWithErrors,
    /// Its present state is not in force at all: it cannot be read, or none of it is valid and allowed.
    Refused,
}

impl fmt::Display for SourceKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Directory => "directory",
            Self::Git => "git",
        })
    }
}

impl fmt::Display for SourceOutcome {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Pending => "Pending",
            Self::Applied => "Applied",
            Self::AppliedWithErrors => "AppliedWithErrors",
            Self::Refused => "Refused",
        })
    }
}
