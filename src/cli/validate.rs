//! `wharf validate`: checks manifests without an engine.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;

use super::config::{self, ConfigurationError};
use super::error::CliError;
use super::exit::ExitCode;
use super::files::read_manifest;
use super::output::{self, ReportFormat};
use super::policy::{self, Kind, Trial, Tried};
use super::printer::{Printer, Tone};
use super::text::{counted, plain};
use crate::disk::{Host, resolve};
use crate::manifest::{self, Diagnostic, Document, Manifest};
use crate::model::policy::tidy;
use crate::model::source::SourceKind;
use crate::model::{Name, Workspace};
use crate::policy::{Defaults, Denial, SourceTrust};
use crate::source::{Directory, Reading, Snapshot, SourceFile};
use crate::yaml::Position;

/// The arguments of `wharf validate`.
#[derive(Clone, Debug, Args)]
pub struct ValidateArgs {
    /// Files, directories with manifests in them at any depth, or `-` for standard input
    #[arg(value_name = "PATH", required_unless_present = "config")]
    pub paths: Vec<PathBuf>,

    /// Policies that the manifests must be admitted by: a file, or a directory of files
    #[arg(long = "policy", value_name = "FILE|DIR")]
    pub policies: Vec<PathBuf>,

    /// What the paths are to be taken for; a git source has a policy of its own
    #[arg(long, value_enum, value_name = "KIND", default_value_t)]
    pub source_kind: Kind,

    /// What the source is called, for policies that apply to some [default: the name of the directory]
    #[arg(long, value_name = "NAME")]
    pub source_name: Option<String>,
    /// A controller's configuration to check, too; the manifests of its sources are not looked at
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// The form of the result
    #[arg(short, long, value_enum, value_name = "FORM", default_value_t = ReportFormat::Text)]
    pub output: ReportFormat,
}

/// Everything that was checked, and what is wrong with it.
#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    files: usize,
    workspaces: usize,
    problems: Vec<Problem>,
    /// Where each name was claimed first.
    #[serde(skip)]
    claims: BTreeMap<Name, (String, usize)>,
    /// What they are judged by, and those that were.
    #[serde(skip)]
    court: Option<Court>,
}

/// Policies, and the workspaces that they admit.
struct Court {
    trial: Trial,
    kind: SourceKind,
    name: Option<String>,
    admitted: Vec<(Tried, String, Place)>,
}

/// Where a manifest comes from.
#[derive(Clone, Copy)]
struct Origin<'a> {
    /// As it was named on the command line.
    file: &'a str,
    /// The directory of the source.
    base: &'a Path,
    /// The directory of the file.
    directory: &'a Path,
}

/// Something wrong: where, what, and what would be right.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Problem {
    file: String,
    /// Line and column, from 1. Absent when the file could not be read at all.
    #[serde(flatten)]
    at: Option<Place>,
    #[serde(skip_serializing_if = "String::is_empty")]
    field: String,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    help: Option<String>,
}

#[derive(Clone, Copy, Debug, Serialize)]
struct Place {
    line: usize,
    column: usize,
}

/// Checks everything there is, and prints all that is wrong.
pub fn run(args: &ValidateArgs, printer: &mut Printer) -> Result<ExitCode, CliError> {
    let policies = policy::read(&args.policies, Defaults::default())?;
    let (kind, name) = (args.source_kind.into(), args.source_name.clone());
    let mut report = Report::of(&args.paths, Court { trial: Trial::new(policies), kind, name, admitted: Vec::new() });
    if let Some(file) = &args.config {
        report.configuration(file);
    }
    let text = match args.output {
        ReportFormat::Text => report.problems.iter().map(|problem| problem.lines(printer)).collect(),
        ReportFormat::Json => output::json(&report)?,
        ReportFormat::Yaml => output::yaml(&report)?,
    };
    printer.result(&text)?;
    printer.note(&report.summary());
    Ok(if report.problems.is_empty() { ExitCode::Done } else { ExitCode::Failed })
}

