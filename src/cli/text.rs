//! Text for terminals: what comes from files is made harmless, spans of time are made short.

use std::borrow::Cow;

use crate::model::time::Time;

/// The text with everything escaped that a terminal would act upon instead of showing it.
///
/// Status files and manifests can be written by anyone who can write to the source; an escape sequence in a message could
/// otherwise rewrite what the screen says, and a line break could forge a row.
pub fn plain(text: &str) -> Cow<'_, str> {
    if !text.contains(is_active) {
        return Cow::Borrowed(text);
    }
    let escaped = |c: char| if is_active(c) { c.escape_default().to_string() } else { c.to_string() };
    Cow::Owned(text.chars().map(escaped).collect())
}

/// Control characters, and the marks that change the direction or the breaking of text.
pub fn is_active(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// The time from `then` until `now` as `kubectl` writes ages: `45s`, `12m`, `3h20m`, `5d`. A time in the future is `0s`.
pub fn age(then: Time, now: Time) -> String {
    span(now.timestamp().duration_since(then.timestamp()).as_secs())
}

/// Seconds as `kubectl` writes spans: two units while the smaller one still says something. Negative is `0s`.
///
/// The steps are those of `HumanDuration` in `k8s.io/apimachinery/pkg/util/duration`.
pub fn span(seconds: i64) -> String {
    const MINUTE: i64 = 60;
    const HOUR: i64 = 60 * MINUTE;
    const DAY: i64 = 24 * HOUR;
    const YEAR: i64 = 365 * DAY;
    // Up to the limit: the unit, and the smaller unit that is still shown beside it.
    let steps = [
        (2 * MINUTE, (1, "s"), None),
        (10 * MINUTE, (MINUTE, "m"), Some((1, "s"))),
        (3 * HOUR, (MINUTE, "m"), None),
        (8 * HOUR, (HOUR, "h"), Some((MINUTE, "m"))),
        (2 * DAY, (HOUR, "h"), None),
        (8 * DAY, (DAY, "d"), Some((HOUR, "h"))),
        (2 * YEAR, (DAY, "d"), None),
        (i64::MAX, (YEAR, "y"), Some((DAY, "d"))),
    ];
    let seconds = seconds.max(0);
    let step = steps.into_iter().find(|(limit, ..)| seconds < *limit);
    let (_, (unit, letter), smaller) = step.unwrap_or((i64::MAX, (YEAR, "y"), None));
    let rest = smaller.map(|(size, letter)| (seconds % unit / size, letter)).filter(|(amount, _)| *amount > 0);
    let rest = rest.map(|(amount, letter)| format!("{amount}{letter}")).unwrap_or_default();
    format!("{}{letter}{rest}", seconds / unit)
}

/// A count with its noun: `1 file`, `2 files`.
pub fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_kubectls() {
        for (seconds, text) in [
            (-5, "0s"),
            (0, "0s"),
            (45, "45s"),
            (119, "119s"),
            (120, "2m"),
            (330, "5m30s"),
            (12 * 60 + 5, "12m"),
            (3 * 3600 + 20 * 60, "3h20m"),
            (4 * 3600, "4h"),
            (9 * 3600 + 59, "9h"),
            (5 * 86_400, "5d"),
            (5 * 86_400 + 3 * 3600, "5d3h"),
            (100 * 86_400, "100d"),
            (3 * 365 * 86_400 + 86_400, "3y1d"),
        ] {
            assert_eq!(span(seconds), text, "{seconds}");
        }
    }

    #[test]
    fn a_terminal_gets_nothing_to_act_upon() {
        assert_eq!(plain("a\u{1b}[2Jb\nc\u{9b}\u{202e}d"), "a\\u{1b}[2Jb\\nc\\u{9b}\\u{202e}d");
        assert!(matches!(plain("größer – 漢字"), Cow::Borrowed(_)));
    }
}
