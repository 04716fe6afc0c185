//! All of it together, as a controller uses it.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use secrecy::{ExposeSecret, SecretSlice};

use super::content::{self, Content};
use super::directory::{self, Stamp};
use super::hash::{Key, ValueHash};
use super::programs::Programs;
use super::runtime::{Runtime, Slot, folder};
use super::wanted::{Wanted, as_ref, each, shown, variable, volume};
use super::{LARGEST_VALUE, Options, Problem, SecretError, uses};
use crate::disk::{Disk, Kind, Metadata, offload};
use crate::engine::{ContainerSpec, EnvValue, MountSource};
use crate::model::hash::KeyedFingerprint;
use crate::model::spec::{SecretKey, SecretRef};
use crate::model::{Instance, Name, Uid, labels};

/// See [`Stamp::is_settled`].
const SETTLED: Duration = Duration::from_secs(1);

/// Reads secrets, gives them to containers, notices changes.
#[derive(Clone, Debug)]
pub struct Secrets {
    shared: Arc<Shared>,
}

/// What was seen of the secrets of one workspace, without anything of their content.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Look {
    /// Keyed hash of what a new container would be given; `None`: it has no secrets, or they cannot be read.
    pub now: Option<KeyedFingerprint>,
    /// Whether files that can be replaced in place are not what they should be.
    pub files_differ: bool,
    /// Why they cannot be read.
    pub trouble: Option<String>,
}

#[derive(Debug)]
struct Shared {
    disk: Arc<dyn Disk>,
    options: Options,
    state_dir: PathBuf,
    programs: Programs,
    runtime: Runtime,
    key: Mutex<Option<Arc<Key>>>,
    key_trouble_told: AtomicBool,
    known: Mutex<BTreeMap<Source, Known>>,
    /// The folders of workspaces that have files in the runtime directory.
    placed: Mutex<BTreeSet<String>>,
    /// Those that were there at the start, until they have been swept.
    left_behind: Mutex<BTreeSet<String>>,
}

/// Where values come from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Source {
    File(PathBuf),
    Secret(Name),
}

/// The hashes of what was read, for as long as the stamp stays.
#[derive(Clone, Debug)]
struct Known {
    stamp: AnyStamp,
    hashes: Hashes,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum AnyStamp {
    File(Metadata),
    Secret(Stamp),
}

#[derive(Clone, Debug)]
enum Hashes {
    Whole(ValueHash),
    Keys(BTreeMap<SecretKey, ValueHash>),
}

impl Secrets {
    /// For the workspaces of an instance. The key of the hashes is in the state directory.
    pub fn new(disk: Arc<dyn Disk>, state_dir: &Path, instance: &Instance, options: &Options) -> Self {
        let runtime = Runtime::new(&options.runtime_dir, instance, options.allow_disk);
        let placed = if options.only_looks { BTreeSet::new() } else { runtime.workspaces() };
        let shared = Shared {
            disk,
            state_dir: state_dir.to_owned(),
            programs: Programs::new(options.age_identity.clone()),
            runtime,
            options: options.clone(),
            key: Mutex::default(),
            key_trouble_told: AtomicBool::new(false),
            known: Mutex::default(),
            left_behind: Mutex::new(placed.clone()),
            placed: Mutex::new(placed),
        };
        Self { shared: Arc::new(shared) }
    }

    /// Looks whether secrets have changed. Cheap while the stamps of their files stay. Writes nothing but the key, the first time.
    pub async fn look(&self, spec: &ContainerSpec, uid: &Uid) -> Look {
        if !uses::has_any(spec) {
            return Look::default();
        }
        let (spec, uid) = (spec.clone(), uid.clone());
        let look = self.aside(move |shared| Ok(shared.look(&spec, &uid))).await;
        look.unwrap_or_else(|error| Look { trouble: Some(error.to_string()), ..Look::default() })
    }

    /// The container with its secrets: values read, files written, and labelled with the hash of both.
    pub async fn fill(&self, spec: &ContainerSpec, uid: &Uid) -> Result<ContainerSpec, SecretError> {
        if !uses::has_any(spec) {
            return Ok(spec.clone());
        }
        let (spec, uid) = (spec.clone(), uid.clone());
        self.aside(move |shared| shared.fill(spec, &uid)).await
    }

    /// Whether a container is given secrets as files.
    pub fn has_files(spec: &ContainerSpec) -> bool {
        uses::has_files(spec)
    }

    /// Writes the files of secrets. `keep_old`: where a secret cannot be read, what was written before will do.
    pub async fn write(&self, spec: &ContainerSpec, uid: &Uid, keep_old: bool) -> Result<(), SecretError> {
        if !uses::has_files(spec) {
            return Ok(());
        }
        let (spec, uid) = (spec.clone(), uid.clone());
        self.aside(move |shared| shared.write(&spec, &uid, keep_old)).await
    }

