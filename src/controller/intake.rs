//! From a snapshot of the source to what is declared, what is refused and what is missing. Pure.
//!
//! Two rules are kept here: one name has one owner, and what could not be read is never taken for absent.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::admission::{Admission, precedence};
use crate::manifest::{Diagnostic, Document};
use crate::model::hash::Fingerprint;
use crate::model::status::Reason;
use crate::model::{Name, Workspace};
use crate::plan::{Scope, dependencies};
use crate::policy::Denial;
use crate::source::{ManifestFile, Places, Snapshot, SourceFile};
use crate::store::Record;

/// What a snapshot says, seen against the workspaces that are known.
#[derive(Debug, Default)]
pub(crate) struct Intake {
    /// Valid workspaces.
    pub(crate) declared: BTreeMap<Name, Declared>,
    /// Workspaces whose manifest is not in force, and why. A known one keeps its last valid spec.
    pub(crate) refused: BTreeMap<Name, (Reason, String)>,
    /// Known workspaces that nothing declares and nothing unreadable could declare.
    pub(crate) missing: BTreeSet<Name>,
    /// Known workspaces of sources that cannot be read, and why not: they stay as they were last declared.
    pub(crate) lost: BTreeMap<Name, String>,
    /// What each file's status file shows, in the file's order.
    pub(crate) files: BTreeMap<String, Vec<Slot>>,
}

/// A valid workspace and where it came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Declared {
    /// The manifest.
    pub(crate) workspace: Arc<Workspace>,
    /// Its path relative to the source.
    pub(crate) manifest: String,
    /// The source, where there are several.
    pub(crate) source: Option<Name>,
    /// The directory that its relative paths begin at.
    pub(crate) directory: PathBuf,
}

/// One document of a status file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Slot {
    /// The status of a workspace.
    Workspace(Name),
    /// A document that is not in force and has no workspace of its own.
    Refused {
        /// The name to show it under.
        name: String,
        /// Why it is not in force.
        reason: Reason,
        /// Why, in words.
        message: String,
    },
}

/// Workspaces that are known, with what is remembered of each.
pub(crate) type Remembered<'a> = BTreeMap<&'a Name, &'a Record>;

/// Reads a snapshot of all places.
pub(crate) fn intake(snapshot: &Snapshot, places: &Places, known: &Remembered<'_>, court: &Court<'_>) -> Intake {
    let mut intake = Intake { lost: lost(snapshot, known), ..Intake::default() };
    let owners = owners(snapshot, places, known);
    for (path, file) in &snapshot.files {
        let slots = match file {
            SourceFile::Read(file) => {
                let source = places.of(path).and_then(|(_, place)| place.name.clone());
                let origin = Origin { path, source, directory: &file.directory, court };
                read_file(&mut intake, &owners, known, &origin, file)
            }
            SourceFile::Unreadable(why) => refuse_file(&mut intake, &owners, known, path, Reason::Unreadable, why),
        };
        intake.files.insert(path.clone(), slots);
    }
    let Intake { lost, declared, refused, .. } = &mut intake;
    lost.retain(|name, _| !declared.contains_key(name) && !refused.contains_key(name));
    account_for_the_rest(&mut intake, snapshot, places, known);
    refuse_cycles(&mut intake, known);
    refuse_too_many(&mut intake, known, court);
    intake
}

/// Judges what is declared.
pub(crate) struct Court<'a> {
    pub(crate) admission: &'a Admission,
    pub(crate) scope: &'a Scope,
}

/// Where a document is.
struct Origin<'a> {
    path: &'a str,
    source: Option<Name>,
    directory: &'a Path,
    court: &'a Court<'a>,
}

/// Known workspaces whose source is among those that cannot be read.
fn lost(snapshot: &Snapshot, known: &Remembered<'_>) -> BTreeMap<Name, String> {
    let why = |record: &Record| {
        let source = record.source.as_ref()?;
        let why = snapshot.lost.get(source)?;
        Some(format!("source {source} cannot be read, the workspace stays as it is: {why}"))
    };
    known.iter().filter_map(|(&name, record)| Some((name.clone(), why(record)?))).collect()
}

