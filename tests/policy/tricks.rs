//! What no manifest can say today, and what is not about one manifest: numbers of workspaces, secrets, the cost.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Instant;

use wharf::engine::{Mount, MountSource};
use wharf::model::policy::{OnViolation, Resolution, Resolved};
use wharf::model::source::SourceKind;
use wharf::policy::{Counted, Defaults, Policies, SourceTrust, Verdict};

use crate::given::{Given, Shown, policy};

fn given(lines: &[&str]) -> Given {
    let lines: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
    Given::parse(&lines).expect("a case")
}

fn mount(source: MountSource) -> Mount {
    Mount { source, target: "/a".parse().expect("a path"), read_only: false }
}

/// What is said of a mount that no manifest could ask for, and that leads where it seems to.
fn said_of(source: MountSource, resolved: impl IntoIterator<Item = (PathBuf, Resolution)>) -> String {
    let mut given = given(&["policy p {mounts: {allow: [{path: /srv}]}}"]);
    given.container.mounts.push(mount(source));
    given.resolved = resolved.into_iter().collect::<Resolved>();
    given.judged().to_string()
}

#[test]
fn paths_that_were_not_made_tidy_are_judged_by_what_they_mean() {
    for path in ["/srv/../etc", "/srv/a/../../etc/./ssh", "//srv//..//etc"] {
        let real = Resolution::Path(PathBuf::from("/etc"));
        let said = said_of(MountSource::Host(path.into()), [(path.into(), real)]);
        assert!(
            said.contains("`/etc`, which is dangerous (policy p, mounts.dangerous)")
                || said.contains("`/etc` is dangerous (policy p"),
            "{path}: {said}"
        );
    }
    let relative = said_of(MountSource::Host("srv".into()), []);
    assert!(relative.contains("cannot be known: it is not absolute"), "{relative}");
}

#[test]
fn a_path_that_was_not_looked_up_is_denied() {
    let said = said_of(MountSource::Host("/srv/a".into()), []);
    assert!(said.contains("`/srv/a` leads to cannot be known: it was not looked up"), "{said}");
}

#[test]
fn a_volume_with_a_path_for_its_name_is_denied() {
    for (name, denied) in [("/etc", true), ("../etc", true), ("./x", true), ("a/b", true), ("wharf-box.cache", false)] {
        let said = said_of(MountSource::Volume { name: name.to_owned(), labels: BTreeMap::new() }, []);
        assert_eq!(said.contains("has a path for its name"), denied, "{name}: {said}");
    }
}

#[test]
fn control_characters_do_not_reach_a_terminal() {
    let path = PathBuf::from("/srv/x");
    let real = Resolution::Path(PathBuf::from("/opt/\u{1b}[31m"));
    let said = said_of(MountSource::Host(path.clone()), [(path, real)]);
    assert!(said.contains("may not be mounted") && !said.contains('\u{1b}'), "{said}");
}

/// Of an amended container that cannot be: nobody may leave out the amending.
#[test]
fn a_container_that_was_not_amended_is_denied() {
    let mut given = given(&["policy p {limits: {max: {memory: 1Gi}}}"]);
    given.container.limits.memory = None;
    assert!(given.judged().to_string().contains("memory has no limit (policy p, limits.max.memory)"));
}

#[test]
fn two_policies_have_two_names() {
    let both = vec![policy("p", "{}").expect("valid"), ("other.yaml".to_owned(), policy("p", "{}").expect("valid").1)];
    let error = Policies::new(both, Defaults::default()).expect_err("one name");
    assert_eq!(
        error.to_string(),
        "other.yaml: the name `p` is taken by the policy in p: give each policy its own name"
    );
}

#[test]
fn nothing_is_looked_up_where_no_policy_applies() {
    let given = given(&["spec {volumes: [{hostPath: /etc, mountPath: /a}]}"]);
    assert_eq!(given.policies.host_paths(&given.source, &given.workspace, &given.container), Vec::<PathBuf>::new());
    assert_eq!(given.judged().0, Verdict::Admitted);
}

fn source(name: &str) -> SourceTrust {
    SourceTrust { name: name.to_owned(), kind: SourceKind::Directory, base: PathBuf::from("/srv").join(name) }
}

