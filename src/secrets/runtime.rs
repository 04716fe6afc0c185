//! Secrets as files in memory of the host, where the engine mounts them from.

use std::collections::BTreeSet;
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret, SecretSlice};

use super::Problem;
use super::content::Content;
use super::directory::private;
use crate::model::hash::Fingerprint;
use crate::model::spec::SecretVolume;
use crate::model::{Instance, Uid};

/// File systems that are in memory alone. Source: statfs(2).
const IN_MEMORY: [u64; 2] = [0x0102_1994, 0x8584_58f6];

/// The name of a file that is being written.
const NEW: &str = ".new";

/// Where the secrets of one instance's workspaces are put.
#[derive(Debug)]
pub(super) struct Runtime {
    base: PathBuf,
    allow_disk: bool,
}

/// Where one volume of one workspace is put. Another secret, key, mode or owner is another slot, so that a container and its successor
/// can both be there.
#[derive(Clone, Debug)]
pub(super) struct Slot {
    path: PathBuf,
    mode: u32,
    owner: Option<Owner>,
}

/// Who the files are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Owner {
    user: u32,
    group: Option<u32>,
}

impl Owner {
    /// `1000` or `1000:1000`. A user that is a name is known to the image alone.
    fn parse(text: &str) -> Option<Self> {
        let (user, group) = text.split_once(':').map_or((text, None), |(user, group)| (user, Some(group)));
        Some(Self { user: user.parse().ok()?, group: group.and_then(|group| group.parse().ok()) })
    }
}

impl Slot {
    /// What is mounted where the secret is a single value.
    pub(super) fn file(&self) -> PathBuf {
        self.path.join("value")
    }

    /// What is mounted where it has several.
    pub(super) fn directory(&self) -> PathBuf {
        self.path.join("keys")
    }

    /// Whether the directory holds files of these names and no others, each of which `is_same`. `false` also when that cannot be told.
    pub(super) fn holds(&self, names: &BTreeSet<String>, is_same: impl Fn(&str, &[u8]) -> bool) -> bool {
        let directory = self.directory();
        let entries = fs::read_dir(&directory).into_iter().flatten().flatten();
        let present: BTreeSet<String> = entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
        let same =
            |name: &String| read(&directory.join(name)).is_some_and(|bytes| is_same(name, bytes.expose_secret()));
        directory.exists() && present == *names && names.iter().all(same)
    }

    /// Whether something was written.
    pub(super) fn is_written(&self) -> bool {
        self.file().exists() || self.directory().exists()
    }
}

impl Runtime {
    pub(super) fn new(runtime_dir: &Path, instance: &Instance, allow_disk: bool) -> Self {
        Self { base: runtime_dir.join(instance.as_str()), allow_disk }
    }

    /// The workspaces that have something here.
    pub(super) fn workspaces(&self) -> BTreeSet<String> {
        let entries = fs::read_dir(&self.base).into_iter().flatten().flatten();
        entries.filter_map(|entry| entry.file_name().into_string().ok()).collect()
    }

    pub(super) fn slot(&self, uid: &Uid, secret: &SecretVolume, user: Option<&str>) -> Slot {
        let owner = user.and_then(Owner::parse);
        let what = Fingerprint::of(&(secret, owner.map(|owner| (owner.user, owner.group))));
        let path = self.base.join(folder(uid.as_str())).join(format!("{}-{what}", secret.name));
        Slot { path, mode: secret.mode.bits(), owner }
    }

    /// Puts a secret in its slot, and returns what to mount. What is there already is replaced file by file, each at once; what is the
    /// same stays.
    pub(super) fn write(&self, slot: &Slot, content: &Content) -> Result<PathBuf, Problem> {
        self.prepare(&slot.path)?;
        let unwritable = |error: io::Error| {
            Problem::writing(slot.path.display(), error, "check the space and the rights in --runtime-dir")
        };
        match content {
            Content::Whole(value) => {
                slot.put(&slot.file(), value).map_err(unwritable)?;
                Ok(slot.file())
            }
            Content::Keys(values) => {
                let directory = slot.directory();
                make(&directory, 0o755).map_err(unwritable)?;
                for (key, value) in values {
                    slot.put(&directory.join(key.as_str()), value).map_err(unwritable)?;
                }
                let is_key = |name: &str| values.keys().any(|key| key.as_str() == name);
                remove_others(&directory, is_key).map_err(unwritable)?;
                Ok(directory)
            }
        }
    }