/// Which file each declared name belongs to: that of the first source that declares it; within a source the incumbent where it still
/// declares the name, else the first by path. A source that cannot be read still declares what it did.
fn owners(snapshot: &Snapshot, places: &Places, known: &Remembered<'_>) -> BTreeMap<Name, String> {
    let is_lost = |record: &Record| record.source.as_ref().is_some_and(|source| snapshot.lost.contains_key(source));
    let of_lost = known.iter().filter(|(_, record)| is_lost(record));
    let mut owners: BTreeMap<Name, String> =
        of_lost.map(|(&name, record)| (name.clone(), record.manifest.clone())).collect();
    let rank = |path: &str| places.of(path).map_or(usize::MAX, |(rank, _)| rank);
    for (path, file) in &snapshot.files {
        let SourceFile::Read(file) = file else { continue };
        for name in file.manifest.documents.iter().filter_map(valid_name) {
            let incumbent = known.get(name).is_some_and(|record| record.manifest == *path);
            let goes_first = owners.get(name).is_none_or(|owner| match rank(path).cmp(&rank(owner)) {
                Ordering::Less => true,
                Ordering::Equal => incumbent,
                Ordering::Greater => false,
            });
            if goes_first {
                owners.insert(name.clone(), path.clone());
            }
        }
    }
    for (name, owner) in &mut owners {
        let Some(record) = known.get(name).filter(|record| rank(&record.manifest) < rank(owner)) else { continue };
        // A mistake in a source that goes first gives its names, and with them its volumes, to nobody else.
        if held_by_mistake(snapshot, places, name, record).is_some() {
            owner.clone_from(&record.manifest);
        }
    }
    owners
}

/// Why a workspace that was not met may still be declared: something of its source cannot be read or understood.
fn held_by_mistake(snapshot: &Snapshot, places: &Places, name: &Name, record: &Record) -> Option<(Reason, String)> {
    let is_of_source = |path: &str| places.of(path).is_some_and(|(_, place)| place.name == record.source);
    let mut files = snapshot.files.iter().filter(|(path, _)| is_of_source(path));
    files.find_map(|(path, file)| could_declare(path, file, name, &record.manifest))
}

fn valid_name(document: &Document) -> Option<&Name> {
    document.outcome.as_ref().ok().map(|workspace| &workspace.metadata.name)
}

fn read_file(
    intake: &mut Intake,
    owners: &BTreeMap<Name, String>,
    known: &Remembered<'_>,
    origin: &Origin<'_>,
    file: &ManifestFile,
) -> Vec<Slot> {
    let path = origin.path;
    if !file.manifest.errors.is_empty() {
        let message = told(&file.manifest.errors);
        return refuse_file(intake, owners, known, path, Reason::Invalid, &message);
    }
    let documents = &file.manifest.documents;
    let mut slots: Vec<Slot> =
        documents.iter().map(|document| read_document(intake, owners, origin, document)).collect();
    if let Some((index, errors, name)) = only_nameless(intake, owners, known, path, documents) {
        intake.refused.insert(name.clone(), (Reason::Invalid, told(errors)));
        slots[index] = Slot::Workspace(name);
    }
    slots
}

/// A document too broken to name its workspace, where it can only be one: the index of the document, its errors, the name.
fn only_nameless<'a>(
    intake: &Intake,
    owners: &BTreeMap<Name, String>,
    known: &Remembered<'_>,
    path: &str,
    documents: &'a [Document],
) -> Option<(usize, &'a [Diagnostic], Name)> {
    let nameless = |(index, document): (usize, &'a Document)| {
        let errors = document.outcome.as_ref().err().filter(|_| document.name.is_none())?;
        Some((index, errors.as_slice()))
    };
    let mut nameless = documents.iter().enumerate().filter_map(nameless);
    let unmet = |name: &Name| !owners.contains_key(name) && !intake.refused.contains_key(name);
    let mut unmet = known.iter().filter(|(name, record)| record.manifest == path && unmet(name)).map(|(name, _)| *name);
    match (nameless.next(), nameless.next(), unmet.next(), unmet.next()) {
        (Some((index, errors)), None, Some(name), None) => Some((index, errors, name.clone())),
        _ => None,
    }
}

