//! From text to nodes, within limits that hold for hostile text too.
//!
//! The scanner of saphyr-parser takes time in proportion to the text and refuses more than 255 open brackets by itself, so
//! limits are checked on its events, as they come, before anything is built from them. Only its memory needs a limit
//! beforehand: it reads a collection in brackets to the end before it tells the first of it. There is no recursion: open
//! collections are on a stack of their own.

use std::collections::HashMap;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, StrInput, Tag};

use super::message::{DEPTH, UNKNOWN_ANCHOR, message, too_deep};
use super::scalar::resolve;
use super::{Node, Position, Scalar, ScalarKind, SyntaxError, Value};

/// How much one text may become. Aliases count as what they stand for.
#[derive(Clone, Copy)]
pub(super) struct Limits {
    /// Values in all documents together.
    pub nodes: usize,
    /// Bytes of text in those values.
    pub bytes: usize,
    /// Documents.
    pub documents: usize,
    /// Characters of [`INDICATORS`], wherever they stand. In brackets each may become three tokens of the scanner, of a
    /// hundred bytes.
    pub indicators: usize,
}

/// What collections in brackets are made of. The scanner keeps all tokens of the outermost one: it may be a key.
const INDICATORS: [u8; 7] = *b"[]{},:?";

/// For text by strangers: some 30 MiB of memory at most.
const STRANGER: Limits = Limits { nodes: 50_000, bytes: 1 << 20, documents: 1_000, indicators: 80_000 };

/// Reads every document of a text. A document of comments only is a node with [`ScalarKind::Null`] and no text.
///
/// Refused, besides what is not YAML: control characters, tags other than those of the core schema, more than 64 levels
/// of nesting, more than 50,000 values, 1 MiB of their text, or 1,000 documents after aliases are resolved, and more than
/// 80,000 of the characters that collections in brackets are made of.
pub fn parse(text: &str) -> Result<Vec<Node>, SyntaxError> {
    parse_within(text, STRANGER)
}

pub(super) fn parse_within(text: &str, limits: Limits) -> Result<Vec<Node>, SyntaxError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    refuse_control_characters(text)?;
    refuse_indicators(text, limits.indicators)?;
    let mut parser = Parser::new_from_str(text);
    let mut builder = Builder::new(limits);
    while let Some((event, at)) = next_event(&mut parser)? {
        builder.take(event, at)?;
    }
    Ok(builder.documents)
}

fn next_event<'a>(parser: &mut Parser<'a, StrInput<'a>>) -> Result<Option<(Event<'a>, Position)>, SyntaxError> {
    match parser.next_event() {
        None => Ok(None),
        Some(Ok((event, span))) => Ok(Some((event, position(span.start)))),
        Some(Err(error)) => refused(position(*error.marker()), message(&error)),
    }
}

fn position(marker: Marker) -> Position {
    Position { line: marker.line(), column: marker.col() + 1 }
}

fn refused<T>(at: Position, message: impl Into<String>) -> Result<T, SyntaxError> {
    Err(SyntaxError { at, message: message.into() })
}

/// Tabs and line breaks are the only control characters of a text file; the scanner lets others pass.
fn refuse_control_characters(text: &str) -> Result<(), SyntaxError> {
    let forbidden = |c: char| c.is_control() && !matches!(c, '\t' | '\n' | '\r') || c == '\u{feff}';
    let Some((index, found)) = text.char_indices().find(|(_, c)| forbidden(*c)) else { return Ok(()) };
    let message =
        format!("the character U+{:04X} is not allowed: remove it, or write it as an escape", u32::from(found));
    refused(place(text, index), message)
}

/// The place of a byte of the text that begins a character.
fn place(text: &str, index: usize) -> Position {
    let before = text[..index].replace("\r\n", "\n");
    let mut lines = before.split(['\n', '\r']);
    let column = lines.next_back().map_or(0, |last| last.chars().count()) + 1;
    Position { line: lines.count() + 1, column }
}

fn refuse_indicators(text: &str, limit: usize) -> Result<(), SyntaxError> {
    let mut found = text.bytes().enumerate().filter(|(_, byte)| INDICATORS.contains(byte));
    let Some((index, _)) = found.nth(limit) else { return Ok(()) };
    let message = format!("more than {limit} brackets, commas, colons and question marks: divide the file");
    refused(place(text, index), message)
}

