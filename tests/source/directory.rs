//! What belongs to a source, what does not, and what cannot be read.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::process::Command;
use std::sync::mpsc;
use std::time::Duration;

use wharf::source::{Directory, Reading, SourceFile};

use crate::support::{Tree, content, declared, declares, paths, scan_until, unreadable};

#[test]
fn manifests_are_found_at_any_depth_and_nothing_else_is() {
    let tree = Tree::new();
    fs::create_dir_all(tree.path("team/inner")).unwrap();
    fs::create_dir_all(tree.path(".wharf")).unwrap();
    fs::create_dir_all(tree.path("status")).unwrap();
    for (path, name) in [("a.yaml", "a"), ("team/b.yml", "b"), ("team/inner/c.json", "c")] {
        tree.save(path, name, "one");
    }
    let leftovers = ["a.yaml~", "#a.yaml#", ".a.yaml.swp", "a.yaml.bak", "a.tmp", "4913", "README.md"];
    for path in [".hidden.yaml", ".wharf/x.yaml", "status/y.yaml", "a.status.yaml"].iter().chain(&leftovers) {
        tree.save(path, "unwanted", "one");
    }
    let mut directory = Directory::new(tree.root(), vec![tree.path("status")]);
    let reading = directory.scan();
    assert_eq!(paths(&reading), ["a.yaml", "team/b.yml", "team/inner/c.json"]);
    assert_eq!(content(&reading, "team/inner/c.json").directory, tree.path("team/inner"));
}

/// Fault 4, on a thread of its own: nothing of this may hang.
#[test]
fn what_is_no_file_is_unreadable_and_hangs_nothing() {
    let tree = Tree::new();
    tree.save("good.yaml", "good", "one");
    assert!(Command::new("mkfifo").arg(tree.path("pipe.yaml")).status().unwrap().success());
    fs::create_dir(tree.path("directory.yaml")).unwrap();
    let _socket = UnixListener::bind(tree.path("socket.yaml")).unwrap();
    symlink("nowhere", tree.path("dangling.yaml")).unwrap();
    symlink("nowhere", tree.path("dangling-directory")).unwrap();
    symlink("loop.yaml", tree.path("loop.yaml")).unwrap();
    symlink("/dev/zero", tree.path("device.yaml")).unwrap();
    let mut directory = tree.directory();
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || sender.send(directory.scan()));
    let reading = receiver.recv_timeout(Duration::from_secs(10)).expect("a scan that ends");
    for (path, reason, help) in [
        ("pipe.yaml", "named pipe", "move it"),
        ("directory.yaml", "directory", "rename it"),
        ("socket.yaml", "socket", "move it"),
        ("device.yaml", "device", "move it"),
        ("dangling.yaml", "No such file", "remove the link"),
        ("dangling-directory", "No such file", "remove the link"),
        ("loop.yaml", "symbolic link", "remove the symbolic link"),
    ] {
        let why = unreadable(&reading, path);
        assert!(why.contains(reason) && why.contains(help), "{path}: {why}");
    }
    assert!(declares(&["good=one"])(&reading));
}

#[test]
fn a_file_replaced_by_a_pipe_becomes_unreadable_not_absent() {
    let tree = Tree::new();
    tree.save("a.yaml", "a", "one");
    let mut directory = tree.directory();
    assert!(declares(&["a=one"])(&directory.scan()));
    fs::remove_file(tree.path("a.yaml")).unwrap();
    assert!(Command::new("mkfifo").arg(tree.path("a.yaml")).status().unwrap().success());
    assert!(unreadable(&directory.scan(), "a.yaml").contains("named pipe"));
}

/// Fault 4: permissions. Root reads everything, so as root this test runs itself once more without the capabilities for it.
#[test]
fn what_must_not_be_read_is_unreadable() {
    let test = "directory::what_must_not_be_read_is_unreadable";
    let root_can_read = {
        let tree = Tree::new();
        tree.save("probe", "probe", "one");
        forbid(&tree, "probe");
        fs::read(tree.path("probe")).is_ok()
    };
    if root_can_read {
        let mut child = Command::new("setpriv");
        child.args(["--inh-caps=-all", "--bounding-set=-all"]).arg(std::env::current_exe().unwrap());
        assert!(child.args(["--exact", test]).status().expect("setpriv of util-linux").success());
        return;
    }
    let tree = Tree::new();
    fs::create_dir(tree.path("closed")).unwrap();
    tree.save("closed/a.yaml", "a", "one");
    tree.save("b.yaml", "b", "one");
    tree.save("c.yaml", "c", "one");
    let mut directory = tree.directory();
    assert!(declares(&["a=one", "b=one", "c=one"])(&directory.scan()));
    forbid(&tree, "closed");
    forbid(&tree, "b.yaml");
    let reading = directory.scan();
    for path in ["closed", "b.yaml"] {
        let why = unreadable(&reading, path);
        assert!(why.contains("Permission denied") && why.contains("give the user who runs wharf"), "{path}: {why}");
    }
    assert_eq!(declared(&reading).last().map(String::as_str), Some("c=one"));
    forbid(&tree, "");
    let reading = directory.scan();
    permit(&tree, "");
    permit(&tree, "closed");
    assert!(matches!(&reading, Reading::Lost(why) if why.contains("Permission denied")), "{reading:?}");
}