    /// Removes the files that a workspace does not need any more: all but those of `spec`, or all.
    pub async fn tidy(&self, spec: Option<&ContainerSpec>, uid: &Uid) {
        if locked(&self.shared.placed).contains(&folder(uid.as_str())) {
            self.remove(spec.cloned(), uid.to_string()).await;
        }
    }

    /// Whether an earlier run left files behind that nobody has looked at.
    pub fn has_leftovers(&self) -> bool {
        !locked(&self.shared.left_behind).is_empty()
    }

    /// Removes what an earlier run left behind of workspaces that are not there any more. `present`: the UIDs of those that are.
    pub async fn sweep(&self, present: BTreeSet<String>) {
        let present: BTreeSet<String> = present.iter().map(|uid| folder(uid)).collect();
        let left_behind = std::mem::take(&mut *locked(&self.shared.left_behind));
        for gone in left_behind.difference(&present) {
            self.remove(None, gone.clone()).await;
        }
    }

    async fn remove(&self, spec: Option<ContainerSpec>, uid: String) {
        let work = move |shared: &Shared| {
            shared.tidy(spec.as_ref(), &uid);
            Ok(())
        };
        if let Err(error) = self.aside(work).await {
            tracing::warn!("files of secrets stay: {error}");
        }
    }

    /// Does work where it delays nobody else: secrets may be on a slow disk, and programs take their time.
    async fn aside<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Shared) -> Result<T, SecretError> + Send + 'static,
    ) -> Result<T, SecretError> {
        let shared = Arc::clone(&self.shared);
        offload(&self.shared.disk, move || work(&shared)).await.unwrap_or_else(|panicked| {
            Err(Problem::reading("the secrets", panicked, "look for the panic in the log").of("spec"))
        })
    }
}

/// The secrets that were read for one container: each once.
struct Session<'a> {
    shared: &'a Shared,
    read: BTreeMap<Name, Content>,
}

impl Session<'_> {
    fn content(&mut self, secret: &SecretRef) -> Result<Content, Problem> {
        let name = &secret.name;
        let content = match self.read.entry(name.clone()) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(place) => {
                let found = directory::find(self.shared.dir(name)?, name)?;
                // Also makes sure that it is private.
                found.stamp()?;
                place.insert(found.read(&self.shared.programs)?)
            }
        };
        content.chosen(secret.key.as_ref(), &shown(name))
    }
}

