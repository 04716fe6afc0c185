//! Batches: one request for many workspaces, with a state for each of them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::name::Name;
use super::selector::Selector;
use super::time::Time;

/// What a person or program asks of workspaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum Verb {
    /// Let it run, whatever the manifest's `state` says, until the manifest changes.
    Start,
    /// Let it not run, whatever the manifest's `state` says, until the manifest changes.
    Stop,
    /// End its run and begin another.
    Restart,
    /// Look at it now; what waits for its next attempt is tried at once.
    Sync,
    /// Take back what was asked for: the manifest's `state` counts again.
    Resume,
    /// Remove its document from the source, and so the workspace.
    Delete,
}

impl Verb {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Start, Self::Stop, Self::Restart, Self::Sync, Self::Resume, Self::Delete];

    /// The word, as on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Stop => "stop",
            Self::Restart => "restart",
            Self::Sync => "sync",
            Self::Resume => "resume",
            Self::Delete => "delete",
        }
    }
}

impl std::fmt::Display for Verb {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.pad(self.as_str())
    }
}

/// One request for many workspaces. Kept for a day after its end; a batch that was interrupted goes on at the next start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Batch {
    /// A ULID: batches sort by it.
    pub id: String,
    /// What is asked of each workspace.
    pub verb: Verb,
    /// Where it stands.
    pub state: BatchState,
    /// How many workspaces are worked on at once.
    pub parallelism: u32,
    /// After more failures than this, items that have not begun are skipped; absent: no failure stops it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_failures: Option<u32>,
    /// When it was asked for.
    pub created_at: Time,
    /// When its last item ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Time>,
    /// Whether somebody asked for its end: what has begun is finished, what has not is skipped.
    #[serde(default)]
    pub canceled: bool,
    /// Each workspace once, in the order of the request.
    pub items: Vec<BatchItem>,
}

/// Where a batch stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub enum BatchState {
    /// Items are worked on, or wait for their turn.
    Running,
    /// Every item succeeded.
    Succeeded,
    /// An item failed, or was skipped after too many failures.
    Failed,
    /// It was canceled before every item had begun.
    Canceled,
}

/// One workspace of a batch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BatchItem {
    /// The workspace.
    pub workspace: Name,
    /// Where it stands.
    pub state: ItemState,
    /// Why it failed or was skipped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// When work on it began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Time>,
    /// When work on it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Time>,
}

/// Where one workspace of a batch stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub enum ItemState {
    /// Its turn has not come.
    Pending,
    /// It is worked on.
    Running,
    /// It is as was asked.
    Succeeded,
    /// It is not; the error says why.
    Failed,
    /// Its turn never came: the batch was canceled, or too many others failed.
    Skipped,
}

impl ItemState {
    /// Whether nothing more happens to it.
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Skipped)
    }
}

/// A request for a batch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("oneOf" = [
    {"required": ["names"], "properties": {"names": {"minItems": 1}}},
    {"required": ["selector"], "properties": {"selector": {"type": "string"}}},
    {"required": ["all"], "properties": {"all": {"const": true}}},
]))]
pub struct BatchRequest {
    /// What is asked of each workspace.
    pub verb: Verb,
    /// Workspaces by name, at most 900. Exactly one of `names`, `selector` and `all` says which.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = Self::MOST_NAMES), inner(regex(pattern = Name::PATTERN)))]
    pub names: Vec<String>,
    /// Workspaces by labels, as `-l` of the command line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = Selector::PATTERN))]
    pub selector: Option<String>,
    /// All workspaces.
    #[serde(default)]
    pub all: bool,
    /// How many workspaces are worked on at once; default 4, at most 64.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "whole")]
    #[schemars(range(min = 1, max = 64))]
    pub parallelism: Option<u32>,
    /// After more failures than this, items that have not begun are skipped.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "whole")]
    #[schemars(range(max = u32::MAX))]
    pub max_failures: Option<u32>,
}

impl BatchRequest {
    /// As many names as fit the body of a request, however long they are. More workspaces are chosen by their labels.
    pub const MOST_NAMES: usize = 900;
}

/// A whole number, which JSON Schema also allows to be written as `4.0`.
fn whole<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    let Some(number) = Option::<f64>::deserialize(deserializer)? else { return Ok(None) };
    if number.fract() != 0.0 || !(0.0..=f64::from(u32::MAX)).contains(&number) {
        return Err(serde::de::Error::custom(format!("{number} is not a whole number from 0 to {}", u32::MAX)));
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it was looked at")]
    Ok(Some(number as u32))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_a_request_are_whole_however_they_are_written() {
        let read = |text: &str| {
            let text = format!(r#"{{"verb": "sync", "all": true, "maxFailures": {text}}}"#);
            serde_json::from_str::<BatchRequest>(&text).map(|request| request.max_failures)
        };
        for (text, number) in [("null", None), ("4", Some(4)), ("4.0", Some(4)), ("4294967295", Some(u32::MAX))] {
            assert_eq!(read(text).expect(text), number);
        }
        for text in ["4.5", "-1", "4294967296", "1e300", "\"4\""] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
