//! A disk in memory, in virtual time: files change, vanish and cannot be read when a test says so, and there is no space left when
//! it says so.
//!
//! Its time is tokio's, which tests pause. It has no threads: work waits as long as its latency says and is then done at once.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::future::Future;
use std::io::{self, ErrorKind};
use std::ops::{Bound, ControlFlow};
use std::path::{Component, Path, PathBuf};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::{Instant, sleep};

use super::{Content, Disk, Entry, Identity, Kind, Metadata, NewFile, UNIQUE};
use crate::model::random::Random;

/// 2026-01-01T00:00:00Z: any fixed time would do.
const EPOCH: Duration = Duration::from_secs(1_767_225_600);

/// As Linux: who follows more goes round in a circle.
const MOST_LINKS: usize = 40;

/// A handle on a simulated disk; clones are handles on the same one.
#[derive(Clone)]
pub struct Simulated {
    shared: Arc<Mutex<Tree>>,
}

struct Tree {
    constructed: Instant,
    nodes: BTreeMap<PathBuf, Node>,
    made: u64,
    is_full: bool,
    /// Why some paths cannot be used.
    troubles: BTreeMap<PathBuf, ErrorKind>,
    longest: Duration,
    random: Random,
    writes: u64,
}

#[derive(Clone, Debug)]
struct Node {
    inode: u64,
    kind: Kind,
    bytes: Arc<[u8]>,
    modified: SystemTime,
}

impl Simulated {
    /// An empty disk. Its time begins now by tokio's clock: where that is paused, construct it inside of the runtime.
    pub fn new(seed: u64) -> Self {
        let tree = Tree {
            constructed: Instant::now(),
            nodes: BTreeMap::new(),
            made: 0,
            is_full: false,
            troubles: BTreeMap::new(),
            longest: Duration::ZERO,
            random: Random::new(seed, 5),
            writes: 0,
        };
        Self { shared: Arc::new(Mutex::new(tree)) }
    }

    /// Takes a time between nothing and this for each piece of work, in whole milliseconds. The default is nothing.
    #[must_use]
    pub fn with_latency(self, longest: Duration) -> Self {
        self.tree().longest = longest;
        self
    }

    /// Lets each write fail for want of space, or not any more.
    pub fn set_full(&self, is_full: bool) {
        self.tree().is_full = is_full;
    }

    /// Lets each use of a path and of what is below it fail.
    pub fn break_path(&self, path: impl Into<PathBuf>, kind: ErrorKind) {
        self.tree().troubles.insert(path.into(), kind);
    }

    /// Takes back [`Self::break_path`].
    pub fn mend_path(&self, path: &Path) {
        self.tree().troubles.remove(path);
    }

    /// Writes a file in place as an editor that truncates does; its directory is made first.
    pub fn write(&self, path: &Path, bytes: &[u8]) {
        let mut tree = self.tree();
        tree.make_parents(path);
        tree.put(path, Kind::File, bytes.into(), true);
    }

    /// Puts a new file in the place of what is there, as an editor that renames does.
    pub fn replace(&self, path: &Path, bytes: &[u8]) {
        let mut tree = self.tree();
        tree.make_parents(path);
        tree.put(path, Kind::File, bytes.into(), false);
    }

    /// Puts something other than a file there, such as a named pipe.
    pub fn put(&self, path: &Path, kind: Kind) {
        let mut tree = self.tree();
        tree.make_parents(path);
        tree.put(path, kind, Arc::default(), false);
    }

    /// Makes a symbolic link. It leads somewhere for [`Disk::canonicalize`] alone.
    pub fn link(&self, path: &Path, target: &Path) {
        let mut tree = self.tree();
        tree.make_parents(path);
        tree.put(path, Kind::Link, target.as_os_str().as_encoded_bytes().into(), false);
    }

    /// Makes a directory.
    pub fn make_directory(&self, path: &Path) {
        self.tree().make_directory(path);
    }

    /// Renames a file or a directory with all that is in it; false when there is none.
    pub fn move_to(&self, from: &Path, to: &Path) -> bool {
        let mut tree = self.tree();
        let inside: Vec<PathBuf> = tree.nodes.keys().filter(|path| path.starts_with(from)).cloned().collect();
        for path in &inside {
            let target = path.strip_prefix(from).map_or_else(|_| to.to_owned(), |rest| join(to, rest));
            if let Some(node) = tree.nodes.remove(path) {
                tree.nodes.insert(target, node);
            }
        }
        !inside.is_empty()
    }

    /// Removes a file, or a directory with all that is in it; false when there is none.
    pub fn remove(&self, path: &Path) -> bool {
        let mut tree = self.tree();
        let before = tree.nodes.len();
        tree.nodes.retain(|own, _| !own.starts_with(path));
        tree.nodes.len() < before
    }

    /// What a file holds.
    pub fn bytes(&self, path: &Path) -> Option<Arc<[u8]>> {
        let tree = self.tree();
        tree.nodes.get(path).filter(|node| node.kind == Kind::File).map(|node| Arc::clone(&node.bytes))
    }

