//! The manifests of a commit: which there are, and where its symbolic links lead. Pure; nothing is ever written to a disk, so
//! that a link can lead nowhere but into the commit.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use super::listing::{Entry, EntryKind};
use super::port::Blob;
use crate::disk::Kind;
use crate::source::names::{Role, role};
use crate::source::walk::not_a_file;

/// As a file system has it (`MAXSYMLINKS`).
const MAX_HOPS: usize = 40;
/// Components that are gone through at most to follow one link.
const MAX_STEPS: usize = 4_096;
/// A longer link is none on any file system (`PATH_MAX`).
pub(super) const MAX_LINK: u64 = 4_095;
/// Deeper directories are reported, not entered.
const MAX_DEPTH: usize = 64;
/// Directories that are entered at most, those entered by way of links counted each time.
const MAX_DIRECTORIES: usize = 20_000;

/// What was found at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// A manifest.
    Manifest(Blob),
    /// Something that may be or hold manifests and is not read; the text says why, and what to do.
    Unreadable(String),
    /// A link to this path of the repository, outside of the subpath.
    Outside(String),
}

/// There is more than is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooMany;

/// By path relative to the subpath.
pub(super) type Listing = BTreeMap<String, Found>;

type Directory = BTreeMap<String, Node>;

#[derive(Debug)]
enum Node {
    File(Blob),
    Link(Blob),
    Directory(Directory),
    Submodule,
}

/// Everything below the subpath of a commit.
#[derive(Debug, Default)]
pub(super) struct Tree {
    root: Directory,
    /// Where `root` is in the repository.
    subpath: Vec<String>,
    /// What has a name that no snapshot can have.
    odd: Vec<(String, String)>,
    /// Where submodules are, which are not followed.
    pub(super) submodules: Vec<String>,
    links: Vec<Blob>,
}

impl Tree {
    pub(super) fn new(subpath: &str, entries: Vec<Entry>) -> Self {
        let subpath = subpath.split('/').filter(|part| !part.is_empty()).map(str::to_owned).collect();
        let mut tree = Self { subpath, ..Self::default() };
        for entry in entries {
            tree.add(entry);
        }
        tree
    }

    /// The links whose targets are to be read before [`Self::list`].
    pub(super) fn links(&self) -> &[Blob] {
        &self.links
    }

    fn add(&mut self, entry: Entry) {
        let Entry { path, kind } = entry;
        let Some(parts) = plain_parts(&path) else { return self.add_odd(&path, &kind) };
        let node = match kind {
            EntryKind::File(blob) => Node::File(blob),
            EntryKind::Link(blob) => {
                if blob.bytes <= MAX_LINK {
                    self.links.push(blob.clone());
                }
                Node::Link(blob)
            }
            EntryKind::Directory => return,
            EntryKind::Submodule => {
                self.submodules.push(parts.join("/"));
                Node::Submodule
            }
        };
        let Some((name, directories)) = parts.split_last() else { return };
        let mut at = &mut self.root;
        for directory in directories {
            let inner = at.entry((*directory).to_owned()).or_insert_with(|| Node::Directory(Directory::new()));
            // Two entries of one name are no tree of git's.
            let Node::Directory(inner) = inner else { return };
            at = inner;
        }
        at.insert((*name).to_owned(), node);
    }

    fn add_odd(&mut self, path: &[u8], kind: &EntryKind) {
        let roles: Vec<Role> = path.split(|byte| *byte == b'/').map(|part| role(OsStr::from_bytes(part))).collect();
        let (Some((last, directories)), false) = (roles.split_last(), matches!(kind, EntryKind::Submodule)) else {
            return;
        };
        let entered = directories.iter().all(|role| *role == Role::Other);
        let read = *last == Role::Manifest || (*last == Role::Other && matches!(kind, EntryKind::Link(_)));
        if entered && read {
            let name = String::from_utf8_lossy(path).escape_debug().to_string();
            let why = "has a name, or is in a directory whose name, is not UTF-8 or has control characters: rename it";
            self.odd.push((name, why.to_owned()));
        }
    }

    /// Every manifest, by the names and links that lead to it. `targets`: what each link's blob says. At most `most`.
    pub(super) fn list(&self, targets: &HashMap<String, Vec<u8>>, most: usize) -> Result<Listing, TooMany> {
        let mut walk =
            Walk { tree: self, targets, most, directories: 0, listing: Listing::new(), ancestors: Vec::new() };
        walk.directory(&self.root, &[], "")?;
        for (name, why) in &self.odd {
            // Also where a file has just this name: what may declare anything is not to be hidden.
            walk.found(name.clone(), Found::Unreadable(why.clone()))?;
        }
        Ok(walk.listing)
    }
}

/// The components of a path that can stand in a snapshot.
fn plain_parts(path: &[u8]) -> Option<Vec<&str>> {
    let text = std::str::from_utf8(path).ok().filter(|text| !text.chars().any(char::is_control))?;
    let parts: Vec<_> = text.split('/').collect();
    parts.iter().all(|part| !matches!(*part, "" | "." | "..")).then_some(parts)
}

/// Where a link leads.
enum Target<'a> {
    File(&'a Blob),
    Directory(&'a Directory, Vec<String>),
    Missing,
    Submodule,
    Loop,
    /// A path of the repository, outside of the subpath.
    Outside(String),
    /// No path of the repository.
    Leaves,
}

struct Walk<'a> {
    tree: &'a Tree,
    targets: &'a HashMap<String, Vec<u8>>,
    most: usize,
    directories: usize,
    listing: Listing,
    /// Where the walk is, links resolved. A link back to one of them adds nothing but a loop.
    ancestors: Vec<Vec<String>>,
}

