//! Text that is meant to hurt: refused early, with a line, and without much memory.

use std::time::{Duration, Instant};

use wharf::manifest::{MAX_BYTES, parse};

use super::{diagnostics, rendered};

/// Milliseconds in an optimised build; far more without optimisation on a busy machine, and for ever by a mistake.
const DEADLINE: Duration = Duration::from_secs(20);

/// Parses and returns the first diagnostic's line, column and message.
fn refused(what: &str, bytes: &[u8]) -> (usize, usize, String) {
    let begin = Instant::now();
    let manifest = parse("hostile.yaml", bytes);
    let took = begin.elapsed();
    assert!(took < DEADLINE, "{what} took {took:?}");
    let found = diagnostics(&manifest);
    let first = found.first().unwrap_or_else(|| panic!("{what} is accepted"));
    let longest = found.iter().map(|one| one.to_string().len()).max().unwrap_or_default();
    assert!(longest < 1_500, "{what}: a diagnostic of {longest} bytes");
    assert!(!rendered(&manifest).contains(|c: char| c.is_control() && c != '\n'), "{what}: control characters");
    (first.line, first.column, first.message.clone())
}

/// Repeats `text` up to the size of the largest manifest.
fn filled(text: &str) -> String {
    text.repeat(MAX_BYTES / text.len())
}

/// A manifest with one line more in its spec, which is line 6.
fn spec(line: &str) -> String {
    format!("apiVersion: wharf/v1\nkind: Workspace\nmetadata: {{name: box}}\nspec:\n  image: debian:12\n  {line}\n")
}

#[test]
fn nesting() {
    for text in ["[", "{", "{a: ", "- ", "? ", "[{", "- - ", "[\n"] {
        let (line, column, message) = refused(text, filled(text).as_bytes());
        // Whichever is counted first.
        let limits = ["more than 64 levels of nesting", "more than 80000 brackets"];
        assert!(limits.iter().any(|limit| message.starts_with(limit)), "{text:?}: {message}");
        assert!(line > 1 || column > 1, "{text:?}");
    }
    let block: String = (0..700).fold(String::new(), |text, depth| text + &" ".repeat(depth) + "a:\n");
    assert_eq!(refused("block", block.as_bytes()).0, 65);
    refused("closed", format!("{}{}", "[".repeat(10_000), "]".repeat(10_000)).as_bytes());
}

#[test]
fn aliases() {
    let bomb = (1..60).fold("a0: &a0 [x, x]\n".to_owned(), |text, index| {
        let list = format!("*a{}, ", index - 1).repeat(9);
        text + &format!("a{index}: &a{index} [{list}]\n")
    });
    let (line, _, message) = refused("alias bomb", bomb.as_bytes());
    assert!(line < 10 && message.contains("50000 values"), "{line}: {message}");

    let scalar = format!("a: &a {}\nb: [{}]\n", "x".repeat(50_000), "*a, ".repeat(10_000));
    let (line, _, message) = refused("billion laughs with one text", scalar.as_bytes());
    assert!(line == 2 && message.contains("1024 KiB of text"), "{line}: {message}");

    refused("an alias within its anchor", b"&a [*a]");
    let anchors = (0..60).fold(String::new(), |text, index| text + &format!("&a{index} ["));
    let wide = format!("{anchors}{}{}", "x, ".repeat(60_000), "]".repeat(60));
    assert!(refused("anchors around much", wide.as_bytes()).2.contains("50000 values"));
    refused("a huge anchor", format!("a: &{} x\nb: c\n", "a".repeat(200_000)).as_bytes());
    refused(
        "many anchors",
        (0..15_000).fold(String::new(), |text, index| text + &format!("- &a{index} x\n")).as_bytes(),
    );
}

#[test]
fn size() {
    let ten_megabytes = "a: b\n".repeat(2 << 20);
    let (line, column, message) = refused("10 MB", ten_megabytes.as_bytes());
    assert_eq!((line, column, message.as_str()), (1, 1, "the file is larger than 256 KiB"));
    let padded = |bytes: usize| format!("{}#{}", spec("user: root"), "x".repeat(bytes - spec("user: root").len() - 1));
    assert_eq!(rendered(&parse("a.yaml", padded(MAX_BYTES).as_bytes())), "");
    refused("one byte more", padded(MAX_BYTES + 1).as_bytes());
}

