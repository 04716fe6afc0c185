//! The many ways to save a file. Whatever the way: one update, and never a moment without the workspace.

use std::fs::{self, File};
use std::io::Write;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use wharf::source::{Options, Reading};

use crate::support::{Followed, NEVER, Tree, assert_always_declared, content, declares, manifest, paths, scan_until};

/// Fault 1: what is half-written counts only when its writer closes it, though other files are read meanwhile.
#[tokio::test]
async fn a_writer_that_keeps_the_file_open_is_waited_for() {
    let tree = Tree::new();
    tree.save("a.yaml", "a", "one");
    let mut followed = tree.follow(NEVER);
    followed.until("the first reading", declares(&["a=one"])).await;

    let text = manifest("a", "two");
    let half = text.len() - 3;
    let mut writer = File::create(tree.path("a.yaml")).unwrap();
    tree.save("b.yaml", "b", "one");
    followed.until("the other file, this one truncated", declares(&["a=one", "b=one"])).await;
    writer.write_all(&text.as_bytes()[..half]).unwrap();
    tree.save("b.yaml", "b", "two");
    followed.until("the other file, this one half-written", declares(&["a=one", "b=two"])).await;
    writer.write_all(&text.as_bytes()[half..]).unwrap();
    drop(writer);
    followed.until("the whole file", declares(&["a=two", "b=two"])).await;
    assert_always_declared(&followed.readings, "a");
}

/// The same when nobody says that a file is closed.
#[tokio::test]
async fn a_file_that_was_written_a_moment_ago_is_not_believed_when_polling() {
    let tree = Tree::new();
    tree.save("a.yaml", "a", "one");
    let poll = std::time::Duration::from_millis(1);
    let mut followed = Followed::new(tree.root(), Vec::new(), Options { poll, watch: false });
    followed.until("the first reading", declares(&["a=one"])).await;

    for image in ["two", "three", "four", "five"] {
        let mut writer = File::create(tree.path("a.yaml")).unwrap();
        followed.readings.push(followed.source.scan().await);
        for byte in manifest("a", image).as_bytes() {
            writer.write_all(&[*byte]).unwrap();
            followed.readings.push(followed.source.scan().await);
        }
    }
    followed.until("the last save", declares(&["a=five"])).await;
    assert_always_declared(&followed.readings, "a");
    let read: Vec<_> = followed.readings.iter().map(|reading| &content(reading, "a.yaml").fingerprint).collect();
    assert!(
        read.windows(2).filter(|pair| pair[0] != pair[1]).count() <= 4,
        "nothing between the saves is ever believed"
    );
}

/// Fault 2, each way on its own, scanned over and over while it goes on.
#[tokio::test]
async fn no_way_of_saving_shows_a_moment_without_the_workspace() {
    type Save = fn(&Tree, &str);
    let ways: [(&str, Save); 6] = [
        ("in place", |tree, image| tree.save("a.yaml", "a", image)),
        ("by renaming a new file over the old", |tree, image| {
            tree.save("a.yaml.tmp", "a", image);
            fs::rename(tree.path("a.yaml.tmp"), tree.path("a.yaml")).unwrap();
        }),
        ("by renaming a new hidden file over the old", |tree, image| {
            tree.save(".a.yaml.swp", "a", image);
            fs::rename(tree.path(".a.yaml.swp"), tree.path("a.yaml")).unwrap();
        }),
        ("by renaming the old one away and writing a new one", |tree, image| {
            fs::rename(tree.path("a.yaml"), tree.path("a.yaml~")).unwrap();
            tree.save("a.yaml", "a", image);
            fs::remove_file(tree.path("a.yaml~")).unwrap();
        }),
        ("by removing the old one and writing a new one, as git does", |tree, image| {
            fs::remove_file(tree.path("a.yaml")).unwrap();
            tree.save("a.yaml", "a", image);
        }),
        ("with sed -i", |tree, image| {
            let script = format!("s/image: .*/image: {image}/");
            let status = Command::new("sed").arg("-i").arg(script).arg(tree.path("a.yaml")).status().unwrap();
            assert!(status.success());
        }),
    ];
    for (way, save) in ways {
        let tree = Arc::new(Tree::new());
        tree.save("a.yaml", "a", "v0");
        let mut followed = tree.follow(NEVER);
        followed.until("the first reading", declares(&["a=v0"])).await;
        let done = Arc::new(AtomicBool::new(false));
        let saver = std::thread::spawn({
            let (tree, done) = (Arc::clone(&tree), Arc::clone(&done));
            move || {
                (1..=20).for_each(|version| save(&tree, &format!("v{version}")));
                done.store(true, Ordering::Release);
            }
        });
        while !done.load(Ordering::Acquire) {
            followed.readings.push(followed.source.scan().await);
        }
        saver.join().unwrap();
        followed.until(way, declares(&["a=v20"])).await;
        assert_always_declared(&followed.readings, "a");
    }
}

