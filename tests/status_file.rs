//! Status files against readers, people, crashes and full disks.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};
use wharf::model::WorkspaceStatus;
use wharf::status_file::{StatusFileError, StatusFiles, Unreadable, Written};
use wharf::yaml;

const EARLY: &str = "2026-01-31T12:00:00Z";
const LATE: &str = "2026-02-01T08:30:00Z";

/// A status with every field that there is, and every time the same.
fn full(name: &str, manifest: &str, time: &str) -> Value {
    let conditions = ["Accepted", "Reconciled", "Ready", "Held", "Alerting"].map(|kind| {
        json!({"type": kind, "status": "True", "reason": "Valid", "message": "", "observedGeneration": 3,
               "lastTransitionTime": time})
    });
    let error = json!({"class": "Network", "message": "the registry does not answer", "time": time});
    json!({
        "apiVersion": "wharf/v1",
        "kind": "WorkspaceStatus",
        "metadata": {"name": name, "uid": "01J", "generation": 3, "labels": {"team": "payments"}, "manifest": manifest,
                     "creationTimestamp": time},
        "status": {
            "phase": "Active",
            "observedGeneration": 3,
            "summary": "running, healthy",
            "conditions": conditions,
            "container": {"id": "c0ffee", "name": "wharf-x", "image": "dev:1.4", "imageId": "sha256:1", "state": "running",
                          "health": "healthy", "exitCode": 0, "oomKilled": false, "startedAt": time, "restarts": 1,
                          "ip": "172.17.0.2", "ports": ["127.0.0.1:18080->8080/tcp"]},
            "retry": {"attempts": 2, "nextAttemptTime": time, "lastError": error},
            "requested": {"state": "Running", "restart": true, "time": time},
            "lastAction": {"action": "start", "cause": "not running", "result": "Succeeded", "time": time},
            "metrics": {"cpuPercent": 7, "memoryBytes": 1, "memoryLimitBytes": 2, "networkRxBytes": 3, "networkTxBytes": 4,
                        "blockReadBytes": 5, "blockWriteBytes": 6, "pids": 7, "errorCount": 8, "lastErrorTime": time,
                        "time": time},
            "alerts": [{"metric": "cpu", "above": "90%", "since": time}],
            "events": [{"type": "Normal", "reason": "Started", "message": "started", "count": 2, "firstTime": time,
                        "lastTime": time}],
        },
    })
}

fn parsed(status: Value) -> WorkspaceStatus {
    serde_json::from_value(status).expect("a valid status")
}

fn status(name: &str, manifest: &str, time: &str) -> WorkspaceStatus {
    parsed(full(name, manifest, time))
}

fn summarized(summary: &str) -> WorkspaceStatus {
    let mut status = full("x", "x.yaml", EARLY);
    status["status"]["summary"] = json!(summary);
    parsed(status)
}

fn temp() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary directory")
}

fn read(path: &Path) -> Vec<WorkspaceStatus> {
    yaml::from_str(&fs::read_to_string(path).expect("a readable file")).expect("a status file parses")
}

/// What tells one writing of a file from the next.
fn identity(path: &Path) -> (u64, i64, i64) {
    let metadata = fs::symlink_metadata(path).expect("the file is there");
    (metadata.ino(), metadata.mtime(), metadata.mtime_nsec())
}

fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).expect("a directory").flatten();
    let mut names: Vec<_> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[test]
