//! The crate's source files, read and taken apart.

use std::collections::BTreeSet;
use std::path::Path;

use crate::paths::{Mention, mentions};
use crate::shape::{Function, covered_lines, functions};
use crate::tokens::{Token, split_tests, tokens};

/// The library and the program.
pub struct Crate {
    pub files: Vec<SourceFile>,
    /// Names of dependencies, as the code writes them.
    pub dependencies: BTreeSet<String>,
}

/// A file under `src/`.
pub struct SourceFile {
    /// Relative to the package, with `/`.
    pub path: String,
    /// The module that it is; empty for the roots.
    pub module: Vec<String>,
    /// The paths that it names outside of unit tests.
    pub mentions: Vec<Mention>,
    /// Name, line and length of each function.
    pub functions: Vec<(String, usize, usize)>,
    /// Lines that are not unit tests.
    pub lines: usize,
}

impl Crate {
    /// Reads the package in `root`.
    pub fn read(root: &Path) -> Self {
        let files = rust_files(root, "src");
        let cargo_toml = std::fs::read_to_string(root.join("Cargo.toml")).expect("Cargo.toml is readable");
        let dependencies: Vec<_> =
            crate::manifest::dependencies(&cargo_toml).iter().map(crate::manifest::Dependency::code_name).collect();
        let texts: Vec<_> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
        Self::of(&texts, &dependencies.iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// From paths and texts.
    pub fn of(texts: &[(&str, &str)], dependencies: &[&str]) -> Self {
        let split: Vec<_> = texts.iter().map(|(path, text)| (*path, *text, split_tests(&tokens(text)))).collect();
        let test_modules: BTreeSet<_> =
            split.iter().flat_map(|(path, _, (_, tests))| declared_modules(&module_of(path), tests)).collect();
        let modules = texts.iter().map(|(path, _)| module_of(path)).collect();
        let files = split
            .iter()
            .filter(|(path, ..)| !test_modules.iter().any(|module| module_of(path).starts_with(module)))
            .map(|(path, text, (kept, tests))| SourceFile::new(path, text, kept, tests, &modules))
            .collect();
        Self { files, dependencies: dependencies.iter().map(|&name| name.to_owned()).collect() }
    }
}

impl SourceFile {
    /// A file that is a crate of its own.
    pub fn of(path: &str, text: &str) -> Self {
        let (kept, tests) = split_tests(&tokens(text));
        Self::new(path, text, &kept, &tests, &BTreeSet::new())
    }

    fn new(
        path: &str,
        text: &str,
        kept: &[Token<'_>],
        tests: &[Vec<Token<'_>>],
        modules: &BTreeSet<Vec<String>>,
    ) -> Self {
        let module = module_of(path);
        let all = std::iter::once(kept).chain(tests.iter().map(Vec::as_slice));
        Self {
            path: path.to_owned(),
            mentions: mentions(kept, &module, modules),
            functions: all
                .flat_map(functions)
                .map(|Function { name, line, lines }| (name.to_owned(), line, lines))
                .collect(),
            lines: text.lines().count() - covered_lines(tests),
            module,
        }
    }
}

/// `src/engine/docker/mod.rs` is `["engine", "docker"]`.
fn module_of(path: &str) -> Vec<String> {
    let inner = path.trim_start_matches("src/").trim_end_matches(".rs");
    let mut module: Vec<_> = inner.split('/').map(str::to_owned).collect();
    let last = module.last().map(String::as_str);
    if last == Some("mod") || (module.len() == 1 && matches!(last, Some("lib" | "main"))) {
        module.pop();
    }
    module
}

/// The modules that items declare as files of their own, with `mod name;`.
fn declared_modules(parent: &[String], items: &[Vec<Token<'_>>]) -> Vec<Vec<String>> {
    let declared = |window: &[Token<'_>]| {
        let [keyword, name, end] = window else { return None };
        ((keyword.text, end.text) == ("mod", ";")).then(|| [parent, &[name.text.to_owned()]].concat())
    };
    items.iter().flat_map(|item| item.windows(3)).filter_map(declared).collect()
}

/// Path and text of every Rust file under `folder`, which need not exist; in order.
pub fn rust_files(root: &Path, folder: &str) -> Vec<(String, String)> {
    let mut names: Vec<_> = match std::fs::read_dir(root.join(folder)) {
        Ok(entries) => entries.map(|entry| entry.expect("a listed entry is readable")).collect(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
        Err(error) => panic!("{folder}: {error}"),
    };
    names.sort_by_key(std::fs::DirEntry::file_name);
    let mut found = Vec::new();
    for entry in names {
        let path = format!("{folder}/{}", entry.file_name().to_string_lossy());
        if entry.path().is_dir() {
            found.extend(rust_files(root, &path));
        } else if entry.path().extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(entry.path()).unwrap_or_else(|error| panic!("{path}: {error}"));
            found.push((path, text));
        }
    }
    found
}
