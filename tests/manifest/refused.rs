//! Every file in `refused/` and the exact diagnostics beside it.

use std::fs;

use wharf::manifest::parse;

use super::{diagnostics, rendered, repository};

/// `UPDATE_EXPECTED=1 cargo test --test manifest` rewrites the expected texts; read the difference before committing it.
#[test]
fn refused_files_are_refused_with_these_words() {
    let update = std::env::var_os("UPDATE_EXPECTED").is_some();
    let mut files = 0;
    for entry in fs::read_dir(repository("tests/manifest/refused")).expect("the directory exists") {
        let path = entry.expect("readable").path();
        if path.extension().is_none_or(|extension| extension != "yaml") {
            continue;
        }
        let name = path.file_name().expect("a file").to_string_lossy().into_owned();
        let found = rendered(&parse(&name, &fs::read(&path).expect("readable")));
        let expected = path.with_extension("txt");
        if update {
            fs::write(&expected, &found).expect("writable");
        }
        assert_eq!(found, fs::read_to_string(&expected).unwrap_or_default(), "{name}");
        assert!(!found.is_empty(), "{name} is accepted");
        assert!(!found.contains("s3cret"), "{name}: a diagnostic shows a secret:\n{found}");
        files += 1;
    }
    assert!(files >= 20, "only {files} files were found");
}

#[test]
fn a_diagnostic_names_its_field() {
    let bytes = fs::read(repository("tests/manifest/refused/order.yaml")).expect("readable");
    let manifest = parse("order.yaml", &bytes);
    let fields: Vec<&str> = diagnostics(&manifest).iter().map(|diagnostic| diagnostic.field.as_str()).collect();
    assert_eq!(
        fields,
        [
            "spec.image",
            "spec.network.group",
            "spec.dependsOn[0]",
            "spec.stat",
            "spec.resources.memory",
            "spec.resources.cpu"
        ]
    );
}

#[test]
fn a_broken_document_keeps_its_name_and_does_not_spoil_the_others() {
    let text = "# only a comment\n---\nmetadata: {name: broken}\n---\napiVersion: wharf/v1\nkind: Workspace\n\
                metadata: {name: whole}\nspec: {image: 'debian:12'}\n---\nmetadata: {name: Not A Name}\n";
    let manifest = parse("a.yaml", text.as_bytes());
    let found: Vec<_> = manifest
        .documents
        .iter()
        .map(|document| (document.line, document.name.as_ref().map(ToString::to_string), document.outcome.is_ok()))
        .collect();
    assert_eq!(found, [(3, Some("broken".into()), false), (5, Some("whole".into()), true), (10, None, false)]);
    assert_eq!(manifest.errors, []);
    assert!(["broken", "whole"].iter().all(|name| manifest.mentioned.contains(*name)), "{:?}", manifest.mentioned);
}

#[test]
fn a_file_that_is_no_yaml_declares_nothing_and_mentions_its_words() {
    let manifest = parse("a.yaml", b"metadata: {name: api-dev\n");
    assert_eq!((manifest.documents.len(), manifest.errors.len()), (0, 1));
    assert!(manifest.mentioned.contains("api-dev"));
}

/// Else a full disk, or an editor that fails while it saves, would delete workspaces.
#[test]
fn an_emptied_file_is_an_error() {
    for text in ["", "\n", " \t\r\n\n", "\u{feff}", "\u{feff}\n"] {
        let manifest = parse("a.yaml", text.as_bytes());
        assert_eq!(manifest.documents, []);
        assert_eq!(
            rendered(&manifest),
            "a.yaml:1:1: the file is empty; write a manifest, or delete the file; an emptied file deletes nothing\n"
        );
    }
}

#[test]
fn a_document_with_very_many_errors_says_so_and_ends() {
    let fields: String = (0..5_000).fold(String::new(), |text, index| text + &format!("f{index}: x\n"));
    let manifest = parse("a.yaml", fields.as_bytes());
    let found = diagnostics(&manifest);
    assert_eq!(found.len(), 101);
    assert_eq!(found[100].message, "more than 100 errors in this document; further ones are not listed");
}
