//! The directory of secrets: finding one, making sure that it is private, reading it.

use std::collections::BTreeMap;
use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::fs::{Mode, OFlags};
use secrecy::SecretSlice;

use super::content::Content;
use super::programs::{Decrypt, Program};
use super::{LARGEST_VALUE, Problem};
use crate::model::Name;
use crate::model::spec::SecretKey;

/// A file that changed this long ago has a stamp that tells its next change: clocks of file systems tick in milliseconds.
const SETTLED: Duration = Duration::from_secs(1);

/// What can hold a secret, by the end of its name, with the program that decrypts it.
const FORMS: [(&str, Option<Program>); 5] = [
    ("", None),
    (".age", Some(Program::Age)),
    (".sops.yaml", Some(Program::Sops)),
    (".sops.json", Some(Program::Sops)),
    (".sops.env", Some(Program::Sops)),
];

/// Where a secret was found.
#[derive(Debug)]
pub(super) struct Found {
    path: PathBuf,
    form: Form,
}

#[derive(Debug)]
enum Form {
    File,
    /// The files of a directory, by key.
    Directory(BTreeMap<SecretKey, PathBuf>),
    Encrypted(Program),
}

/// By which a change of files is noticed without reading them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stamp(Vec<FileStamp>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct FileStamp {
    path: PathBuf,
    identity: (u64, u64),
    bytes: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    /// Whether a later change will show, so that what is read now may be relied on while the stamp stays.
    pub(super) fn is_settled(&self, now: SystemTime) -> bool {
        let now = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        let since_epoch = |(seconds, nanos): (i64, i64)| {
            Duration::new(seconds.try_into().unwrap_or(0), nanos.try_into().unwrap_or(0))
        };
        self.0.iter().all(|it| since_epoch(it.changed) + SETTLED < now)
    }
}

fn stamp(path: &Path, found: &Metadata) -> FileStamp {
    FileStamp {
        path: path.to_owned(),
        identity: (found.dev(), found.ino()),
        bytes: found.size(),
        modified: (found.mtime(), found.mtime_nsec()),
        changed: (found.ctime(), found.ctime_nsec()),
    }
}

/// Finds a secret. Everything on the way to it has to be private.
pub(super) fn find(dir: &Path, name: &Name) -> Result<Found, Problem> {
    let dir = dir.canonicalize().map_err(|error| {
        Problem::reading(dir.display(), error, "correct --secrets-dir, or make the directory with mode 0700")
    })?;
    private(&dir, true)?;
    let candidates = FORMS.iter().map(|(end, program)| (dir.join(format!("{name}{end}")), *program));
    let mut there = candidates.filter(|(path, _)| path.symlink_metadata().is_ok());
    let shown = format!("secret `{name}`");
    let Some((path, program)) = there.next() else {
        let message = format!("{} holds no such secret", dir.display());
        let help = format!("provide {name}, {name}.age or {name}.sops.yaml there, or correct the name");
        return Err(Problem::reading(shown, message, help));
    };
    if let Some((other, _)) = there.next() {
        let message = format!("both {} and {} hold it", path.display(), other.display());
        return Err(Problem::reading(shown, message, "keep one of them"));
    }
    let path = within(&dir, &path)?;
    let form = match program {
        Some(program) => Form::Encrypted(program),
        None if path.is_dir() => Form::Directory(keys(&dir, &path)?),
        None => Form::File,
    };
    Ok(Found { path, form })
}

impl Found {
    /// The stamps of all that reading it depends on. Also makes sure that all of it is private.
    pub(super) fn stamp(&self) -> Result<Stamp, Problem> {
        let stamp_of = |path: &Path, is_dir| private(path, is_dir).map(|found| stamp(path, &found));
        let mut stamps = vec![stamp_of(&self.path, matches!(self.form, Form::Directory(_)))?];
        if let Form::Directory(keys) = &self.form {
            for path in keys.values() {
                stamps.push(stamp_of(path, false)?);
            }
        }
        Ok(Stamp(stamps))
    }

    pub(super) fn read(&self, programs: &dyn Decrypt) -> Result<Content, Problem> {
        match &self.form {
            Form::File => read(&self.path).map(Content::Whole),
            Form::Directory(keys) => {
                let values = keys.iter().map(|(key, path)| Ok((key.clone(), read(path)?)));
                values.collect::<Result<_, _>>().map(Content::Keys)
            }
            Form::Encrypted(program) => {
                // Opened and checked here: `age` reads what was checked.
                let file = open(&self.path)?;
                let decrypted = programs.decrypt(*program, &self.path, file)?;
                match program {
                    Program::Age => Ok(Content::Whole(decrypted)),
                    Program::Sops => Content::of_json(&decrypted, &self.path.display().to_string()),
                }
            }
        }
    }
}

