//! Between nodes, texts and Rust types, by way of serde.

use std::fmt::Write;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_yaml::Value as Form;

use super::build::{Limits, parse_within};
use super::{Node, Position, Scalar, ScalarKind, Value, YamlError};

/// For text that this program wrote: a status file of a thousand workspaces is far below.
const OWN: Limits = Limits { nodes: 4_000_000, bytes: 128 << 20, documents: 100_000, indicators: usize::MAX };

/// Writes documents one after the other, with `---` between them.
pub fn to_string<T: Serialize>(documents: &[T]) -> Result<String, YamlError> {
    let mut text = String::new();
    for (index, document) in documents.iter().enumerate() {
        if index > 0 {
            text.push_str("---\n");
        }
        let written = written(document).map_err(|source| YamlError::Write { document: index + 1, source })?;
        text.push_str(&written);
    }
    Ok(text)
}

/// One document. `serde_yaml` writes the line breaks that only YAML 1.1 knew as line breaks, which changes the text for a
/// reader of YAML 1.2: a document with one of them is written as JSON, which is YAML too.
fn written<T: Serialize>(document: &T) -> Result<String, Box<dyn std::error::Error + Send + Sync>> {
    let text = serde_yaml::to_string(document)?;
    if !text.contains(['\u{85}', '\u{2028}', '\u{2029}']) {
        return Ok(text);
    }
    // Outside of strings JSON has none of these characters, so every one of them can become an escape.
    let mut json = String::new();
    for c in serde_json::to_string_pretty(document)?.chars() {
        match c {
            '\u{7f}'..='\u{9f}' | '\u{2028}' | '\u{2029}' | '\u{feff}' => {
                write!(json, "\\u{:04x}", u32::from(c))?;
            }
            _ => json.push(c),
        }
    }
    json.push('\n');
    Ok(json)
}

/// Reads every document of a text. Meant for text that this program wrote: the limits are wide.
///
/// The text goes through nodes, because `serde_yaml`'s own iterator over documents yields a syntax error for ever.
pub fn from_str<T: DeserializeOwned>(text: &str) -> Result<Vec<T>, YamlError> {
    parse_within(text, OWN).map_err(YamlError::Syntax)?.iter().map(from_node).collect()
}

/// Reads one value. The error does not say where in the document it is: check the nodes first where that matters.
pub fn from_node<T: DeserializeOwned>(node: &Node) -> Result<T, YamlError> {
    let form = form(node).map_err(|at| YamlError::DuplicateKey { at })?;
    serde_yaml::from_value(form).map_err(|error| YamlError::Form { at: node.at, source: Box::new(error) })
}

/// `Err` is the place of a duplicate key. Recursion is bounded by the depth that a complete node keeps.
fn form(node: &Node) -> Result<Form, Position> {
    match &node.value {
        Value::Scalar(scalar) => Ok(scalar_form(scalar)),
        Value::Sequence(items) => items.iter().map(form).collect::<Result<_, _>>().map(Form::Sequence),
        Value::Mapping(pairs) => {
            let mut mapping = serde_yaml::Mapping::with_capacity(pairs.len());
            for (key, value) in pairs {
                if mapping.insert(form(key)?, form(value)?).is_some() {
                    return Err(key.at);
                }
            }
            Ok(Form::Mapping(mapping))
        }
    }
}

fn scalar_form(scalar: &Scalar) -> Form {
    match scalar.kind {
        ScalarKind::Null => Form::Null,
        ScalarKind::Bool(value) => Form::Bool(value),
        ScalarKind::Float(value) => Form::Number(value.into()),
        ScalarKind::String => Form::String(scalar.text.clone()),
        ScalarKind::Int(value) => match (u64::try_from(value), i64::try_from(value)) {
            (Ok(value), _) => Form::Number(value.into()),
            (_, Ok(value)) => Form::Number(value.into()),
            // As for every number beyond 64 bits: near is all that a float can be.
            #[expect(clippy::cast_precision_loss, reason = "no integer type of serde_yaml holds it")]
            _ => Form::Number((value as f64).into()),
        },
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::collection::{btree_map, vec};
    use proptest::prelude::*;

    use super::*;

    type Texts = BTreeMap<String, Vec<String>>;

    #[test]
    fn several_documents_are_divided_by_three_dashes() {
        let text = to_string(&[BTreeMap::from([("a", 1)]), BTreeMap::from([("b", 2)])]).expect("plain");
        assert_eq!(text, "a: 1\n---\nb: 2\n");
        assert_eq!(from_str::<BTreeMap<String, i64>>(&text).expect("valid").len(), 2);
        assert_eq!(to_string::<u8>(&[]).expect("nothing"), "");
    }

    #[test]
    fn errors_say_where_and_end() {
        let error = from_str::<Texts>("a: [x\n---\nb: [y]\n").expect_err("unclosed");
        assert!(matches!(error, YamlError::Syntax(_)), "{error}");
        let error = from_str::<Texts>("a: []\na: []\n").expect_err("twice");
        assert_eq!(error.to_string(), "line 2, column 1: a key is given twice in one mapping");
        let error = from_str::<Texts>("a: []\n---\nb: secret\n").expect_err("no list");
        assert_eq!(error.to_string(), "the document at line 3 does not have the expected form");
    }

    #[test]
    fn numbers_keep_their_range() {
        let text = to_string(&[(u64::MAX, i64::MIN, 0.1_f64, true)]).expect("plain");
        assert_eq!(from_str::<(u64, i64, f64, bool)>(&text).expect("valid"), [(u64::MAX, i64::MIN, 0.1, true)]);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(
            texts in vec(btree_map(".{0,8}", vec("\\PC{0,8}|[a \n\t\u{85}\u{2028}\u{feff}\u{7f}'\"\\\\]{0,5}|(?s).{0,40}", 0..4), 0..4), 0..4)
        ) {
            let text = to_string(&texts).expect("texts have a form");
            prop_assert_eq!(from_str::<Texts>(&text).expect(&text), texts);
        }

        #[test]
        fn texts_that_look_like_something_else_stay_texts(
            words in vec("[-+.0-9a-fnoxyesNULtru~:#&*!|>%@`'\"\\[\\]{},? \n\t]{0,8}", 1..8)
        ) {
            let text = to_string(&[&words]).expect("texts have a form");
            prop_assert_eq!(from_str::<Vec<String>>(&text).expect(&text), [words]);
        }
    }
}