fn what_is_written_is_read_again() {
    let dir = temp();
    fs::create_dir(dir.path().join("team")).expect("made");
    let files = StatusFiles::new(dir.path(), None);
    let documents = [status("b", "team/x.yaml", EARLY), status("a", "team/x.yaml", LATE)];
    assert_eq!(files.write("team/x.yaml", &documents).expect("written"), Written::Written);

    let path = files.path_of("team/x.yaml").expect("a path");
    assert_eq!(path, dir.path().join("team/x.status.yaml"));
    assert_eq!(read(&path), documents, "in the manifest's order");
    let text = fs::read_to_string(&path).expect("text");
    assert_eq!(text.lines().next(), Some("# Written by Wharf; edits are overwritten."));
    assert_eq!(fs::metadata(&path).expect("metadata").permissions().mode() & 0o7777, 0o644);
    assert_eq!(names(&dir.path().join("team")), ["x.status.yaml"], "nothing else is left");
    let found = files.read_all().expect("read");
    assert_eq!(found.iter().map(|one| &one.path).collect::<Vec<_>>(), [&path, &path]);
    let all: Vec<_> = found.into_iter().map(|one| one.status.expect("valid")).collect();
    assert_eq!(all, [documents[1].clone(), documents[0].clone()], "by name");
}

#[test]
fn times_alone_are_no_reason_to_write() {
    let dir = temp();
    let files = StatusFiles::new(dir.path(), None);
    let path = files.path_of("x.yaml").expect("a path");
    files.write("x.yaml", &[status("x", "x.yaml", EARLY)]).expect("written");
    let before = identity(&path);
    assert_eq!(files.write("x.yaml", &[status("x", "x.yaml", LATE)]).expect("compared"), Written::Unchanged);
    // Nor for another run, which remembers nothing.
    let later = StatusFiles::new(dir.path(), None);
    assert_eq!(later.write("x.yaml", &[status("x", "x.yaml", LATE)]).expect("compared"), Written::Unchanged);
    assert_eq!(identity(&path), before);
}

/// Changes each value of a full status in turn. That covers fields of later versions too, as long as [`full`] has them.
#[test]
fn anything_but_a_time_is_a_reason_to_write() {
    let dir = temp();
    let files = StatusFiles::new(dir.path(), None);
    let base = full("x", "x.yaml", EARLY);
    let mut leaves = Vec::new();
    collect_leaves(&base, String::new(), &mut leaves);
    let mut changed = 0;
    for pointer in &leaves {
        files.write("x.yaml", &[parsed(base.clone())]).expect("written");
        let mut other = base.clone();
        let leaf = other.pointer_mut(pointer).expect("a leaf");
        let is_time = *leaf == json!(EARLY);
        *leaf = different(leaf);
        // Some texts are words of a fixed set: another one that is not in it says nothing here.
        let Ok(other) = serde_json::from_value::<WorkspaceStatus>(other) else { continue };
        let expected = if is_time { Written::Unchanged } else { Written::Written };
        assert_eq!(files.write("x.yaml", &[other]).expect("compared"), expected, "{pointer}");
        changed += 1;
    }
    assert!(changed > 30, "{changed} of {leaves:?}");

    for (pointer, gone) in [("/status/retry", "nextAttemptTime"), ("/status", "lastAction"), ("/status", "container")] {
        files.write("x.yaml", &[parsed(base.clone())]).expect("written");
        let mut other = base.clone();
        other.pointer_mut(pointer).and_then(Value::as_object_mut).expect("an object").remove(gone);
        assert_eq!(files.write("x.yaml", &[parsed(other)]).expect("written"), Written::Written, "{gone}");
    }
}

#[test]
fn the_full_status_has_every_time_that_the_schema_knows() {
    fn collect_times(value: &Value, name: &str, times: &mut BTreeSet<String>) {
        match value {
            Value::Object(fields) if fields.get("format") == Some(&json!("date-time")) => {
                times.insert(name.to_owned());
            }
            Value::Object(fields) => fields.iter().for_each(|(key, value)| collect_times(value, key, times)),
            _ => {}
        }
    }
    let mut times = BTreeSet::new();
    collect_times(schemars::schema_for!(WorkspaceStatus).as_value(), "", &mut times);
    let full = full("x", "x.yaml", EARLY).to_string();
    assert!(times.len() >= 7, "{times:?}");
    for time in times {
        assert!(full.contains(&format!("\"{time}\":\"{EARLY}\"")), "add `{time}` to `full`, and to timeless.rs");
    }
}