/// Which of these workspaces are too many, by source and value of the label `team`, and what is said of the last.
fn too_many(spec: &str, workspaces: &[(&str, Option<&str>)]) -> (Vec<bool>, String) {
    let policies = Policies::new(vec![policy("p", spec).expect("valid")], Defaults::default()).expect("one name");
    let owned: Vec<(SourceTrust, BTreeMap<String, String>)> = workspaces
        .iter()
        .map(|(name, team)| (source(name), team.iter().map(|team| ("team".to_owned(), (*team).to_owned())).collect()))
        .collect();
    let counted: Vec<Counted<'_>> = owned.iter().map(|(source, labels)| Counted { source, labels }).collect();
    let verdicts = policies.counts(&counted);
    let last = verdicts.last().cloned().map(|verdict| Shown(verdict).to_string()).unwrap_or_default();
    (verdicts.iter().map(|verdict| *verdict != Verdict::Admitted).collect(), last)
}

#[test]
fn workspaces_are_counted_in_their_order() {
    let (denied, said) = too_many("{counts: {perSource: 2}}", &[("a", None), ("b", None), ("a", None), ("a", None)]);
    assert_eq!(denied, [false, false, false, true]);
    assert_eq!(
        said,
        "metadata.name: the source `a` may have 2 workspaces (policy p, counts.perSource); remove another one first\n"
    );
    let all = [("a", Some("x")), ("b", Some("x")), ("a", None), ("b", None), ("a", Some("y"))];
    let (denied, _) = too_many("{counts: {perLabel: {team: 1}}}", &all);
    assert_eq!(denied, [false, true, false, true, false], "without the label, all are of one value");
    let (denied, _) = too_many("{counts: {perSource: 0}, appliesTo: {sources: [b]}}", &all);
    assert_eq!(denied, [false, true, false, true, false], "another source does not count");
    assert_eq!(too_many("{}", &all).0, [false; 5]);
}

#[test]
fn secrets_are_allowed_by_their_names() {
    let said = |lines: &[&str]| {
        let spec = "spec {env: [{name: A, valueFrom: {secretRef: {name: web-token}}}], \
             volumes: [{tmpfs: {}, mountPath: /a}, {secret: {name: db}, mountPath: /b}]}";
        let given = given(&[lines, &[spec]].concat());
        given.judged().to_string()
    };
    assert_eq!(said(&[]), "admitted\n");
    assert_eq!(said(&["policy p {secrets: {allow: [web-*, db]}}"]), "admitted\n");
    let one = "spec.volumes[1].secret: the secret `db` is not allowed (policy p, secrets.allow); allowed: `web-*`\n";
    assert_eq!(said(&["policy p {secrets: {allow: [web-*]}}"]), one);
    let git = said(&["source git app /srv/app"]);
    assert_eq!(git.matches("(policy default-git, secrets.allow); none is allowed").count(), 2, "{git}");
}

#[test]
fn the_strictest_consequence_counts() {
    let given = given(&["policy a {images: {allow: []}, onViolation: Stop}", "policy b {images: {allow: []}}"]);
    let Verdict::Denied { on_violation, denials } = given.judged().0 else { panic!("denied") };
    assert_eq!((on_violation, denials.len()), (OnViolation::Stop, 2));
}

/// Judging is part of every pass.
#[test]
fn judging_costs_microseconds() {
    let given = given(&[
        "policy a {images: {allow: [ghcr.io/acme/**, debian, alpine]}, limits: {max: {memory: 4Gi}}, networks: {modes: [Isolated]}}",
        "policy b {mounts: {allow: [{path: /home/*/projects}, {path: /srv/projects}], allowSourceDirectory: true}, security: {users: [1000-1999], requireNonRoot: true}}",
        "source git app /srv/app",
        "spec {user: '1000', project: {path: ./api}, volumes: [{name: cache, mountPath: /cache}, {hostPath: /srv/app/data, mountPath: /data}], ports: [{container: 80}, {container: 81}], env: [{name: A, valueFrom: {file: a}}]}",
    ]);
    assert_eq!(given.judged().to_string(), "admitted\n");
    let mut times: Vec<_> = (0..201)
        .map(|_| {
            let begun = Instant::now();
            assert_eq!(given.policies.judge(&given.subject()), Verdict::Admitted);
            begun.elapsed()
        })
        .collect();
    times.sort_unstable();
    let median = times[100];
    // Without optimisation, and beside other tests, it takes longer.
    let limit = if cfg!(debug_assertions) { 500 } else { 50 };
    assert!(median.as_micros() < limit, "{median:?}");
}
