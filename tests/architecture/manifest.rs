//! The dependencies that Cargo.toml declares, and whether each has a reason beside it.

/// One dependency.
pub struct Dependency {
    /// From 1.
    pub line: usize,
    pub name: String,
    /// Whether it is one of `[dependencies]`, and not of another section.
    pub normal: bool,
    /// Whether a comment says what it is for: on its line, on the line above, or further above if that one names it.
    pub explained: bool,
}

impl Dependency {
    /// As code writes it.
    pub fn code_name(&self) -> String {
        self.name.replace('-', "_")
    }
}

/// All dependencies in a Cargo.toml with one line for each.
pub fn dependencies(cargo_toml: &str) -> Vec<Dependency> {
    let (mut found, mut section, mut comment, mut fresh) = (Vec::new(), "", String::new(), false);
    for (at, line) in cargo_toml.lines().enumerate() {
        if let Some(text) = line.strip_prefix('#') {
            if !fresh {
                comment.clear();
            }
            comment.push_str(text);
            fresh = true;
        } else if line.starts_with('[') {
            section = line;
            comment.clear();
        } else if let Some((name, value)) = line.split_once('=').filter(|_| section.ends_with("dependencies]")) {
            let name = name.trim().to_owned();
            let explained = fresh || names(&comment, &name) || value.contains('#');
            found.push(Dependency { line: at + 1, name, normal: section == "[dependencies]", explained });
            fresh = false;
        }
    }
    found
}

fn names(comment: &str, name: &str) -> bool {
    let word = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
    comment.split(|c| !word(c)).any(|found| found.replace('-', "_") == name.replace('-', "_"))
}