fn collect_leaves(value: &Value, pointer: String, leaves: &mut Vec<String>) {
    match value {
        Value::Object(fields) => fields.iter().for_each(|(k, v)| collect_leaves(v, format!("{pointer}/{k}"), leaves)),
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(i, v)| collect_leaves(v, format!("{pointer}/{i}"), leaves));
        }
        _ => leaves.push(pointer),
    }
}

fn different(value: &Value) -> Value {
    match value {
        Value::Bool(flag) => json!(!flag),
        Value::Number(number) => json!(number.as_u64().unwrap_or(0) + 1),
        Value::String(text) if text == EARLY => json!(LATE),
        Value::String(text) if text == "True" => json!("False"),
        Value::String(text) => json!(format!("{text}-2")),
        _ => Value::Null,
    }
}

#[test]
fn a_reader_never_sees_part_of_a_file() {
    let dir = temp();
    let files = StatusFiles::new(dir.path(), None);
    let path = files.path_of("x.yaml").expect("a path");
    let documents = |number: u32| vec![summarized(&format!("number {number}")); 1 + (number % 7) as usize];
    files.write("x.yaml", &documents(0)).expect("written");
    let ended = AtomicBool::new(false);
    let reads = std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut reads = 0;
            while !ended.load(Ordering::Relaxed) {
                let seen = read(&path);
                let number = seen[0].status.summary.strip_prefix("number ").and_then(|n| n.parse().ok());
                assert_eq!(seen, documents(number.expect("a number")), "all of one writing");
                reads += 1;
            }
            reads
        });
        for number in 1..=500 {
            assert_eq!(files.write("x.yaml", &documents(number)).expect("written"), Written::Written);
        }
        ended.store(true, Ordering::Relaxed);
        reader.join().expect("the reader saw whole files only")
    });
    assert!(reads > 10, "{reads} reads");
    assert_eq!(names(dir.path()), ["x.status.yaml"]);
}

#[test]
fn what_people_do_to_a_status_file_is_undone() {
    let dir = temp();
    let files = StatusFiles::new(dir.path(), None);
    let path = files.path_of("x.yaml").expect("a path");
    let elsewhere = dir.path().join("precious.txt");
    fs::write(&elsewhere, "precious").expect("written");
    let documents = [summarized("running")];
    let actions: [(&str, &dyn Fn()); 5] = [
        ("removed", &|| fs::remove_file(&path).expect("removed")),
        ("broken", &|| fs::write(&path, "a: [").expect("written")),
        ("emptied", &|| fs::write(&path, "").expect("written")),
        ("edited", &|| {
            let text = fs::read_to_string(&path).expect("text");
            fs::write(&path, text.replace("running", "rubbish")).expect("written");
        }),
        ("linked away", &|| {
            fs::remove_file(&path).expect("removed");
            symlink(&elsewhere, &path).expect("linked");
        }),
    ];
    for (what, action) in actions {
        files.write("x.yaml", &documents).expect("written");
        action();
        assert_eq!(files.write("x.yaml", &documents).expect("written"), Written::Written, "{what}");
        assert!(fs::symlink_metadata(&path).expect("metadata").is_file(), "{what}");
        assert_eq!(read(&path), documents, "{what}");
        assert_eq!(files.write("x.yaml", &documents).expect("compared"), Written::Unchanged, "{what}");
    }
    assert_eq!(fs::read_to_string(&elsewhere).expect("text"), "precious", "a link is never followed");
}

