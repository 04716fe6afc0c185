//! Why the controller does not do what it is asked.

use std::fmt;

use crate::model::nearest::nearest;

/// Why a request is not met. Each becomes a problem document that names the next step.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is no such thing.
    #[error("there is no {what} `{}`", shown(name))]
    NotFound {
        /// What was looked for.
        what: Thing,
        /// Its name or id, as asked for.
        name: String,
        /// What was probably meant.
        nearest: Option<String>,
    },
    /// It cannot be done as things are.
    #[error("{message}")]
    Conflict {
        /// What is in the way.
        message: String,
        /// What to do.
        help: String,
    },
    /// The request makes no sense.
    #[error("`{field}`: {message}")]
    Invalid {
        /// Which field or parameter.
        field: String,
        /// What is wrong with it, and what would be right.
        message: String,
    },
    /// It cannot be done now.
    #[error("{message}")]
    Unavailable {
        /// What is not there.
        message: String,
        /// What to do.
        help: String,
    },
    /// A defect of Wharf, or a disk that fails.
    #[error("{message}")]
    Internal {
        /// What failed.
        message: String,
    },
}

/// What can be asked for by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Thing {
    /// A workspace.
    Workspace,
    /// A batch.
    Batch,
    /// A source.
    Source,
}

impl fmt::Display for Thing {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Workspace => "workspace",
            Self::Batch => "batch",
            Self::Source => "source",
        })
    }
}

impl Refusal {
    /// There is no workspace of that name; `known` are the names there are.
    pub fn no_workspace<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Self {
        Self::NotFound {
            what: Thing::Workspace,
            name: name.to_owned(),
            nearest: nearest(name, known).map(str::to_owned),
        }
    }

    /// There is no source of that name; `known` are the names there are.
    pub fn no_source<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Self {
        let nearest = nearest(name, known).map(str::to_owned);
        Self::NotFound { what: Thing::Source, name: name.to_owned(), nearest }
    }

    /// There is no batch with that id.
    pub fn no_batch(id: &str) -> Self {
        Self::NotFound { what: Thing::Batch, name: id.to_owned(), nearest: None }
    }
}

/// Nothing that a client sent comes back at great length.
fn shown(text: &str) -> String {
    const LIMIT: usize = 80;
    let mut out: String = text.chars().take(LIMIT).flat_map(char::escape_debug).collect();
    if text.chars().nth(LIMIT).is_some() {
        out.push('…');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_offered() {
        let nearest = |name: &str| match Refusal::no_workspace(name, ["api", "api-dev", "db"]) {
            Refusal::NotFound { nearest, .. } => nearest,
            other => panic!("{other:?}"),
        };
        assert_eq!(nearest("api-dve").as_deref(), Some("api-dev"));
        assert_eq!(nearest("web"), None);
        assert_eq!(nearest(&"api".repeat(1_000)), None);
    }

    #[test]
    fn a_long_name_comes_back_short_and_harmless() {
        let refusal = Refusal::no_workspace(&format!("\u{1b}{}", "x".repeat(1_000)), []);
        let text = refusal.to_string();
        assert!(text.len() < 150 && !text.contains('\u{1b}'), "{text}");
    }
}
