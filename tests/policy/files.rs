//! Files of policies: the examples, and what is refused.

use std::fs;
use std::path::Path;

use wharf::manifest::{explain, parse, parse_policy};
use wharf::model::policy::Policy;
use wharf::policy::default_git;

fn example(name: &str) -> Policy {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/policy").join(name);
    parse_policy(name, &fs::read(path).expect("readable")).unwrap_or_else(|errors| panic!("{errors:#?}")).value
}

#[test]
fn the_examples_are_policies() {
    for name in ["shared-host", "agent-sandbox", "default-git"] {
        assert_eq!(example(&format!("{name}.yaml")).metadata.name.as_str(), name);
    }
}

#[test]
fn the_built_in_policy_is_the_one_in_the_example() {
    let mut written = example("default-git.yaml").spec;
    written.applies_to = default_git().spec.applies_to;
    assert_eq!(written, default_git().spec);
}

fn refused(spec: &str) -> String {
    let text = format!("apiVersion: wharf/v1\nkind: Policy\nmetadata: {{name: default-git}}\nspec: {spec}\n");
    let errors = parse_policy("p.yaml", text.as_bytes()).expect_err(spec);
    errors.iter().fold(String::new(), |text, error| text + &error.to_string() + "\n")
}

#[test]
fn mistakes_are_refused_with_their_places() {
    for (spec, expected) in [
        ("{image: {}}", "p.yaml:4:8: unknown field `spec.image`; did you mean `images`?"),
        ("{images: {allow: ['a//b']}}", "p.yaml:4:25: `spec.images.allow[0]`: `a//b` is not a pattern of images"),
        ("{images: {allow: ['ghcr.io**']}}", "where `**` stands alone between slashes"),
        (
            "{mounts: {allow: [{path: srv}]}}",
            "p.yaml:4:32: `spec.mounts.allow[0].path`: `srv` is not a pattern of paths",
        ),
        ("{ports: {hostPorts: [20-10]}}", "`20-10` is not a range of numbers"),
        ("{ports: {addresses: [localhost]}}", "`localhost` is not an IP address or a range of them"),
        (
            "{ports: {publish: false, hostPorts: [1]}}",
            "`spec.ports.hostPorts` is given and `spec.ports.publish` is `false`",
        ),
        ("{appliesTo: {sources: [a]}}", "p.yaml:4:19: the policy `default-git` applies to all git sources"),
        ("{limits: {max: {memory: 1Mi}}}", "`spec.limits.max.memory` is less than 6Mi"),
        (
            "{limits: {max: {cpu: 1}, default: {cpu: 2}}}",
            "`spec.limits.default.cpu` is more than `spec.limits.max.cpu`",
        ),
        ("{onViolation: Delete}", "`spec.onViolation` cannot be `Delete`; allowed: `Keep` or `Stop`"),
        ("{security: {capabilities: [CHWON]}}", "`CHWON` is not a Linux capability"),
    ] {
        let found = refused(spec);
        assert!(found.contains(expected) && found.lines().count() == 1, "{spec}: {found}");
    }
    let selector =
        "apiVersion: wharf/v1\nkind: Policy\nmetadata: {name: p}\nspec: {appliesTo: {selector: team in (a)}}\n";
    let errors = parse_policy("p.yaml", selector.as_bytes()).expect_err("another form");
    assert!(errors[0].to_string().contains("is not a label requirement"), "{errors:?}");
    let kind = "apiVersion: wharf/v1\nkind: Workspace\nmetadata: {name: p}\nspec: {}\n";
    let errors = parse_policy("p.yaml", kind.as_bytes()).expect_err("another kind");
    assert!(errors[0].to_string().contains("`kind` cannot be `Workspace`"), "{errors:?}");
}

#[test]
fn fields_are_explained() {
    let explained = explain("policy.spec.mounts.dangerous").expect("a field").to_string();
    assert!(explained.contains("/var/lib/docker"), "{explained}");
}

#[test]
fn a_valid_document_knows_where_its_fields_are() {
    let text = "# c\napiVersion: wharf/v1\nkind: Workspace\nmetadata:\n  name: box\nspec:\n  image: debian\n  volumes:\n    - hostPath: /etc\n      mountPath: /a\n    - {name: b, mountPath: /b}\n";
    let manifest = parse("box.yaml", text.as_bytes());
    let document = &manifest.documents[0];
    for (field, line, column) in [
        ("metadata.name", 5, 9),
        ("spec.image", 7, 10),
        ("spec.volumes[0].hostPath", 9, 17),
        ("spec.volumes[1].name", 11, 14),
        ("spec.volumes[1].hostPath", 11, 7),
        ("spec.volumes[7].hostPath", 9, 5),
        ("spec.user", 7, 3),
        ("nothing", 2, 1),
    ] {
        let at = document.place(field);
        assert_eq!((at.line, at.column), (line, column), "{field}");
    }
}
