//! Files of policies.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use crate::cli::files::{find, read_manifest};
use crate::manifest::{Configuration, Diagnostic, parse_policy};
use crate::model::policy::Policy;
use crate::policy::{Defaults, Policies, SameName};

/// Why policies cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// A file or directory cannot be read.
    #[error("cannot read policies from {}: check that it exists and that you may read it", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A directory without policies, which would admit everything.
    #[error("there are no policies in {}: their files end in .yaml, .yml or .json", path.display())]
    Empty {
        /// Which.
        path: PathBuf,
    },
    /// Files with mistakes.
    #[error("{}", lines(.0))]
    Invalid(Vec<Diagnostic>),
    /// Two have one name.
    #[error(transparent)]
    SameName(#[from] SameName),
    /// A file of cases does not have its form.
    #[error("{}: {why}: use `policies: [FILE]` and `cases: [{{name, manifest or file, expect: admitted or denied}}]`", path.display())]
    Cases {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
}

fn lines(diagnostics: &[Diagnostic]) -> String {
    diagnostics.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// Reads policies from files, and from directories at any depth. Blocks; for the start of a program.
///
/// # Errors
/// With all that is wrong with all files: a policy that is left out would admit what it denies.
pub fn read(paths: &[PathBuf], defaults: Defaults) -> Result<Policies, PolicyError> {
    let mut policies = Vec::new();
    let mut mistakes = Vec::new();
    for path in paths {
        for file in files(path)? {
            match read_one(&file)? {
                Ok(policy) => policies.push((file.display().to_string(), policy)),
                Err(found) => mistakes.extend(found),
            }
        }
    }
    if !mistakes.is_empty() {
        return Err(PolicyError::Invalid(mistakes));
    }
    Ok(Policies::new(policies, defaults)?)
}

fn files(path: &Path) -> Result<Vec<PathBuf>, PolicyError> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let is_policy = |name: &str| [".yaml", ".yml", ".json"].iter().any(|ending| name.ends_with(ending));
    let mut found = find(path, is_policy);
    if let Some((path, source)) = found.unlisted.pop() {
        return Err(PolicyError::Read { path, source });
    }
    if found.paths.is_empty() {
        return Err(PolicyError::Empty { path: path.to_owned() });
    }
    Ok(found.paths)
}

fn read_one(path: &Path) -> Result<Result<Policy, Vec<Diagnostic>>, PolicyError> {
    let unreadable = |source| PolicyError::Read { path: path.to_owned(), source };
    let bytes = File::open(path).and_then(read_manifest).map_err(unreadable)?;
    Ok(parse_policy(&path.display().to_string(), &bytes).map(|Configuration { value, .. }| value))
}
