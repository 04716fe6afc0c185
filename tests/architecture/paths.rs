//! Which paths a source file names, resolved: `crate::…` for this crate's own, a crate's name for foreign ones.

use std::collections::{BTreeMap, BTreeSet};

use crate::tokens::{Token, after_group};

/// A path, and the line that names it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mention {
    pub line: usize,
    pub path: Vec<String>,
}

/// All paths that `tokens`, the contents of the module `module` (`engine::docker` is `["engine", "docker"]`), name.
/// `modules` are the paths of all modules of the crate.
pub fn mentions(tokens: &[Token<'_>], module: &[String], modules: &BTreeSet<Vec<String>>) -> Vec<Mention> {
    let mut found = Found { module: module.to_vec(), modules, imports: BTreeMap::new(), mentions: Vec::new() };
    // Imports first: a name may be used above the line that imports it.
    found.walk(tokens, Found::import);
    found.walk(tokens, Found::inline);
    found.mentions.sort();
    found.mentions.dedup();
    found.mentions
}

struct Found<'a> {
    /// Where the walk is, inline modules included.
    module: Vec<String>,
    modules: &'a BTreeSet<Vec<String>>,
    /// What a name of this file stands for.
    imports: BTreeMap<String, Vec<String>>,
    mentions: Vec<Mention>,
}

impl Found<'_> {
    /// Calls `visit` for every position, with `self.module` set; `visit` returns where to go on.
    fn walk(&mut self, tokens: &[Token<'_>], visit: fn(&mut Self, &[Token<'_>], usize) -> usize) {
        let mut at = 0;
        while at < tokens.len() {
            if let [keyword, name, open, ..] = &tokens[at..]
                && (keyword.text, open.text) == ("mod", "{")
            {
                let end = after_group(tokens, at + 2);
                self.module.push(name.text.to_owned());
                self.walk(&tokens[at + 3..end.saturating_sub(1)], visit);
                self.module.pop();
                at = end;
            } else {
                at = visit(self, tokens, at);
            }
        }
    }

    /// A `use` declaration; not `use<'a>`, which captures lifetimes.
    fn import(&mut self, tokens: &[Token<'_>], at: usize) -> usize {
        if !is_use(tokens, at) {
            return at + 1;
        }
        let mut leaves = Vec::new();
        let end = use_tree(tokens, at + 1, &[], &mut leaves);
        for leaf in leaves {
            let path = self.resolve(&leaf.path, leaf.global);
            self.imports.insert(leaf.name, path.clone());
            self.mentions.push(Mention { line: leaf.line, path });
        }
        end
    }

    /// A path outside of `use` declarations.
    fn inline(&mut self, tokens: &[Token<'_>], at: usize) -> usize {
        if is_use(tokens, at) {
            return use_tree(tokens, at + 1, &[], &mut Vec::new());
        }
        let follows = |back: usize, text: &str| at >= back && tokens[at - back].text == text;
        let global = follows(1, "::") && !(at >= 2 && (tokens[at - 2].is_word() || tokens[at - 2].text == ">"));
        let continues = (follows(1, "::") && !global) || (follows(1, ".") && !follows(2, "."));
        if !tokens[at].is_word() || continues || tokens.get(at + 1).is_none_or(|token| token.text != "::") {
            return at + 1;
        }
        let (path, end) = straight_path(tokens, at);
        self.mentions.push(Mention { line: tokens[at].line, path: self.resolve(&path, global) });
        end
    }

    fn resolve(&self, path: &[String], global: bool) -> Vec<String> {
        let Some((first, rest)) = path.split_first() else { return Vec::new() };
        let own = |module: &[String], rest: &[String]| [&["crate".to_owned()], module, rest].concat();
        match first.as_str() {
            _ if global => path.to_vec(),
            "crate" => path.to_vec(),
            "self" => own(&self.module, rest),
            "super" => {
                let up = path.iter().take_while(|segment| *segment == "super").count();
                own(&self.module[..self.module.len().saturating_sub(up)], &path[up..])
            }
            name => {
                let child = [self.module.as_slice(), &[name.to_owned()]].concat();
                match self.imports.get(name) {
                    Some(import) => [import, rest].concat(),
                    None if self.modules.contains(&child) => own(&child, rest),
                    None => path.to_vec(),
                }
            }
        }
    }
}

fn is_use(tokens: &[Token<'_>], at: usize) -> bool {
    tokens[at].text == "use" && tokens.get(at + 1).is_some_and(|token| token.text != "<")
}

/// Words joined by `::` from `at` on, and the position after them.
fn straight_path(tokens: &[Token<'_>], mut at: usize) -> (Vec<String>, usize) {
    let mut path = vec![tokens[at].text.to_owned()];
    while let [separator, word, ..] = &tokens[at + 1..]
        && separator.text == "::"
        && word.is_word()
    {
        path.push(word.text.to_owned());
        at += 2;
    }
    (path, at + 1)
}

/// One name that a `use` declaration brings in.
struct Leaf {
    line: usize,
    path: Vec<String>,
    /// Whether the declaration begins with `::`.
    global: bool,
    name: String,
}

/// Reads a tree of `use` with the path `prefix` above it; returns the position after it.
fn use_tree(tokens: &[Token<'_>], start: usize, prefix: &[String], leaves: &mut Vec<Leaf>) -> usize {
    let global = prefix.is_empty() && tokens.get(start).is_some_and(|token| token.text == "::");
    let (mut path, mut at) = (prefix.to_vec(), start);
    while let Some(token) = tokens.get(at) {
        at += 1;
        match token.text {
            "::" => {}
            "{" => return use_group(tokens, at, &path, leaves),
            "as" => {
                let alias = tokens.get(at).map_or_else(String::new, |alias| alias.text.to_owned());
                leaves.push(Leaf { line: token.line, path, global, name: alias });
                return at + 1;
            }
            "," | "}" | ";" => {
                let line = tokens[at - 2].line;
                leaves.push(leaf(line, path, global));
                return at - 1;
            }
            segment => path.push(segment.to_owned()),
        }
    }
    at
}

/// The members of `{…}`, from after the opening brace; returns the position after the closing one.
fn use_group(tokens: &[Token<'_>], mut at: usize, path: &[String], leaves: &mut Vec<Leaf>) -> usize {
    while let Some(token) = tokens.get(at) {
        match token.text {
            "}" => return at + 1,
            "," => at += 1,
            _ => at = use_tree(tokens, at, path, leaves),
        }
    }
    at
}

/// `a::{self}` brings in `a`.
fn leaf(line: usize, mut path: Vec<String>, global: bool) -> Leaf {
    if path.len() > 1 && path.last().is_some_and(|last| last == "self") {
        path.pop();
    }
    let name = path.last().cloned().unwrap_or_default();
    Leaf { line, path, global, name }
}
