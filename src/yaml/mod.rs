//! YAML in and out: the only room that names `saphyr_parser` and `serde_yaml`.
//!
//! Text is read by saphyr-parser alone, into [`Node`]s that know their line and column; scalars are resolved by the
//! [core schema of YAML 1.2](https://yaml.org/spec/1.2.2/#103-core-schema), so `yes` and `on` are text. `serde_yaml` turns
//! nodes into values and values into text. It writes `yes` and `on` without quotes, which is right for readers of
//! YAML 1.2, such as this one, and not for those of YAML 1.1.
//!
//! Both directions agree because there is one reader: what [`to_string`] writes, [`from_str`] reads.

mod build;
mod convert;
mod message;
mod scalar;

pub use build::parse;
pub use convert::{from_node, from_str, to_string};

/// A place in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
}

/// A value of a document, and where it is. What an alias stands for has the place of its anchor.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Where it begins. For a value left out (`key:`), just behind the colon.
    pub at: Position,
    /// What it is.
    pub value: Value,
}

/// What a [`Node`] is.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Text, a number, true or false, or nothing.
    Scalar(Scalar),
    /// A list.
    Sequence(Vec<Node>),
    /// Pairs in their order. A key given twice is in here twice.
    Mapping(Vec<(Node, Node)>),
}

/// A single value: its text, without quotes and with escapes resolved, and what that text means.
#[derive(Clone, Debug, PartialEq)]
pub struct Scalar {
    /// The text; empty for a value left out.
    pub text: String,
    /// What it means.
    pub kind: ScalarKind,
}

/// What a [`Scalar`] means by the core schema.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ScalarKind {
    /// `null`, `~`, or left out.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number: decimal, `0o17` or `0x1F`.
    Int(i128),
    /// Any other number.
    Float(f64),
    /// Text: everything quoted, and whatever is none of the above.
    String,
}

impl Node {
    /// The value of a key; of the first one, where it is given twice. `None` too when this is not a mapping.
    pub fn get(&self, key: &str) -> Option<&Self> {
        let Value::Mapping(pairs) = &self.value else { return None };
        pairs.iter().find(|(name, _)| name.as_text() == Some(key)).map(|(_, value)| value)
    }

    /// The text of a scalar that means text.
    pub fn as_text(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar(Scalar { text, kind: ScalarKind::String }) => Some(text),
            _ => None,
        }
    }

    /// The items of a list; empty when this is not one.
    pub fn items(&self) -> &[Self] {
        match &self.value {
            Value::Sequence(items) => items,
            _ => &[],
        }
    }
}

/// Why a text is not YAML, or not YAML that is accepted here. Never quotes more than one character of the text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {}, column {}: {message}", at.line, at.column)]
pub struct SyntaxError {
    /// Where.
    pub at: Position,
    /// What is wrong, and what would be right.
    pub message: String,
}

/// Why a value could not be read from YAML or written as YAML.
#[derive(Debug, thiserror::Error)]
pub enum YamlError {
    /// The text is not YAML.
    #[error("the text is not valid YAML")]
    Syntax(#[source] SyntaxError),
    /// A key is given twice, which no type can hold.
    #[error("line {}, column {}: a key is given twice in one mapping", at.line, at.column)]
    DuplicateKey {
        /// The second one.
        at: Position,
    },
    /// A document does not have the form of the type. The source's text may quote values of the document.
    #[error("the document at line {} does not have the expected form", at.line)]
    Form {
        /// Where the document begins.
        at: Position,
        /// What the type says about it.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A value has no YAML form.
    #[error("document {document} cannot be written as YAML")]
    Write {
        /// Which one, from 1.
        document: usize,
        /// What the type says about it.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}
