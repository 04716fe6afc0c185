//! The scanner's errors in words that say what to do.

use saphyr_parser::ScanError;

/// Collections within collections. A manifest has seven levels.
pub(super) const DEPTH: usize = 64;

/// Anchors end with their document, and begin with the end of what they stand for.
pub(super) const UNKNOWN_ANCHOR: &str =
    "an alias whose anchor is not complete before it in this document: text that begins with `*` needs quotes";

/// A part of the scanner's text, and what to tell instead. The first that fits counts.
const MEANINGS: [(&str, &str); 17] = [
    ("found unknown anchor", UNKNOWN_ANCHOR),
    (
        "mapping values are not allowed",
        "a `:` where no field can begin: put text that contains `: ` in quotes, or correct the indentation",
    ),
    ("illegal placement of ':'", "a `:` where no field can begin: is a bracket before it not closed?"),
    ("quoted scalar, found unexpected end", "a quote that is never closed"),
    ("expected ',' or ']'", "a `[` that is not closed by `]`"),
    ("expected ',' or '}'", "a `{` that is not closed by `}`"),
    ("invalid indentation in flow", "a bracket that is not closed, or a line between brackets that is not indented"),
    ("did not find expected '-'", "a field beside the items of a list: correct the indentation"),
    ("block mapping, did not find expected key", "an indentation that fits no line above"),
    ("simple key expect", "a line that is neither `field: value` nor `- item`: correct it, or indent it"),
    ("misplaced bracket", "a closing bracket without an opening one: text that begins with it needs quotes"),
    ("expected node content", "a bracket or comma where a value should be"),
    (
        "unknown escape character",
        "an unknown escape: in double quotes write `\\\\` for a backslash, or use single quotes",
    ),
    ("invalid Unicode character escape", "an escape that is not a character: write the character itself"),
    ("block sequence entries are not allowed", "a `- ` behind other text: begin the list on a line of its own"),
    ("scanning an anchor or alias", "an anchor or alias without a name: text that begins with `&` or `*` needs quotes"),
    ("invalid trailing content after", "text behind a closing quote: put all of it in the quotes"),
];

/// What is wrong, and what would be right. Quotes one character of the text at most.
pub(super) fn message(error: &ScanError) -> String {
    let info = error.info();
    if info == "recursion limit exceeded" {
        return too_deep();
    }
    if info.contains("tab") && !info.contains("table") {
        return "a tab where only spaces can be: indent with spaces".to_owned();
    }
    if let Some(found) = info.strip_prefix("unexpected character: `").and_then(|rest| rest.chars().next()) {
        return format!("no text can begin with {found:?}: put it in quotes");
    }
    let known = MEANINGS.iter().find(|(part, _)| info.contains(part));
    known.map_or_else(|| format!("not valid YAML: {info}"), |(_, meaning)| (*meaning).to_owned())
}

pub(super) fn too_deep() -> String {
    format!("more than {DEPTH} levels of nesting: flatten the document")
}

#[cfg(test)]
mod tests {
    use super::super::parse;

    #[test]
    fn common_mistakes_have_a_remedy() {
        for (text, expected) in [
            ("a:\n\tb: 1\n", "2:2 a tab where only spaces can be: indent with spaces"),
            (
                "a: b: c\n",
                "1:5 a `:` where no field can begin: put text that contains `: ` in quotes, or correct the indentation",
            ),
            ("a: [b\nc: d\n", "2:2 a `:` where no field can begin: is a bracket before it not closed?"),
            ("a: @x\n", "1:4 no text can begin with '@': put it in quotes"),
            ("a: %x\n", "1:4 no text can begin with '%': put it in quotes"),
            ("a: 'b\n", "1:4 a quote that is never closed"),
            ("a: {b: c\n", "2:1 a `{` that is not closed by `}`"),
            ("- a\nb: c\n", "2:1 a field beside the items of a list: correct the indentation"),
            ("a:\n  b: c\n d: e\n", "3:2 an indentation that fits no line above"),
            ("a: b\nc\n", "3:1 a line that is neither `field: value` nor `- item`: correct it, or indent it"),
            ("a: - b\n", "1:4 a `- ` behind other text: begin the list on a line of its own"),
            ("a: \"\\ud83d\\ude00\"", "1:4 an escape that is not a character: write the character itself"),
            (
                "a: \"C:\\q\"",
                "1:4 an unknown escape: in double quotes write `\\\\` for a backslash, or use single quotes",
            ),
        ] {
            let error = parse(text).expect_err(text);
            let found = format!("{}:{} {}", error.at.line, error.at.column, error.message);
            assert_eq!(found, expected, "{text:?}");
        }
    }
}