fn forbid(tree: &Tree, path: &str) {
    chmod("0", tree, path);
}

fn permit(tree: &Tree, path: &str) {
    chmod("700", tree, path);
}

fn chmod(mode: &str, tree: &Tree, path: &str) {
    assert!(Command::new("chmod").arg(mode).arg(tree.path(path)).status().unwrap().success());
}

/// Fault 5.
#[test]
fn a_source_that_is_missing_or_no_directory_is_lost() {
    let tree = Tree::new();
    tree.save("a.yaml", "a", "one");
    for (path, reason) in [("missing", "cannot be reached"), ("a.yaml", "is not a directory")] {
        let reading = Directory::new(&tree.path(path), Vec::new()).scan();
        assert!(matches!(&reading, Reading::Lost(why) if why.contains(reason) && why.contains(path)), "{reading:?}");
    }
    let empty = Tree::new();
    assert!(declares(&[])(&empty.directory().scan()), "an empty directory was read completely");
}

#[test]
fn links_are_followed_and_loops_cut() {
    let (tree, elsewhere) = (Tree::new(), Tree::new());
    elsewhere.save("b.yaml", "b", "one");
    tree.save("a.yaml", "a", "one");
    fs::create_dir(tree.path("team")).unwrap();
    symlink("..", tree.path("team/back")).unwrap();
    symlink(".", tree.path("self")).unwrap();
    symlink(elsewhere.root(), tree.path("elsewhere")).unwrap();
    symlink(elsewhere.path("b.yaml"), tree.path("c.yaml")).unwrap();
    let reading = tree.directory().scan();
    assert_eq!(paths(&reading), ["a.yaml", "c.yaml", "elsewhere/b.yaml"]);
    assert_eq!(content(&reading, "elsewhere/b.yaml").directory, tree.path("elsewhere"));
}

#[test]
fn a_name_that_is_not_utf8_is_unreadable_under_a_similar_one() {
    let tree = Tree::new();
    fs::write(tree.root().join(OsStr::from_bytes(b"a\xff.yaml")), "").unwrap();
    fs::create_dir(tree.root().join(OsStr::from_bytes(b"d\xff"))).unwrap();
    fs::write(tree.root().join(OsStr::from_bytes(b"d\xff/b.yaml")), "").unwrap();
    let reading = tree.directory().scan();
    for path in ["a\u{fffd}.yaml", "d\u{fffd}/b.yaml"] {
        assert!(unreadable(&reading, path).contains("UTF-8"), "{reading:?}");
    }
}

#[test]
fn a_tree_that_is_too_deep_says_where() {
    let tree = Tree::new();
    let deep = vec!["d"; 70].join("/");
    fs::create_dir_all(tree.path(&deep)).unwrap();
    tree.save(&format!("{deep}/a.yaml"), "a", "one");
    tree.save("d/b.yaml", "b", "one");
    let reading = tree.directory().scan();
    assert!(declares(&["b=one"])(&reading));
    assert!(unreadable(&reading, &vec!["d"; 64].join("/")).contains("directories above this one"), "{reading:?}");
}

#[test]
fn too_many_files_are_said_to_be_too_many() {
    let tree = Tree::new();
    let one = tree.path("0.yaml");
    tree.save("0.yaml", "a", "one");
    for index in 1..=20_000 {
        fs::hard_link(&one, tree.path(&format!("{index}.yaml"))).unwrap();
    }
    let reading = tree.directory().scan();
    assert!(unreadable(&reading, ".").contains("20000 or more manifest files"));
    assert_eq!(paths(&reading).len(), 20_001);
}

#[test]
fn a_huge_file_is_not_read_to_its_end() {
    let tree = Tree::new();
    let file = fs::File::create(tree.path("huge.yaml")).unwrap();
    file.set_len(1 << 40).unwrap();
    drop(file);
    let mut directory = tree.directory();
    let read = |reading: &Reading| matches!(crate::support::file(reading, "huge.yaml"), SourceFile::Read(_));
    let reading = scan_until(&mut directory, "the huge file", read);
    assert!(!content(&reading, "huge.yaml").manifest.errors.is_empty());
}

/// Unchanged files are not read again. Their times must be older than the clock's ticks first, so this takes seconds.
#[test]
fn files_that_do_not_change_are_not_read_again() {
    let tree = Tree::new();
    for index in 0..100 {
        tree.save(&format!("{index}.yaml"), &format!("w{index}"), "one");
    }
    let mut directory = tree.directory();
    let first = directory.scan();
    let quiet = std::cell::Cell::new(0);
    let begun = std::time::Instant::now();
    while quiet.get() < 3 {
        let before = directory.reads();
        assert_eq!(directory.scan(), first);
        quiet.set(if directory.reads() == before { quiet.get() + 1 } else { 0 });
        assert!(begun.elapsed() < Duration::from_secs(20), "files are read for ever: {}", directory.reads());
    }
    tree.save("7.yaml", "w7", "two");
    scan_until(&mut directory, "the change", |reading| declared(reading).contains("w7=two"));
    let reading = directory.scan();
    assert!(std::sync::Arc::ptr_eq(content(&first, "8.yaml"), content(&reading, "8.yaml")));
}