fn read_document(
    intake: &mut Intake,
    owners: &BTreeMap<Name, String>,
    origin: &Origin<'_>,
    document: &Document,
) -> Slot {
    let path = origin.path;
    match (&document.outcome, &document.name) {
        (Ok(workspace), _) => {
            let name = workspace.metadata.name.clone();
            if let Some(owner) = owners.get(&name).filter(|owner| *owner != path) {
                return duplicate(&name, owner);
            }
            let Court { admission, scope } = origin.court;
            let denials = admission.denials(scope, workspace, path, origin.directory);
            if !denials.is_empty() {
                intake.refused.insert(name.clone(), (Reason::PolicyDenied, denied(path, document, &denials)));
                return Slot::Workspace(name);
            }
            let declared = Declared {
                workspace: Arc::new(workspace.clone()),
                manifest: path.to_owned(),
                source: origin.source.clone(),
                directory: origin.directory.to_owned(),
            };
            intake.declared.insert(name.clone(), declared);
            Slot::Workspace(name)
        }
        (Err(errors), Some(name)) if !owners.contains_key(name) => {
            intake.refused.insert(name.clone(), (Reason::Invalid, told(errors)));
            Slot::Workspace(name.clone())
        }
        (Err(errors), name) => {
            let name = name.as_ref().map_or_else(|| stem(path), Name::to_string);
            Slot::Refused { name, reason: Reason::Invalid, message: told(errors) }
        }
    }
}

fn duplicate(name: &Name, owner: &str) -> Slot {
    Slot::Refused {
        name: name.to_string(),
        reason: Reason::DuplicateName,
        message: format!(
            "{owner} declares workspace {name} already; give this one another metadata.name, or remove it"
        ),
    }
}

/// A file that is not in force as a whole: the workspaces it last declared keep their spec and show why.
fn refuse_file(
    intake: &mut Intake,
    owners: &BTreeMap<Name, String>,
    known: &Remembered<'_>,
    path: &str,
    reason: Reason,
    message: &str,
) -> Vec<Slot> {
    let of_this_file =
        |(name, record): &(&&Name, &&Record)| record.manifest == path && !owners.contains_key::<Name>(name);
    let names: Vec<Name> = known.iter().filter(of_this_file).map(|(name, _)| (*name).clone()).collect();
    if names.is_empty() {
        return vec![Slot::Refused { name: stem(path), reason, message: message.to_owned() }];
    }
    for name in &names {
        intake.refused.insert(name.clone(), (reason, message.to_owned()));
    }
    names.into_iter().map(Slot::Workspace).collect()
}

/// Workspaces that depend on themselves are not missing, but not in force either. Those whose file is broken count with the
/// spec that is in force.
fn refuse_cycles(intake: &mut Intake, known: &Remembered<'_>) {
    let declared = intake.declared.iter().map(|(name, it)| (name, &it.workspace.spec));
    let refused = intake.refused.keys().filter_map(|name| Some((name, &known.get(name)?.workspace.spec)));
    let graph = refused.chain(declared).map(|(name, spec)| (name.clone(), spec.depends_on.clone())).collect();
    for (name, way) in dependencies::cycles(&graph) {
        if intake.declared.remove(&name).is_some() {
            let way: Vec<&str> = way.iter().map(Name::as_str).collect();
            let message = format!("spec.dependsOn leads back to itself: {}; remove one of these", way.join(" → "));
            intake.refused.insert(name, (Reason::DependencyCycle, message));
        }
    }
}

/// Workspaces beyond the number that policies allow. Those that are there already count first, whatever their files say now.
fn refuse_too_many(intake: &mut Intake, known: &Remembered<'_>, court: &Court<'_>) {
    let declared = intake.declared.iter().map(|(name, it)| (name, &*it.workspace, it.manifest.as_str()));
    let in_force = intake.refused.keys().filter_map(|name| {
        let record = known.get(name)?;
        Some((name, &record.workspace, record.manifest.as_str()))
    });
    let mut counted: Vec<_> = declared.chain(in_force).collect();
    counted.sort_by_key(|(name, ..)| (precedence(known.get(name)), *name));
    let workspaces: Vec<_> = counted.iter().map(|(_, workspace, manifest)| (*workspace, *manifest)).collect();
    let verdicts = court.admission.too_many(&workspaces);
    let too_many = counted.iter().zip(verdicts).filter(|(_, denials)| !denials.is_empty());
    let too_many: Vec<(Name, String)> =
        too_many.map(|((name, ..), denials)| ((*name).clone(), lines(&denials))).collect();
    for (name, message) in too_many {
        if intake.declared.remove(&name).is_some() {
            intake.refused.insert(name, (Reason::PolicyDenied, message));
        }
    }
}

