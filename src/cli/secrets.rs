//! What `wharf run` and `wharf plan` are told about secrets.

use std::path::{Path, PathBuf};

use clap::Args;

use super::error::CliError;
use super::values::absolute;
use crate::secrets::Options;

/// Where secrets are, and where they are put.
#[derive(Clone, Debug, Args)]
pub struct SecretArgs {
    /// The directory of the secrets that `secretRef` and volumes `secret` name; mode 0700
    #[arg(long, value_name = "DIR", env = "WHARF_SECRETS_DIR", help_heading = "Secrets")]
    pub secrets_dir: Option<PathBuf>,

    /// The identity file that encrypted secrets (`.age`, `.sops.*`) are decrypted with; mode 0600
    #[arg(long, value_name = "FILE", env = "WHARF_AGE_IDENTITY", help_heading = "Secrets")]
    pub age_identity: Option<PathBuf>,

    /// Where secrets that are mounted are put, on a tmpfs [default: `RUNTIME_DIRECTORY`, then /run/wharf]
    #[arg(long, value_name = "DIR", env = "WHARF_RUNTIME_DIR", help_heading = "Secrets")]
    pub runtime_dir: Option<PathBuf>,

    /// Allow a --runtime-dir that is not in memory: secrets then reach a disk
    #[arg(long, help_heading = "Secrets")]
    pub runtime_on_disk: bool,
}

impl SecretArgs {
    /// The options of the controller, with absolute paths. `kept`: the sources and the state directory, which hold no secrets; `dir`: where secrets
    /// are by the configuration.
    pub fn options(&self, kept: &[&Path], dir: Option<PathBuf>) -> Result<Options, CliError> {
        let default = Options::default();
        // A service manager may give several, joined by colons.
        let given = std::env::var("RUNTIME_DIRECTORY").ok();
        let given = given.as_deref().and_then(|list| list.split(':').find(|path| !path.is_empty()));
        let runtime_dir = self.runtime_dir.as_deref().or(given.map(Path::new)).unwrap_or(&default.runtime_dir);
        let runtime_dir = absolute(runtime_dir)?;
        if let Some(inside) = kept.iter().find(|kept| runtime_dir.starts_with(kept)) {
            return Err(CliError::RuntimeDirectory { path: runtime_dir, inside: (*inside).to_owned() });
        }
        Ok(Options {
            dir: self.secrets_dir.as_deref().map(absolute).transpose()?.or(dir),
            age_identity: self.age_identity.as_deref().map(absolute).transpose()?,
            runtime_dir,
            allow_disk: self.runtime_on_disk,
            ..default
        })
    }
}