impl<'a> Walk<'a> {
    /// Lists one directory and those in it. `prefix` is its path with a `/` at the end, empty for the root.
    fn directory(&mut self, directory: &'a Directory, place: &[String], prefix: &str) -> Result<(), TooMany> {
        if self.ancestors.iter().any(|ancestor| ancestor == place) {
            return Ok(());
        }
        if self.ancestors.len() >= MAX_DEPTH {
            let why = format!("is more than {MAX_DEPTH} directories deep: move it up");
            return self.found(prefix.trim_end_matches('/').to_owned(), Found::Unreadable(why));
        }
        self.directories += 1;
        if self.directories > MAX_DIRECTORIES {
            return Err(TooMany);
        }
        self.ancestors.push(place.to_owned());
        for (name, node) in directory {
            let role = role(OsStr::new(name));
            if role != Role::Ignored {
                self.node(node, role, &[place, std::slice::from_ref(name)].concat(), format!("{prefix}{name}"))?;
            }
        }
        self.ancestors.pop();
        Ok(())
    }

    fn node(&mut self, node: &'a Node, role: Role, place: &[String], path: String) -> Result<(), TooMany> {
        match node {
            Node::File(blob) => self.file(blob, role, path),
            Node::Directory(inner) => self.inner(inner, role, place, path),
            Node::Link(_) => self.link(role, place, path),
            Node::Submodule => Ok(()),
        }
    }

    fn file(&mut self, blob: &Blob, role: Role, path: String) -> Result<(), TooMany> {
        if role == Role::Manifest { self.found(path, Found::Manifest(blob.clone())) } else { Ok(()) }
    }

    fn inner(&mut self, inner: &'a Directory, role: Role, place: &[String], path: String) -> Result<(), TooMany> {
        if role == Role::Manifest {
            return self.found(path, Found::Unreadable(not_a_file(Kind::Directory)));
        }
        self.directory(inner, place, &(path + "/"))
    }

    fn link(&mut self, role: Role, place: &[String], path: String) -> Result<(), TooMany> {
        let why = match self.follow(place) {
            Target::File(blob) => return self.file(blob, role, path),
            Target::Directory(inner, place) => return self.inner(inner, role, &place, path),
            Target::Outside(target) => return self.found(path, Found::Outside(target)),
            Target::Missing => "leads to nothing: restore what the symbolic link leads to, or remove the link",
            Target::Submodule => "leads into a submodule, which is not read: remove the symbolic link",
            Target::Loop => "leads in circles, too far, or to a name that is not UTF-8: remove the symbolic link",
            Target::Leaves => "leads out of the repository, where nothing is read: remove the symbolic link",
        };
        self.found(path, Found::Unreadable(why.to_owned()))
    }

    fn found(&mut self, path: String, found: Found) -> Result<(), TooMany> {
        if self.listing.len() >= self.most {
            return Err(TooMany);
        }
        self.listing.insert(path, found);
        Ok(())
    }

    /// Follows the links at and behind a path, as the kernel would if the subpath's tree was all there is.
    fn follow(&self, path: &[String]) -> Target<'a> {
        let mut pending: VecDeque<String> = path.iter().cloned().collect();
        let mut at: Vec<(&'a Directory, String)> = Vec::new();
        let (mut hops, mut steps) = (0, 0);
        while let Some(part) = pending.pop_front() {
            steps += 1;
            if steps > MAX_STEPS {
                return Target::Loop;
            }
            match part.as_str() {
                "" | "." => {}
                ".." => {
                    if at.pop().is_none() {
                        match self.above(&pending) {
                            Ok(inside) => pending = inside,
                            Err(target) => return target,
                        }
                    }
                }
                name => match at.last().map_or(&self.tree.root, |(directory, _)| *directory).get(name) {
                    Some(Node::Submodule) => return Target::Submodule,
                    Some(Node::Directory(inner)) => at.push((inner, part)),
                    Some(Node::File(blob)) if pending.is_empty() => return Target::File(blob),
                    // Below a file there is nothing either.
                    None | Some(Node::File(_)) => return Target::Missing,
                    Some(Node::Link(blob)) => {
                        hops += 1;
                        let Some(target) = self.target(blob).filter(|_| hops <= MAX_HOPS) else { return Target::Loop };
                        if target.starts_with('/') {
                            return Target::Leaves;
                        }
                        pending = target.split('/').map(str::to_owned).chain(pending).collect();
                    }
                },
            }
        }
        let place = at.iter().map(|(_, name)| name.clone()).collect();
        Target::Directory(at.last().map_or(&self.tree.root, |(directory, _)| *directory), place)
    }

    fn target(&self, link: &Blob) -> Option<&str> {
        std::str::from_utf8(self.targets.get(&link.id)?).ok()
    }

    /// What a path comes to that continues above the subpath: a path inside again, or the end.
    fn above(&self, pending: &VecDeque<String>) -> Result<VecDeque<String>, Target<'a>> {
        let mut path = self.tree.subpath.clone();
        for part in std::iter::once("..").chain(pending.iter().map(String::as_str)) {
            match part {
                "" | "." => {}
                ".." => drop(path.pop().ok_or(Target::Leaves)?),
                name => path.push(name.to_owned()),
            }
        }
        match path.strip_prefix(self.tree.subpath.as_slice()) {
            Some(inside) => Ok(inside.iter().cloned().collect()),
            None => Err(Target::Outside(path.join("/"))),
        }
    }
}
