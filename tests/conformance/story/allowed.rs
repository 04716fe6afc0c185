//! Where reality varies, a recording says what is allowed.
//!
//! `Died box ~ OutOfMemory box`: these events, in any order. `Died box (sometimes)`: this event or none.
//! `box is exited(0) or exited(137)`: one of these.

/// Whether what was told is what is recorded.
pub fn allows(recorded: &[String], told: &[String]) -> bool {
    let Some((line, rest)) = recorded.split_first() else { return told.is_empty() };
    let indentation = &line[..line.len() - line.trim_start().len()];
    let lines: Vec<String> = line.trim_start().split(" ~ ").map(|event| format!("{indentation}{event}")).collect();
    allows_any_order(&lines, rest, told)
}

/// Whether these lines come first, in any order.
fn allows_any_order(lines: &[String], rest: &[String], told: &[String]) -> bool {
    if lines.iter().all(|line| line.ends_with(SOMETIMES)) && allows(rest, told) {
        return true;
    }
    let Some((first, then)) = told.split_first() else { return false };
    let Some(place) = lines.iter().position(|line| fits(line, first)) else { return false };
    let others = [&lines[..place], &lines[place + 1..]].concat();
    // The last one was the end of the line.
    if others.is_empty() { allows(rest, then) } else { allows_any_order(&others, rest, then) }
}

const SOMETIMES: &str = " (sometimes)";

fn fits(line: &str, told: &str) -> bool {
    let (subject, looks) = line.split_once(" is ").unwrap_or(("", ""));
    line.strip_suffix(SOMETIMES).unwrap_or(line) == told
        || looks.split(" or ").any(|look| told == format!("{subject} is {look}"))
}

#[cfg(test)]
mod tests {
    use super::allows;

    #[test]
    fn only_what_is_recorded_is_allowed() {
        let lines = |text: &str| text.split('|').map(str::to_owned).collect::<Vec<_>>();
        for (recorded, told, expected) in [
            ("a|  b", "a|  b", true),
            ("a|  b", "a|  c", false),
            ("a|  b", "a", false),
            ("a", "a|  b", false),
            ("a|  b ~ c|  d", "a|  c|  b|  d", true),
            ("a|  b ~ c|  d", "a|  c|  d|  b", false),
            ("a|  b ~ c", "a|  c|  c", false),
            ("a|  b (sometimes)|  c", "a|  c", true),
            ("a|  b (sometimes)|  c", "a|  b|  c", true),
            ("a|  b (sometimes)|  c", "a|  b|  b|  c", false),
            ("  b (sometimes) ~ c (sometimes)|d", "  c|d", true),
            ("  b (sometimes) ~ c (sometimes)|d", "  c|  b|d", true),
            ("  b (sometimes) ~ c (sometimes)|d", "  c|  c|d", false),
            ("  b ~ c (sometimes)|d", "  b|d", true),
            ("  b ~ c (sometimes)|d", "  c|  b|d", true),
            ("  b ~ c (sometimes)|d", "  c|d", false),
            ("  b ~ b (sometimes)|d", "  b|d", true),
            ("  b (sometimes)|  b|d", "  b|d", true),
            ("  box is exited(0) or exited(137)", "  box is exited(137)", true),
            ("  box is exited(0) or exited(137)", "  box is exited(1)", false),
        ] {
            assert_eq!(allows(&lines(recorded), &lines(told)), expected, "{recorded} {told}");
        }
    }
}