#[test]
fn a_tree_of_its_own_is_made_and_cleared_as_needed() {
    let (source, own) = (temp(), temp());
    let root = own.path().join("made/when/needed");
    let files = StatusFiles::new(source.path(), Some(&root));
    assert!(files.read_all().expect("nothing yet").is_empty());
    files.write("a/b/x.json", &[status("x", "a/b/x.json", EARLY)]).expect("written");
    files.write("a/y.yaml", &[status("y", "a/y.yaml", EARLY)]).expect("written");
    assert_eq!(names(&root.join("a")), ["b", "y.status.yaml"]);
    assert_eq!(names(&root.join("a/b")), ["x.json.status.yaml"]);
    assert!(names(source.path()).is_empty());

    files.remove("a/b/x.json").expect("removed");
    assert_eq!(names(&root.join("a")), ["y.status.yaml"]);
    files.remove("a/y.yaml").expect("removed");
    files.remove("a/y.yaml").expect("that there is none is fine");
    assert!(names(&root).is_empty());
    assert!(root.is_dir(), "the root stays");
}

#[test]
fn nothing_is_written_outside_or_into_directories_that_are_gone() {
    let dir = temp();
    let source = dir.path().join("source");
    fs::create_dir(&source).expect("made");
    for files in [StatusFiles::new(&source, None), StatusFiles::new(dir.path(), Some(&source))] {
        for manifest in ["../x.yaml", "/x.yaml", "a/../../x.yaml", "x.txt"] {
            let error = files.write(manifest, &[summarized("x")]).expect_err("refused");
            assert!(matches!(error, StatusFileError::NotAManifest { .. }), "{error:?}");
            files.remove(manifest).expect_err("refused");
        }
    }
    let files = StatusFiles::new(&source, None);
    let error = files.write("gone/x.yaml", &[summarized("x")]).expect_err("the directory is gone");
    assert!(matches!(error, StatusFileError::Write { .. }), "{error:?}");
    assert_eq!(names(dir.path()), ["source"]);
    assert!(names(&source).is_empty());
}

#[test]
fn leftovers_of_an_earlier_run_are_found() {
    let dir = temp();
    let files = StatusFiles::new(dir.path(), None);
    for folder in ["a", "a/b", ".hidden"] {
        fs::create_dir(dir.path().join(folder)).expect("made");
    }
    for manifest in ["x.yaml", "y.json", "a/b/z.yaml", ".hidden/h.yaml"] {
        files.write(manifest, &[status("x", manifest, EARLY)]).expect("written");
    }
    let text = fs::read_to_string(dir.path().join("x.status.yaml")).expect("text");
    for (path, text) in [
        ("broken.status.yaml", "a: ["),
        ("empty.status.yaml", ""),
        ("foreign.status.yaml", "kind: Other"),
        ("copied.status.yaml", text.as_str()),
        ("a/.x.status.yaml.aB3xYz", "half"),
        ("a/.x.status.yaml.swp", "an editor's"),
    ] {
        fs::write(dir.path().join(path), text).expect("written");
    }
    symlink(dir.path().join("x.status.yaml"), dir.path().join("linked.status.yaml")).expect("linked");
    symlink(dir.path(), dir.path().join("a/loop")).expect("linked");

    let known = BTreeSet::from(["x.yaml".to_owned()]);
    let stale = files.stale(&known).expect("listed");
    assert_eq!(stale, ["a/b/z.yaml", "y.json"], "only what Wharf wrote, and where it wrote it");
    for manifest in &stale {
        files.remove(manifest).expect("removed");
    }
    assert!(files.stale(&known).expect("listed").is_empty());
    assert_eq!(names(&dir.path().join("a/b")), Vec::<String>::new(), "beside manifests, directories are people's");

    files.remove_temporaries().expect("removed");
    assert_eq!(names(&dir.path().join("a")), [".x.status.yaml.swp", "b", "loop"]);
}

