//! Being told of changes, and noticing those that nobody tells of.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::Duration;

use wharf::source::{Mode, Options, Reading};

use crate::support::{Followed, NEVER, Tree, assert_always_declared, declared, declares};

/// Short, where something is to be noticed by looking.
const SHORT: Duration = Duration::from_millis(20);
/// Long enough for an event that should not come.
const A_WHILE: Duration = Duration::from_millis(400);

fn is_lost(reading: &Reading) -> bool {
    matches!(reading, Reading::Lost(_))
}

#[tokio::test]
async fn nothing_happens_while_nothing_changes() {
    let tree = Tree::new();
    for index in 0..20 {
        tree.save(&format!("{index}.yaml"), &format!("w{index}"), "one");
    }
    let mut followed = tree.follow(NEVER);
    followed.until_quiet().await;
    // The files are young: each scan reads them again.
    assert!(followed.readings.len() < 10, "reading the files is not a change of them: {}", followed.readings.len());
    assert_eq!(followed.source.mode(), &Mode::Watching);
    followed.source.scan().await;
    assert!(!followed.speaks_within(A_WHILE).await);
}

/// Fault 10.
#[tokio::test]
async fn own_writes_and_excluded_directories_trigger_nothing() {
    let tree = Tree::new();
    let state = tree.path("state");
    fs::create_dir_all(&state).unwrap();
    fs::create_dir_all(tree.path(".wharf")).unwrap();
    tree.save("a.yaml", "a", "one");
    let mut followed = Followed::new(tree.root(), vec![state.clone()], Options { poll: NEVER, ..Options::default() });
    followed.until_quiet().await;
    for index in 0..10 {
        fs::write(tree.path(".a.status.yaml.tmp"), format!("{index}")).unwrap();
        fs::rename(tree.path(".a.status.yaml.tmp"), tree.path("a.status.yaml")).unwrap();
        fs::write(tree.path("a.status.yaml"), "in place").unwrap();
        fs::write(state.join("x.yaml"), format!("{index}")).unwrap();
        fs::write(tree.path(".wharf/db"), format!("{index}")).unwrap();
        fs::write(tree.path("notes.txt"), format!("{index}")).unwrap();
    }
    fs::remove_file(tree.path("a.status.yaml")).unwrap();
    assert!(!followed.speaks_within(A_WHILE).await);
    tree.save("a.yaml", "a", "two");
    followed.until("a change of the source's own", declares(&["a=two"])).await;
}

#[tokio::test]
async fn files_in_directories_made_a_moment_ago_are_noticed() {
    let tree = Tree::new();
    let mut followed = tree.follow(NEVER);
    followed.until_quiet().await;
    for round in 0..5 {
        let path = format!("d{round}/e/f/g");
        fs::create_dir_all(tree.path(&path)).unwrap();
        tree.save(&format!("{path}/a.yaml"), "a", "one");
        followed.until("the file in a new directory", declares(&["a=one"])).await;
        tree.save(&format!("{path}/a.yaml"), "a", "two");
        followed.until("its change", declares(&["a=two"])).await;
        fs::remove_dir_all(tree.path(&format!("d{round}"))).unwrap();
        followed.until("its removal", declares(&[])).await;
    }
}

#[tokio::test]
async fn directories_that_move_are_still_watched() {
    let tree = Tree::new();
    fs::create_dir_all(tree.path("d/inner")).unwrap();
    tree.save("d/inner/a.yaml", "a", "v0");
    let mut followed = tree.follow(NEVER);
    followed.until("the first reading", declares(&["a=v0"])).await;
    let moves = [("d", "e"), ("e", "f"), ("f", "d"), ("d", "e"), ("e", "d")];
    for (version, (from, to)) in (1..).zip(moves) {
        fs::rename(tree.path(from), tree.path(to)).unwrap();
        if version == 4 {
            // There and back, without a scan in between.
            continue;
        }
        followed.until_quiet().await;
        let image = format!("v{version}");
        tree.save(&format!("{to}/inner/a.yaml"), "a", &image);
        followed.until(&image, declares(&[&format!("a={image}")])).await;
    }
    assert_always_declared(&followed.readings, "a");
}

