//! What people probably meant, and how much of what they wrote may be shown.

/// The candidate that is close enough to be meant, letter case aside.
pub(super) fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    /// Nothing that people mean is longer, and the distance takes time in proportion to both lengths.
    const LONGEST: usize = 64;
    if word.len() > LONGEST {
        return None;
    }
    let lower = word.to_lowercase();
    // One slip in three letters; a word of one or two letters is too little to guess from, but for its case.
    let length = lower.chars().count();
    let tolerated = length / 3;
    candidates
        .into_iter()
        // The distance is never less than the difference in length, which is much quicker to see.
        .filter(|candidate| candidate.len().abs_diff(length) <= tolerated)
        .map(|candidate| (strsim::damerau_levenshtein(&lower, &candidate.to_lowercase()), candidate))
        .filter(|(distance, _)| *distance <= tolerated)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// A list of words to choose from: `` `a`, `b` or `c` ``.
pub(super) fn one_of<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    listed(words, "or")
}

/// A list of words that all count: `` `a`, `b` and `c` ``.
pub(super) fn all_of<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    listed(words, "and")
}

fn listed<'a>(words: impl IntoIterator<Item = &'a str>, conjunction: &str) -> String {
    let words: Vec<String> = words.into_iter().map(|word| format!("`{word}`")).collect();
    match words.split_last() {
        Some((last, first)) if !first.is_empty() => format!("{} {conjunction} {last}", first.join(", ")),
        _ => words.concat(),
    }
}

/// A text of the file, fit for a terminal: short and without control characters. Only for texts that cannot be secret.
pub(super) fn shown(text: &str) -> String {
    shortened(text, 80)
}

/// A key of the file. A value that slipped into a key (`value:s3cret`, `KEY=s3cret`) is left out, so what is not like a
/// field's or label's name ends the text.
pub(super) fn shown_key(key: &str) -> String {
    let name_like = |c: &char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '/');
    let name: String = key.chars().take_while(name_like).collect();
    let name_is_all = name.len() == key.len();
    let shown = shortened(&name, 40);
    if name_is_all || shown.ends_with('…') { shown } else { format!("{shown}…") }
}

fn shortened(text: &str, limit: usize) -> String {
    let mut shown: String = text.chars().take(limit).flat_map(char::escape_debug).collect();
    if text.chars().nth(limit).is_some() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_is_near() {
        let words = ["Running", "Stopped", "image", "imagePullPolicy", "args"];
        for (word, expected) in [
            ("running", Some("Running")),
            ("Runing", Some("Running")),
            ("iamge", Some("image")),
            ("imagepullpolicy", Some("imagePullPolicy")),
            ("arg", Some("args")),
            ("ar", None),
            ("volumes", None),
            ("", None),
        ] {
            assert_eq!(nearest(word, words), expected, "{word}");
        }
        assert_eq!(nearest(&"image".repeat(1_000), words), None);
    }

    #[test]
    fn a_value_that_slipped_into_a_key_is_not_shown() {
        for (key, expected) in [
            ("app.kubernetes.io/name", "app.kubernetes.io/name"),
            ("value:s3cret", "value…"),
            ("TOKEN=s3cret", "TOKEN…"),
            ("a s3cret", "a…"),
            ("\u{1b}[31m", "…"),
            ("", ""),
        ] {
            assert_eq!(shown_key(key), expected, "{key:?}");
        }
        assert_eq!(shown_key(&"x".repeat(100)), format!("{}…", "x".repeat(40)));
    }

    #[test]
    fn lists_of_words() {
        assert_eq!(one_of(["a"]), "`a`");
        assert_eq!(one_of(["a", "b", "c"]), "`a`, `b` or `c`");
        assert_eq!(all_of(["a", "b"]), "`a` and `b`");
    }
}
