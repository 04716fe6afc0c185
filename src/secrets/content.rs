//! What a secret holds, once it was read.

use std::collections::BTreeMap;

use secrecy::{ExposeSecret, SecretSlice, SecretString};
use serde_json::Value;

use super::Problem;
use crate::model::spec::SecretKey;

/// What a secret holds. Its `Debug` does not show it.
#[derive(Clone, Debug)]
pub(super) enum Content {
    /// One value.
    Whole(SecretSlice<u8>),
    /// Values by key.
    Keys(BTreeMap<SecretKey, SecretSlice<u8>>),
}

/// What is shown of keys in an error.
const SHOWN_KEYS: usize = 8;

impl Content {
    /// The values at the top of a document that `sops` decrypted into JSON. The error never quotes it.
    pub(super) fn of_json(json: &SecretSlice<u8>, place: &str) -> Result<Self, Problem> {
        let help = "keep texts, numbers and booleans at the top of the document";
        let refused = |message: String| Problem::reading(place, message, help);
        let document: BTreeMap<String, Value> = serde_json::from_slice(json.expose_secret())
            .map_err(|_| refused("what sops decrypts is not a mapping".to_owned()))?;
        let pairs = document.into_iter().map(|(name, value)| {
            let key: SecretKey = name.parse().map_err(|error| refused(format!("one of its keys is {error}")))?;
            let text = match value {
                Value::String(text) => text,
                Value::Number(number) => number.to_string(),
                Value::Bool(flag) => flag.to_string(),
                Value::Null | Value::Array(_) | Value::Object(_) => {
                    return Err(refused(format!("`{key}` is neither a text nor a number nor a boolean")));
                }
            };
            Ok((key, SecretSlice::from(text.into_bytes())))
        });
        Ok(Self::Keys(pairs.collect::<Result<_, _>>()?))
    }

    /// The part that a key chooses: all of it without one.
    pub(super) fn chosen(&self, key: Option<&SecretKey>, place: &str) -> Result<Self, Problem> {
        match (self, key) {
            (_, None) => Ok(self.clone()),
            (Self::Whole(_), Some(_)) => {
                Err(Problem::reading(place, "it has a single value and no keys", "leave out `key`"))
            }
            (Self::Keys(values), Some(key)) => match values.get(key) {
                Some(value) => Ok(Self::Whole(value.clone())),
                None => Err(Problem::reading(place, format!("it has no key `{key}`"), shown_keys(values))),
            },
        }
    }

    /// The one value, for a place that takes one.
    pub(super) fn single(self, place: &str) -> Result<SecretSlice<u8>, Problem> {
        match self {
            Self::Whole(value) => Ok(value),
            Self::Keys(values) => {
                let help = format!("add `key`; {}", shown_keys(&values));
                Err(Problem::reading(place, "it has several values", help))
            }
        }
    }
}

fn shown_keys(values: &BTreeMap<SecretKey, SecretSlice<u8>>) -> String {
    let mut names: Vec<String> = values.keys().take(SHOWN_KEYS).map(|key| format!("`{key}`")).collect();
    match values.len() {
        0 => return "it is empty".to_owned(),
        count if count > SHOWN_KEYS => names.push("…".to_owned()),
        _ => {}
    }
    format!("its keys: {}", names.join(", "))
}

/// A value without the one newline that editors end files with.
pub(super) fn line(value: &[u8]) -> &[u8] {
    value.strip_suffix(b"\n").unwrap_or(value)
}

/// A value as an environment can hold it.
pub(super) fn text(value: &SecretSlice<u8>, place: &str) -> Result<SecretString, Problem> {
    let help = "give it as a file (`volumes: [{secret: …}]`), or correct it";
    let text = std::str::from_utf8(line(value.expose_secret()))
        .map_err(|_| Problem::reading(place, "it is not UTF-8 text", help))?;
    if text.contains('\0') {
        return Err(Problem::reading(place, "it contains a NUL, which no environment can hold", help));
    }
    Ok(SecretString::from(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str) -> Result<Content, Problem> {
        Content::of_json(&SecretSlice::from(text.as_bytes().to_vec()), "db.sops.yaml")
    }

    fn key(text: &str) -> SecretKey {
        text.parse().expect("a key")
    }

    #[test]
    fn a_decrypted_document_gives_its_scalars() {
        let content = json(r#"{"password": "a\nb", "port": 5432, "tls": true}"#).expect("valid");
        for (name, expected) in [("password", "a\nb"), ("port", "5432"), ("tls", "true")] {
            let value = content.chosen(Some(&key(name)), "x").and_then(|it| it.single("x")).expect("there");
            assert_eq!(value.expose_secret(), expected.as_bytes());
        }
        let missing = content.chosen(Some(&key("user")), "db").expect_err("missing");
        assert_eq!(
            (missing.message.as_str(), missing.help.as_str()),
            ("it has no key `user`", "its keys: `password`, `port`, `tls`")
        );
        assert!(content.single("db").expect_err("several").help.starts_with("add `key`"));
    }

    #[test]
    fn what_is_wrong_with_a_document_is_told_without_its_values() {
        for text in [r#"["canary"]"#, r#""canary"#, r#"{"a": ["canary"]}"#, r#"{"a": null}"#, r#"{"a canary": "x"}"#] {
            let problem = json(text).expect_err(text);
            assert!(!format!("{problem:?}").contains("canary"), "{problem:?}");
        }
    }

    #[test]
    fn a_single_value_has_no_keys() {
        let content = Content::Whole(SecretSlice::from(b"x".to_vec()));
        assert_eq!(content.chosen(Some(&key("a")), "db").expect_err("no keys").help, "leave out `key`");
    }
}