#[test]
fn very_many_of_something() {
    for text in [
        "a,",
        "- x\n",
        "a: b\n",
        "---\n",
        "--- 1\n",
        "a: b\n---\n",
        ":",
        "? a\n: b\n",
        "\"",
        "'",
        "!!str ",
        "%TAG ! x\n",
        "&a ",
        "*a ",
        "#",
        "|",
        ">\n",
        "- |\n",
        "-",
        "\t",
        "\\",
        "name: x\n",
        "é",
        "]",
        "}",
        ",",
        "\r",
        "- {name: A}\n",
    ] {
        // Some are nothing but a comment or blanks, and so no error: what counts is the deadline.
        let begin = Instant::now();
        for text in [filled(text), format!("[{}", filled(text)), spec(&format!("args: [{}]", filled(text)))] {
            drop(parse("a.yaml", text.as_bytes()));
        }
        assert!(begin.elapsed() < DEADLINE, "{text:?} took {:?}", begin.elapsed());
    }
    let env = "    - {name: A, value: x}\n";
    refused("variables", spec(&format!("env:\n{}", env.repeat(10_000))).as_bytes());
    let ports = "    - {container: 1, host: 1}\n";
    refused("ports", spec(&format!("ports:\n{}", ports.repeat(8_000))).as_bytes());
    let keys = (0..40_000).fold(String::new(), |text, index| text + &format!("imag{index}: 1\n"));
    refused("unknown fields", &keys.as_bytes()[..250_000]);
}

#[test]
fn characters() {
    for (what, bytes, line, column) in [
        ("NUL", &b"a: b\nc: \0d\n"[..], 2, 4),
        ("escape", b"a: \x1b[31mred\n", 1, 4),
        ("delete", b"a: b\n\n  \x7f", 3, 3),
        ("C1", "a: b\nä\u{9b}".as_bytes(), 2, 2),
        ("invalid UTF-8", b"a: b\nc: \xff\n", 2, 4),
        ("cut off UTF-8", b"a: b\nc: \xc3", 2, 4),
        ("UTF-16", b"\xff\xfea\0:\0 \0b\0", 1, 1),
        ("a byte order mark inside", "a: \u{feff}b".as_bytes(), 1, 4),
    ] {
        let (found_line, found_column, _) = refused(what, bytes);
        assert_eq!((found_line, found_column), (line, column), "{what}");
    }
    refused("tab", spec("\tuser: root").as_bytes());
    refused("escaped NUL", spec("user: \"a\\0b\"").as_bytes());
}

#[test]
fn names() {
    for name in ["../x", "..", "/", "a/b", "a b", "A", "ä", ".hidden", "a\\0", "\\e[31m", "-rf", &"x".repeat(300)] {
        let text = spec("user: root").replace("name: box", &format!("name: \"{name}\""));
        let (line, column, message) = refused(name, text.as_bytes());
        assert_eq!((line, column), (3, 18), "{message}");
        assert!(message.starts_with("`metadata.name`"), "{message}");
    }
    let long = "x".repeat(200_000);
    for line in [
        format!("state: {long}"),
        format!("{long}: 1"),
        format!("dependsOn: [{long}]"),
        format!("stopGracePeriod: {long}"),
        format!("resources: {{cpu: {long}, memory: {long}}}"),
        format!("workingDir: {long}"),
        format!("project: {{path: x, mountPath: {long}}}"),
        format!("security: {{capabilities: {{add: [{long}]}}}}"),
        format!("ports: [{{container: 1, hostIP: {long}}}]"),
        format!("env: [{{name: \"{long} x\", value: x}}]"),
        format!("volumes: [{{hostPath: {long}, mountPath: /a}}]"),
    ] {
        refused(&line[..20], spec(&line).as_bytes());
    }
    refused("an image", spec("x: 1").replace("debian:12", &long).as_bytes());
}

#[test]
fn keys_given_twice() {
    let (line, _, message) = refused("a field", spec("image: debian:13").as_bytes());
    assert_eq!((line, message.as_str()), (6, "`spec.image` is given twice, first on line 5"));
    let (line, _, _) = refused("the same field by an escape", spec("\"im\\x61ge\": debian:13").as_bytes());
    assert_eq!(line, 6);
}
