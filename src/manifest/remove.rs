//! Taking one document out of a manifest file, with every other byte left as it is. Pure.

use super::parse::parse;
use crate::model::Name;

/// What is left of a manifest file without one of its documents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Removal {
    /// The text with the other documents.
    Rest(String),
    /// No document is left: the file is to be removed.
    Nothing,
}

/// Why a document cannot be taken out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RemoveError {
    /// What is not valid is not changed by a program.
    #[error("it has errors; correct them, or remove the document by hand")]
    Invalid,
    /// Somebody was faster, or it was never there.
    #[error("it does not declare the workspace any more")]
    NotThere,
    /// The text is such that its documents cannot be told apart with certainty.
    #[error("its documents cannot be told apart with certainty; remove the document by hand")]
    Unclear,
}

/// The text of a manifest file without the document that declares a workspace.
pub fn without(bytes: &[u8], name: &Name) -> Result<Removal, RemoveError> {
    let before = names(bytes)?;
    let line = before.iter().find(|(its, _)| its == name).map(|(_, line)| *line).ok_or(RemoveError::NotThere)?;
    if before.len() == 1 {
        return Ok(Removal::Nothing);
    }
    let text = std::str::from_utf8(bytes).map_err(|_| RemoveError::Invalid)?;
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let (until, from) = lines.split_at(line.min(lines.len()));
    let begin = until.iter().rposition(|line| is_marker(line)).unwrap_or(0);
    let end = from.iter().position(|line| is_marker(line)).map_or(lines.len(), |offset| until.len() + offset);
    let rest: String = lines[..begin].iter().chain(&lines[end..]).copied().collect();
    let expected = before.iter().map(|(its, _)| its).filter(|its| *its != name);
    let left = names(rest.as_bytes()).map_err(|_| RemoveError::Unclear)?;
    if left.iter().map(|(its, _)| its).eq(expected) { Ok(Removal::Rest(rest)) } else { Err(RemoveError::Unclear) }
}

/// The names that a valid file declares, each with the line on which its document begins.
fn names(bytes: &[u8]) -> Result<Vec<(Name, usize)>, RemoveError> {
    let manifest = parse("", bytes);
    if !manifest.errors.is_empty() {
        return Err(RemoveError::Invalid);
    }
    let named = |document: super::Document| {
        let workspace = document.outcome.map_err(|_| RemoveError::Invalid)?;
        Ok((workspace.metadata.name, document.line))
    };
    manifest.documents.into_iter().map(named).collect()
}

/// A line that begins a document ([YAML 1.2, 9.1.2](https://yaml.org/spec/1.2.2/#912-document-markers)): nothing else may begin so, not
/// even a line within a block of text.
fn is_marker(line: &str) -> bool {
    line.strip_prefix("---").is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t', '\r', '\n']))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(name: &str) -> String {
        format!("apiVersion: wharf/v1\nkind: Workspace\nmetadata: {{name: {name}}}\nspec: {{image: debian:12}}\n")
    }

    fn remove(text: &str, name: &str) -> Result<Removal, RemoveError> {
        without(text.as_bytes(), &name.parse().expect("a name"))
    }

    #[test]
    fn the_other_documents_stay_as_they_are() {
        let (a, b, c) = (document("a"), document("b"), document("c"));
        let rest = |text: &str| Ok(Removal::Rest(text.to_owned()));
        let text = format!("# first\n{a}---\n# of b\n{b}\n--- # of c\n{c}# the end\n");
        assert_eq!(remove(&text, "a"), rest(&format!("---\n# of b\n{b}\n--- # of c\n{c}# the end\n")));
        assert_eq!(remove(&text, "b"), rest(&format!("# first\n{a}--- # of c\n{c}# the end\n")));
        assert_eq!(remove(&text, "c"), rest(&format!("# first\n{a}---\n# of b\n{b}\n")));
    }

    #[test]
    fn a_file_of_one_document_is_removed() {
        assert_eq!(remove(&document("a"), "a"), Ok(Removal::Nothing));
        assert_eq!(remove(&format!("---\n{}---\n# nothing\n", document("a")), "a"), Ok(Removal::Nothing));
    }

    #[test]
    fn what_looks_like_a_marker_within_text_is_none() {
        let b = "---\napiVersion: wharf/v1\nkind: Workspace\nmetadata: {name: b}\nspec:\n  image: debian:12\n  args:\n    - |\n      x\n      ---\n      y\n";
        let text = format!("{}{b}", document("a"));
        assert_eq!(remove(&text, "a"), Ok(Removal::Rest(b.to_owned())));
        assert_eq!(remove(&text, "b"), Ok(Removal::Rest(document("a"))));
    }

    #[test]
    fn what_is_wrong_or_gone_is_left_alone() {
        let text = format!("{}---\nkind: Workspace\n", document("a"));
        assert_eq!(remove(&text, "a"), Err(RemoveError::Invalid));
        assert_eq!(remove(&document("a"), "b"), Err(RemoveError::NotThere));
    }
}