/// The files of a directory that can be keys. Others (`x~`, directories) are what editors and tools leave there.
fn keys(dir: &Path, path: &Path) -> Result<BTreeMap<SecretKey, PathBuf>, Problem> {
    let unreadable =
        |error: io::Error| Problem::reading(path.display(), error, "check the directory and who may read it");
    let mut keys = BTreeMap::new();
    for entry in fs::read_dir(path).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let key = entry.file_name().to_str().and_then(|name| name.parse::<SecretKey>().ok());
        let Some(key) = key else { continue };
        let file = within(dir, &entry.path())?;
        if file.is_file() {
            keys.insert(key, file);
        }
    }
    Ok(keys)
}

/// Where a path leads to, which must not be outside of the directory.
fn within(dir: &Path, path: &Path) -> Result<PathBuf, Problem> {
    let to = path.canonicalize().map_err(|error| {
        Problem::reading(path.display(), error, "correct the symbolic link, or provide the file in its place")
    })?;
    if to.starts_with(dir) {
        return Ok(to);
    }
    let message = format!("it is a symbolic link that leaves {}", dir.display());
    Err(Problem::reading(path.display(), message, "put the file itself there"))
}

/// What is at a path that has to be private: ours, and nobody else may do anything with it.
pub(super) fn private(path: &Path, is_dir: bool) -> Result<Metadata, Problem> {
    let found = path
        .symlink_metadata()
        .map_err(|error| Problem::reading(path.display(), error, "check the path and who may read it"))?;
    if found.is_dir() == is_dir && (is_dir || found.is_file()) {
        judge(path, &found).map(|()| found)
    } else {
        let expected = if is_dir { "directory" } else { "file" };
        Err(Problem::reading(path.display(), format!("it is no {expected}"), format!("provide a {expected} there")))
    }
}

fn judge(path: &Path, found: &Metadata) -> Result<(), Problem> {
    let shown = path.display();
    let us = rustix::process::geteuid().as_raw();
    if found.uid() != us {
        let message = format!("it belongs to user {}, and the controller runs as {us}", found.uid());
        return Err(Problem::reading(&shown, message, format!("chown {us} {shown}")));
    }
    let right = if found.is_dir() { 0o700 } else { 0o600 };
    if found.mode() & 0o7777 & !right != 0 {
        let message = format!("its mode {:04o} gives more than its owner needs", found.mode() & 0o7777);
        return Err(Problem::reading(&shown, message, format!("chmod {right:04o} {shown}")));
    }
    Ok(())
}

/// Opens a private file. What is judged is what was opened, whatever takes its place meanwhile.
fn open(path: &Path) -> Result<File, Problem> {
    let unreadable = |error: io::Error| Problem::reading(path.display(), error, "check who may read it");
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file = File::from(rustix::fs::open(path, flags, Mode::empty()).map_err(|error| unreadable(error.into()))?);
    let found = file.metadata().map_err(unreadable)?;
    if !found.is_file() {
        return Err(Problem::reading(path.display(), "it is no file", "provide a file there"));
    }
    judge(path, &found)?;
    Ok(file)
}