impl Shared {
    fn session(&self) -> Session<'_> {
        Session { shared: self, read: BTreeMap::new() }
    }

    fn dir(&self, name: &Name) -> Result<&Path, Problem> {
        self.options.dir.as_deref().ok_or_else(|| {
            let help = "start the controller with --secrets-dir DIR";
            Problem::reading(shown(name), "the controller has no directory of secrets", help)
        })
    }

    /// The key; `None`: there is none, so that nothing can be compared.
    fn key(&self) -> Option<Arc<Key>> {
        let mut key = locked(&self.key);
        if key.is_none() {
            match Key::of_state(&*self.disk, &self.state_dir, !self.options.only_looks) {
                Ok(found) => *key = found.map(Arc::new),
                // At every look, of which there are many.
                Err(error) if self.key_trouble_told.swap(true, Ordering::Relaxed) => {
                    tracing::debug!("there still is no key for secrets: {error}");
                }
                Err(error) => {
                    tracing::warn!("changes of secrets are not noticed, because their key cannot be stored: {error}");
                }
            }
        }
        key.clone()
    }

    fn look(&self, spec: &ContainerSpec, uid: &Uid) -> Look {
        let Some(key) = self.key() else { return Look::default() };
        let mut parts = Parts::default();
        let mut files_differ = false;
        let looked = each(spec, |wanted| {
            match wanted {
                Wanted::File(name, path) => parts.variable(name, self.file_hash(&key, path)?),
                Wanted::Variable(name, secret) => {
                    parts.variable(name, single(self.hashes(&key, secret)?, &secret.name)?);
                }
                Wanted::Volume(target, secret) => {
                    let slot = self.runtime.slot(uid, secret, spec.user.as_deref());
                    let hashes = self.hashes(&key, &as_ref(secret))?;
                    files_differ |= !is_in_place(&key, &slot, &hashes);
                    parts.volume(target, &slot, &hashes);
                }
            }
            Ok(())
        });
        match looked {
            Ok(()) => Look { now: Some(parts.fingerprint(&key)), files_differ, trouble: None },
            Err(error) => Look { trouble: Some(error.to_string()), ..Look::default() },
        }
    }

    fn fill(&self, mut spec: ContainerSpec, uid: &Uid) -> Result<ContainerSpec, SecretError> {
        let key = self.key();
        let (mut session, mut parts) = (self.session(), Parts::default());
        let hash = |value: &SecretSlice<u8>| key.as_ref().map(|key| key.hash(value.expose_secret()));
        for (name, value) in &mut spec.env {
            let field = variable(name);
            let (place, bytes) = match value {
                EnvValue::Plain(_) => continue,
                EnvValue::File { path, .. } => (path.display().to_string(), self.file(path)),
                EnvValue::Secret { secret, .. } => {
                    let place = shown(&secret.name);
                    let bytes = session.content(secret).and_then(|content| content.single(&place));
                    (place, bytes)
                }
            };
            let bytes = bytes.map_err(|problem| problem.of(&field))?;
            let text = content::text(&bytes, &place).map_err(|problem| problem.of(&field))?;
            if let Some(hash) = hash(&bytes) {
                parts.variable(name, hash);
            }
            if let EnvValue::File { value, .. } | EnvValue::Secret { value, .. } = value {
                *value = Some(text);
            }
        }
        let user = spec.user.clone();
        for mount in &mut spec.mounts {
            let MountSource::Secret { secret, path } = &mut mount.source else { continue };
            let field = volume(mount.target.as_str());
            let slot = self.runtime.slot(uid, secret, user.as_deref());
            let content = session.content(&as_ref(secret)).map_err(|problem| problem.of(&field))?;
            *path = Some(self.put(uid, &slot, &content).map_err(|problem| problem.of(&field))?);
            if let Some(key) = &key {
                parts.volume(mount.target.as_str(), &slot, &hashes_of(key, &content));
            }
        }
        if let Some(key) = key {
            spec.labels.insert(labels::SECRETS.to_owned(), parts.fingerprint(&key).to_string());
        }
        Ok(spec)
    }

    fn write(&self, spec: &ContainerSpec, uid: &Uid, keep_old: bool) -> Result<(), SecretError> {
        let mut session = self.session();
        each(spec, |wanted| {
            let Wanted::Volume(_, secret) = wanted else { return Ok(()) };
            let slot = self.runtime.slot(uid, secret, spec.user.as_deref());
            match session.content(&as_ref(secret)).and_then(|content| self.put(uid, &slot, &content)) {
                Err(problem) if keep_old && slot.is_written() => {
                    let Problem { place, message, .. } = &problem;
                    tracing::warn!("the files of {place} stay as they are: {message}");
                    Ok(())
                }
                written => written.map(drop),
            }
        })
    }

    fn put(&self, uid: &Uid, slot: &Slot, content: &Content) -> Result<PathBuf, Problem> {
        locked(&self.placed).insert(folder(uid.as_str()));
        self.runtime.write(slot, content)
    }

    fn tidy(&self, spec: Option<&ContainerSpec>, uid: &str) {
        let user = spec.and_then(|spec| spec.user.as_deref());
        let mounts = spec.map_or(&[][..], |spec| &spec.mounts);
        let slots = mounts.iter().filter_map(|mount| match &mount.source {
            MountSource::Secret { secret, .. } => Some(self.runtime.slot(&Uid::new(uid), secret, user)),
            _ => None,
        });
        let slots: Vec<Slot> = slots.collect();
        match self.runtime.keep(uid, &slots) {
            Ok(()) if slots.is_empty() => drop(locked(&self.placed).remove(&folder(uid))),
            Ok(()) => {}
            Err(error) => tracing::warn!("files of secrets cannot be removed: {error}"),
        }
    }

    /// Reads a file that a manifest names.
    fn file(&self, path: &Path) -> Result<SecretSlice<u8>, Problem> {
        let refuse = |message: &dyn ToString| {
            let help = "correct spec.env or provide the file";
            Problem::reading(path.display(), message.to_string(), help)
        };
        let content = self.disk.read(path, LARGEST_VALUE + 1).map_err(|error| refuse(&error))?;
        let bytes = SecretSlice::from(content.bytes);
        let largest = content.before.bytes.max(bytes.expose_secret().len() as u64);
        if content.before.kind != Kind::File || largest > LARGEST_VALUE {
            return Err(refuse(&format!("it is not a file of at most {LARGEST_VALUE} bytes")));
        }
        Ok(bytes)
    }

    fn file_hash(&self, key: &Key, path: &Path) -> Result<ValueHash, Problem> {
        let source = Source::File(path.to_owned());
        // What cannot be looked at cannot be read either, and reading it tells why.
        let stamp = self.disk.metadata(path).ok();
        let is_settled = |it: &Metadata| it.changed + SETTLED < self.disk.now();
        let hashes = if let Some(hashes) = self.recall(&source, stamp.map(AnyStamp::File).as_ref()) {
            hashes
        } else {
            let hashes = Hashes::Whole(key.hash(self.file(path)?.expose_secret()));
            if let Some(stamp) = stamp.filter(is_settled) {
                self.remember(source, AnyStamp::File(stamp), &hashes);
            }
            hashes
        };
        match hashes {
            Hashes::Whole(hash) => Ok(hash),
            Hashes::Keys(_) => Err(Problem::reading(path.display(), "it is not a file", "correct spec.env")),
        }
    }

    /// The hashes of what a reference chooses.
    fn hashes(&self, key: &Key, secret: &SecretRef) -> Result<Hashes, Problem> {
        let name = &secret.name;
        let found = directory::find(self.dir(name)?, name)?;
        let stamp = found.stamp()?;
        let (source, any) = (Source::Secret(name.clone()), AnyStamp::Secret(stamp.clone()));
        let all = if let Some(hashes) = self.recall(&source, Some(&any)) {
            hashes
        } else {
            let hashes = hashes_of(key, &found.read(&self.programs)?);
            if stamp.is_settled(SystemTime::now()) {
                self.remember(source, any, &hashes);
            }
            hashes
        };
        let chosen = match (all, &secret.key) {
            (all, None) => Some(all),
            (Hashes::Keys(mut keys), Some(key)) => keys.remove(key).map(Hashes::Whole),
            (Hashes::Whole(_), Some(_)) => None,
        };
        chosen.map_or_else(
            // Reading it tells what is wrong.
            || Ok(hashes_of(key, &found.read(&self.programs)?.chosen(secret.key.as_ref(), &shown(name))?)),
            Ok,
        )
    }

    fn recall(&self, source: &Source, stamp: Option<&AnyStamp>) -> Option<Hashes> {
        locked(&self.known).get(source).filter(|known| Some(&known.stamp) == stamp).map(|known| known.hashes.clone())
    }

    fn remember(&self, source: Source, stamp: AnyStamp, hashes: &Hashes) {
        locked(&self.known).insert(source, Known { stamp, hashes: hashes.clone() });
    }
}

