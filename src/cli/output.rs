//! Results in forms for programs.

use std::fmt::Write as _;

use clap::ValueEnum;
use serde::Serialize;

use super::error::CliError;
use super::text::{is_active, plain};
use crate::model::WorkspaceStatus;
use crate::model::spec::ApiVersion;

/// The form of a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people
    Table,
    /// For people, with everything there is room for
    Wide,
    /// For programs
    Json,
    /// For programs and people
    Yaml,
    /// Only names, as `workspace/NAME`
    Name,
}

/// The form of a report, which has no names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ReportFormat {
    /// For people
    #[value(alias = "table")]
    Text,
    /// For programs
    Json,
    /// For programs and people
    Yaml,
}

/// Several documents as one, as `kubectl` does.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct List<'a, T> {
    api_version: ApiVersion,
    kind: &'static str,
    items: &'a [T],
}

impl<'a, T: Serialize> List<'a, T> {
    /// These documents.
    pub const fn new(items: &'a [T]) -> Self {
        Self { api_version: ApiVersion::V1, kind: "List", items }
    }
}

impl Format {
    /// Whether the form is a table or made of tables.
    pub const fn is_for_people(self) -> bool {
        matches!(self, Self::Table | Self::Wide)
    }
}

/// The value as JSON, with a line break at its end.
///
/// Beside what JSON asks for, everything is escaped that a terminal would act upon.
pub fn json<T: Serialize>(value: &T) -> Result<String, CliError> {
    let text = serde_json::to_string_pretty(value)
        .map_err(|source| CliError::Format { format: "JSON", source: Box::new(source) })?;
    let mut escaped = String::with_capacity(text.len() + 1);
    for c in text.chars() {
        if is_active(c) && c != '\n' {
            // All of them are below U+10000, and stand within strings.
            let _ = write!(escaped, "\\u{:04x}", u32::from(c));
        } else {
            escaped.push(c);
        }
    }
    escaped.push('\n');
    Ok(escaped)
}

/// The value as YAML.
pub fn yaml<T: Serialize>(value: &T) -> Result<String, CliError> {
    crate::yaml::to_string(std::slice::from_ref(value))
        .map_err(|source| CliError::Format { format: "YAML", source: Box::new(source) })
}

/// Several documents of workspaces in a form for programs.
///
/// `alone`: one workspace was asked for, so it is a document of its own and not a list of one.
pub fn documents(format: Format, workspaces: &[WorkspaceStatus], alone: bool) -> Result<String, CliError> {
    match (format, workspaces) {
        (Format::Json, [one]) if alone => json(one),
        (Format::Yaml, [one]) if alone => yaml(one),
        (Format::Json, several) => json(&List::new(several)),
        (Format::Yaml, several) => yaml(&List::new(several)),
        (Format::Name | Format::Table | Format::Wide, several) => {
            Ok(names(several.iter().map(|status| status.metadata.name.as_str())))
        }
    }
}

/// One document of a stream that has no end: of several YAML documents, each begins with `---`.
///
/// `name`: the workspace that it is about.
pub fn streamed<T: Serialize>(format: Format, document: &T, name: &str) -> Result<String, CliError> {
    match format {
        Format::Json => json(document),
        Format::Yaml => yaml(document).map(|text| format!("---\n{text}")),
        Format::Name | Format::Table | Format::Wide => Ok(names([name])),
    }
}

/// Workspaces by name only, one a line.
pub fn names<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    lines(names.into_iter().map(|name| format!("workspace/{}", plain(name))))
}

/// Each text on a line of its own.
pub fn lines(lines: impl IntoIterator<Item = String>) -> String {
    lines.into_iter().flat_map(|line| [line, "\n".to_owned()]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_harmless_and_unchanged() {
        let value = "a\u{1b}[2J\u{9b}\u{202e}\u{7f}\nä";
        let text = json(&value).expect("text is JSON");
        assert_eq!(text, "\"a\\u001b[2J\\u009b\\u202e\\u007f\\nä\"\n");
        assert_eq!(serde_json::from_str::<String>(&text).expect("still JSON"), value);
    }

    #[test]
    fn yaml_holds_no_control_characters() {
        let value = "a\u{1b}[2J\u{9b}\u{85}\u{7f}\r\0b";
        let text = yaml(&value).expect("text is YAML");
        assert!(!text.trim_end().contains(char::is_control), "{text:?}");
    }
}
