//! `wharf explain`: the documentation of a field, from the same schema as the check.

use std::fmt;

use serde_json::Value;

use super::shape::{self, Field, Shape, Type};
use super::suggest::{all_of, nearest, shown};

/// The documentation of one field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// The path as it is spelt right: `workspace.spec.network`.
    pub path: String,
    /// The type in words: `string (duration)`, `[]object`, `map[string]string`.
    pub kind: String,
    /// What holds when the field is left out, in one line of JSON.
    pub default: Option<String>,
    /// The only texts allowed, and what each means; empty means any.
    pub allowed: Vec<(String, String)>,
    /// The field's docstring: paragraphs, each on one line, with an empty line between them.
    pub description: String,
    /// What is below it.
    pub fields: Vec<FieldSummary>,
}

/// A field below the explained one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldSummary {
    /// Its name.
    pub name: String,
    /// Its type in words.
    pub kind: String,
    /// Whether it must be there.
    pub required: bool,
    /// The first sentence of its docstring.
    pub summary: String,
}

/// Why a path cannot be explained.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExplainError {
    /// The first word is no document.
    #[error("there is no document `{0}`: use `workspace`, `workspacestatus` or `policy`")]
    Document(String),
    /// A word is no field of what is before it.
    #[error("`{parent}` has no field `{field}`: {help}")]
    Field {
        /// What was understood, in its right spelling.
        parent: String,
        /// The word that was not.
        field: String,
        /// The nearest field, or all of them.
        help: String,
    },
}

/// Explains a field by its path, such as `workspace.spec.volumes.tmpfs.size`. Indices (`ports[0]`) are allowed and mean
/// nothing; letter case does not matter where it leaves no doubt.
pub fn explain(path: &str) -> Result<Explanation, ExplainError> {
    let mut words = path.split('.').map(|word| word.split('[').next().unwrap_or_default());
    let document = words.next().unwrap_or_default();
    let (name, mut shape) = match document.to_ascii_lowercase().as_str() {
        "workspace" => ("workspace", shape::workspace()),
        "workspacestatus" => ("workspacestatus", shape::status()),
        "policy" => ("policy", shape::policy()),
        _ => return Err(ExplainError::Document(shown(document))),
    };
    let mut path = name.to_owned();
    for word in words {
        let (field, below) = find(shape, word).ok_or_else(|| no_field(&path, word, shape))?;
        path = format!("{path}.{field}");
        shape = below;
    }
    Ok(explanation(path, shape))
}

/// What has the fields: for a list, its items.
fn body(shape: &Shape) -> &Shape {
    shape.items.as_deref().map_or(shape, body)
}

fn find<'a>(shape: &'a Shape, word: &str) -> Option<(&'a String, &'a Shape)> {
    let fields = &body(shape).fields;
    let found = fields.get_key_value(word).or_else(|| fields.iter().find(|(name, _)| name.eq_ignore_ascii_case(word)));
    found.map(|(name, field)| (name, &field.shape))
}

fn no_field(parent: &str, word: &str, shape: &Shape) -> ExplainError {
    let names = || body(shape).fields.keys().map(String::as_str);
    let below = shape.path_to(word).map(|path| format!("{parent}.{path}"));
    let help = match (nearest(word, names()), below) {
        (Some(near), _) => format!("did you mean `{near}`?"),
        (None, Some(below)) => format!("did you mean `{below}`?"),
        (None, None) if names().next().is_none() => "nothing is below it".to_owned(),
        (None, None) => format!("its fields are {}", all_of(names())),
    };
    ExplainError::Field { parent: parent.to_owned(), field: shown(word), help }
}

fn explanation(path: String, shape: &Shape) -> Explanation {
    let fields = body(shape).fields.iter().map(|(name, Field { shape, required })| FieldSummary {
        name: name.clone(),
        kind: kind(shape),
        required: *required,
        summary: first_sentence(&paragraphs(&shape.description)),
    });
    Explanation {
        path,
        kind: kind(shape),
        default: shape.default.as_ref().filter(|default| **default != Value::Null).map(shown_default),
        allowed: shape.choices.iter().map(|choice| (choice.text.clone(), choice.description.clone())).collect(),
        description: paragraphs(&shape.description),
        fields: fields.collect(),
    }
}

fn shown_default(default: &Value) -> String {
    default.as_str().map_or_else(|| default.to_string(), str::to_owned)
}

fn kind(shape: &Shape) -> String {
    if let Some(items) = &shape.items {
        return format!("[]{}", kind(items));
    }
    if let Some(entries) = &shape.entries {
        return format!("map[string]{}", kind(entries));
    }
    let names = shape.types.iter().map(|name| match name {
        Type::Object => "object",
        Type::Array => "array",
        Type::String => "string",
        Type::Integer => "integer",
        Type::Number => "number",
        Type::Boolean => "boolean",
    });
    let names = names.collect::<Vec<_>>().join(" or ");
    match &shape.format {
        // The widths of Rust's integers say nothing to people; their ranges do.
        Some(format) if !shape.types.contains(&Type::Integer) || shape.types.len() > 1 => format!("{names} ({format})"),
        _ => match (shape.minimum, shape.maximum) {
            (Some(minimum), Some(maximum)) => format!("{names} ({minimum} to {maximum})"),
            _ => names,
        },
    }
}

