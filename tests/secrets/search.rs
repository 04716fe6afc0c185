//! Looking for a secret in whatever was written, in the forms in which it could get there.

use std::fs;
use std::path::Path;

/// A text that stands for a secret. It is found by nothing else, and keeps its form where texts are escaped.
pub fn canary(place: &str) -> String {
    format!("c4n4ry0{}0z", place.replace(|c: char| !c.is_ascii_alphanumeric(), "0"))
}

/// Something that was written, and what by.
pub struct Output {
    pub origin: String,
    pub bytes: Vec<u8>,
}

impl Output {
    pub fn new(origin: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Self {
        Self { origin: origin.into(), bytes: bytes.into() }
    }
}

/// Every file below a directory.
pub fn files(directory: &Path) -> Vec<Output> {
    let mut found = Vec::new();
    let mut directories = vec![directory.to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(&directory).expect("readable").map(|entry| entry.expect("readable")) {
            if entry.file_type().expect("known").is_dir() {
                directories.push(entry.path());
            } else if entry.file_type().expect("known").is_file() {
                found.push(Output::new(entry.path().display().to_string(), fs::read(entry.path()).expect("readable")));
            }
        }
    }
    found
}

/// Fails with every output that has a secret in it.
#[track_caller]
pub fn assert_none(outputs: &[Output], secrets: &[String]) {
    let forms: Vec<_> = secrets.iter().flat_map(|secret| forms(secret)).collect();
    let mut leaks = Vec::new();
    for Output { origin, bytes } in outputs {
        // Searched as text, because that is quick; what is not text stays apart from what is.
        let text = String::from_utf8_lossy(bytes);
        for (form, secret) in &forms {
            if let Some(at) = text.find(secret) {
                leaks.push(format!("{origin} has {secret} ({form}): {}", around(&text, at)));
            }
        }
    }
    assert!(leaks.is_empty(), "{} leaks:\n{}", leaks.len(), leaks.join("\n"));
}

/// The words before and behind.
fn around(text: &str, at: usize) -> String {
    let before: Vec<char> = text[..at].chars().rev().take(120).collect();
    before.into_iter().rev().chain(text[at..].chars().take(80)).collect()
}

/// Whether a text is somewhere in it, as it stands.
pub fn contains(bytes: &[u8], text: &str) -> bool {
    String::from_utf8_lossy(bytes).contains(text)
}

/// As it stands, as `Debug` and JSON write bytes, in hexadecimal digits, in base64 wherever it begins, and as UTF-16.
fn forms(secret: &str) -> Vec<(&'static str, String)> {
    let bytes = secret.as_bytes();
    let numbers = |separator: &str| bytes.iter().map(u8::to_string).collect::<Vec<_>>().join(separator);
    let hex = bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
    let utf16 = secret.chars().map(|c| c.to_string()).collect::<Vec<_>>().join("\0");
    let mut forms = vec![
        ("plain", secret.to_owned()),
        ("a list of bytes", numbers(", ")),
        ("a list of bytes", numbers(",")),
        ("hexadecimal", hex.to_ascii_uppercase()),
        ("hexadecimal", hex),
        ("UTF-16", utf16),
    ];
    forms.extend((0..3).map(|begin| ("base64", base64(bytes, begin))));
    forms
}

/// Those digits of base64 that depend on nothing but the bytes, when so many bytes precede them.
fn base64(bytes: &[u8], preceding: usize) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let padded: Vec<u8> = std::iter::repeat_n(0, preceding).chain(bytes.iter().copied()).collect();
    let whole = padded.chunks_exact(3).flat_map(|three| {
        let bits = three.iter().fold(0_usize, |bits, byte| bits << 8 | usize::from(*byte));
        [18, 12, 6, 0].map(|shift| char::from(DIGITS[bits >> shift & 63]))
    });
    let spoilt = if preceding == 0 { 0 } else { preceding + 1 };
    whole.skip(spoilt).collect()
}

#[test]
fn every_form_is_found() {
    let secret = "c4n4ry0x";
    for written in [
        "KEY=c4n4ry0x",
        "[99, 52, 110, 52, 114, 121, 48, 120]",
        "KEY=63346e3472793078",
        "S0VZPWM0bjRyeTB4", // KEY=…
        "eGM0bjRyeTB4",     // x…
        "eHhjNG40cnkweHh4", // xx…xx
        "c\u{0}4\u{0}n\u{0}4\u{0}r\u{0}y\u{0}0\u{0}x\u{0}",
    ] {
        let found = std::panic::catch_unwind(|| assert_none(&[Output::new("x", written)], &[secret.to_owned()]));
        assert!(found.is_err(), "{written}");
    }
    assert_none(&[Output::new("x", "c4n4ry c4n4ry0 c4n4ry0y")], &[secret.to_owned()]);
}
