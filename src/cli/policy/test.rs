//! `wharf policy test`: cases for people's own policies.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::trial::{Trial, valid};
use super::{PolicyError, TestArgs, read};
use crate::cli::error::CliError;
use crate::cli::exit::ExitCode;
use crate::cli::files::read_manifest;
use crate::cli::printer::{Printer, Tone};
use crate::cli::text::{counted, plain};
use crate::manifest::parse;
use crate::model::policy::{Resolution, Resolved};
use crate::model::source::SourceKind;
use crate::policy::{Defaults, Denial, SourceTrust};
use crate::yaml::{self, YamlError};

/// As Linux: who follows more links goes round in a circle.
const MOST_LINKS: usize = 40;

/// A file of cases.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Cases {
    /// Files and directories, relative to this file.
    #[serde(default)]
    policies: Vec<PathBuf>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Case {
    name: String,
    /// The manifest itself, or the file that it is in.
    manifest: Option<String>,
    file: Option<PathBuf>,
    #[serde(default = "directory")]
    source: SourceKind,
    #[serde(default = "usual_name")]
    source_name: String,
    /// Where the source is on the host, and its manifest in it.
    #[serde(default = "usual_directory")]
    directory: PathBuf,
    /// Symbolic links on the host, and what they lead to.
    #[serde(default)]
    links: BTreeMap<PathBuf, PathBuf>,
    expect: Expected,
    /// The rule that denies.
    rule: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Expected {
    Admitted,
    Denied,
}

fn directory() -> SourceKind {
    SourceKind::Directory
}

fn usual_name() -> String {
    "source".to_owned()
}

fn usual_directory() -> PathBuf {
    PathBuf::from("/srv/source")
}

/// Tries every case.
pub fn run(args: &TestArgs, printer: &mut Printer) -> Result<ExitCode, CliError> {
    let cases = cases(&args.cases)?;
    let beside = args.cases.parent().unwrap_or(Path::new(""));
    let paths: Vec<PathBuf> = cases.policies.iter().map(|path| beside.join(path)).collect();
    let trial = Trial::new(read(&paths, Defaults::default())?);
    let mut failed = 0;
    for case in &cases.cases {
        let text = match case.difference(case.judge(&trial, beside)) {
            None => format!("{} {}\n", printer.paint(Tone::Good, "ok"), plain(&case.name)),
            Some(why) => {
                failed += 1;
                format!("{} {}: {}\n", printer.paint(Tone::Bad, "FAILED"), plain(&case.name), plain(&why))
            }
        };
        printer.result(&text)?;
    }
    printer.note(&format!("{}: {failed} failed", counted(cases.cases.len(), "case")));
    Ok(if failed == 0 { ExitCode::Done } else { ExitCode::Failed })
}

fn cases(path: &Path) -> Result<Cases, PolicyError> {
    let unreadable = |source| PolicyError::Read { path: path.to_owned(), source };
    let bytes = File::open(path).and_then(read_manifest).map_err(unreadable)?;
    let wrong = |why: &str| PolicyError::Cases { path: path.to_owned(), why: why.to_owned() };
    let text = String::from_utf8(bytes).map_err(|_| wrong("it is not UTF-8 text"))?;
    let told = |error: YamlError| match error {
        // Nothing in a file of cases is secret.
        YamlError::Form { source, .. } => wrong(&source.to_string()),
        YamlError::Syntax(error) => wrong(&error.to_string()),
        other => wrong(&other.to_string()),
    };
    let mut documents = yaml::from_str::<Cases>(&text).map_err(told)?;
    match (documents.pop(), documents.is_empty()) {
        (Some(cases), true) if !cases.cases.is_empty() => Ok(cases),
        _ => Err(wrong("it does not have one document with cases")),
    }
}

impl Case {
    /// All that is denied, or why that cannot be known.
    fn judge(&self, trial: &Trial, beside: &Path) -> Result<Vec<Denial>, String> {
        let (file, bytes) = match (&self.manifest, &self.file) {
            (Some(text), None) => ("manifest".to_owned(), text.clone().into_bytes()),
            (None, Some(path)) => {
                let path = beside.join(path);
                let bytes = File::open(&path).and_then(read_manifest);
                (
                    path.display().to_string(),
                    bytes.map_err(|error| format!("{} cannot be read: {error}", path.display()))?,
                )
            }
            _ => return Err("it needs one of `manifest` and `file`".to_owned()),
        };
        let manifest = parse(&file, &bytes);
        let of_documents = manifest.documents.iter().filter_map(|document| document.outcome.as_ref().err()).flatten();
        if let Some(mistake) = manifest.errors.iter().chain(of_documents).next() {
            return Err(mistake.to_string());
        }
        let Self { source, source_name, directory, .. } = self;
        let source = SourceTrust { name: source_name.clone(), kind: *source, base: directory.clone() };
        let judged = valid(&manifest.documents)
            .flat_map(|(_, workspace)| trial.judge(&source, workspace, directory, |paths| self.resolve(paths)));
        Ok(judged.collect())
    }

    /// In what the outcome differs from what is expected.
    fn difference(&self, came: Result<Vec<Denial>, String>) -> Option<String> {
        let denials = match came {
            Ok(denials) => denials,
            Err(why) => return Some(why),
        };
        let said = denials.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n  ");
        match (self.expect, denials.is_empty(), &self.rule) {
            (Expected::Admitted, true, _) | (Expected::Denied, false, None) => None,
            (Expected::Admitted, false, _) => Some(format!("it is denied\n  {said}")),
            (Expected::Denied, true, _) => Some("it is admitted".to_owned()),
            (Expected::Denied, false, Some(rule)) if denials.iter().any(|denial| denial.rule == rule) => None,
            (Expected::Denied, false, Some(rule)) => Some(format!("it is denied, but not by {rule}\n  {said}")),
        }
    }

    fn resolve(&self, paths: Vec<PathBuf>) -> Resolved {
        paths.into_iter().map(|path| (path.clone(), self.follow(path))).collect()
    }

    fn follow(&self, mut path: PathBuf) -> Resolution {
        for _ in 0..MOST_LINKS {
            let link = self.links.iter().find_map(|(link, to)| Some((to, path.strip_prefix(link).ok()?)));
            let Some((to, rest)) = link else { return Resolution::Path(path) };
            // A rest of nothing would leave a slash at the end.
            path = if rest.as_os_str().is_empty() { to.clone() } else { to.join(rest) };
        }
        Resolution::Unreadable("too many levels of symbolic links".to_owned())
    }
}
