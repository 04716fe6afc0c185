//! What git writes to its error output: what may be shown of it, and what it means.

use super::error::{Refusal, Rejection};

/// Lines that are shown at most: the first ones of ssh, the last ones of git.
const LINES: usize = 4;
/// Characters of each.
const WIDTH: usize = 240;

/// The lines worth showing, without control characters, credentials and `secrets`.
pub(super) fn shown(output: &[u8], secrets: &[&str]) -> String {
    let text = String::from_utf8_lossy(output);
    let lines: Vec<String> = text.lines().filter(|line| tells(line)).map(|line| clean(line, secrets)).collect();
    let (first, last) = if lines.len() > LINES {
        (&lines[..LINES / 2], &lines[lines.len() - LINES / 2..])
    } else {
        (&lines[..], &[][..])
    };
    first.iter().chain(last).map(String::as_str).collect::<Vec<_>>().join("; ")
}

fn tells(line: &str) -> bool {
    !line.trim().is_empty() && !line.starts_with("hint:") && !line.chars().all(|c| "@ \t".contains(c))
}

fn clean(line: &str, secrets: &[&str]) -> String {
    let mut line = without_logins(line.trim());
    for secret in secrets.iter().filter(|secret| !secret.is_empty()) {
        line = line.replace(secret, "***");
    }
    let mut out: String = line.chars().map(|c| if c.is_control() { ' ' } else { c }).take(WIDTH).collect();
    if line.chars().count() > WIDTH {
        out.push('…');
    }
    out
}

/// `https://user:secret@host` as `https://***@host`: a server may say what it was told, or another address.
fn without_logins(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut rest = line;
    while let Some((before, after)) = rest.split_once("://") {
        out.push_str(before);
        out.push_str("://");
        let end = after.find(|c: char| c.is_whitespace() || "/'\"".contains(c)).unwrap_or(after.len());
        let (authority, behind) = after.split_at(end);
        match authority.rsplit_once('@') {
            Some((login, host)) if login != "git" => {
                out.push_str("***@");
                out.push_str(host);
            }
            _ => out.push_str(authority),
        }
        rest = behind;
    }
    out + rest
}

/// What each reason is recognised by, those first that come along with others.
const SIGNS: &[(Refusal, &[&str])] = &[
    (Refusal::Disk, &["No space left on device", "Disk quota exceeded"]),
    (Refusal::Size, &["died of signal 25", "File too large", "Out of memory", "out of memory"]),
    (Refusal::Hash, &["mismatched algorithms"]),
    (Refusal::Owner, &["dubious ownership"]),
    (Refusal::HostKey, &["Host key verification failed", "HOST IDENTIFICATION HAS CHANGED", "host key is known for"]),
    (
        Refusal::Certificate,
        &["certificate problem", "certificate verif", "certificate subject name", "SSL: no alternative certificate"],
    ),
    (Refusal::Redirect, &["returned error: 301", "returned error: 302", "returned error: 307", "returned error: 308"]),
    (
        Refusal::Denied,
        &[
            "Permission denied (",
            "Authentication failed",
            "could not read Username",
            "could not read Password",
            "returned error: 401",
            "returned error: 403",
            "Access denied",
        ],
    ),
    (Refusal::Reference, &["couldn't find remote ref"]),
    (Refusal::Revision, &["not our ref", "unadvertised object"]),
    (Refusal::Objects, &["fsck error", "error in object", "invalid path", "not a valid object", "bad tree"]),
    (Refusal::Repository, &["does not appear to be a git repository", "not found", "does not exist", "not exported"]),
    (
        Refusal::Unreachable,
        &[
            "Could not resolve host",
            "Connection refused",
            "Connection timed out",
            "Connection reset",
            "Connection closed",
            "Failed to connect",
            "Couldn't connect",
            "No route to host",
            "Network is unreachable",
            "kex_exchange_identification",
            "early EOF",
            "hung up",
            "returned error: 5",
        ],
    ),
    // What unpacks the download was ended by the kernel, and had no words left.
    (Refusal::Size, &["invalid index-pack output", "index-pack failed"]),
];

