//! Stable hashes of values and contents.

use serde::Serialize;
use sha2::{Digest, Sha256};

/// A short, stable fingerprint: the first 16 hexadecimal digits of a SHA-256.
///
/// 64 bits: what is told apart is successive versions of one workspace, not all workspaces of the world.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(transparent)]
#[schemars(inline)]
pub struct Fingerprint(String);

impl Fingerprint {
    /// Takes over a fingerprint that was read from a label or a record.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Of bytes.
    pub fn of_bytes(bytes: &[u8]) -> Self {
        let digest = Sha256::digest(bytes);
        let mut first = [0; 8];
        first.copy_from_slice(&digest[..8]);
        Self(format!("{:016x}", u64::from_be_bytes(first)))
    }

    /// Of a value, through its JSON: field order is the type's, maps are sorted where the type sorts them.
    ///
    /// # Panics
    /// When the value has no JSON form (a map with keys that are not texts): a defect in the type.
    #[expect(clippy::expect_used, reason = "a type without a JSON form is a defect, not a condition of a run")]
    pub fn of<T: Serialize>(value: &T) -> Self {
        Self::of_bytes(&serde_json::to_vec(value).expect("the type has a JSON form"))
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A fingerprint that only who has a key can compute, and of which key it is.
///
/// What is hashed can be short and easy to guess, such as a password: without the key, guesses cannot be tried against it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KeyedFingerprint {
    /// Which key, in 8 hexadecimal digits; says nothing about it.
    pub key: String,
    /// 16 hexadecimal digits.
    pub hash: String,
}

impl KeyedFingerprint {
    /// Reads what [`Display`](std::fmt::Display) writes; `None`: it is something else.
    pub fn parse(text: &str) -> Option<Self> {
        let (key, hash) = text.split_once('-')?;
        let is_hex = |text: &str, length| text.len() == length && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        (is_hex(key, 8) && is_hex(hash, 16)).then(|| Self { key: key.to_owned(), hash: hash.to_owned() })
    }

    /// Whether both are of one key, so that they can be compared.
    pub fn is_comparable(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

impl std::fmt::Display for KeyedFingerprint {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}-{}", self.key, self.hash)
    }
}

impl std::fmt::Display for Fingerprint {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.0)
    }
}
