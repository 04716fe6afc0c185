//! `wharf policy`, and `wharf validate --policy`.

use std::os::unix::fs::symlink;

use crate::fixture::Source;

const POLICY: &str = "apiVersion: wharf/v1\nkind: Policy\nmetadata: {name: p}\nspec: {images: {allow: [alpine]}, counts: {perSource: 1}}\n";

fn manifest(name: &str, spec: &str) -> String {
    format!("apiVersion: wharf/v1\nkind: Workspace\nmetadata:\n  name: {name}\nspec:\n  image: {spec}\n")
}

#[test]
fn denials_have_places_like_other_mistakes() {
    let source = Source::empty();
    source.write("ws/a.yaml", &manifest("a", "debian"));
    source.write("policies/p.yaml", POLICY);
    let got = source.run(&["validate", "ws", "--policy", "policies"]);
    assert_eq!(got.code, 1, "{got:?}");
    assert_eq!(
        got.stdout,
        "ws/a.yaml:6:10: the image `docker.io/library/debian:latest` is not allowed (policy p, images.allow)\n  help: allowed: `alpine`\n"
    );
    assert_eq!(source.run(&["validate", "ws"]).code, 0, "without a policy nothing is denied");
}

#[test]
fn what_is_admitted_counts() {
    let source = Source::empty();
    source.write("ws/a.yaml", &manifest("a", "debian"));
    source.write("ws/b.yaml", &manifest("b", "alpine"));
    source.write("ws/c.yaml", &manifest("c", "alpine"));
    source.write("p.yaml", POLICY);
    let got = source.run(&["validate", "ws", "--policy", "p.yaml"]);
    assert_eq!(got.code, 1, "{got:?}");
    let expected = "ws/c.yaml:4:9: the source `ws` may have 1 workspaces (policy p, counts.perSource)\n";
    assert!(got.stdout.contains(expected) && !got.stdout.contains("b.yaml"), "{}", got.stdout);
}

#[test]
fn a_git_source_has_a_policy_of_its_own_and_links_are_followed() {
    let source = Source::empty();
    source.write("ws/a.yaml", &manifest("a", "debian\n  project: {path: ./here}"));
    source.write("ws/here/file", "");
    symlink(source.path().join("outside"), source.path().join("ws/there")).expect("linked");
    source.write("outside/file", "");
    let git = ["validate", "ws", "--source-kind", "git", "--source-name", "app"];
    assert_eq!(source.run(&git).code, 0, "{:?}", source.run(&git));
    source.write("ws/b.yaml", &manifest("b", "debian\n  project: {path: ./there}"));
    let got = source.run(&git);
    assert_eq!(got.code, 1, "{got:?}");
    assert!(got.stdout.starts_with("ws/b.yaml:7:19: "), "{}", got.stdout);
    assert!(got.stdout.contains("/outside`, which") || got.stdout.contains("/outside`, may not"), "{}", got.stdout);
}

#[test]
fn a_policy_that_cannot_be_used_admits_nothing() {
    let source = Source::empty();
    source.write("ws/a.yaml", &manifest("a", "debian"));
    source.write("bad.yaml", &POLICY.replace("images", "image"));
    source.write("p.yaml", POLICY);
    source.write("q.yaml", POLICY);
    std::fs::create_dir(source.path().join("none")).expect("made");
    for (arguments, expected) in [
        (&["--policy", "missing.yaml"][..], "error: cannot read policies from missing.yaml"),
        (&["--policy", "none"], "error: there are no policies in none: their files end in"),
        (&["--policy", "bad.yaml"], "error: bad.yaml:4:8: unknown field `spec.image`; did you mean `images`?"),
        (&["--policy", "p.yaml", "--policy", "q.yaml"], "error: q.yaml: the name `p` is taken by the policy in p.yaml"),
    ] {
        let got = source.run(&[&["validate", "ws"], arguments].concat());
        assert_eq!((got.code, got.stdout.as_str()), (1, ""), "{arguments:?}");
        assert!(got.stderr.starts_with(expected), "{}", got.stderr);
    }
}

const CASES: &str = "\
policies: [p.yaml]
cases:
  - name: an image that is allowed
    file: ws/good.yaml
    expect: admitted
  - name: an image that is not
    file: ws/a.yaml
    expect: denied
    rule: images.allow
  - name: a link out of a checkout
    source: git
    directory: /srv/app
    links: {/srv/app/x: /run}
    manifest: |
      apiVersion: wharf/v1
      kind: Workspace
      metadata: {name: box}
      spec: {image: alpine, project: {path: ./x/docker.sock}}
    expect: denied
    rule: mounts.dangerous
";

#[test]
fn cases_of_policies_are_tried() {
    let source = Source::empty();
    source.write("ws/a.yaml", &manifest("a", "debian"));
    source.write("ws/good.yaml", &manifest("good", "alpine"));
    source.write("p.yaml", POLICY);
    source.write("cases.yaml", CASES);
    let got = source.run(&["policy", "test", "cases.yaml"]);
    assert_eq!((got.code, got.stderr.as_str()), (0, "3 cases: 0 failed\n"), "{got:?}");
    assert_eq!(got.stdout, "ok an image that is allowed\nok an image that is not\nok a link out of a checkout\n");

    source.write(
        "cases.yaml",
        &CASES.replace("expect: admitted", "expect: denied").replace("rule: images", "rule: ports"),
    );
    let got = source.run(&["policy", "test", "cases.yaml"]);
    assert_eq!((got.code, got.stderr.as_str()), (1, "3 cases: 2 failed\n"), "{got:?}");
    assert!(got.stdout.starts_with("FAILED an image that is allowed: it is admitted\n"), "{}", got.stdout);
    assert!(got.stdout.contains("FAILED an image that is not: it is denied, but not by ports.allow"), "{}", got.stdout);

    source.write("cases.yaml", "policies: [p.yaml]\ncase: []\n");
    let got = source.run(&["policy", "test", "cases.yaml"]);
    assert_eq!((got.code, got.stdout.as_str()), (1, ""));
    assert!(got.stderr.contains("cases.yaml: ") && got.stderr.contains("unknown field `case`"), "{}", got.stderr);
}