#[test]
fn one_unreadable_file_does_not_hide_the_others() {
    let dir = temp();
    let files = StatusFiles::new(dir.path(), None);
    for name in ["c", "a", "b"] {
        let manifest = format!("{name}.yaml");
        files.write(&manifest, &[status(name, &manifest, EARLY)]).expect("written");
    }
    fs::write(dir.path().join("a-broken.status.yaml"), "secret: [").expect("written");
    let found = files.read_all().expect("listed");
    let told: Vec<_> = found.iter().map(|one| one.status.as_ref().map_or("-", |it| &it.metadata.name)).collect();
    assert_eq!(told, ["a", "b", "c", "-"]);
    let broken = found.last().expect("four");
    assert_eq!(broken.path, dir.path().join("a-broken.status.yaml"));
    let Err(error @ Unreadable::Form(_)) = &broken.status else { panic!("{broken:?}") };
    assert!(!error.to_string().contains("secret"), "{error}");

    let error = StatusFiles::new(&dir.path().join("nowhere"), None).read_all().expect_err("no source");
    assert!(error.to_string().contains("nowhere"), "{error}");
}

/// A small file system, unmounted at the end. `None` where mounting is not permitted, which is told: no other way fills a
/// disk, or stops root from writing, for one test alone. Where the tests run as root, as in CI, it is permitted.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    fn new() -> Option<Self> {
        let mount = temp();
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=1m", "tmpfs"]).arg(mount.path()).status();
        if mounted.is_ok_and(|status| status.success()) {
            return Some(Self(mount));
        }
        eprintln!("NOT TESTED: mounting a tmpfs is not permitted here; run as root");
        None
    }

    fn remount(&self, option: &str) {
        let options = format!("remount,{option}");
        let status = Command::new("mount").args(["-o", &options]).arg(self.0.path()).status();
        assert!(status.expect("mount runs").success());
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(self.0.path()).status();
    }
}

#[test]
fn a_full_disk_is_told_and_recovered_from() {
    let Some(disk) = SmallDisk::new() else { return };
    let ballast = disk.0.path().join("ballast");
    let fill = || while fs::OpenOptions::new().create(true).append(true).open(&ballast).is_ok_and(filled) {};
    survives(&disk, "there is no space left", fill, || fs::remove_file(&ballast).expect("removed"));
}

#[test]
fn a_read_only_disk_is_told_and_recovered_from() {
    let Some(disk) = SmallDisk::new() else { return };
    survives(&disk, "--status-dir", || disk.remount("ro"), || disk.remount("rw"));
}

fn survives(disk: &SmallDisk, advice: &str, cause: impl Fn(), cure: impl Fn()) {
    let files = StatusFiles::new(disk.0.path(), None);
    let path = files.path_of("x.yaml").expect("a path");
    files.write("x.yaml", &[summarized("before")]).expect("written");
    cause();
    for _ in 0..2 {
        let error = files.write("x.yaml", &[summarized("after")]).expect_err("cannot be written");
        let text = error.to_string();
        assert!(text.contains(&path.display().to_string()) && text.contains(advice), "{text}");
        assert!(std::error::Error::source(&error).is_some());
        assert_eq!(read(&path), [summarized("before")], "what it said, it says still");
    }
    cure();
    assert_eq!(files.write("x.yaml", &[summarized("after")]).expect("written"), Written::Written);
    assert_eq!(read(&path), [summarized("after")]);
    assert_eq!(names(disk.0.path()), ["x.status.yaml"], "failed attempts leave nothing behind");
}

/// Appends to a file; whether there was room.
fn filled(mut file: fs::File) -> bool {
    std::io::Write::write_all(&mut file, &[1; 4096]).is_ok()
}

#[test]
fn a_directory_in_the_place_of_a_status_file_is_told() {
    let dir = temp();
    let files = StatusFiles::new(dir.path(), None);
    let path: PathBuf = files.path_of("x.yaml").expect("a path");
    fs::create_dir(&path).expect("made");
    let error = files.write("x.yaml", &[summarized("x")]).expect_err("a directory is in the way");
    assert!(error.to_string().contains("a directory is in its place"), "{error}");
    assert_eq!(names(dir.path()), ["x.status.yaml"]);
}
