//! Several sources: whose a name is, and what one of them that is away means for the others.

use std::collections::BTreeSet;

use super::rig::{Rig, manifest};
use wharf::controller::{Input, Options, RequestError};
use wharf::model::Name;
use wharf::model::batch::Verb;
use wharf::model::source::SourceKind;
use wharf::model::status::ConditionType;
use wharf::source::{Place, Places};

const SPEC: &str = "image: debian:12";

fn place(name: &str, kind: SourceKind) -> Place {
    Place { name: Some(name.parse().expect("a name")), kind, base: format!("/srv/{name}").into() }
}

/// `one` goes before `two`, which is a repository.
fn both(options: &mut Options) {
    options.places = Places::new(vec![place("one", SourceKind::Directory), place("two", SourceKind::Git)]);
}

fn only_one(options: &mut Options) {
    options.places = Places::new(vec![place("one", SourceKind::Directory)]);
}

impl Rig {
    fn put(&mut self, source: &str, name: &str, spec: &str) {
        std::fs::create_dir_all(self.root().join(source)).expect("a directory for statuses");
        self.write(&format!("{source}/{name}.yaml"), &manifest(name, spec));
    }

    fn held(&self, name: &str) -> Option<String> {
        let held = self.condition(name, ConditionType::Held)?;
        Some(format!("{}: {}", held.reason, held.message))
    }

    fn is_held(&self, name: &str, why: &str) -> bool {
        self.held(name).is_some_and(|held| held.contains(why))
    }
}

async fn two_sources(workspaces: &[(&str, &str)]) -> Rig {
    let mut rig = Rig::with_options(both);
    for (source, name) in workspaces {
        rig.put(source, name, SPEC);
    }
    rig.start();
    let names: Vec<String> = workspaces.iter().map(|(source, name)| format!("{source}/{name}")).collect();
    rig.until_ready(&names.iter().map(String::as_str).collect::<Vec<_>>()).await;
    rig
}

#[tokio::test(start_paused = true)]
async fn one_that_is_away_holds_its_own_and_no_other() {
    let mut rig = two_sources(&[("one", "a"), ("one", "b"), ("two", "c")]).await;
    rig.lose_one("two", "the remote is down");
    rig.until("c is held", |rig| rig.is_held("two/c", "SourceLost: source two cannot be read")).await;
    assert_eq!(rig.held("one/a").as_deref(), Some("NotHeld: "));
    rig.delete("one/b.yaml");
    rig.until("b is gone", |rig| rig.container("wharf-b").is_none()).await;
    rig.settle().await;
    assert!(rig.container("wharf-c").is_some_and(|it| it.started_at.is_some()), "{}", rig.picture());
    rig.find_one("two");
    rig.until("c is held no more", |rig| rig.is_held("two/c", "NotHeld")).await;
}

#[tokio::test(start_paused = true)]
async fn the_first_source_has_the_name_whoever_came_first() {
    let mut rig = two_sources(&[("two", "a"), ("one", "b")]).await;
    let life = rig.status("two/a").and_then(|status| status.metadata.uid);
    rig.put("one", "a", "image: debian:13");
    rig.until_ready(&["one/a"]).await;
    let loser = rig.status("two/a").expect("it is told");
    let accepted = loser.status.condition(ConditionType::Accepted).expect("always there");
    assert_eq!(accepted.reason.to_string(), "DuplicateName");
    assert!(accepted.message.contains("one/a.yaml"), "{}", accepted.message);
    assert_eq!(rig.status("one/a").and_then(|status| status.metadata.uid), life, "it is the same workspace");
    rig.delete("one/a.yaml");
    rig.until_ready(&["two/a"]).await;
    assert_eq!(rig.engine.snapshot().len(), 2, "{}", rig.picture());
}

#[tokio::test(start_paused = true)]
async fn a_source_that_is_away_keeps_its_names() {
    let mut rig = two_sources(&[("one", "a"), ("two", "b")]).await;
    let id = rig.container("wharf-a").map(|it| it.id);
    rig.lose_one("one", "not mounted");
    rig.put("two", "a", "image: debian:13");
    rig.until("a is held", |rig| rig.is_held("one/a", "SourceLost")).await;
    rig.settle().await;
    assert_eq!(rig.container("wharf-a").map(|it| it.id), id, "{}", rig.picture());
}

#[tokio::test(start_paused = true)]
async fn a_mistake_in_the_first_source_gives_no_name_away() {
    let mut rig = two_sources(&[("one", "a"), ("two", "b")]).await;
    let id = rig.id("wharf-a");
    rig.put("two", "a", "image: evil:1");
    rig.write("one/a.yaml", &manifest("a", "imaeg: debian:12"));
    let refused = |rig: &Rig| rig.condition("one/a", ConditionType::Accepted).map(|it| it.reason.to_string());
    rig.until("the mistake is told", |rig| refused(rig).as_deref() == Some("Invalid")).await;
    rig.obscure("one/a.yaml", "permission denied");
    rig.settle().await;
    assert_eq!(rig.id("wharf-a"), id, "{}", rig.picture());
    rig.delete("one/a.yaml");
    rig.put("one", "c", SPEC);
    rig.until("who withdraws it gives it away", |rig| rig.id("wharf-a") != id).await;
}

#[tokio::test(start_paused = true)]
async fn one_that_is_suddenly_empty_is_guarded_by_itself() {
    let mut rig = two_sources(&[("one", "a"), ("one", "b"), ("two", "c")]).await;
    rig.delete("two/c.yaml");
    rig.until("c is held", |rig| rig.is_held("two/c", "PruneHeld: the source has suddenly no manifests")).await;
    rig.settle().await;
    assert_eq!(rig.engine.snapshot().len(), 3, "{}", rig.picture());
}

#[tokio::test(start_paused = true)]
async fn what_a_source_declared_that_is_not_configured_any_more_stays_until_confirmed() {
    let mut rig = two_sources(&[("one", "a"), ("two", "b")]).await;
    rig.stop().await;
    rig.delete("two/b.yaml");
    let mut rig = rig.tuned(only_one);
    rig.start();
    rig.until("b is held", |rig| rig.is_held("two/b", "its source is not configured any more")).await;
    rig.settle().await;
    assert_eq!(rig.engine.snapshot().len(), 2, "{}", rig.picture());
    let b: Name = "b".parse().expect("a name");
    rig.send(Input::Confirmed(BTreeSet::from([b])));
    rig.until("b is gone", |rig| rig.container("wharf-b").is_none()).await;
}

#[tokio::test(start_paused = true)]
async fn what_a_repository_declares_is_not_deleted_by_command() {
    let rig = two_sources(&[("one", "a"), ("two", "b")]).await;
    let answer = rig.ask(Verb::Delete, "b").await;
    let Err(RequestError::Manifest { manifest, why, .. }) = answer else { panic!("{answer:?}") };
    assert_eq!(manifest, "two/b.yaml");
    assert!(why.contains("push"), "{why}");
    rig.settle().await;
    assert_eq!(rig.engine.snapshot().len(), 2, "{}", rig.picture());
}
