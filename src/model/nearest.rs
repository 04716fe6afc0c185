//! "Did you mean": the known name that was probably meant.

/// Nothing that people mean is longer, and a distance takes time in proportion to both lengths.
const LONGEST: usize = 64;

/// The candidate that was probably meant, if one is close enough to suggest.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if word.len() > LONGEST {
        return None;
    }
    // A third of the letters may differ, and swapping two neighbours counts once.
    let limit = (word.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .map(|candidate| (strsim::osa_distance(word, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= limit || candidate.starts_with(word))
        .min()
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suggestions_are_near() {
        let names = ["api-dev", "api-prod", "db"];
        assert_eq!(nearest("apidev", names), Some("api-dev"));
        assert_eq!(nearest("api-p", names), Some("api-prod"));
        assert_eq!(nearest("bd", names), Some("db"));
        assert_eq!(nearest("frontend", names), None);
        assert_eq!(nearest(&"d".repeat(100_000), names), None);
    }
}