/// A docstring is broken into lines where its source is; paragraphs are divided by an empty line.
fn paragraphs(text: &str) -> String {
    text.split("\n\n").map(|paragraph| paragraph.replace('\n', " ")).collect::<Vec<_>>().join("\n\n")
}

fn first_sentence(text: &str) -> String {
    let end = text.find(". ").map(|end| end + 1).or_else(|| text.find('\n'));
    text[..end.unwrap_or(text.len())].to_owned()
}

/// In the manner of `kubectl explain`.
impl fmt::Display for Explanation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "FIELD:    {} <{}>", self.path, self.kind)?;
        if let Some(default) = &self.default {
            writeln!(formatter, "DEFAULT:  {default}")?;
        }
        writeln!(formatter, "\nDESCRIPTION:")?;
        write_wrapped(formatter, &self.description, 4)?;
        if !self.allowed.is_empty() {
            writeln!(formatter, "\nALLOWED:")?;
        }
        for (text, description) in &self.allowed {
            writeln!(formatter, "    {text}")?;
            write_wrapped(formatter, description, 8)?;
        }
        if !self.fields.is_empty() {
            writeln!(formatter, "\nFIELDS:")?;
        }
        for FieldSummary { name, kind, required, summary } in &self.fields {
            let required = if *required { " -required-" } else { "" };
            writeln!(formatter, "    {name} <{kind}>{required}")?;
            write_wrapped(formatter, summary, 8)?;
        }
        Ok(())
    }
}

/// Breaks lines between words at 80 columns, as long as words are shorter.
fn write_wrapped(formatter: &mut fmt::Formatter<'_>, text: &str, indent: usize) -> fmt::Result {
    for paragraph in text.split('\n') {
        let mut width = 0;
        for word in paragraph.split_whitespace() {
            let length = word.chars().count();
            if width > 0 && width + 1 + length <= 80 {
                write!(formatter, " {word}")?;
                width += 1 + length;
            } else {
                let separator = if width > 0 { "\n" } else { "" };
                write!(formatter, "{separator}{:indent$}{word}", "")?;
                width = indent + length;
            }
        }
        writeln!(formatter)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(path: &str) -> String {
        explain(path).expect_err(path).to_string()
    }

    #[test]
    fn types_are_told_in_words() {
        for (path, kind, default) in [
            ("workspace", "object", None),
            ("workspace.metadata.labels", "map[string]string", None),
            ("workspace.metadata.name", "string (name)", None),
            ("workspace.spec.args", "[]string", None),
            ("workspace.spec.volumes", "[]object", None),
            ("workspace.spec.volumes.tmpfs.size", "string or integer (memory-quantity)", None),
            ("workspace.spec.ports[0].hostip", "string (ip-address)", Some("127.0.0.1")),
            ("Workspace.spec.ports[0].container", "integer (1 to 65535)", None),
            ("workspace.spec.recovery.backoff.max", "string (duration)", Some("5m")),
            ("workspace.spec.network", "object", Some("{\"mode\":\"Isolated\"}")),
            ("workspacestatus.status.phase", "string", None),
            ("workspacestatus.status.conditions.lastTransitionTime", "string (date-time)", None),
        ] {
            let found = explain(path).expect(path);
            assert_eq!((found.kind.as_str(), found.default.as_deref()), (kind, default), "{path}");
        }
    }

    #[test]
    fn unknown_paths_have_a_remedy() {
        for (path, expected) in [
            ("pod", "there is no document `pod`: use `workspace`, `workspacestatus` or `policy`"),
            ("", "there is no document ``: use `workspace`, `workspacestatus` or `policy`"),
            ("workspace.spec.netwrok", "`workspace.spec` has no field `netwrok`: did you mean `network`?"),
            (
                "workspace.spec.memory",
                "`workspace.spec` has no field `memory`: did you mean `workspace.spec.resources.memory`?",
            ),
            (
                "workspace.spec.network.x",
                "`workspace.spec.network` has no field `x`: its fields are `group` and `mode`",
            ),
            ("workspace.spec.image.x", "`workspace.spec.image` has no field `x`: nothing is below it"),
        ] {
            assert_eq!(error(path), expected);
        }
    }

    #[test]
    fn rendered_like_kubectl() {
        let text = explain("workspace.spec.network").expect("a field").to_string();
        assert_eq!(
            text,
            "FIELD:    workspace.spec.network <object>\n\
             DEFAULT:  {\"mode\":\"Isolated\"}\n\
             \n\
             DESCRIPTION:\n    Which other workspaces and networks it reaches.\n\
             \n\
             FIELDS:\n    group <string (name)>\n        The group's name; for mode `Group` only, where it is required.\n    \
             mode <string>\n        `Isolated` (default): out to other networks, but to no other workspace.\n"
        );
        let phase = explain("workspacestatus.status.phase").expect("a field").to_string();
        assert!(
            phase.contains("ALLOWED:\n    Pending\n        Accepted, and its container not yet started.\n"),
            "{phase}"
        );
        let long = explain("workspace.spec.recovery").expect("a field").to_string();
        assert!(long.lines().all(|line| line.starts_with("DEFAULT") || line.chars().count() <= 80), "{long}");
    }
}
