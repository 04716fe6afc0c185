//! `wharf prune`.

use serde_json::json;
use wharf::model::Name;
use wharf::store::{Batch, Lock, Record, Store, confirmed};

use crate::fixture::Source;

fn record(name: &str, team: &str, held: Option<&str>) -> Record {
    let workspace = json!({
        "apiVersion": "wharf/v1",
        "kind": "Workspace",
        "metadata": {"name": name, "labels": {"team": team}},
        "spec": {"image": "busybox"},
    });
    let record = json!({
        "uid": format!("uid-{name}"),
        "generation": 1,
        "workspace": workspace,
        "manifest": format!("gone/{name}.yaml"),
        "createdAt": "2026-01-01T00:00:00Z",
        "held": held,
    });
    serde_json::from_value(record).expect("a valid record")
}

/// A source whose controller remembers `a` and `b` as held and `c` as declared. Their manifests, their directory and
/// their status files are gone.
fn remembering() -> Source {
    let source = Source::empty();
    let lock = Lock::acquire(&source.path().join(".wharf"), "a controller").expect("free");
    let store = Store::open(&lock).expect("a store").store;
    let mut batch = Batch::default();
    for (name, team, held) in [("a", "x", Some("too many")), ("b", "y", Some("too many")), ("c", "x", None)] {
        batch.put(&name.parse().expect("a name"), &record(name, team, held));
    }
    store.apply(&batch).expect("written");
    store.flush().expect("durable");
    source
}

#[test]
fn what_is_held_is_known_without_status_files() {
    let source = remembering();
    let got = source.run(&["prune"]);
    assert_eq!((got.code, got.stdout.as_str()), (0, "a\nb\n"), "{got:?}");
    assert!(got.stderr.starts_with("held: too many\n"), "{}", got.stderr);
    assert!(confirmed(&wharf::disk::Host, &source.path().join(".wharf")).expect("readable").is_empty());
    assert_eq!(source.run(&["prune", "c"]).stderr, "no deletion is held\n");
    let unknown = source.run(&["prune", "aa"]);
    assert!(unknown.code == 1 && unknown.stderr.contains("there is no workspace `aa`"), "{unknown:?}");
}

#[test]
fn exactly_what_is_listed_is_confirmed() {
    for (choice, listed) in [(&["b"][..], vec!["b"]), (&["-l", "team=x"], vec!["a"]), (&[], vec!["a", "b"])] {
        let source = remembering();
        let got = source.run(&[&["prune", "--confirm"], choice].concat());
        assert_eq!((got.code, got.stdout.lines().collect::<Vec<_>>()), (0, listed.clone()), "{got:?}");
        let confirmed = confirmed(&wharf::disk::Host, &source.path().join(".wharf")).expect("readable");
        assert_eq!(confirmed.iter().map(Name::as_str).collect::<Vec<_>>(), listed);
    }
}

#[test]
fn without_a_memory_nothing_is_held() {
    let source = Source::with_two();
    let got = source.run(&["prune", "--confirm"]);
    assert_eq!((got.code, got.stdout.as_str(), got.stderr.as_str()), (0, "", "no deletion is held\n"));
    assert!(source.run(&["prune", "--dir", "nowhere"]).stderr.contains("there is no directory nowhere\n"));
}