#[tokio::test]
async fn a_directory_removed_and_made_again_is_watched_again() {
    let tree = Tree::new();
    let mut followed = tree.follow(NEVER);
    followed.until_quiet().await;
    for round in 0..20 {
        fs::create_dir(tree.path("d")).unwrap();
        let image = format!("v{round}");
        tree.save("d/a.yaml", "a", &image);
        followed.until(&image, declares(&[&format!("a={image}")])).await;
        fs::remove_dir_all(tree.path("d")).unwrap();
    }
}

/// Faults 5 and 8.
#[tokio::test]
async fn a_root_removed_and_made_again_is_noticed_and_watched() {
    let parent = Tree::new();
    let root = parent.path("source");
    fs::create_dir(&root).unwrap();
    fs::write(root.join("a.yaml"), crate::support::manifest("a", "one")).unwrap();
    let mut followed = Followed::new(&root, Vec::new(), Options { poll: SHORT, watch: true });
    followed.until("the first reading", declares(&["a=one"])).await;
    fs::rename(&root, parent.path("away")).unwrap();
    followed.until("the loss", is_lost).await;
    assert!(
        followed.readings.iter().all(|reading| is_lost(reading) || declared(reading).contains("a=one")),
        "nothing was ever said to be deleted"
    );
    fs::create_dir(&root).unwrap();
    followed.until("the empty new directory", declares(&[])).await;
    assert_watched(&mut followed, &root).await;
}

/// Fault 8, git-sync: the source is a link that is swapped for another. No event tells of it.
#[tokio::test]
async fn a_swapped_link_to_the_root_is_noticed_and_the_new_tree_watched() {
    let parent = Tree::new();
    let root = parent.path("current");
    for (revision, image) in [("rev1", "one"), ("rev2", "two")] {
        fs::create_dir(parent.path(revision)).unwrap();
        parent.save(&format!("{revision}/a.yaml"), "a", image);
    }
    swap_link("rev1", &root);
    let mut followed = Followed::new(&root, Vec::new(), Options { poll: SHORT, watch: true });
    followed.until("the first revision", declares(&["a=one"])).await;
    swap_link("rev2", &root);
    followed.until("the second revision", declares(&["a=two"])).await;
    assert_always_declared(&followed.readings, "a");
    assert_watched(&mut followed, &root).await;
}

#[tokio::test]
async fn a_swapped_link_to_a_directory_is_noticed() {
    let (tree, elsewhere) = (Tree::new(), Tree::new());
    for (revision, image) in [("rev1", "one"), ("rev2", "two")] {
        fs::create_dir(elsewhere.path(revision)).unwrap();
        elsewhere.save(&format!("{revision}/a.yaml"), "a", image);
    }
    swap_link(elsewhere.path("rev1"), &tree.path("team"));
    let mut followed = tree.follow(SHORT);
    followed.until("the first revision", declares(&["a=one"])).await;
    swap_link(elsewhere.path("rev2"), &tree.path("team"));
    followed.until("the second revision", declares(&["a=two"])).await;
    assert_always_declared(&followed.readings, "a");
    assert_watched(&mut followed, &tree.path("team")).await;
}

/// Kubernetes mounts a `ConfigMap` as visible links through a hidden one, which it swaps: told of at once.
#[tokio::test]
async fn a_swapped_config_map_is_told_of() {
    let tree = Tree::new();
    for (revision, image) in [("..2025_1", "one"), ("..2025_2", "two")] {
        fs::create_dir(tree.path(revision)).unwrap();
        tree.save(&format!("{revision}/a.yaml"), "a", image);
    }
    swap_link("..2025_1", &tree.path("..data"));
    symlink("..data/a.yaml", tree.path("a.yaml")).unwrap();
    let mut followed = tree.follow(NEVER);
    followed.until("the first revision", declares(&["a=one"])).await;
    swap_link("..2025_2", &tree.path("..data"));
    followed.until("the second revision", declares(&["a=two"])).await;
    assert_always_declared(&followed.readings, "a");
}