/// The same of a push; what is not here is as with a fetch.
const PUSH_SIGNS: &[(Rejection, &[&str])] = &[
    (
        Rejection::Moved,
        &["(stale info)", "(fetch first)", "(non-fast-forward)", "cannot lock ref", "reference already exists"],
    ),
    (
        Rejection::Permission,
        &["marked as read only", "unable to create temporary object directory", "insufficient permission"],
    ),
    (Rejection::Rule, &["[remote rejected]"]),
];

/// What a failed fetch means. Lines that the remote wrote do not count: it could make up any.
pub(super) fn meaning(output: &[u8]) -> Refusal {
    find(SIGNS, output).unwrap_or(Refusal::Other)
}

/// What a failed push means.
pub(super) fn rejection(output: &[u8]) -> Rejection {
    find(PUSH_SIGNS, output).unwrap_or_else(|| match meaning(output) {
        Refusal::Denied => Rejection::Permission,
        other => Rejection::Way(other),
    })
}

fn find<T: Copy>(table: &[(T, &[&str])], output: &[u8]) -> Option<T> {
    let text = String::from_utf8_lossy(output);
    let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with("remote:")).collect();
    let is_there = |sign: &str| lines.iter().any(|line| line.contains(sign));
    table.iter().find(|(_, signs)| signs.iter().any(|sign| is_there(sign))).map(|(why, _)| *why)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_and_control_characters_are_not_shown() {
        let output =
            b"remote: you said hunter2\nfatal: unable to access 'https://u:hunter3@host/x': \x1b[31mno\n\nhint: try\n";
        let words = shown(output, &["hunter2"]);
        assert_eq!(words, "remote: you said ***; fatal: unable to access 'https://***@host/x':  [31mno");
    }

    #[test]
    fn long_output_is_cut_in_the_middle() {
        let output = (0..100).map(|n| format!("{n}: {}", "x".repeat(1000))).collect::<Vec<_>>().join("\n");
        let words = shown(output.as_bytes(), &[]);
        assert!(words.starts_with("0: ") && words.contains("99: ") && !words.contains("50: "), "{words}");
        assert!(words.len() < LINES * (WIDTH + 10));
    }

    #[test]
    fn reasons_are_recognised_and_not_believed_from_the_remote() {
        for (text, meant) in [
            ("fatal: couldn't find remote ref refs/heads/x", Refusal::Reference),
            ("error: index-pack died of signal 25\nfatal: early EOF", Refusal::Size),
            ("Host key verification failed.\nfatal: Could not read from remote repository.", Refusal::HostKey),
            ("remote: Authentication failed\nfatal: something", Refusal::Other),
            ("fatal: remote error: upload-pack: not our ref abc", Refusal::Revision),
        ] {
            assert_eq!(meaning(text.as_bytes()), meant, "{text}");
        }
    }

    #[test]
    fn a_rejected_push_says_whose_turn_it_is() {
        for (text, meant) in [
            ("ERROR: The key you are authenticating with has been marked as read only.", Rejection::Permission),
            (
                "remote: no\nfatal: unable to access 'https://h/x': The requested URL returned error: 403",
                Rejection::Permission,
            ),
            (" ! [remote rejected] a -> b (pre-receive hook declined)", Rejection::Rule),
            (" ! [remote rejected] a -> b (cannot lock ref 'refs/heads/b')", Rejection::Moved),
            (" ! [rejected] a -> b (stale info)", Rejection::Moved),
            ("remote: (stale info)\n ! [remote rejected] a -> b (hook declined)", Rejection::Rule),
            ("fatal: Could not resolve host: h", Rejection::Way(Refusal::Unreachable)),
        ] {
            assert_eq!(rejection(text.as_bytes()), meant, "{text}");
        }
    }
}
