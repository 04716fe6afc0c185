//! What policies say: when a manifest is read, and each time before anything is begun because of it.

use std::os::unix::fs::symlink;
use std::sync::Arc;

use super::rig::{Rig, manifest};
use wharf::controller::Options;
use wharf::manifest::parse_policy;
use wharf::model::source::SourceKind;
use wharf::model::status::ConditionType;
use wharf::policy::{Defaults, Policies};
use wharf::source::{Place, Places};

fn policies(options: &mut Options, texts: &[&str]) {
    let policy = |text: &&str| {
        let (name, spec) = text.split_once(' ').expect("a name and a spec");
        let text = format!("apiVersion: wharf/v1\nkind: Policy\nmetadata: {{name: {name}}}\nspec: {spec}\n");
        (format!("{name}.yaml"), parse_policy(name, text.as_bytes()).expect("a policy").value)
    };
    let all = texts.iter().map(policy).collect();
    options.policies = Arc::new(Policies::new(all, Defaults::default()).expect("names that differ"));
}

fn of_acme(options: &mut Options) {
    policies(options, &["images {images: {allow: [\"ghcr.io/acme/**\"]}}"]);
}

fn stopping(options: &mut Options) {
    policies(options, &["images {images: {allow: [\"ghcr.io/acme/**\"]}, onViolation: Stop}"]);
}

fn two_of_a_team(options: &mut Options) {
    policies(options, &["few {counts: {perLabel: {team: 2}}}"]);
}

/// The source is a repository whose relative paths begin in a directory of this machine.
fn repository(options: &mut Options) {
    let place = Place { kind: SourceKind::Git, ..Place::directory(options.source.clone()) };
    options.places = Places::new(vec![place]);
}