/// A collection that is not complete yet.
struct Open {
    at: Position,
    anchor: usize,
    value: OpenValue,
}

enum OpenValue {
    Sequence(Vec<Node>),
    /// Complete pairs, and the key whose value comes next.
    Mapping(Vec<(Node, Node)>, Option<Node>),
}

/// What a node costs, with all that is in it.
#[derive(Clone, Copy, Default)]
struct Cost {
    nodes: usize,
    bytes: usize,
    depth: usize,
}

struct Builder {
    limits: Limits,
    used: Cost,
    documents: Vec<Node>,
    open: Vec<Open>,
    /// Complete nodes of this document with an anchor, by its number, and what a copy costs.
    anchors: HashMap<usize, (Node, Cost)>,
}

impl Builder {
    fn new(limits: Limits) -> Self {
        Self { limits, used: Cost::default(), documents: Vec::new(), open: Vec::new(), anchors: HashMap::new() }
    }

    fn take(&mut self, event: Event<'_>, at: Position) -> Result<(), SyntaxError> {
        match event {
            Event::DocumentStart(_) => {
                self.anchors.clear();
                if self.documents.len() == self.limits.documents {
                    let limit = self.limits.documents;
                    return refused(at, format!("more than {limit} documents: divide them into several files"));
                }
                Ok(())
            }
            Event::Scalar(text, style, anchor, tag) => {
                self.pay(Cost { nodes: 1, bytes: text.len(), depth: 0 }, at)?;
                let value = Value::Scalar(scalar(text.into_owned(), style, tag.as_deref(), at)?);
                self.complete(Node { at, value }, anchor)
            }
            Event::SequenceStart(anchor, tag) => {
                refuse_tag(tag.as_deref(), "seq", at)?;
                self.begin(at, anchor, OpenValue::Sequence(Vec::new()))
            }
            Event::MappingStart(anchor, tag) => {
                refuse_tag(tag.as_deref(), "map", at)?;
                self.begin(at, anchor, OpenValue::Mapping(Vec::new(), None))
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(),
            Event::Alias(anchor) => self.copy(anchor, at),
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => Ok(()),
        }
    }

    fn begin(&mut self, at: Position, anchor: usize, value: OpenValue) -> Result<(), SyntaxError> {
        self.pay(Cost { nodes: 1, bytes: 0, depth: 1 }, at)?;
        self.open.push(Open { at, anchor, value });
        Ok(())
    }

    fn end(&mut self) -> Result<(), SyntaxError> {
        let Some(Open { at, anchor, value }) = self.open.pop() else { return Ok(()) };
        let value = match value {
            OpenValue::Sequence(items) => Value::Sequence(items),
            OpenValue::Mapping(pairs, _) => Value::Mapping(pairs),
        };
        self.complete(Node { at, value }, anchor)
    }

    fn copy(&mut self, anchor: usize, at: Position) -> Result<(), SyntaxError> {
        let Some((node, cost)) = self.anchors.get(&anchor) else {
            return refused(at, UNKNOWN_ANCHOR);
        };
        let (node, cost) = (node.clone(), *cost);
        self.pay(cost, at)?;
        self.complete(node, 0)
    }

    /// Puts a node where it belongs. Anchor 0 is none.
    fn complete(&mut self, node: Node, anchor: usize) -> Result<(), SyntaxError> {
        if anchor != 0 {
            // The copy kept here costs memory too: anchors within anchors would multiply the text.
            let cost = cost(&node);
            self.pay(Cost { depth: 0, ..cost }, node.at)?;
            self.anchors.insert(anchor, (node.clone(), cost));
        }
        match self.open.last_mut().map(|open| &mut open.value) {
            None => self.documents.push(node),
            Some(OpenValue::Sequence(items)) => items.push(node),
            Some(OpenValue::Mapping(pairs, key)) => match key.take() {
                None => *key = Some(node),
                Some(key) => pairs.push((key, node)),
            },
        }
        Ok(())
    }

    /// Counts what is about to be built.
    fn pay(&mut self, cost: Cost, at: Position) -> Result<(), SyntaxError> {
        self.used.nodes += cost.nodes;
        self.used.bytes += cost.bytes;
        if self.open.len() + cost.depth > DEPTH {
            return refused(at, too_deep());
        }
        if self.used.nodes > self.limits.nodes {
            let limit = self.limits.nodes;
            return refused(at, format!("more than {limit} values, aliases resolved: divide the file"));
        }
        if self.used.bytes > self.limits.bytes {
            let limit = self.limits.bytes / 1024;
            return refused(at, format!("more than {limit} KiB of text, aliases resolved: divide the file"));
        }
        Ok(())
    }
}

/// Recursion is bounded by [`DEPTH`], which every complete node keeps.
fn cost(node: &Node) -> Cost {
    let children: Vec<&Node> = match &node.value {
        Value::Scalar(scalar) => return Cost { nodes: 1, bytes: scalar.text.len(), depth: 0 },
        Value::Sequence(items) => items.iter().collect(),
        Value::Mapping(pairs) => pairs.iter().flat_map(|(key, value)| [key, value]).collect(),
    };
    let own = Cost { nodes: 1, bytes: 0, depth: 1 };
    children.into_iter().map(cost).fold(own, |sum, child| Cost {
        nodes: sum.nodes + child.nodes,
        bytes: sum.bytes + child.bytes,
        depth: sum.depth.max(child.depth + 1),
    })
}

/// The name of a tag of the core schema; `""` for the tag `!`, which means "as it stands".
fn core_tag(tag: &Tag, at: Position) -> Result<String, SyntaxError> {
    let tag = format!("{}{}", tag.handle, tag.suffix);
    match tag.strip_prefix("tag:yaml.org,2002:") {
        Some(name) => Ok(name.to_owned()),
        None if tag == "!" => Ok(String::new()),
        None => refused(at, "a tag that is not supported: remove it; text that begins with `!` needs quotes"),
    }
}

fn refuse_tag(tag: Option<&Tag>, allowed: &str, at: Position) -> Result<(), SyntaxError> {
    match tag.map(|tag| core_tag(tag, at)).transpose()? {
        Some(name) if !name.is_empty() && name != allowed => {
            refused(at, "a tag that does not fit its value: remove it")
        }
        _ => Ok(()),
    }
}

fn scalar(text: String, style: ScalarStyle, tag: Option<&Tag>, at: Position) -> Result<Scalar, SyntaxError> {
    let plain = match style {
        ScalarStyle::Plain => resolve(&text),
        _ => ScalarKind::String,
    };
    let tag = tag.map(|tag| core_tag(tag, at)).transpose()?;
    let kind = match (tag.as_deref(), plain) {
        (Some("" | "str"), _) => ScalarKind::String,
        (Some("float"), ScalarKind::Int(_)) => ScalarKind::Float(text.parse().unwrap_or(f64::INFINITY)),
        (None, kind)
        | (Some("null"), kind @ ScalarKind::Null)
        | (Some("bool"), kind @ ScalarKind::Bool(_))
        | (Some("int"), kind @ ScalarKind::Int(_))
        | (Some("float"), kind @ ScalarKind::Float(_)) => kind,
        (Some(_), _) => return refused(at, "a tag that does not fit its value: remove it"),
    };
    Ok(Scalar { text, kind })
}

#[cfg(test)]
#[expect(clippy::format_collect, reason = "short texts, written plainly")]
mod tests {
    use super::*;

