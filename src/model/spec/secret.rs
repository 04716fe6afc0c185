//! What a workspace says about secrets: where they are, never what they are.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::WorkspaceSpec;
use crate::model::name::Name;
use crate::model::text::textual;

/// A secret of the directory that the controller was given with `--secrets-dir`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SecretRef {
    /// The secret's name: `db` is the file or directory `db`, or one of `db.age`, `db.sops.yaml`, `db.sops.json` and `db.sops.env`.
    pub name: Name,
    /// Which of its values, where it has several: a file of the directory, or a key at the top of the sops document. A single file
    /// (also `.age`) has one value and no keys.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<SecretKey>,
}

/// A secret as files in memory, always read-only.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SecretVolume {
    /// The secret's name, as in `secretRef`.
    pub name: Name,
    /// One of its values, which is then the file at `mountPath`. Without it, a secret with several values is a directory there, with a file
    /// for each key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<SecretKey>,
    /// Who may read the files, in octal digits. Default `0400`: the user that `spec.user` names by number, else root.
    #[serde(default, skip_serializing_if = "FileMode::is_default")]
    pub mode: FileMode,
}

/// The key of one value of a secret: letters, digits, `-`, `_` and `.`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SecretKey(String);

/// The permissions of a file, such as `0400`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileMode(u32);

/// Why a text is not what a secret is described with.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSecret {
    /// Not a key. It is not quoted: what was written there by mistake may be the secret.
    #[error("not the key of a secret: use at most 253 letters, digits, `-`, `_` and `.`, not beginning with `..`")]
    Key,
    /// Not permissions.
    #[error(
        "`{0}` is not a file mode: use three octal digits, such as `0400`, that let somebody read and nobody write"
    )]
    Mode(String),
}

impl SecretKey {
    /// As text, and the name of its file.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for SecretKey {
    type Err = InvalidSecret;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        let valid = (1..=253).contains(&text.len()) && text.bytes().all(fits) && text != "." && !text.starts_with("..");
        if valid { Ok(Self(text.to_owned())) } else { Err(InvalidSecret::Key) }
    }
}

impl fmt::Display for SecretKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl FileMode {
    /// The bits, as chmod(2) takes them.
    pub const fn bits(self) -> u32 {
        self.0
    }

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl Default for FileMode {
    fn default() -> Self {
        Self(0o400)
    }
}

impl FromStr for FileMode {
    type Err = InvalidSecret;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let octal = (3..=4).contains(&text.len()) && text.bytes().all(|byte| (b'0'..=b'7').contains(&byte));
        let bits = u32::from_str_radix(text, 8).ok().filter(|_| octal);
        // Read-only all the same, so that a bit for writing would be a mistake.
        let sensible = |bits: &u32| bits & 0o444 != 0 && bits & !0o555 == 0;
        bits.filter(sensible).map(Self).ok_or_else(|| InvalidSecret::Mode(text.escape_debug().to_string()))
    }
}

impl fmt::Display for FileMode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:04o}", self.0)
    }
}

textual!(SecretKey, "SecretKey", "secret-key", { "type": "string" });
textual!(FileMode, "FileMode", "file-mode", { "type": ["string", "integer"] });

/// One place of a manifest that names a secret of the directory of secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretUse {
    /// The secret.
    pub name: Name,
    /// Which of its values; `None`: all of it.
    pub key: Option<SecretKey>,
    /// The place in the manifest: `spec.env[0].valueFrom.secretRef`.
    pub field: String,
}

impl WorkspaceSpec {
    /// The secrets of the directory of secrets that a manifest names, in its order: what a policy may want to forbid.
    ///
    /// `valueFrom.file` is not among them: it names a file, which is where its access is decided.
    pub fn secrets(&self) -> Vec<SecretUse> {
        let variables = self.env.iter().enumerate().filter_map(|(index, variable)| {
            let secret = variable.value_from.as_ref()?.secret_ref.as_ref()?;
            let field = format!("spec.env[{index}].valueFrom.secretRef");
            Some(SecretUse { name: secret.name.clone(), key: secret.key.clone(), field })
        });
        let volumes = self.volumes.iter().enumerate().filter_map(|(index, volume)| {
            let SecretVolume { name, key, .. } = volume.secret.as_ref()?;
            Some(SecretUse { name: name.clone(), key: key.clone(), field: format!("spec.volumes[{index}].secret") })
        });
        variables.chain(volumes).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_are_octal_with_and_without_quotes() {
        for (text, bits) in [("0400", 0o400), ("400", 0o400), ("0444", 0o444), ("0550", 0o550)] {
            let mode: FileMode = text.parse().expect(text);
            assert_eq!(mode.bits(), bits);
            assert_eq!(mode.to_string().parse(), Ok(mode));
        }
        for bad in ["", "0", "0600", "0o400", "1400", "0000", "0100", "4", "0489", "+400"] {
            assert!(bad.parse::<FileMode>().is_err(), "{bad}");
        }
    }

    #[test]
    fn keys_are_names_of_files_in_one_directory() {
        for good in ["password", "tls.crt", ".env", "A_B-c.9"] {
            assert!(good.parse::<SecretKey>().is_ok(), "{good}");
        }
        let long = "x".repeat(254);
        for bad in ["", ".", "..", "..data", "a/b", "a b", "ä", "a\0", long.as_str()] {
            assert_eq!(bad.parse::<SecretKey>(), Err(InvalidSecret::Key), "{bad}");
        }
    }

    #[test]
    fn every_place_that_names_a_secret_is_told() {
        let spec: WorkspaceSpec = serde_json::from_str(
            r#"{"image": "x",
                "env": [{"name": "A", "value": "a"}, {"name": "B", "valueFrom": {"file": "b"}},
                        {"name": "C", "valueFrom": {"secretRef": {"name": "db", "key": "password"}}}],
                "volumes": [{"tmpfs": {}, "mountPath": "/t"}, {"secret": {"name": "tls"}, "mountPath": "/s"}]}"#,
        )
        .expect("a spec");
        let shown = |it: SecretUse| format!("{} {:?} {}", it.name, it.key.map(|key| key.to_string()), it.field);
        assert_eq!(
            spec.secrets().into_iter().map(shown).collect::<Vec<_>>(),
            ["db Some(\"password\") spec.env[2].valueFrom.secretRef", "tls None spec.volumes[1].secret"]
        );
    }
}