impl Rig {
    fn denied(&self, name: &str) -> Option<String> {
        let accepted = self.condition(name, ConditionType::Accepted)?;
        (accepted.reason.to_string() == "PolicyDenied").then_some(accepted.message)
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_denied_is_never_made_and_says_which_rule_and_where() {
    let mut rig = Rig::with_options(of_acme);
    rig.declare("box", "image: debian:12");
    rig.start();
    rig.until("box is denied", |rig| rig.denied("box").is_some()).await;
    rig.settle().await;
    let message = rig.denied("box").expect("still");
    assert!(message.starts_with("box.yaml:4:15: spec.image: "), "{message}");
    assert!(message.contains("policy images, images.allow"), "{message}");
    assert_eq!(rig.engine.snapshot().len(), 0, "{}", rig.picture());
    rig.declare("box", "image: ghcr.io/acme/dev:1");
    rig.until_ready(&["box"]).await;
}

#[tokio::test(start_paused = true)]
async fn a_change_that_is_denied_keeps_what_runs() {
    let mut rig = Rig::with_options(of_acme);
    rig.declare("box", "image: ghcr.io/acme/dev:1");
    rig.start();
    rig.until_ready(&["box"]).await;
    let id = rig.container("wharf-box").map(|it| it.id);
    rig.declare("box", "image: evil.example/dev:1");
    rig.until("box is denied", |rig| rig.denied("box").is_some()).await;
    rig.engine.outside().kill("wharf-box").expect("it runs");
    rig.until("it runs again, as it was admitted", |rig| rig.is_running("wharf-box")).await;
    assert_eq!(rig.container("wharf-box").map(|it| it.id), id, "{}", rig.picture());
}

#[tokio::test(start_paused = true)]
async fn a_new_policy_lets_what_runs_go_on_and_starts_it_no_more() {
    let mut rig = Rig::running(&[("box", "image: debian:12")]).await;
    rig.stop().await;
    let mut rig = rig.tuned(of_acme);
    rig.start();
    rig.until("box is denied", |rig| rig.denied("box").is_some()).await;
    rig.settle().await;
    assert!(rig.is_running("wharf-box"), "{}", rig.picture());
    rig.engine.outside().kill("wharf-box").expect("it runs");
    rig.settle().await;
    rig.pass(std::time::Duration::from_secs(120)).await;
    assert!(!rig.is_running("wharf-box"), "{}", rig.picture());
    let held = rig.condition("box", ConditionType::Held).expect("always there");
    assert_eq!(held.reason.to_string(), "PolicyDenied", "{}", held.message);
}

#[tokio::test(start_paused = true)]
async fn a_new_policy_stops_what_runs_where_it_says_so() {
    let mut rig = Rig::running(&[("box", "image: debian:12")]).await;
    rig.stop().await;
    let mut rig = rig.tuned(stopping);
    rig.start();
    rig.until("box is stopped", |rig| !rig.is_running("wharf-box")).await;
    assert!(rig.container("wharf-box").is_some(), "stopped, not removed: {}", rig.picture());
}

#[tokio::test(start_paused = true)]
async fn of_too_many_those_that_are_there_stay() {
    let mut rig = Rig::with_options(two_of_a_team);
    let of_team =
        |name: &str| manifest(name, "image: debian:12").replace("metadata: {", "metadata: {labels: {team: a}, ");
    rig.write("b.yaml", &of_team("b"));
    rig.write("c.yaml", &of_team("c"));
    rig.start();
    rig.until_ready(&["b", "c"]).await;
    rig.write("a.yaml", &of_team("a"));
    rig.until("a is one too many", |rig| rig.denied("a").is_some_and(|it| it.contains("counts.perLabel"))).await;
    rig.settle().await;
    assert!(rig.container("wharf-a").is_none() && rig.is_running("wharf-b") && rig.is_running("wharf-c"));
    rig.delete("b.yaml");
    rig.until_ready(&["a"]).await;
}

#[tokio::test(start_paused = true)]
async fn a_link_that_leaves_the_directory_is_found_before_each_start() {
    let mut rig = Rig::with_options(repository);
    let project = rig.root().join("project");
    std::fs::create_dir(&project).expect("made");
    rig.declare("box", "image: debian:12, project: {path: ./project}");
    rig.start();
    rig.until_ready(&["box"]).await;
    let elsewhere = tempfile::tempdir().expect("made");
    std::fs::remove_dir(&project).expect("removed");
    symlink(elsewhere.path(), &project).expect("linked");
    rig.engine.outside().kill("wharf-box").expect("it runs");
    rig.until("box is denied", |rig| rig.denied("box").is_some_and(|it| it.contains("mounts.allow"))).await;
    rig.pass(std::time::Duration::from_secs(60)).await;
    assert!(!rig.is_running("wharf-box"), "{}", rig.picture());
    std::fs::remove_file(&project).expect("removed");
    std::fs::create_dir(&project).expect("made");
    rig.until_ready(&["box"]).await;
}

#[tokio::test(start_paused = true)]
async fn a_repository_may_not_ask_for_the_host() {
    for (spec, rule) in [
        ("volumes: [{hostPath: /, mountPath: /host}]", "mounts"),
        ("volumes: [{hostPath: /var/run/docker.sock, mountPath: /s}]", "mounts"),
        ("volumes: [{hostPath: /etc, mountPath: /e, readOnly: true}]", "mounts"),
        ("project: {path: ../../..}", "mounts"),
        ("env: [{name: A, valueFrom: {file: /etc/shadow}}]", "env"),
        ("security: {capabilities: {add: [SYS_ADMIN]}}", "security.capabilities"),
        ("ports: [{container: 80, host: 80, hostIP: 0.0.0.0}]", "ports"),
    ] {
        let mut rig = Rig::with_options(repository);
        rig.declare("box", &format!("image: debian:12, {spec}"));
        rig.start();
        rig.until(&format!("{spec} is denied"), |rig| rig.denied("box").is_some_and(|it| it.contains(rule))).await;
        assert_eq!(rig.engine.snapshot().len(), 0, "{spec}: {}", rig.picture());
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_mounted_from_inside_of_what_another_workspace_may_write() {
    let mut rig = Rig::with_options(repository);
    std::fs::create_dir_all(rig.root().join("outer/inner")).expect("made");
    rig.declare("outer", "image: debian:12, project: {path: ./outer}");
    rig.start();
    rig.until_ready(&["outer"]).await;
    rig.declare("inner", "image: debian:12, project: {path: ./outer/inner}");
    rig.until("inner is denied", |rig| rig.denied("inner").is_some_and(|it| it.contains("is inside of"))).await;
    rig.settle().await;
    assert!(rig.is_running("wharf-outer") && !rig.is_running("wharf-inner"), "{}", rig.picture());
    rig.declare("outer", "image: debian:12, project: {path: ./outer, readOnly: true}");
    rig.until_ready(&["inner"]).await;
}
