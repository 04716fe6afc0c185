//! The names that a file with errors may declare.

use std::collections::BTreeSet;
use std::iter::Peekable;
use std::str::Chars;

use crate::model::Name;

/// Every word of a file that could be a workspace's name.
///
/// Errs on the side of too many: a name that is missing here lets a workspace be deleted. So the bytes may be in any
/// encoding that has ASCII in it (a file that an editor saved as UTF-16 has NULs between the letters), and a name may be
/// written with escapes.
pub(super) fn mentioned(bytes: &[u8]) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    if bytes.contains(&0) {
        let bytes: Vec<u8> = bytes.iter().copied().filter(|byte| *byte != 0).collect();
        add_names(&bytes, &mut names);
    } else {
        add_names(bytes, &mut names);
    }
    if bytes.contains(&b'\\') {
        add_names(unescaped(&String::from_utf8_lossy(bytes)).as_bytes(), &mut names);
    }
    names
}

fn add_names(bytes: &[u8], names: &mut BTreeSet<String>) {
    let of_name = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || *byte == b'-';
    let words = bytes.split(|byte| !of_name(byte)).filter(|word| !word.is_empty());
    for word in words.filter_map(|word| std::str::from_utf8(word).ok()).map(|word| word.trim_matches('-')) {
        if !names.contains(word) && word.parse::<Name>().is_ok() {
            names.insert(word.to_owned());
        }
    }
}

/// With the escapes of double-quoted YAML that can be part of a name: `\x61`, `\u0061`, `\U00000061`, and `\` at the end of a
/// line, which joins it with the next.
fn unescaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match rest.next() {
            Some('x') => out.push(escaped(&mut rest, 2)),
            Some('u') => out.push(escaped(&mut rest, 4)),
            Some('U') => out.push(escaped(&mut rest, 8)),
            Some('\r' | '\n') => while rest.next_if(|c| c.is_whitespace()).is_some() {},
            _ => out.push(' '),
        }
    }
    out
}

fn escaped(rest: &mut Peekable<Chars<'_>>, digits: usize) -> char {
    let hex: String = (0..digits).map_while(|_| rest.next_if(char::is_ascii_hexdigit)).collect();
    u32::from_str_radix(&hex, 16).ok().and_then(char::from_u32).unwrap_or(' ')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(bytes: &[u8]) -> Vec<String> {
        mentioned(bytes).into_iter().collect()
    }

    #[test]
    fn words_that_could_be_names() {
        assert_eq!(words(b"name: api-dev # not: A_B\n--- {x:\"y2\"}"), ["api-dev", "name", "not", "x", "y2"]);
        assert_eq!(words("é\u{0}a".as_bytes()), ["a"]);
        assert_eq!(words(&[0xff, b'a', 0xfe, b'b']), ["a", "b"]);
        assert_eq!(words("x".repeat(64).as_bytes()), [""; 0]);
    }

    #[test]
    fn names_in_another_encoding_or_with_escapes_are_found() {
        let utf16: Vec<u8> = "name: api".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert!(words(&utf16).contains(&"api".to_owned()));
        for text in [r#""a\x70i""#, r#""a\u0070i""#, r#""\U00000061pi""#, "\"a\\\n   pi\"", "\"a\\\r\n  pi\""] {
            assert!(words(text.as_bytes()).contains(&"api".to_owned()), "{text}");
        }
    }
}
