//! Environments are not quoted, although engines quote what they refuse.

use secrecy::{ExposeSecret, SecretString};

use crate::engine::EnvValue;

/// What stands for a value.
const LEFT_OUT: &str = "…";

/// Shorter values of a manifest are words such as `true`, which say nothing by themselves and occur in every message.
const SHORTEST: usize = 8;

/// How often a request may be quoted within a quotation. Each time, quotes and backslashes get a backslash.
const QUOTATIONS: usize = 3;

/// Texts that are not to be shown. Its own `Debug` does not show them either.
#[derive(Clone, Debug, Default)]
pub(super) struct Hidden(Vec<SecretString>);

impl Hidden {
    /// The values of an environment: those from files, long ones of the manifest, and short ones behind their names.
    pub(super) fn of(env: &[(String, EnvValue)]) -> Self {
        let mut texts: Vec<SecretString> = env.iter().flat_map(|(name, value)| texts(name, value)).collect();
        // A value can be part of another, of which the rest would stay.
        texts.sort_by_key(|text| std::cmp::Reverse(text.expose_secret().len()));
        Self(texts)
    }

    /// The words without them.
    pub(super) fn left_out_of(&self, words: &str) -> String {
        self.0.iter().fold(words.to_owned(), |words, text| words.replace(text.expose_secret(), LEFT_OUT))
    }
}

fn texts(name: &str, value: &EnvValue) -> Vec<SecretString> {
    let (value, alone) = match value {
        EnvValue::Plain(value) => (value.as_str(), value.chars().count() >= SHORTEST),
        EnvValue::File { value: Some(value), .. } | EnvValue::Secret { value: Some(value), .. } => {
            (value.expose_secret(), true)
        }
        EnvValue::File { value: None, .. } | EnvValue::Secret { value: None, .. } => return Vec::new(),
    };
    if value.is_empty() {
        return Vec::new();
    }
    let quoted = std::iter::successors(Some(value.to_owned()), |text| quoted(text)).take(QUOTATIONS);
    quoted
        .flat_map(|value| [Some(format!("{name}={value}")), alone.then_some(value)])
        .flatten()
        .map(SecretString::from)
        .collect()
}

/// As it stands in quotes; `None` when that is no different.
fn quoted(text: &str) -> Option<String> {
    let json = serde_json::Value::from(text).to_string();
    let inner = json.get(1..json.len() - 1)?;
    (inner != text).then(|| inner.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(env: &[(&str, EnvValue)], words: &str) -> String {
        let env: Vec<_> = env.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        Hidden::of(&env).left_out_of(words)
    }

    fn plain(value: &str) -> EnvValue {
        EnvValue::Plain(value.to_owned())
    }

    fn file(value: &str) -> EnvValue {
        EnvValue::File { path: "/x".into(), value: Some(value.to_owned().into()) }
    }

    #[test]
    fn values_are_left_out() {
        let env = [("A", plain("long enough")), ("B", file("x7")), ("C", plain("on")), ("D", plain(""))];
        for (words, expected) in [
            ("A=long enough B=x7 C=on D=", "… … … D="),
            ("long enough, x7 and on", "…, … and on"),
            ("No such image: x:1", "No such image: x:1"),
        ] {
            assert_eq!(told(&env, words), expected);
        }
        assert_eq!(told(&[("A", file("secret")), ("B", file("secret and more"))], "B: secret and more"), "B: …");
    }

    #[test]
    fn values_in_quotations_are_left_out() {
        let value = "a \"secret\"\nof two lines";
        let once = serde_json::json!({ "Env": [format!("A={value}")] }).to_string();
        let twice = serde_json::Value::from(once.clone()).to_string();
        for words in [value, &once, &twice] {
            for env in [plain(value), file(value)] {
                let told = told(&[("A", env)], words);
                assert!(told.contains('…') && !told.contains("secret") && !told.contains("lines"), "{told}");
            }
        }
    }
}