/// Fault 3: an invalid file is there, with what is wrong in it.
#[tokio::test]
async fn an_invalid_file_is_reported_with_its_errors_until_it_is_valid_again() {
    let tree = Tree::new();
    tree.save("a.yaml", "a", "one");
    let mut followed = tree.follow(NEVER);
    followed.until("the first reading", declares(&["a=one"])).await;
    fs::write(tree.path("a.yaml"), "apiVersion: wharf/v1\nkind: [\n").unwrap();
    let has_errors = |reading: &Reading| !content(reading, "a.yaml").manifest.errors.is_empty();
    let reading = followed.until("the errors", has_errors).await;
    let error = &content(reading, "a.yaml").manifest.errors[0];
    assert_eq!(error.file, "a.yaml");
    assert!(error.line >= 2, "{error}");
    tree.save("a.yaml", "a", "two");
    followed.until("the valid file", declares(&["a=two"])).await;
}

/// An emptied file changes nothing before its writer had all the time it may need; after that it is an error.
#[test]
fn a_truncated_file_is_not_a_deletion() {
    let tree = Tree::new();
    tree.save("a.yaml", "a", "one");
    let mut directory = tree.directory();
    let before = directory.scan();
    File::create(tree.path("a.yaml")).unwrap();
    assert_eq!(directory.scan(), before);
    tree.save("a.yaml", "a", "two");
    scan_until(&mut directory, "the refilled file", declares(&["a=two"]));
}

#[test]
fn a_file_that_moves_is_in_one_place_in_every_reading() {
    let tree = Tree::new();
    fs::create_dir(tree.path("team")).unwrap();
    tree.save("a.yaml", "a", "one");
    let mut directory = tree.directory();
    directory.scan();
    let mut from = "a.yaml";
    for to in ["team/a.yaml", "b.yml", "team/c.json", "a.yaml"] {
        fs::rename(tree.path(from), tree.path(to)).unwrap();
        let reading = directory.scan();
        assert_eq!(paths(&reading), [to]);
        assert!(declares(&["a=one"])(&reading));
        from = to;
    }
}

#[tokio::test]
async fn a_removed_file_is_gone_soon_but_not_at_once() {
    let tree = Tree::new();
    tree.save("a.yaml", "a", "one");
    tree.save("b.yaml", "b", "one");
    let mut followed = tree.follow(NEVER);
    followed.until("the first reading", declares(&["a=one", "b=one"])).await;
    fs::remove_file(tree.path("a.yaml")).unwrap();
    let first = followed.source.scan().await;
    assert!(declares(&["a=one", "b=one"])(&first), "one scan is not enough: {first:?}");
    followed.until("the deletion", declares(&["b=one"])).await;
}

#[test]
fn a_save_that_changes_nothing_is_the_same_content() {
    let tree = Tree::new();
    tree.save("a.yaml", "a", "one");
    let mut directory = tree.directory();
    let before = directory.scan();
    tree.save("a.yaml", "a", "one");
    let after = directory.scan();
    assert!(Arc::ptr_eq(content(&before, "a.yaml"), content(&after, "a.yaml")));
}