    fn only(text: &str) -> Node {
        let mut documents = parse(text).expect(text);
        assert_eq!(documents.len(), 1, "{text}");
        documents.remove(0)
    }

    fn kind(text: &str) -> ScalarKind {
        match only(text).value {
            Value::Scalar(scalar) => scalar.kind,
            other => panic!("{other:?} is not a scalar"),
        }
    }

    fn error(text: &str) -> String {
        parse(text).expect_err(text).to_string()
    }

    #[test]
    fn nodes_know_their_places_and_keep_duplicate_keys() {
        let node = only("a: 1\nb:\n  - ä: x\nb: 2\n");
        let Value::Mapping(pairs) = &node.value else { panic!("{node:?}") };
        let keys: Vec<_> = pairs.iter().map(|(key, _)| (key.as_text(), key.at.line, key.at.column)).collect();
        assert_eq!(keys, [(Some("a"), 1, 1), (Some("b"), 2, 1), (Some("b"), 4, 1)]);
        let inner = node.get("b").and_then(|list| list.items()[0].get("ä")).expect("present");
        assert_eq!((inner.at, inner.as_text()), (Position { line: 3, column: 8 }, Some("x")));
    }

    #[test]
    fn documents_comments_and_json() {
        assert_eq!(parse("# nothing\n").expect("valid"), []);
        assert_eq!(parse("--- 1\n---\n# c\n--- {\"a\":\t\"\\u0041\\/\"}\n").expect("valid").len(), 3);
        assert_eq!(only("\u{feff}{\"a\":\t\"\\u0041\\/\"}").get("a").and_then(Node::as_text), Some("A/"));
        assert_eq!(only("a: 1\r\nb: x\r\n").get("b").map(|node| node.at.line), Some(2));
    }

