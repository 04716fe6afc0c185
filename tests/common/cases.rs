//! Files of cases. A case is a title (`== …`), what is given (plain lines), and what must come of it: sections that begin
//! with a word and a colon, and whose lines are indented. `#` begins a comment.
//!
//! With `UPDATE_EXPECT=1` the sections are written anew, so that a change of behaviour is reviewed as a diff of the files.

#![allow(dead_code, reason = "each test program uses its own part")]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// One case of a file.
pub struct Case {
    /// Comment lines and blank lines before it.
    preamble: String,
    /// What it is about.
    pub title: String,
    /// What is given, one fact a line.
    pub given: Vec<String>,
    /// The sections as they are written.
    expected: String,
}

impl Case {
    /// The lines of a section as they are written, without the indentation; empty when there is none.
    pub fn section(&self, word: &str) -> Vec<String> {
        let heading = format!("{word}:");
        let lines = self.expected.lines().skip_while(|line| **line != *heading).skip(1);
        lines.map_while(|line| line.strip_prefix("  ")).map(str::to_owned).collect()
    }
}

/// Every case of every `.txt` file in a folder beside the tests.
pub fn all(folder: &str) -> Vec<Case> {
    let text = |path: &PathBuf| std::fs::read_to_string(path).expect("a readable case file");
    files(folder).iter().flat_map(|path| parse(&text(path))).collect()
}

/// The sections of a case, as pairs of a word and a text, or what is wrong with it.
pub type Answer = Result<Vec<(&'static str, String)>, String>;

/// Whether the sections are to be written anew.
pub fn updates() -> bool {
    std::env::var_os("UPDATE_EXPECT").is_some()
}

/// Checks every case of every `.txt` file in a folder beside the tests against what `answer` makes of it, or writes the
/// sections anew.
pub fn check(folder: &str, at_least: usize, update: bool, answer: impl Fn(&Case) -> Answer) {
    let (mut count, mut failures) = (0, Vec::new());
    for path in files(folder) {
        let text = std::fs::read_to_string(&path).expect("a readable case file");
        let cases = parse(&text);
        let mut rewritten = String::new();
        for case in &cases {
            count += 1;
            let place = format!("{}: {}", path.file_name().unwrap_or_default().display(), case.title);
            match answer(case).map(|sections| sections_text(&sections)) {
                Ok(actual) => {
                    if actual != case.expected && !update {
                        failures.push(format!("{place}\n{}", difference(&case.expected, &actual)));
                    }
                    write_case(&mut rewritten, case, &actual);
                }
                Err(problem) => {
                    failures.push(format!("{place}\n{problem}\n"));
                    write_case(&mut rewritten, case, &case.expected);
                }
            }
        }
        if update && rewritten != text {
            std::fs::write(&path, rewritten).expect("a writable case file");
        }
    }
    assert!(failures.is_empty(), "{} of {count} cases fail:\n\n{}", failures.len(), failures.join("\n"));
    assert!(count >= at_least, "only {count} cases were found");
}

fn files(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(folder);
    let entries = std::fs::read_dir(folder).expect("a folder of cases");
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "txt"));
    paths.sort();
    paths
}

fn parse(text: &str) -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    let mut preamble = String::new();
    for line in text.lines() {
        if let Some(title) = line.strip_prefix("== ") {
            let preamble = std::mem::take(&mut preamble);
            cases.push(Case { preamble, title: title.to_owned(), given: Vec::new(), expected: String::new() });
        } else if line.is_empty() || line.starts_with('#') {
            let _ = writeln!(preamble, "{line}");
        } else if let Some(case) = cases.last_mut() {
            let in_section = !case.expected.is_empty() || line.ends_with(':');
            if in_section {
                let _ = writeln!(case.expected, "{line}");
            } else {
                case.given.push(line.to_owned());
            }
        } else {
            panic!("a line before the first case: {line}");
        }
    }
    cases
}

fn write_case(out: &mut String, case: &Case, sections: &str) {
    let given = case.given.join("\n");
    let _ = write!(out, "{}== {}\n{given}\n{sections}", case.preamble, case.title);
}

fn sections_text(sections: &[(&str, String)]) -> String {
    let mut out = String::new();
    for (word, text) in sections {
        let _ = writeln!(out, "{word}:");
        for line in text.lines() {
            let _ = writeln!(out, "  {line}");
        }
    }
    out
}

/// Lines of both texts: what is only expected with `-`, what is only there with `+`.
fn difference(expected: &str, actual: &str) -> String {
    let (old, new): (Vec<&str>, Vec<&str>) = (expected.lines().collect(), actual.lines().collect());
    // Lengths of the longest common subsequences of the tails.
    let mut common = vec![vec![0_usize; new.len() + 1]; old.len() + 1];
    for i in (0..old.len()).rev() {
        for j in (0..new.len()).rev() {
            common[i][j] =
                if old[i] == new[j] { common[i + 1][j + 1] + 1 } else { common[i + 1][j].max(common[i][j + 1]) };
        }
    }
    let (mut i, mut j, mut out) = (0, 0, String::new());
    while i < old.len() || j < new.len() {
        if i < old.len() && j < new.len() && old[i] == new[j] {
            let _ = writeln!(out, "    {}", old[i]);
            (i, j) = (i + 1, j + 1);
        } else if j == new.len() || (i < old.len() && common[i + 1][j] >= common[i][j + 1]) {
            let _ = writeln!(out, "  - {}", old[i]);
            i += 1;
        } else {
            let _ = writeln!(out, "  + {}", new[j]);
            j += 1;
        }
    }
    out
}
