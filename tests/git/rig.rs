//! What remote repositories hold, a place for a copy of one, and reading what a source says.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use wharf::source::git::{GitOptions, GitSettings, GitSource, Lineage, SyncError, Synced};
use wharf::source::{Reading, Snapshot, SourceFile};

pub use crate::support::git::remote::Remote;
pub use crate::support::world::eventually;

pub fn manifest(name: &str) -> String {
    format!("apiVersion: wharf/v1\nkind: Workspace\nmetadata:\n  name: {name}\nspec:\n  image: busybox\n")
}

impl Remote {
    /// With one workspace, `api`, in `api.yaml`.
    pub fn new() -> Self {
        let remote = Self::empty();
        remote.write("api.yaml", &manifest("api"));
        remote.commit("Add the API");
        remote
    }

    pub fn link(&self, path: &str, target: &str) {
        let path = self.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::os::unix::fs::symlink(target, path).unwrap();
    }

    /// The ID of a blob with this content.
    pub fn blob(&self, content: &[u8]) -> String {
        self.git_with(&["hash-object", "-w", "--stdin"], content)
    }

    /// Makes a commit of a tree whose entries git itself may refuse the branch's head.
    pub fn commit_raw_tree(&self, entries: &[(&str, &[u8], &str)]) -> String {
        let mut tree = Vec::new();
        for (mode, name, id) in entries {
            tree.extend_from_slice(mode.as_bytes());
            tree.push(b' ');
            tree.extend_from_slice(name);
            tree.push(0);
            tree.extend((0..id.len()).step_by(2).map(|at| u8::from_str_radix(&id[at..at + 2], 16).unwrap()));
        }
        let tree = self.git_with(&["hash-object", "-w", "-t", "tree", "--literally", "--stdin"], &tree);
        let commit = self.git(&["commit-tree", "-m", "Raw", &tree]);
        self.git(&["update-ref", "refs/heads/main", &commit]);
        commit
    }
}

/// A place for a copy.
pub struct Local {
    place: TempDir,
}

impl Local {
    pub fn new() -> Self {
        Self { place: tempfile::tempdir().unwrap() }
    }

    pub fn root(&self) -> &Path {
        self.place.path()
    }

    pub fn state(&self) -> PathBuf {
        self.root().join("state")
    }

    pub fn repository(&self) -> PathBuf {
        self.state().join("repository")
    }

    pub fn settings(&self, url: &str) -> GitSettings {
        GitSettings::new(url.parse().unwrap(), self.state(), PathBuf::from("/srv/base"))
    }

    pub async fn open(&self, url: &str) -> GitSource {
        self.open_with(url, |_| {}).await
    }

    pub async fn open_with(&self, url: &str, change: impl FnOnce(&mut GitSettings)) -> GitSource {
        let mut settings = self.settings(url);
        change(&mut settings);
        GitSource::open(GitOptions::new(settings).unwrap()).await.unwrap()
    }

    /// Bytes of all files of the copy.
    pub fn bytes(&self) -> u64 {
        files(&self.state()).values().map(|content| content.len() as u64).sum()
    }
}

/// Every file below a directory, with its content.
pub fn files(root: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(root).unwrap().map(Result::unwrap) {
        if entry.file_type().unwrap().is_dir() {
            found.extend(files(&entry.path()));
        } else {
            found.insert(entry.path(), fs::read(entry.path()).unwrap_or_default());
        }
    }
    found
}

/// A sync that brings another commit into force.
#[track_caller]
pub fn assert_changed(synced: Result<Synced, SyncError>) -> Lineage {
    match synced {
        Ok(Synced::Changed(lineage)) => lineage,
        other => panic!("not changed: {other:?}"),
    }
}

/// The message of a sync that failed, which says what to do and has one line.
#[track_caller]
pub fn assert_failed(synced: Result<Synced, SyncError>) -> String {
    let message = synced.expect_err("the sync fails").to_string();
    assert!(!message.contains('\n') && message.len() < 2_000, "{message}");
    message
}

#[track_caller]
pub fn snapshot(source: &GitSource) -> Snapshot {
    match source.reading() {
        Reading::Complete(snapshot) => snapshot,
        Reading::Lost(why) => panic!("lost: {why}"),
    }
}

/// The names that each file declares; what cannot be read as its reason after a `!`.
#[track_caller]
pub fn declared(source: &GitSource) -> BTreeMap<String, String> {
    let names = |file: SourceFile| match file {
        SourceFile::Read(file) => {
            let names = file.manifest.documents.iter().filter_map(|document| document.name.as_ref());
            names.map(ToString::to_string).collect::<Vec<_>>().join(" ")
        }
        SourceFile::Unreadable(why) => format!("! {why}"),
    };
    snapshot(source).files.into_iter().map(|(path, file)| (path, names(file))).collect()
}

/// What `declared` says when all can be read.
pub fn these(files: &[(&str, &str)]) -> BTreeMap<String, String> {
    files.iter().map(|(path, name)| ((*path).to_owned(), (*name).to_owned())).collect()
}

/// Processes of this machine with a text among their arguments, by their directories in `/proc`.
pub fn processes_with(text: &str) -> Vec<PathBuf> {
    let has_it = |process: &PathBuf| {
        fs::read(process.join("cmdline")).is_ok_and(|bytes| String::from_utf8_lossy(&bytes).contains(text))
    };
    fs::read_dir("/proc").unwrap().filter_map(Result::ok).map(|entry| entry.path()).filter(has_it).collect()
}