    #[test]
    fn core_tags_are_kept_and_others_refused() {
        assert_eq!(kind("!!str 12"), ScalarKind::String);
        assert_eq!(kind("! 12"), ScalarKind::String);
        assert_eq!(kind("!!float 12"), ScalarKind::Float(12.0));
        assert_eq!(kind("!<tag:yaml.org,2002:int> 12"), ScalarKind::Int(12));
        for text in ["!!int x", "!!binary aGk=", "!secret x", "!!seq {}", "!!map []", "!!str []", "- !x {a: 1}"] {
            assert!(error(text).contains("tag"), "{text}");
        }
    }

    #[test]
    fn aliases_are_copies_within_limits() {
        let node = only("a: &x {b: [1, 2]}\nc: *x\n");
        assert_eq!(node.get("a"), node.get("c"));
        for text in ["a: &x [*x]", "a: *x", "--- &x 1\n--- *x\n"] {
            assert!(error(text).contains("not complete before it"), "{text}");
        }
        let bomb: String = (1..40).map(|i| format!("a{i}: &a{i} [*a{0}, *a{0}]\n", i - 1)).collect();
        assert_eq!(
            error(&format!("a0: &a0 x\n{bomb}")),
            "line 14, column 6: more than 50000 values, aliases resolved: divide the file"
        );
        let deep: String = (1..100).map(|i| format!("a{i}: &a{i} [*a{}]\n", i - 1)).collect();
        assert!(error(&format!("a0: &a0 x\n{deep}")).contains("64 levels"));
        let text = format!("a: &a {}\nb: [{}]\n", "x".repeat(100_000), "*a, ".repeat(20));
        assert!(error(&text).contains("1024 KiB of text"));
    }

    #[test]
    fn nesting_is_bounded() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(parse(&nested(DEPTH)).is_ok());
        assert_eq!(
            error(&nested(DEPTH + 1)),
            "line 1, column 65: more than 64 levels of nesting: flatten the document"
        );
        for hostile in ["[", "{", "{a: ", "- ", "? ", "[{"] {
            assert!(error(&hostile.repeat(10_000)).contains("64 levels"), "{hostile}");
        }
        let block: String = (0..500).map(|depth| format!("{}a:\n", " ".repeat(depth))).collect();
        assert!(error(&block).contains("line 65"));
    }

    #[test]
    fn what_the_scanner_would_keep_is_bounded() {
        let text = format!("a:\n  [{}]", ":,".repeat(STRANGER.indicators / 2 - 2));
        assert!(error(&text).contains("50000 values"));
        let text = format!("a:\n  [{}]", ":,".repeat(STRANGER.indicators));
        let expected =
            "line 2, column 80002: more than 80000 brackets, commas, colons and question marks: divide the file";
        assert_eq!(error(&text), expected);
    }

    #[test]
    fn control_characters_are_refused_where_they_are() {
        assert_eq!(
            error("a: b\r\nä\tc: \0"),
            "line 2, column 6: the character U+0000 is not allowed: remove it, or write it as an escape"
        );
        for c in ["\u{1b}", "\u{7f}", "\u{85}", "\u{9f}", "x\u{feff}"] {
            assert!(error(c).contains("is not allowed"), "{c:?}");
        }
        assert_eq!(only("\"\\e\"").as_text(), Some("\u{1b}"));
    }
}