fn single(hashes: Hashes, name: &Name) -> Result<ValueHash, Problem> {
    match hashes {
        Hashes::Whole(hash) => Ok(hash),
        Hashes::Keys(keys) => {
            let values = keys.into_keys().map(|key| (key, Vec::new().into())).collect();
            let problem = Content::Keys(values).single(&shown(name)).err();
            Err(problem.unwrap_or_else(|| Problem::reading(shown(name), "it has several values", "add `key`")))
        }
    }
}

fn hashes_of(key: &Key, content: &Content) -> Hashes {
    match content {
        Content::Whole(value) => Hashes::Whole(key.hash(value.expose_secret())),
        Content::Keys(values) => {
            Hashes::Keys(values.iter().map(|(name, value)| (name.clone(), key.hash(value.expose_secret()))).collect())
        }
    }
}

/// Whether a slot holds what it should. A single file is given to a new container, and so is never wrong.
fn is_in_place(key: &Key, slot: &Slot, hashes: &Hashes) -> bool {
    let Hashes::Keys(keys) = hashes else { return true };
    let by_name: BTreeMap<&str, &ValueHash> = keys.iter().map(|(name, hash)| (name.as_str(), hash)).collect();
    let names = by_name.keys().map(ToString::to_string).collect();
    slot.holds(&names, |name, bytes| by_name.get(name).is_some_and(|hash| **hash == key.hash(bytes)))
}

/// What the hash of a container's secrets is made of: everything that only a new container can be given.
#[derive(Default)]
struct Parts(Vec<Vec<u8>>);

impl Parts {
    fn variable(&mut self, name: &str, hash: ValueHash) {
        self.0.extend([b"variable".to_vec(), name.as_bytes().to_vec(), hash.line.to_vec()]);
    }

    fn volume(&mut self, target: &str, slot: &Slot, hashes: &Hashes) {
        let (what, path, hash) = match hashes {
            Hashes::Whole(hash) => ("file", slot.file(), hash.bytes.to_vec()),
            Hashes::Keys(_) => ("directory", slot.directory(), Vec::new()),
        };
        let path = path.to_string_lossy().into_owned().into_bytes();
        self.0.extend([what.as_bytes().to_vec(), target.as_bytes().to_vec(), path, hash]);
    }

    fn fingerprint(&self, key: &Key) -> KeyedFingerprint {
        let parts: Vec<&[u8]> = self.0.iter().map(Vec::as_slice).collect();
        key.fingerprint(&parts)
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