#[tokio::test]
async fn two_names_of_one_directory_are_both_followed() {
    let tree = Tree::new();
    fs::create_dir(tree.path("real")).unwrap();
    tree.save("real/a.yaml", "a", "one");
    symlink("real", tree.path("alias")).unwrap();
    let mut followed = tree.follow(NEVER);
    followed.until("the first reading", declares(&["a=one"])).await;
    fs::remove_file(tree.path("alias")).unwrap();
    // Nothing tells of a removed link; the next change does.
    tree.save("real/a.yaml", "a", "two");
    followed.until("a change", declares(&["a=two"])).await;
    followed.until_quiet().await;
    tree.save("real/a.yaml", "a", "three");
    followed.until("a change after an alias is gone", declares(&["a=three"])).await;
}

#[tokio::test]
async fn many_files_at_once_are_one_reading_soon() {
    let tree = Tree::new();
    let mut followed = tree.follow(NEVER);
    followed.until_quiet().await;
    for index in 0..500 {
        tree.save(&format!("{index}.yaml"), &format!("w{index}"), "one");
    }
    followed.until("all files", |reading| declared(reading).len() == 500).await;
    (0..500).for_each(|index| fs::remove_file(tree.path(&format!("{index}.yaml"))).unwrap());
    followed.until("no file", declares(&[])).await;
}

/// A call that is abandoned, as `select!` does it, loses nothing.
#[tokio::test]
async fn waiting_may_be_given_up_at_any_time() {
    let tree = Tree::new();
    let mut followed = tree.follow(NEVER);
    followed.until_quiet().await;
    // One event only: a second could make up for the loss of the first.
    tree.save(".a.yaml", "a", "one");
    fs::rename(tree.path(".a.yaml"), tree.path("a.yaml")).unwrap();
    let begun = std::time::Instant::now();
    while !followed.speaks_within(Duration::ZERO).await {
        tokio::task::yield_now().await;
        assert!(begun.elapsed() < Duration::from_secs(10), "the change is never told of");
    }
    assert!(followed.speaks_within(Duration::ZERO).await, "told of until there is a scan");
    followed.until("the change", declares(&["a=one"])).await;
}

#[tokio::test]
async fn without_watching_changes_are_found_by_looking() {
    let tree = Tree::new();
    let mut followed = Followed::new(tree.root(), Vec::new(), Options { poll: SHORT, watch: false });
    followed.until("the first reading", declares(&[])).await;
    assert!(matches!(followed.source.mode(), Mode::Polling(why) if why.contains("turned off")));
    tree.save("a.yaml", "a", "one");
    followed.until("the new file", declares(&["a=one"])).await;
}

fn swap_link(target: impl AsRef<Path>, link: &Path) {
    let temporary = link.with_file_name("..swap");
    symlink(target, &temporary).unwrap();
    fs::rename(&temporary, link).unwrap();
}

/// Proves that events of `directory` arrive: many changes in a row, each much sooner than looking for them would find it.
async fn assert_watched(followed: &mut Followed, directory: &Path) {
    assert_eq!(followed.source.mode(), &Mode::Watching);
    let mut quick = 0;
    for round in 0..10 {
        let image = format!("r{round}");
        let begun = std::time::Instant::now();
        fs::write(directory.join("a.yaml"), crate::support::manifest("a", &image)).unwrap();
        followed.until(&image, |reading| declared(reading).contains(&format!("a={image}"))).await;
        // Unobserved saves are believed after 200 ms of quiet only.
        quick += u32::from(begun.elapsed() < Duration::from_millis(150));
    }
    assert!(quick >= 5, "only {quick} of 10 changes were noticed by an event");
}