/// Known workspaces that were not met: missing, unless something unreadable of their source could declare them.
fn account_for_the_rest(intake: &mut Intake, snapshot: &Snapshot, places: &Places, known: &Remembered<'_>) {
    for (&name, record) in known {
        let is_met = intake.declared.contains_key(name) || intake.refused.contains_key(name);
        if is_met || intake.lost.contains_key(name) {
            continue;
        }
        match held_by_mistake(snapshot, places, name, record) {
            Some(refusal) => drop(intake.refused.insert(name.clone(), refusal)),
            None => drop(intake.missing.insert(name.clone())),
        }
    }
}

/// Why a file might declare a workspace although it was not read in it.
fn could_declare(path: &str, file: &SourceFile, name: &Name, manifest: &str) -> Option<(Reason, String)> {
    match file {
        SourceFile::Unreadable(why) => {
            let message = format!("{path} cannot be read and may declare this workspace: {why}");
            Some((Reason::Unreadable, message))
        }
        SourceFile::Read(file) => {
            let documents = file.manifest.documents.iter();
            let nameless = documents.clone().any(|it| it.outcome.is_err() && it.name.is_none());
            let mentions = file.manifest.mentioned.contains(name.as_str());
            let broken = !file.manifest.errors.is_empty() || nameless;
            if broken && file.manifest.documents.is_empty() && file.manifest.mentioned.is_empty() {
                // A full disk or a writer that was killed leaves such files behind, whatever was in them.
                let message =
                    format!("{path} is empty and may have declared this workspace: write it anew, or remove it");
                return Some((Reason::Invalid, message));
            }
            let names_it = |it: &Document| it.outcome.is_err() && it.name.as_ref() == Some(name);
            let is_named = documents.clone().any(names_it);
            (is_named || broken && (mentions || path == manifest)).then(|| {
                let errors = documents.filter_map(|it| it.outcome.as_ref().err()).flatten();
                let errors: Vec<Diagnostic> = file.manifest.errors.iter().chain(errors).cloned().collect();
                (Reason::Invalid, told(&errors))
            })
        }
    }
}

/// Broken files that are gone from their paths and have arrived at others with the same content: from where, and to where.
pub(crate) fn moves_of_broken(before: &Snapshot, now: &Snapshot) -> BTreeMap<String, String> {
    let gone = before.files.iter().filter(|(path, _)| !now.files.contains_key(*path));
    let broken = gone.filter_map(|(path, file)| Some((path, broken_content(file)?)));
    broken.filter_map(|(path, content)| Some((path.clone(), arrival(content, before, now)?))).collect()
}

/// Where a content is that was not there before.
fn arrival(content: &Fingerprint, before: &Snapshot, now: &Snapshot) -> Option<String> {
    let arrived = now.files.iter().filter(|(path, file)| {
        broken_content(file) == Some(content)
            // A file that is missing is reported for a moment more, so the new place may have been seen before.
            && before.files.get(*path).is_none_or(|earlier| broken_content(earlier) == Some(content))
    });
    arrived.map(|(path, _)| path.clone()).next()
}

/// Which content a broken file has.
fn broken_content(file: &SourceFile) -> Option<&Fingerprint> {
    let SourceFile::Read(file) = file else { return None };
    let is_broken =
        !file.manifest.errors.is_empty() || file.manifest.documents.iter().any(|document| document.outcome.is_err());
    is_broken.then_some(&file.fingerprint)
}

/// What policies deny of a document, each with its place.
fn denied(path: &str, document: &Document, denials: &[Denial]) -> String {
    let placed = |denial: &Denial| {
        let at = document.place(&denial.field);
        Diagnostic {
            file: path.to_owned(),
            line: at.line,
            column: at.column,
            field: denial.field.clone(),
            message: format!("{}: {denial}", denial.field),
            help: None,
        }
    };
    told(&denials.iter().map(placed).collect::<Vec<_>>())
}

fn lines(denials: &[Denial]) -> String {
    denials.iter().map(Denial::to_string).collect::<Vec<_>>().join("\n")
}

/// Errors for a condition's message: enough to act on, not a page.
fn told(errors: &[Diagnostic]) -> String {
    const SHOWN: usize = 5;
    let mut lines: Vec<String> = errors.iter().take(SHOWN).map(Diagnostic::to_string).collect();
    if errors.len() > SHOWN {
        lines.push(format!("and {} more; `wharf validate` shows all", errors.len() - SHOWN));
    }
    lines.join("\n")
}

/// What to call a document that names nothing: its file's name without extension.
fn stem(path: &str) -> String {
    let file = path.rsplit('/').next().unwrap_or(path);
    file.rsplit_once('.').map_or(file, |(stem, _)| stem).to_owned()
}