impl Report {
    /// Every file once, in the order in which the paths were given.
    fn of(paths: &[PathBuf], court: Court) -> Self {
        let mut report = Self { court: Some(court), ..Self::default() };
        let mut seen = BTreeSet::new();
        let mut is_new = |path: &Path| seen.insert(path.canonicalize().unwrap_or_else(|_| path.to_owned()));
        for path in paths {
            if path.as_os_str() == "-" {
                report.read("<stdin>", Path::new("."), io::stdin().lock());
            } else if path.is_dir() {
                report.directory(path, &mut is_new);
            } else if is_new(path) {
                // Whatever it is, for instance a pipe from the shell.
                let name = path.display().to_string();
                match File::open(path) {
                    Ok(file) => report.read(&name, path.parent().unwrap_or(path), file),
                    Err(error) => report.unreadable(name, &error),
                }
            }
        }
        report.count();
        report
    }

    /// Everything in a directory, read as the controller reads its source.
    fn directory(&mut self, directory: &Path, is_new: &mut impl FnMut(&Path) -> bool) {
        let files = match Directory::new(directory, Vec::new()).scan() {
            Reading::Complete(Snapshot { files, .. }) => files,
            Reading::Lost(why) => {
                return self.problems.push(Problem::of_file(directory.display().to_string(), why, None));
            }
        };
        for (relative, file) in files.into_iter().filter(|(relative, _)| is_new(&directory.join(relative))) {
            let path = directory.join(relative);
            let name = shown(&path);
            self.files += 1;
            match file {
                SourceFile::Read(file) => {
                    let origin = Origin { file: &name, base: directory, directory: &file.directory };
                    self.add(origin, &file.manifest);
                }
                // The controller waits for a writer to fill it; here nobody will look again.
                SourceFile::Unreadable(_) if is_empty(&path) => {
                    let origin = Origin { file: &name, base: directory, directory };
                    self.add(origin, &manifest::parse(&name, &[]));
                }
                SourceFile::Unreadable(why) => self.problems.push(Problem::of_file(name, why, None)),
            }
        }
    }

    fn read(&mut self, name: &str, directory: &Path, reader: impl Read) {
        match read_manifest(reader) {
            Ok(bytes) => {
                self.files += 1;
                self.add(Origin { file: name, base: directory, directory }, &manifest::parse(name, &bytes));
            }
            Err(error) => self.unreadable(name.to_owned(), &error),
        }
    }

    fn unreadable(&mut self, name: String, error: &io::Error) {
        self.files += 1;
        let help = "check that it exists and that you may read it".to_owned();
        self.problems.push(Problem::of_file(name, format!("cannot be read: {error}"), Some(help)));
    }

    fn configuration(&mut self, file: &Path) {
        let name = file.display().to_string();
        match config::read(file) {
            Ok(_) => self.files += 1,
            Err(ConfigurationError::Read { source, .. }) => self.unreadable(name, &source),
            Err(ConfigurationError::Invalid(errors)) => {
                self.files += 1;
                self.problems.extend(errors.iter().map(|error| Problem::of_diagnostic(&name, error)));
            }
            Err(error) => self.problems.push(Problem::of_file(name, error.to_string(), error.help())),
        }
    }

    fn add(&mut self, origin: Origin<'_>, manifest: &Manifest) {
        let file = origin.file;
        self.problems.extend(manifest.errors.iter().map(|error| Problem::of_diagnostic(file, error)));
        for document in &manifest.documents {
            self.workspaces += 1;
            match &document.outcome {
                Ok(workspace) => self.judge(origin, document, workspace),
                Err(errors) => {
                    self.problems.extend(errors.iter().map(|error| Problem::of_diagnostic(file, error)));
                }
            }
            if let Some(name) = &document.name {
                self.claim(name, file, document.line);
            }
        }
    }

    fn judge(&mut self, origin: Origin<'_>, document: &Document, workspace: &Workspace) {
        let Some(court) = &mut self.court else { return };
        let source = court.source(origin.base);
        let denials = court.trial.judge(&source, workspace, &absolute(origin.directory), |paths| resolve(&Host, paths));
        let place = |field: &str| Place::from(document.place(field));
        if denials.is_empty() {
            let tried = Tried { source, labels: workspace.metadata.labels.clone() };
            court.admitted.push((tried, origin.file.to_owned(), place("metadata.name")));
        }
        let denied = denials.into_iter().map(|denial| Problem::of_denial(origin.file, place(&denial.field), denial));
        self.problems.extend(denied);
    }

