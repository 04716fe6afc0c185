//! `wharf explain` and `wharf schema`.

use serde_json::Value;

use crate::fixture::{Source, outcome, wharf};

#[test]
fn explain_documents_fields() {
    for (field, word) in [("workspace", "spec"), ("workspace.spec.network", "network")] {
        let got = outcome(wharf().args(["explain", field]));
        assert_eq!((got.code, got.stderr.as_str()), (0, ""), "{field}");
        assert!(got.stdout.contains(word) && got.stdout.ends_with('\n'), "{}", got.stdout);
    }
    assert_eq!(outcome(wharf().arg("explain")).stdout, outcome(wharf().args(["explain", "workspace"])).stdout);
}

#[test]
fn an_unknown_field_is_1() {
    let got = outcome(wharf().args(["explain", "workspace.spec.imagee"]));
    assert_eq!((got.code, got.stdout.as_str()), (1, ""));
    assert!(
        got.stderr.starts_with("error: `workspace.spec` has no field `imagee`") && got.stderr.contains("`image`"),
        "{}",
        got.stderr
    );
}

#[test]
fn schemas_are_listed_printed_and_written() {
    let names = outcome(wharf().arg("schema")).stdout;
    assert!(names.lines().count() >= 2, "{names}");
    let directory = Source::empty();
    let written = directory.run(&["schema", "--write", "schemas"]);
    assert_eq!((written.code, written.stdout.as_str()), (0, ""), "{written:?}");
    for name in names.lines() {
        let printed = outcome(wharf().args(["schema", name])).stdout;
        let schema: Value = serde_json::from_str(&printed).expect("JSON");
        let file = if name == "openapi" {
            assert!(schema["openapi"] == "3.1.0" && schema["paths"].is_object(), "{name}: {schema}");
            "openapi.json".to_owned()
        } else {
            assert!(schema["$schema"].is_string() && schema["properties"].is_object(), "{name}: {schema}");
            format!("{name}.schema.json")
        };
        let file = directory.path().join("schemas").join(file);
        assert_eq!(std::fs::read_to_string(file).expect(name), printed);
    }
    let unknown = outcome(wharf().args(["schema", "pod"]));
    assert_eq!(unknown.code, 1);
    assert!(unknown.stderr.starts_with("error: there is no schema `pod`\n  help: there are: "), "{}", unknown.stderr);
}