fn read(path: &Path) -> Result<SecretSlice<u8>, Problem> {
    let file = open(path)?;
    // As large as it may become, so that no copy is left behind by growing.
    let mut bytes = Vec::with_capacity(usize::try_from(LARGEST_VALUE).unwrap_or(0) + 1);
    let read = file.take(LARGEST_VALUE + 1).read_to_end(&mut bytes);
    let bytes = SecretSlice::from(bytes);
    let count = read.map_err(|error| Problem::reading(path.display(), error, "check the disk"))?;
    if count as u64 > LARGEST_VALUE {
        let message = format!("it is larger than {LARGEST_VALUE} bytes");
        return Err(Problem::reading(path.display(), message, "provide a file that is the secret and nothing else"));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use secrecy::ExposeSecret;
    use tempfile::TempDir;

    use super::*;
    use crate::secrets::programs::Programs;

    fn directory() -> TempDir {
        let dir = tempfile::tempdir().expect("a directory");
        mode(dir.path(), 0o700);
        dir
    }

    fn mode(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("permitted");
    }

    fn write(path: &Path, text: &str) {
        fs::create_dir_all(path.parent().expect("a parent")).expect("made");
        fs::write(path, text).expect("written");
        mode(path, 0o600);
    }

    fn look(dir: &Path, name: &str) -> Result<Content, Problem> {
        let found = find(dir, &name.parse().expect("a name"))?;
        found.stamp()?;
        found.read(&Programs::new(None))
    }

    #[test]
    fn a_secret_is_a_file_or_a_directory_of_files() {
        let dir = directory();
        write(&dir.path().join("token"), "t0ken\n");
        write(&dir.path().join("db/user"), "admin");
        write(&dir.path().join("db/password~"), "an editor's");
        mode(&dir.path().join("db"), 0o700);
        let token = look(dir.path(), "token").and_then(|it| it.single("token")).expect("read");
        assert_eq!(token.expose_secret(), b"t0ken\n");
        let Content::Keys(keys) = look(dir.path(), "db").expect("read") else { panic!("no keys") };
        assert_eq!(keys.keys().map(SecretKey::as_str).collect::<Vec<_>>(), ["user"]);
    }

    #[test]
    fn what_others_may_read_is_refused_with_the_command_that_puts_it_right() {
        let dir = directory();
        let (file, keys) = (dir.path().join("token"), dir.path().join("db"));
        write(&file, "canary");
        write(&keys.join("a"), "canary");
        mode(&keys, 0o700);
        for (path, wrong, name, right) in [
            (dir.path(), 0o750, "token", "chmod 0700"),
            (&file, 0o640, "token", "chmod 0600"),
            (&file, 0o700, "token", "chmod 0600"),
            (&keys, 0o755, "db", "chmod 0700"),
            (&keys.join("a"), 0o604, "db", "chmod 0600"),
        ] {
            let before = fs::metadata(path).expect("there").permissions();
            mode(path, wrong);
            let problem = look(dir.path(), name).expect_err("refused");
            let shown = path.canonicalize().expect("there");
            assert_eq!(problem.help, format!("{right} {}", shown.display()), "{problem:?}");
            assert!(!format!("{problem:?}").contains("canary"));
            fs::set_permissions(path, before).expect("permitted");
        }
        mode(&file, 0o400);
        assert!(look(dir.path(), "token").is_ok(), "0400 is as private");
    }

    #[test]
    fn links_may_not_leave_the_directory() {
        let (dir, outside) = (directory(), directory());
        write(&outside.path().join("x"), "canary");
        write(&dir.path().join("versions"), "one");
        symlink(outside.path().join("x"), dir.path().join("leaves")).expect("linked");
        symlink("versions", dir.path().join("stays")).expect("linked");
        symlink("nowhere", dir.path().join("dangles")).expect("linked");
        assert!(look(dir.path(), "stays").is_ok());
        assert!(look(dir.path(), "leaves").expect_err("refused").message.contains("leaves"));
        assert!(look(dir.path(), "dangles").expect_err("refused").help.contains("symbolic link"));
    }

    #[test]
    fn what_is_missing_twice_there_too_large_or_no_file_is_told() {
        let dir = directory();
        assert!(look(dir.path(), "db").expect_err("missing").message.contains("holds no such secret"));
        write(&dir.path().join("db"), "x");
        write(&dir.path().join("db.age"), "x");
        assert_eq!(look(dir.path(), "db").expect_err("twice").help, "keep one of them");
        write(&dir.path().join("large"), &"x".repeat(131_073));
        assert!(look(dir.path(), "large").expect_err("large").message.contains("131072 bytes"));
        rustix::fs::mknodat(rustix::fs::CWD, dir.path().join("pipe"), rustix::fs::FileType::Fifo, Mode::RUSR, 0)
            .expect("made");
        assert_eq!(look(dir.path(), "pipe").expect_err("a pipe").message, "it is no file");
    }

    #[test]
    fn a_change_shows_in_the_stamp() {
        let dir = directory();
        let path = dir.path().join("db/a");
        write(&path, "one");
        mode(&dir.path().join("db"), 0o700);
        let name: Name = "db".parse().expect("a name");
        let stamp = || find(dir.path(), &name).and_then(|found| found.stamp()).expect("private");
        let before = stamp();
        assert_eq!(before, stamp());
        assert!(!before.is_settled(SystemTime::now()) && before.is_settled(SystemTime::now() + 2 * SETTLED));
        write(&dir.path().join("db/new"), "two");
        fs::rename(dir.path().join("db/new"), &path).expect("renamed");
        assert_ne!(before, stamp());
    }
}
