//! What happens when the kernel can not give what is asked of it. Each in a process of its own.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use wharf::source::{Directory, Mode, Options};

use crate::support::{Followed, NEVER, Tree, declared, declares};

/// Set for the process that is under the limit: the source to follow.
const ROOT: &str = "WHARF_TEST_SOURCE";

fn this_test(name: &str) -> Vec<String> {
    let program = std::env::current_exe().unwrap().to_string_lossy().into_owned();
    vec![program, "--exact".to_owned(), format!("limits::{name}"), "--nocapture".to_owned()]
}

/// Fault 7, under the limits of a user namespace of its own, so that nobody else on this machine is affected.
#[tokio::test]
async fn a_reached_limit_of_watches_means_polling_and_says_so() {
    const SHORT: Duration = Duration::from_millis(20);
    if let Some(root) = std::env::var_os(ROOT) {
        let root = std::path::PathBuf::from(root);
        let mut followed = Followed::new(&root, Vec::new(), Options { poll: SHORT, watch: true });
        followed.until("the first reading", declares(&["a=one"])).await;
        let Mode::Polling(why) = followed.source.mode() else { panic!("the limit of {:?}", followed.source.mode()) };
        assert!(why.contains(&std::env::var("WHARF_TEST_EXPECTED").unwrap()), "{why}");
        fs::write(root.join("inner/a.yaml"), crate::support::manifest("a", "two")).unwrap();
        followed.until("a change", declares(&["a=two"])).await;
        return;
    }
    for (limit, count, expected) in
        [("max_inotify_watches", "1", "max_user_watches"), ("max_inotify_instances", "0", "max_user_instances")]
    {
        let tree = Tree::new();
        fs::create_dir(tree.path("inner")).unwrap();
        tree.save("inner/a.yaml", "a", "one");
        let script = format!("echo {count} > /proc/sys/user/{limit} && exec \"$@\"");
        let status = Command::new("unshare")
            .args(["--user", "--map-root-user", "sh", "-c", &script, "sh"])
            .args(this_test("a_reached_limit_of_watches_means_polling_and_says_so"))
            .env(ROOT, tree.root())
            .env("WHARF_TEST_EXPECTED", expected)
            .status()
            .expect("unshare of util-linux");
        assert!(status.success(), "{limit}");
    }
}

/// Fault 7: a process that stands still while more happens than the kernel keeps for it.
#[tokio::test]
async fn lost_events_are_made_up_for() {
    if let Some(root) = std::env::var_os(ROOT) {
        let mut followed = Followed::new(root.as_ref(), Vec::new(), Options { poll: NEVER, watch: true });
        followed.until_quiet().await;
        println!("ready");
        followed.until("what happened last", declares(&["last=one"])).await;
        followed.until_quiet().await;
        println!("caught up");
        followed.until("what happens then", declares(&["last=two"])).await;
        return;
    }
    let tree = Tree::new();
    fs::create_dir_all(tree.path("z/inner")).unwrap();
    let mut command = this_test("lost_events_are_made_up_for").into_iter();
    let child = Command::new(command.next().unwrap())
        .args(command)
        .env(ROOT, tree.root())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut child = Killed(child);
    let mut lines = BufReader::new(child.0.stdout.take().unwrap()).lines();
    let mut wait_for = |word: &str| assert!(lines.any(|line| line.unwrap().contains(word)), "no `{word}`");
    wait_for("ready");
    child.signal("STOP");
    let queued: u32 = fs::read_to_string("/proc/sys/fs/inotify/max_queued_events").unwrap().trim().parse().unwrap();
    for _ in 0..=queued / 2 {
        let file = fs::File::create(tree.path("noise.yaml")).unwrap();
        (&file).write_all(b"x").unwrap();
        drop(file);
        fs::remove_file(tree.path("noise.yaml")).unwrap();
    }
    // None of this is told of any more, not even that the watched directory is another now.
    fs::remove_dir_all(tree.path("z")).unwrap();
    fs::create_dir_all(tree.path("z/inner")).unwrap();
    tree.save("z/inner/a.yaml", "last", "one");
    child.signal("CONT");
    wait_for("caught up");
    tree.save("z/inner/a.yaml", "last", "two");
    assert!(child.0.wait().unwrap().success());
}

/// Fault 38.
#[test]
fn a_few_file_descriptors_are_enough() {
    if let Some(root) = std::env::var_os(ROOT) {
        let reading = Directory::new(root.as_ref(), Vec::new()).scan();
        assert_eq!(declared(&reading).len(), 200);
        return;
    }
    let tree = Tree::new();
    let mut directory = String::new();
    for index in 0..20 {
        directory.push_str("d/");
        fs::create_dir(tree.path(&directory)).unwrap();
        for file in 0..10 {
            tree.save(&format!("{directory}{file}.yaml"), &format!("w{index}-{file}"), "one");
        }
    }
    let status = Command::new("sh")
        .args(["-c", "ulimit -n 12 && exec \"$@\"", "sh"])
        .args(this_test("a_few_file_descriptors_are_enough"))
        .env(ROOT, tree.root())
        .status()
        .unwrap();
    assert!(status.success());
}

struct Killed(Child);

impl Killed {
    fn signal(&self, signal: &str) {
        let status = Command::new("kill").arg(format!("-{signal}")).arg(self.0.id().to_string()).status().unwrap();
        assert!(status.success());
    }
}

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
