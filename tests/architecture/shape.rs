//! What a file looks like: the length of its functions, its macros.

use crate::tokens::{Token, after_group};

/// A function with a body.
#[derive(Debug, PartialEq, Eq)]
pub struct Function<'a> {
    pub name: &'a str,
    /// Of its `fn`.
    pub line: usize,
    /// From its `fn` to its closing brace.
    pub lines: usize,
}

/// Every function with a body, nested ones included.
pub fn functions<'a>(tokens: &[Token<'a>]) -> Vec<Function<'a>> {
    (0..tokens.len()).filter_map(|at| function(tokens, at)).collect()
}

fn function<'a>(tokens: &[Token<'a>], at: usize) -> Option<Function<'a>> {
    let name = tokens.get(at + 1).filter(|name| tokens[at].text == "fn" && name.is_word())?;
    let mut open = at + 2;
    loop {
        match tokens.get(open)?.text {
            "{" => break,
            ";" => return None,
            "(" | "[" => open = after_group(tokens, open),
            _ => open += 1,
        }
    }
    let last = tokens.get(after_group(tokens, open) - 1)?.line;
    let line = tokens[at].line;
    Some(Function { name: name.text, line, lines: last - line + 1 })
}

/// Calls of macros: the name and the line.
pub fn macros<'a>(tokens: &[Token<'a>]) -> Vec<Token<'a>> {
    tokens
        .windows(3)
        .filter(|window| window[0].is_word() && window[1].text == "!" && matches!(window[2].text, "(" | "[" | "{"))
        .map(|window| window[0])
        .collect()
}

/// How many lines `items` cover.
pub fn covered_lines(items: &[Vec<Token<'_>>]) -> usize {
    items.iter().filter_map(|item| Some(item.last()?.line - item.first()?.line + 1)).sum()
}