    /// Removes what a workspace has here besides these slots; all of it, where there are none.
    pub(super) fn keep(&self, uid: &str, slots: &[Slot]) -> io::Result<()> {
        let folder = self.base.join(folder(uid));
        if slots.is_empty() {
            return fine_if_missing(fs::remove_dir_all(folder));
        }
        let is_kept = |name: &str| slots.iter().any(|slot| slot.path.file_name().is_some_and(|kept| kept == name));
        remove_others(&folder, is_kept)
    }

    /// The directory of a slot, private and in memory.
    fn prepare(&self, slot: &Path) -> Result<(), Problem> {
        let shown = self.base.display();
        let help = "choose another place with --runtime-dir";
        make(&self.base, 0o700).map_err(|error| Problem::writing(&shown, error, help))?;
        private(&self.base, true)?;
        let found = rustix::fs::statfs(&self.base).map_err(|error| Problem::writing(&shown, error, help))?;
        let in_memory = u64::try_from(found.f_type).is_ok_and(|kind| IN_MEMORY.contains(&kind));
        if !in_memory && !self.allow_disk {
            let help =
                "choose a directory on a tmpfs with --runtime-dir, such as one below /run, or give --runtime-on-disk";
            return Err(Problem::writing(shown, "it is not in memory, so that secrets would reach a disk", help));
        }
        make(slot, 0o700).map_err(|error| Problem::writing(slot.display(), error, help))
    }
}

impl Slot {
    fn put(&self, path: &Path, value: &SecretSlice<u8>) -> io::Result<()> {
        let is_there = fs::symlink_metadata(path).is_ok_and(|found| found.mode() & 0o7777 == self.mode);
        if is_there && read(path).is_some_and(|bytes| bytes.expose_secret() == value.expose_secret()) {
            return Ok(());
        }
        let new = self.path.join(NEW);
        // Left behind by a crash.
        fine_if_missing(fs::remove_file(&new))?;
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
        let written = file.write_all(value.expose_secret()).and_then(|()| self.hand_over(&file));
        let written = written.and_then(|()| fs::rename(&new, path));
        if written.is_err() {
            // Best effort: the next one removes it.
            let _ = fs::remove_file(&new);
        }
        written
    }

    /// Gives a file to whom it is for. Who is not root keeps it, which is fine where everybody in the container may read it.
    fn hand_over(&self, file: &File) -> io::Result<()> {
        if let Some(Owner { user, group }) = self.owner
            && user != rustix::process::geteuid().as_raw()
            && let Err(error) = fchown(file, Some(user), group)
            && self.mode & 0o004 == 0
        {
            let why = format!("cannot give it to user {user} ({error}): give the volume mode 0444, or run as root");
            return Err(io::Error::other(why));
        }
        file.set_permissions(Permissions::from_mode(self.mode))
    }
}

/// UIDs can come from labels of containers, which anybody may have written.
pub(super) fn folder(text: &str) -> String {
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if plain { text.to_owned() } else { Fingerprint::of_bytes(text.as_bytes()).to_string() }
}

fn make(path: &Path, mode: u32) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)?;
    if fs::metadata(path)?.mode() & 0o777 != mode && mode != 0o700 {
        fs::set_permissions(path, Permissions::from_mode(mode))?;
    }
    Ok(())
}

fn read(path: &Path) -> Option<SecretSlice<u8>> {
    fs::read(path).ok().map(SecretSlice::from)
}

fn remove_others(directory: &Path, is_kept: impl Fn(&str) -> bool) -> io::Result<()> {
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        if entry.file_name().to_str().is_some_and(&is_kept) {
            continue;
        }
        let is_dir = entry.file_type()?.is_dir();
        fine_if_missing(if is_dir { fs::remove_dir_all(entry.path()) } else { fs::remove_file(entry.path()) })?;
    }
    Ok(())
}

