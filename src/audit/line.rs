//! What a line says.

use jiff::Timestamp;
use serde::Serialize;

use crate::model::Name;

/// Characters of a text: lines are for reading, and an engine's words can be long.
const LONGEST: usize = 1_000;

/// Something to account for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Deed {
    time: Timestamp,
    actor: String,
    what: What,
    #[serde(rename = "deed")]
    text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    workspace: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    revision: Option<String>,
    outcome: Outcome,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

/// What kind of thing happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum What {
    /// A manifest became what counts, or did not.
    Admission,
    /// The engine was asked to change something.
    Action,
    /// Somebody asked for something.
    Request,
    /// Something else came of a source than before.
    Source,
    /// The account itself.
    Audit,
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// It counts from now on.
    Accepted,
    /// It does not count, by a rule.
    Denied,
    /// It waits for a person.
    Held,
    /// It was done.
    Done,
    /// It was tried, and failed.
    Failed,
    /// It was asked for, and cannot be.
    Refused,
    /// It was broken off; what came of it is not known.
    Abandoned,
}

impl Deed {
    /// Of the controller, now.
    pub fn of_controller(what: What, deed: impl Into<String>, outcome: Outcome) -> Self {
        Self::new("controller", what, deed, outcome)
    }

    /// Of somebody, now. `actor`: such as `api uid=1000 pid=4711`.
    pub fn new(actor: impl Into<String>, what: What, deed: impl Into<String>, outcome: Outcome) -> Self {
        Self {
            time: Timestamp::now(),
            actor: actor.into(),
            what,
            text: short(deed.into()),
            workspace: None,
            source: None,
            revision: None,
            outcome,
            reason: None,
        }
    }

    /// About this workspace.
    #[must_use]
    pub fn about(self, workspace: &Name) -> Self {
        Self { workspace: Some(workspace.to_string()), ..self }
    }

    /// About this workspace, as it was asked for: it need not exist.
    #[must_use]
    pub fn about_named(self, workspace: Option<&str>) -> Self {
        Self { workspace: workspace.map(|name| short(name.to_owned())), ..self }
    }

    /// Of this source.
    #[must_use]
    pub fn of_source(self, source: Option<String>) -> Self {
        Self { source: source.map(short), ..self }
    }

    /// At this commit of its source.
    #[must_use]
    pub fn at_revision(self, revision: Option<String>) -> Self {
        Self { revision, ..self }
    }

    /// For this reason.
    #[must_use]
    pub fn because(self, reason: impl Into<String>) -> Self {
        Self { reason: Some(short(reason.into())).filter(|reason| !reason.is_empty()), ..self }
    }

    /// With another outcome.
    #[must_use]
    pub fn ended(self, outcome: Outcome) -> Self {
        Self { outcome, ..self }
    }

    /// It was tried and failed, for this reason besides the one that it was tried for.
    #[must_use]
    pub fn failed(self, why: impl AsRef<str>) -> Self {
        let why = why.as_ref();
        let reason = self.reason.as_ref().map_or_else(|| why.to_owned(), |tried_for| format!("{tried_for}; {why}"));
        self.ended(Outcome::Failed).because(reason)
    }

    /// As a line of the file.
    pub(super) fn line(&self) -> Vec<u8> {
        // A struct of texts always has a JSON form.
        let mut line = serde_json::to_vec(self).unwrap_or_default();
        line.push(b'\n');
        line
    }
}

fn short(mut text: String) -> String {
    if let Some((end, _)) = text.char_indices().nth(LONGEST) {
        text.truncate(end);
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deed_is_one_line_whatever_it_says() {
        let name = "api".parse().expect("a name");
        let deed = Deed::of_controller(What::Action, "start container\nwharf-api", Outcome::Failed)
            .about(&name)
            .of_source(Some("team".to_owned()))
            .because("x\u{1b}".repeat(5_000));
        let line = String::from_utf8(deed.line()).expect("UTF-8");
        assert_eq!((line.matches('\n').count(), line.ends_with('\n')), (1, true), "{line:?}");
        assert!(line.len() < 10 * LONGEST && !line.contains('\u{1b}'), "{} bytes", line.len());
        let json: serde_json::Value = serde_json::from_str(&line).expect("JSON");
        assert_eq!(
            (&json["actor"], &json["what"], &json["outcome"]),
            (&"controller".into(), &"action".into(), &"failed".into())
        );
        assert_eq!((&json["workspace"], &json["source"], json.get("revision")), (&"api".into(), &"team".into(), None));
    }
}
