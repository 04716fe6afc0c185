//! What came of a source's manifests, in words and numbers. Pure.

use super::intake::{Intake, Slot};
use crate::model::source::{SourceOutcome, SourceStatus};

/// Mistakes that are told of a source; its workspaces and status files tell all.
const SHOWN: usize = 3;
/// Characters of each: a broken file can have many errors, each on a line.
const LONGEST: usize = 300;

/// What came of a source's manifests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Verdict {
    outcome: SourceOutcome,
    message: String,
    workspaces: u64,
    refused: u64,
}

impl Verdict {
    /// Of the manifests whose paths are of the source.
    pub(super) fn of(intake: &Intake, is_of_source: impl Fn(&str) -> bool) -> Self {
        let files = intake.files.iter().filter(|(path, _)| is_of_source(path));
        let slots = files.flat_map(|(path, slots)| slots.iter().map(move |slot| (path.as_str(), slot)));
        let mistakes: Vec<(&str, &str)> =
            slots.filter_map(|(path, slot)| Some((path, refusal(intake, slot)?))).collect();
        let accepted = intake.declared.values().filter(|declared| is_of_source(&declared.manifest)).count();
        let outcome = match (mistakes.len(), accepted) {
            (0, _) => SourceOutcome::Applied,
            (_, 0) => SourceOutcome::Refused,
            _ => SourceOutcome::AppliedWithErrors,
        };
        let (workspaces, refused) = (number(accepted), number(mistakes.len()));
        Self { outcome, message: told(&mistakes), workspaces, refused }
    }

    /// Says so of a source that could be read.
    pub(super) fn write(self, status: &mut SourceStatus) {
        let Self { outcome, message, workspaces, refused } = self;
        (status.outcome, status.message) = (outcome, message);
        (status.workspaces, status.refused) = (workspaces, refused);
    }
}

fn number(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

/// Why a document is not in force; `None` when it is.
fn refusal<'a>(intake: &'a Intake, slot: &'a Slot) -> Option<&'a str> {
    match slot {
        Slot::Workspace(name) => intake.refused.get(name).map(|(_, message)| message.as_str()),
        Slot::Refused { message, .. } => Some(message),
    }
}

/// The first mistakes, each with the file that it is in.
fn told(mistakes: &[(&str, &str)]) -> String {
    let mut lines: Vec<String> = mistakes.iter().take(SHOWN).map(|(path, message)| line(path, message)).collect();
    if let Some(more @ 1..) = mistakes.len().checked_sub(SHOWN) {
        lines.push(format!("and {more} more; `wharf get` shows all"));
    }
    lines.join("\n")
}

fn line(path: &str, message: &str) -> String {
    let text = if message.starts_with(path) { message.to_owned() } else { format!("{path}: {message}") };
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::PathBuf;
    use std::sync::Arc;

    use super::*;
    use crate::controller::intake::Court;
    use crate::controller::options::Options;
    use crate::manifest::parse;
    use crate::model::hash::Fingerprint;
    use crate::model::source::SourceKind;
    use crate::source::{ManifestFile, Snapshot, SourceFile};

    fn snapshot(files: &[(&str, &str)]) -> Snapshot {
        let read = |(path, text): &(&str, &str)| {
            let manifest = parse(path, text.as_bytes());
            let fingerprint = Fingerprint::of(text);
            let file = ManifestFile { fingerprint, directory: PathBuf::from("/source"), manifest };
            ((*path).to_owned(), SourceFile::Read(Arc::new(file)))
        };
        Snapshot { files: files.iter().map(read).collect(), ..Snapshot::default() }
    }

    fn workspace(name: &str) -> String {
        format!("apiVersion: wharf/v1\nkind: Workspace\nmetadata: {{name: {name}}}\nspec: {{image: busybox}}\n")
    }

    /// Outcome, workspaces and refused of the files whose paths begin so, and the message.
    fn judged(files: &[(&str, &str)], prefix: &str) -> (SourceOutcome, u64, u64, String) {
        let options = Options::new("/srv/ws".into());
        let court = Court { admission: &options.admission(), scope: &options.scope };
        let intake = super::super::intake::intake(&snapshot(files), &options.places, &BTreeMap::new(), &court);
        let mut status = SourceStatus::new("a", SourceKind::Directory, "/source");
        Verdict::of(&intake, |path| path.starts_with(prefix)).write(&mut status);
        (status.outcome, status.workspaces, status.refused, status.message)
    }

    #[test]
    fn a_source_is_as_good_as_its_manifests() {
        let (good, other) = (workspace("api"), workspace("db"));
        let broken = workspace("web").replace("image", "imaeg");
        assert_eq!(judged(&[], ""), (SourceOutcome::Applied, 0, 0, String::new()));
        let both = [("a/api.yaml", good.as_str()), ("a/db.yaml", &other)];
        assert_eq!(judged(&both, "a/"), (SourceOutcome::Applied, 2, 0, String::new()));
        let (outcome, accepted, refused, message) = judged(&[both[0], ("a/web.yaml", &broken)], "a/");
        assert_eq!((outcome, accepted, refused), (SourceOutcome::AppliedWithErrors, 1, 1));
        assert!(message.starts_with("a/web.yaml:4:") && message.contains("imaeg"), "{message}");
        let (outcome, accepted, refused, _) = judged(&[("a/web.yaml", &broken), ("a/x.yaml", "{")], "a/");
        assert_eq!((outcome, accepted, refused), (SourceOutcome::Refused, 0, 2));
    }

    #[test]
    fn one_source_does_not_answer_for_another() {
        let (good, broken) = (workspace("api"), workspace("web").replace("image", "imaeg"));
        let files = [("a/api.yaml", good.as_str()), ("b/api.yaml", &good), ("b/web.yaml", &broken)];
        assert_eq!(judged(&files, "a/"), (SourceOutcome::Applied, 1, 0, String::new()));
        let (outcome, accepted, refused, message) = judged(&files, "b/");
        assert_eq!((outcome, accepted, refused), (SourceOutcome::Refused, 0, 2));
        assert!(message.contains("a/api.yaml declares workspace api already"), "{message}");
    }

    #[test]
    fn only_the_first_mistakes_are_told_and_none_at_length() {
        let long = format!("{}\n{}: 1\n", workspace("web"), "x".repeat(2_000));
        let paths: Vec<String> = (0..5).map(|at| format!("{at}.yaml")).collect();
        let files: Vec<(&str, &str)> = paths.iter().map(|path| (path.as_str(), long.as_str())).collect();
        let (.., refused, message) = judged(&files, "");
        assert_eq!((refused, message.lines().last()), (5, Some("and 2 more; `wharf get` shows all")));
        assert!(message.len() < 4 * (LONGEST + 50), "{message}");
    }
}