    /// The paths of all files, sorted.
    pub fn files(&self) -> Vec<PathBuf> {
        let tree = self.tree();
        tree.nodes.iter().filter(|(_, node)| node.kind == Kind::File).map(|(path, _)| path.clone()).collect()
    }

    /// How many times the disk was changed through [`Disk`].
    pub fn writes(&self) -> u64 {
        self.tree().writes
    }

    /// Every change of the tree is a single step, so a panic elsewhere leaves it whole.
    fn tree(&self) -> MutexGuard<'_, Tree> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn latency(&self) -> Duration {
        let mut tree = self.tree();
        let longest = u64::try_from(tree.longest.as_millis()).unwrap_or(u64::MAX);
        Duration::from_millis(if longest == 0 { 0 } else { tree.random.below(longest.saturating_add(1)) })
    }
}

/// A path of the empty rest would end in a slash.
fn join(to: &Path, rest: &Path) -> PathBuf {
    if rest.as_os_str().is_empty() { to.to_owned() } else { to.join(rest) }
}

/// The parts of a path that lead on, the last one first.
fn parts(path: &Path) -> Vec<PathBuf> {
    let leads = |part: &Component<'_>| matches!(part, Component::Normal(_) | Component::ParentDir);
    path.components().filter(leads).map(|part| PathBuf::from(part.as_os_str())).rev().collect()
}

impl Tree {
    fn now(&self) -> SystemTime {
        UNIX_EPOCH + EPOCH + self.constructed.elapsed()
    }

    fn get(&self, path: &Path) -> io::Result<&Node> {
        let trouble = path.ancestors().find_map(|path| self.troubles.get(path));
        if let Some(kind) = trouble {
            return Err((*kind).into());
        }
        self.nodes.get(path).ok_or_else(|| ErrorKind::NotFound.into())
    }

    /// Follows links part by part, as a kernel does.
    fn canonicalize(&self, path: &Path) -> io::Result<PathBuf> {
        let mut open: Vec<PathBuf> = parts(path);
        let (mut real, mut followed) = (PathBuf::from("/"), 0);
        while let Some(part) = open.pop() {
            if part == Path::new("..") {
                real.pop();
                continue;
            }
            let next = real.join(part);
            let node = self.get(&next)?;
            if node.kind != Kind::Link {
                real = next;
                continue;
            }
            followed += 1;
            if followed > MOST_LINKS {
                return Err(io::Error::other("too many levels of symbolic links"));
            }
            let target = String::from_utf8_lossy(&node.bytes).into_owned();
            if target.starts_with('/') {
                real = PathBuf::from("/");
            }
            open.extend(parts(Path::new(&target)));
        }
        Ok(real)
    }

    fn put(&mut self, path: &Path, kind: Kind, bytes: Arc<[u8]>, in_place: bool) {
        self.made += 1;
        let inode = self.nodes.get(path).filter(|_| in_place).map_or(self.made, |node| node.inode);
        let modified = self.now();
        self.nodes.insert(path.to_owned(), Node { inode, kind, bytes, modified });
    }

    fn make_parents(&mut self, path: &Path) {
        if let Some(parent) = path.parent() {
            self.make_directory(parent);
        }
    }

    fn make_directory(&mut self, path: &Path) {
        let missing: Vec<PathBuf> =
            path.ancestors().take_while(|path| !self.nodes.contains_key(*path)).map(Path::to_owned).collect();
        for path in missing {
            self.put(&path, Kind::Directory, Arc::default(), false);
        }
    }

    /// A change that Wharf asks for.
    fn begin_change(&mut self, directory: Option<&Path>) -> io::Result<()> {
        if let Some(directory) = directory
            && self.get(directory)?.kind != Kind::Directory
        {
            return Err(ErrorKind::NotADirectory.into());
        }
        self.writes += 1;
        Ok(())
    }

    fn need_space(&self) -> io::Result<()> {
        if self.is_full { Err(ErrorKind::StorageFull.into()) } else { Ok(()) }
    }
}

impl Node {
    fn metadata(&self) -> Metadata {
        Metadata {
            kind: self.kind,
            identity: Identity { device: 1, inode: self.inode },
            bytes: self.bytes.len() as u64,
            modified: self.modified,
            changed: self.modified,
        }
    }
}

impl Disk for Simulated {
    fn now(&self) -> SystemTime {
        self.tree().now()
    }

    /// Nothing: how long a run takes must not change what happens in it.
    fn processor_time(&self) -> Duration {
        Duration::ZERO
    }

    fn metadata(&self, path: &Path) -> io::Result<Metadata> {
        self.tree().get(path).map(Node::metadata)
    }

    fn symlink_metadata(&self, path: &Path) -> io::Result<Metadata> {
        self.metadata(path)
    }

    fn canonicalize(&self, path: &Path) -> io::Result<PathBuf> {
        self.tree().canonicalize(path)
    }

