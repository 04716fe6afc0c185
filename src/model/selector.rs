//! Label selectors, in the form that `kubectl -l` has.

use std::collections::BTreeMap;
use std::str::FromStr;

/// Which labels a workspace must have: every requirement holds. Without requirements, every workspace is selected.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selector {
    text: String,
    requirements: Vec<Requirement>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Requirement {
    Equals(String, String),
    /// Also holds where the label is missing, as in Kubernetes.
    Differs(String, String),
    Present(String),
    Absent(String),
}

/// Why a text is not a [`Selector`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{}` is not a label requirement: use `key=value`, `key!=value`, `key` or `!key`, separated by commas", .0.escape_debug())]
pub struct InvalidSelector(String);

impl Selector {
    /// What is a selector, as a regular expression of JSON Schema; blanks other than spaces are left out.
    pub const PATTERN: &str = "^ *(! *[^\\s=!(),\\x00-\\x1f\\x7f-\\x9f]+|[^\\s=!(),\\x00-\\x1f\\x7f-\\x9f]+ *((!=|==?) *([^\\s=!(),\\x00-\\x1f\\x7f-\\x9f]+)?)?) *(, *(! *[^\\s=!(),\\x00-\\x1f\\x7f-\\x9f]+|[^\\s=!(),\\x00-\\x1f\\x7f-\\x9f]+ *((!=|==?) *([^\\s=!(),\\x00-\\x1f\\x7f-\\x9f]+)?)?) *)*$";

    /// Whether these labels are selected.
    pub fn selects(&self, labels: &BTreeMap<String, String>) -> bool {
        self.requirements.iter().all(|requirement| requirement.holds(labels))
    }

    /// The selector as typed.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl Requirement {
    fn holds(&self, labels: &BTreeMap<String, String>) -> bool {
        match self {
            Self::Equals(key, value) => labels.get(key) == Some(value),
            Self::Differs(key, value) => labels.get(key) != Some(value),
            Self::Present(key) => labels.contains_key(key),
            Self::Absent(key) => !labels.contains_key(key),
        }
    }

    fn parse(text: &str) -> Option<Self> {
        // `!=` first, for `a!=b` also contains `=`.
        let requirement = if let Some((key, value)) = text.split_once("!=") {
            Self::Differs(label_key(key)?, label_value(value)?)
        } else if let Some((key, value)) = text.split_once("==").or_else(|| text.split_once('=')) {
            Self::Equals(label_key(key)?, label_value(value)?)
        } else if let Some(key) = text.strip_prefix('!') {
            Self::Absent(label_key(key)?)
        } else {
            Self::Present(label_key(text)?)
        };
        Some(requirement)
    }
}

fn label_key(text: &str) -> Option<String> {
    label_value(text).filter(|key| !key.is_empty())
}

/// Refuses what is probably a selector of another form, such as `team in (a, b)`.
fn label_value(text: &str) -> Option<String> {
    let text = text.trim();
    let foreign = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '=' | '!' | '(' | ')');
    (!text.contains(foreign)).then(|| text.to_owned())
}

impl FromStr for Selector {
    type Err = InvalidSelector;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parsed = |part: &str| Requirement::parse(part.trim()).ok_or_else(|| InvalidSelector(part.to_owned()));
        Ok(Self { text: text.to_owned(), requirements: text.split(',').map(parsed).collect::<Result<_, _>>()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_requirement_holds() {
        let labels =
            BTreeMap::from([("team".to_owned(), "payments".to_owned()), ("tier".to_owned(), "dev".to_owned())]);
        for (text, selected) in [
            ("team=payments", true),
            ("team==payments", true),
            ("team=search", false),
            ("team!=search", true),
            ("owner!=me", true),
            ("tier", true),
            ("owner", false),
            ("!owner", true),
            ("!tier", false),
            ("team=payments, tier=dev", true),
            ("team=payments,tier=prod", false),
        ] {
            assert_eq!(text.parse::<Selector>().expect(text).selects(&labels), selected, "{text}");
        }
        assert!(Selector::default().selects(&labels));
    }

    #[test]
    fn other_forms_are_refused() {
        for text in ["", "=a", "a,", "team in (a)", "a=b=c", "!", "!a=b"] {
            assert!(text.parse::<Selector>().is_err(), "{text}");
        }
    }
}