fn fine_if_missing(result: io::Result<()>) -> io::Result<()> {
    result.or_else(|error| if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use tempfile::TempDir;

    use super::*;

    /// In memory, as the real one.
    fn runtime() -> (TempDir, Runtime) {
        let dir = tempfile::tempdir_in("/dev/shm").expect("a tmpfs");
        let runtime = Runtime::new(dir.path(), &"here".parse().expect("an instance"), false);
        (dir, runtime)
    }

    fn volume(text: &str) -> SecretVolume {
        serde_json::from_str(text).expect("a volume")
    }

    fn whole(text: &str) -> Content {
        Content::Whole(text.as_bytes().to_vec().into())
    }

    fn keys(pairs: &[(&str, &str)]) -> Content {
        let pair = |(key, value): &(&str, &str)| (key.parse().expect("a key"), value.as_bytes().to_vec().into());
        Content::Keys(pairs.iter().map(pair).collect::<BTreeMap<_, _>>())
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).expect("there").mode() & 0o777
    }

    #[test]
    fn files_are_private_on_the_host_and_as_declared_in_the_container() {
        let (dir, runtime) = runtime();
        let uid = Uid::new("01J");
        let slot = runtime.slot(&uid, &volume(r#"{"name": "db"}"#), None);
        let path = runtime.write(&slot, &keys(&[("user", "admin"), ("password", "s3cret")])).expect("written");
        assert_eq!((mode(&path), mode(&path.join("user"))), (0o755, 0o400));
        assert_eq!(mode(&dir.path().join("here")), 0o700);
        runtime.write(&slot, &keys(&[("password", "new")])).expect("written");
        assert_eq!(fs::read(path.join("password")).expect("there"), b"new");
        assert!(!path.join("user").exists(), "a key that is gone");
        assert_eq!(fs::read_dir(&path).expect("there").count(), 1, "nothing half-written");
    }

    #[test]
    fn what_is_the_same_stays_the_same_file() {
        let (_dir, runtime) = runtime();
        let slot = runtime.slot(&Uid::new("01J"), &volume(r#"{"name": "db", "mode": "0440"}"#), None);
        let path = runtime.write(&slot, &whole("one")).expect("written");
        let inode = fs::metadata(&path).expect("there").ino();
        runtime.write(&slot, &whole("one")).expect("written");
        assert_eq!((fs::metadata(&path).expect("there").ino(), mode(&path)), (inode, 0o440));
        runtime.write(&slot, &whole("two")).expect("written");
        assert_ne!(fs::metadata(&path).expect("there").ino(), inode);
    }

    #[test]
    fn a_disk_is_refused_unless_it_is_allowed() {
        let dir = tempfile::tempdir_in(env!("CARGO_MANIFEST_DIR")).expect("a directory");
        let instance = "here".parse().expect("an instance");
        let on = |allow_disk| {
            let runtime = Runtime::new(dir.path(), &instance, allow_disk);
            runtime.write(&runtime.slot(&Uid::new("01J"), &volume(r#"{"name": "db"}"#), None), &whole("x"))
        };
        let problem = on(false).expect_err("refused");
        assert!(problem.message.contains("not in memory") && problem.help.contains("--runtime-dir"), "{problem:?}");
        assert!(on(true).is_ok());
    }

    #[test]
    fn slots_that_nobody_needs_and_whole_workspaces_are_removed() {
        let (_dir, runtime) = runtime();
        let uid = Uid::new("../../odd");
        let [old, new] =
            [r#"{"name": "a"}"#, r#"{"name": "a", "mode": "0444"}"#].map(|it| runtime.slot(&uid, &volume(it), None));
        for slot in [&old, &new] {
            assert!(slot.path.starts_with(&runtime.base), "{slot:?}");
            runtime.write(slot, &whole("x")).expect("written");
        }
        runtime.keep(uid.as_str(), std::slice::from_ref(&new)).expect("removed");
        assert!(!old.is_written() && new.is_written());
        runtime.keep(uid.as_str(), &[]).expect("removed");
        assert!(!new.is_written() && runtime.workspaces().is_empty());
        runtime.keep(uid.as_str(), &[]).expect("nothing to remove");
    }

    #[test]
    fn the_owner_is_a_user_by_number() {
        assert_eq!(Owner::parse("1000"), Some(Owner { user: 1000, group: None }));
        assert_eq!(Owner::parse("1000:50"), Some(Owner { user: 1000, group: Some(50) }));
        assert_eq!(Owner::parse("app:app"), None);
    }
}