    fn list(&self, path: &Path, visit: &mut dyn FnMut(&dyn Entry) -> ControlFlow<()>) -> io::Result<()> {
        let entries: Vec<Listed> = {
            let tree = self.tree();
            if tree.get(path)?.kind != Kind::Directory {
                return Err(ErrorKind::NotADirectory.into());
            }
            let behind = (Bound::Excluded(path), Bound::Unbounded);
            let inside = tree.nodes.range::<Path, _>(behind).take_while(|(own, _)| own.starts_with(path));
            let children = inside.filter(|(own, _)| own.parent() == Some(path));
            children.map(|(path, node)| Listed { path: path.clone(), metadata: node.metadata() }).collect()
        };
        // The visitor may ask the disk in turn.
        let _ = entries.iter().try_for_each(|entry| visit(entry));
        Ok(())
    }

    fn read(&self, path: &Path, limit: u64) -> io::Result<Content> {
        let tree = self.tree();
        let node = tree.get(path)?;
        let end = usize::try_from(limit).unwrap_or(usize::MAX).min(node.bytes.len());
        let (begun, found) = (tree.now(), node.metadata());
        Ok(Content { begun, before: found, after: found, bytes: node.bytes[..end].to_vec() })
    }

    fn create_unique(&self, directory: &Path, prefix: &str) -> io::Result<(PathBuf, Box<dyn NewFile>)> {
        let mut tree = self.tree();
        tree.begin_change(Some(directory))?;
        tree.need_space()?;
        let path = directory.join(format!("{prefix}{:0width$}", tree.made + 1, width = UNIQUE));
        tree.put(&path, Kind::File, Arc::default(), false);
        Ok((path.clone(), Box::new(Opened { disk: self.clone(), path })))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut tree = self.tree();
        tree.begin_change(to.parent())?;
        if tree.nodes.get(to).is_some_and(|node| node.kind == Kind::Directory) {
            return Err(ErrorKind::IsADirectory.into());
        }
        let node = tree.nodes.remove(from).ok_or(ErrorKind::NotFound)?;
        tree.nodes.insert(to.to_owned(), node);
        Ok(())
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        let mut tree = self.tree();
        if tree.get(path)?.kind == Kind::Directory {
            return Err(ErrorKind::IsADirectory.into());
        }
        tree.begin_change(None)?;
        tree.nodes.remove(path);
        Ok(())
    }

    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        let mut tree = self.tree();
        if tree.get(path)?.kind != Kind::Directory {
            return Err(ErrorKind::NotADirectory.into());
        }
        if tree.nodes.keys().any(|own| own.parent() == Some(path)) {
            return Err(ErrorKind::DirectoryNotEmpty.into());
        }
        tree.begin_change(None)?;
        tree.nodes.remove(path);
        Ok(())
    }

    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        let mut tree = self.tree();
        if tree.get(path).is_ok_and(|node| node.kind == Kind::Directory) {
            return Ok(());
        }
        tree.begin_change(None)?;
        tree.need_space()?;
        tree.make_directory(path);
        Ok(())
    }

    fn run(&self, work: Box<dyn FnOnce() + Send>) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let latency = self.latency();
        if latency.is_zero() {
            work();
            return Box::pin(std::future::ready(()));
        }
        // A task of its own: it is done to its end, whoever still waits for it.
        let done = tokio::spawn(async move {
            sleep(latency).await;
            work();
        });
        Box::pin(async move { drop(done.await) })
    }
}

/// An entry of a directory, as it was when the directory was listed.
struct Listed {
    path: PathBuf,
    metadata: Metadata,
}

impl Entry for Listed {
    fn name(&self) -> OsString {
        self.path.file_name().unwrap_or_default().to_owned()
    }

    fn path(&self) -> PathBuf {
        self.path.clone()
    }

    fn kind(&self) -> io::Result<Kind> {
        Ok(self.metadata.kind)
    }

    fn metadata(&self) -> io::Result<Metadata> {
        Ok(self.metadata)
    }
}

/// A file that was just made.
struct Opened {
    disk: Simulated,
    path: PathBuf,
}

impl NewFile for Opened {
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut tree = self.disk.tree();
        tree.begin_change(None)?;
        // What fits is written.
        let end = if tree.is_full { bytes.len() / 2 } else { bytes.len() };
        // A file that was renamed or removed meanwhile is written to no more; nobody does that to one of ours.
        let before = tree.nodes.get(&self.path).map(|node| Arc::clone(&node.bytes));
        if let Some(before) = before {
            tree.put(&self.path, Kind::File, [&before, &bytes[..end]].concat().into(), true);
        }
        tree.need_space()
    }

    fn seal(&mut self, _mode: u32) -> io::Result<()> {
        self.disk.tree().begin_change(None)
    }
}

impl fmt::Debug for Simulated {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Simulated").field("files", &self.files().len()).finish()
    }
}
