//! What a document tells people to type, and what they will see.
//!
//! A block marked `sh` is run once and has to succeed. In one marked `console`, a line that begins with `$ ` is typed, and the lines below
//! are its output; such a command only looks, so it is typed again until the output is as the document says. In an expected line `…`
//! stands for anything, a line of only `…` for any lines, and how many blanks there are does not matter.

/// One thing to do.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// Typed once.
    Do { line: usize, script: String },
    /// Typed until its output is as expected.
    Look { line: usize, command: String, expected: Vec<String> },
}

/// The steps of a Markdown document, in order.
pub fn steps(document: &str) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut lines = document.lines().enumerate().map(|(index, line)| (index + 1, line));
    while let Some((line, opening)) = lines.next() {
        let Some(language) = opening.strip_prefix("```") else { continue };
        let block: Vec<(usize, &str)> = lines.by_ref().take_while(|(_, line)| *line != "```").collect();
        match language {
            "sh" => {
                let script = block.iter().flat_map(|(_, line)| [*line, "\n"]).collect();
                steps.push(Step::Do { line, script });
            }
            "console" => steps.extend(looks(&block)),
            _ => {}
        }
    }
    steps
}

fn looks(block: &[(usize, &str)]) -> Vec<Step> {
    let mut looks = Vec::new();
    for (line, text) in block {
        match (text.strip_prefix("$ "), looks.last_mut()) {
            (Some(command), _) => {
                looks.push(Step::Look { line: *line, command: command.to_owned(), expected: Vec::new() });
            }
            (None, Some(Step::Look { expected, .. })) => expected.push((*text).to_owned()),
            (None, _) => panic!("line {line}: output of no command"),
        }
    }
    looks
}

/// Whether an output is what the document says.
pub fn is_as_expected(output: &str, expected: &[String]) -> bool {
    let seen: Vec<String> = output.lines().map(plain).filter(|line| !line.is_empty()).collect();
    let expected: Vec<String> = expected.iter().map(|line| plain(line)).filter(|line| !line.is_empty()).collect();
    all_match(&seen, &expected)
}

fn plain(line: &str) -> String {
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn all_match(seen: &[String], expected: &[String]) -> bool {
    match expected.split_first() {
        None => seen.is_empty(),
        Some((first, rest)) if first == "…" => (0..=seen.len()).any(|skipped| all_match(&seen[skipped..], rest)),
        Some((first, rest)) => {
            seen.split_first().is_some_and(|(line, others)| fits(line, first) && all_match(others, rest))
        }
    }
}

/// Whether a line consists of the pieces between `…`, in order.
fn fits(line: &str, pattern: &str) -> bool {
    let pieces: Vec<&str> = pattern.split('…').map(str::trim).collect();
    let [first, middle @ .., last] = pieces.as_slice() else { return line == pattern };
    let Some(mut rest) = line.strip_prefix(first) else { return false };
    for piece in middle {
        let Some((_, after)) = rest.split_once(piece) else { return false };
        rest = after;
    }
    rest.ends_with(last)
}

#[test]
fn blocks_are_read_as_they_are_written() {
    let document = "Text.\n```sh\ncd x\nls\n```\n```yaml\na: b\n```\n```console\n$ one\nout\n  more\n$ two\n```\n";
    let look = |line, command: &str, expected: &[&str]| Step::Look {
        line,
        command: command.to_owned(),
        expected: expected.iter().map(ToString::to_string).collect(),
    };
    let expected = [
        Step::Do { line: 2, script: "cd x\nls\n".to_owned() },
        look(10, "one", &["out", "  more"]),
        look(13, "two", &[]),
    ];
    assert_eq!(steps(document), expected);
}

#[test]
fn outputs_are_compared_with_what_may_differ_left_out() {
    for (output, expected, fits) in [
        ("", "", true),
        ("a\n", "", false),
        ("", "a", false),
        ("NAME    PHASE\nbox     Active\n", "NAME PHASE\nbox  Active", true),
        ("box Active 5s busybox", "box Active … busybox", true),
        ("box Active 5s", "box … busybox", false),
        ("a\nb\nc\n", "…\nb\n…", true),
        ("a\nc\n", "…\nb\n…", false),
        ("a\nb\n", "a", false),
        ("x (PolicyDenied): y", "…PolicyDenied…", true),
        ("one two three", "one … two …", true),
    ] {
        let expected: Vec<String> = expected.lines().map(str::to_owned).collect();
        assert_eq!(is_as_expected(output, &expected), fits, "{output:?} {expected:?}");
    }
}
