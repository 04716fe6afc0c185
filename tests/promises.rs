//! The page of promises names tests that exist.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

#[test]
fn every_test_that_a_promise_names_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join("src/promises.md")).expect("the page");
    let named: BTreeSet<(&str, &str)> = page
        .split('`')
        .filter(|words| words.starts_with("tests/"))
        .filter_map(|words| words.split_once("::"))
        .collect();
    assert!(named.len() > 40, "only {} tests are named", named.len());
    for (file, test) in named {
        let text = fs::read_to_string(root.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
        let exists = text.contains(&format!("fn {test}()")) || text.contains(&format!("fn {test}("));
        assert!(exists, "there is no `{test}` in {file}");
    }
}
