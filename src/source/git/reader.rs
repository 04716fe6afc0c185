//! A commit as a snapshot, at the cost of what changed.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use super::error::SyncError;
use super::options::GitOptions;
use super::port::{Blob, Commit, Git};
use super::tree::{Found, Listing, TooMany, Tree};
use crate::disk::{self, offload};
use crate::manifest::{self, MAX_BYTES};
use crate::model::hash::Fingerprint;
use crate::source::names::{Role, role};
use crate::source::{ManifestFile, Snapshot, SourceFile};

/// Paths that one run of git is asked about.
const AT_ONCE: usize = 256;

/// Reads commits, and remembers the manifests of the last.
#[derive(Debug, Default)]
pub(super) struct Reader {
    /// By blob and path: diagnostics name the path.
    parsed: HashMap<(String, String), Arc<ManifestFile>>,
    parses: u64,
}

impl Reader {
    /// How many manifests have been parsed so far.
    pub(super) fn parses(&self) -> u64 {
        self.parses
    }

    pub(super) async fn read<G: Git>(
        &mut self,
        git: &G,
        options: &GitOptions,
        commit: &Commit,
    ) -> Result<Snapshot, SyncError> {
        let mut listing = list(git, options, commit).await?;
        outside(git, commit, &mut listing).await?;
        let files = self.files(git, options, &listing).await?;
        self.parsed.clone_from(&files);
        let files = listing.into_iter().filter_map(|(path, found)| {
            let file = match found {
                Found::Manifest(blob) => SourceFile::Read(Arc::clone(files.get(&(blob.id, path.clone()))?)),
                Found::Unreadable(why) => SourceFile::Unreadable(why),
                // A file that is no manifest.
                Found::Outside(_) => return None,
            };
            Some((path, file))
        });
        Ok(Snapshot { files: files.collect(), ..Snapshot::default() })
    }

    /// The manifests of a listing, those that are known from memory.
    async fn files<G: Git>(
        &mut self,
        git: &G,
        options: &GitOptions,
        listing: &Listing,
    ) -> Result<HashMap<(String, String), Arc<ManifestFile>>, SyncError> {
        let mut known = HashMap::new();
        let mut new = Vec::new();
        for (path, found) in listing {
            let Found::Manifest(blob) = found else { continue };
            let key = (blob.id.clone(), path.clone());
            match self.parsed.get(&key) {
                Some(file) => drop(known.insert(key, Arc::clone(file))),
                None => new.push((path.clone(), blob.clone())),
            }
        }
        let contents = contents(git, options, &new).await?;
        self.parses += new.len() as u64;
        let base = options.base.clone();
        let parse = move || parse(&base, new, &contents);
        known.extend(offload(&disk::host(), parse).await?);
        Ok(known)
    }
}

async fn list<G: Git>(git: &G, options: &GitOptions, commit: &Commit) -> Result<Listing, SyncError> {
    let most = options.limits.files;
    let too_many =
        |TooMany| SyncError::Limit { what: "the manifests and symbolic links", limit: format!("{most} files") };
    let tree = Tree::new(&options.subpath, git.entries(commit).await?);
    if tree.links().len() > most {
        return Err(too_many(TooMany));
    }
    if !tree.submodules.is_empty() {
        tracing::info!(submodules = ?tree.submodules, "the repository has submodules, which are not read");
    }
    let mut links = tree.links().to_vec();
    links.sort_unstable();
    links.dedup();
    let targets = git.blobs(&links).await?;
    let targets = links.into_iter().map(|link| link.id).zip(targets).collect();
    tree.list(&targets, most).map_err(too_many)
}

/// Decides about links that lead out of the subpath. To a file that is no manifest they are nothing to us, such as a
/// `README` that is the repository's; anything else may have been meant to be read.
async fn outside<G: Git>(git: &G, commit: &Commit, listing: &mut Listing) -> Result<(), SyncError> {
    let links = listing.iter().filter_map(|(path, found)| match found {
        Found::Outside(target) if !is_manifest(path) => Some(target.clone()),
        _ => None,
    });
    let mut targets: Vec<String> = links.collect();
    targets.sort_unstable();
    targets.dedup();
    let mut files = Vec::new();
    for targets in targets.chunks(AT_ONCE) {
        files.extend(git.files(commit, targets).await?);
    }
    files.sort_unstable();
    for (path, found) in listing {
        if let Found::Outside(target) = found
            && (is_manifest(path) || files.binary_search(target).is_err())
        {
            let why = format!(
                "leads to `{}`, out of the subpath, where nothing is read: remove the symbolic link, or choose a subpath \
                 that holds both",
                target.escape_debug()
            );
            *found = Found::Unreadable(why);
        }
    }
    Ok(())
}

fn is_manifest(path: &str) -> bool {
    role(path.rsplit('/').next().unwrap_or(path).as_ref()) == Role::Manifest
}

/// What the blobs say, each once; those that are too large are not read.
async fn contents<G: Git>(
    git: &G,
    options: &GitOptions,
    new: &[(String, Blob)],
) -> Result<HashMap<String, Vec<u8>>, SyncError> {
    let mut blobs: Vec<Blob> =
        new.iter().map(|(_, blob)| blob).filter(|blob| blob.bytes <= MAX_BYTES as u64).cloned().collect();
    blobs.sort_unstable();
    blobs.dedup();
    let most = options.limits.bytes;
    if blobs.iter().map(|blob| blob.bytes).sum::<u64>() > most {
        return Err(SyncError::Limit { what: "the bytes of all manifests", limit: format!("{most} bytes") });
    }
    let contents = git.blobs(&blobs).await?;
    Ok(blobs.into_iter().map(|blob| blob.id).zip(contents).collect())
}

fn parse(
    base: &Path,
    new: Vec<(String, Blob)>,
    contents: &HashMap<String, Vec<u8>>,
) -> Vec<((String, String), Arc<ManifestFile>)> {
    let too_large = vec![b' '; MAX_BYTES + 1];
    let parsed = new.into_iter().map(|(path, blob)| {
        let (bytes, fingerprint) = match contents.get(&blob.id) {
            Some(bytes) => (bytes, Fingerprint::of_bytes(bytes)),
            None => (&too_large, Fingerprint::of_bytes(blob.id.as_bytes())),
        };
        let directory = base.join(Path::new(&path).parent().unwrap_or(Path::new("")));
        let file = ManifestFile { fingerprint, directory, manifest: manifest::parse(&path, bytes) };
        ((blob.id, path), Arc::new(file))
    });
    parsed.collect()
}