    /// Whether there are too many of those that are admitted otherwise.
    fn count(&mut self) {
        let Some(Court { trial, admitted, .. }) = self.court.take() else { return };
        let (tried, places): (Vec<_>, Vec<_>) =
            admitted.into_iter().map(|(tried, file, place)| (tried, (file, place))).unzip();
        for (denials, (file, place)) in trial.count(&tried).into_iter().zip(places) {
            self.problems.extend(denials.into_iter().map(|denial| Problem::of_denial(&file, place, denial)));
        }
    }

    fn claim(&mut self, name: &Name, file: &str, line: usize) {
        if let Some((first, first_line)) = self.claims.get(name) {
            if first == file {
                // The parser sees this by itself.
                return;
            }
            self.problems.push(Problem {
                file: file.to_owned(),
                at: Some(Place { line, column: 1 }),
                field: "metadata.name".to_owned(),
                message: format!("workspace `{name}` is declared already at {first}:{first_line}"),
                help: Some("a name is declared once in a source: rename or remove one of the two".to_owned()),
            });
        } else {
            self.claims.insert(name.clone(), (file.to_owned(), line));
        }
    }

    fn summary(&self) -> String {
        let checked = format!("{} in {}", counted(self.workspaces, "workspace"), counted(self.files, "file"));
        if self.files == 0 && self.problems.is_empty() {
            return "there are no manifests here: their names end in .yaml, .yml or .json".to_owned();
        }
        if self.problems.is_empty() {
            return format!("{checked}: valid");
        }
        let files: BTreeSet<_> = self.problems.iter().map(|problem| &problem.file).collect();
        format!("{checked}: {} in {}", counted(self.problems.len(), "error"), counted(files.len(), "file"))
    }
}

impl Court {
    /// The source that a directory is taken for.
    fn source(&self, base: &Path) -> SourceTrust {
        let base = absolute(base);
        let last = || base.file_name().unwrap_or_default().to_string_lossy().into_owned();
        SourceTrust { name: self.name.clone().unwrap_or_else(last), kind: self.kind, base }
    }
}

/// A path of the command line, which begins where it was typed. A file without a directory is in the present one.
fn absolute(path: &Path) -> PathBuf {
    let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    tidy(&absolute).unwrap_or(absolute)
}

impl From<Position> for Place {
    fn from(Position { line, column }: Position) -> Self {
        Self { line, column }
    }
}

fn is_empty(path: &Path) -> bool {
    path.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.len() == 0)
}

/// A path as people write it: without the `./` that joining to `.` leaves.
fn shown(path: &Path) -> String {
    path.strip_prefix("./").unwrap_or(path).display().to_string()
}

impl Problem {
    fn of_file(file: String, message: String, help: Option<String>) -> Self {
        Self { file, at: None, field: String::new(), message, help }
    }

    /// `file`: as it was named on the command line; the diagnostic may know it by its path within the source.
    fn of_diagnostic(file: &str, diagnostic: &Diagnostic) -> Self {
        let Diagnostic { file: _, line, column, field, message, help } = diagnostic.clone();
        Self { file: file.to_owned(), at: Some(Place { line, column }), field, message, help }
    }

    fn of_denial(file: &str, at: Place, denial: Denial) -> Self {
        let Denial { policy, rule, field, message, help } = denial;
        let message = format!("{message} (policy {policy}, {rule})");
        Self { file: file.to_owned(), at: Some(at), field, message, help: Some(help) }
    }

    fn lines(&self, printer: &Printer) -> String {
        let at = self.at.as_ref().map(|at| format!("{}:{}:", at.line, at.column)).unwrap_or_default();
        let place = format!("{}:{at}", plain(&self.file));
        let help = self.help.as_ref().map(|help| format!("  help: {}\n", plain(help))).unwrap_or_default();
        format!("{} {}\n{help}", printer.paint(Tone::Strong, &place), plain(&self.message))
    }
}
