//! Manifests: parsed or refused, with all that is promised about both, and within limits of time and memory.

use wharf::manifest::{Diagnostic, MAX_BYTES, Manifest, parse};
use wharf::model::Workspace;
use wharf::yaml;

use super::cost::within_limits;

/// Between the parts of a pattern, see [`enlarged`]; no UTF-8 text has it.
const DIVIDER: u8 = 0xff;

/// Stands for the number of the repetition in a pattern; no UTF-8 text has it.
const NUMBER: u8 = 0xfe;

/// The bytes as they are.
pub fn any(bytes: &[u8]) {
    let manifest = within_limits(|| parse("a.yaml", bytes));
    let found = diagnostics(&manifest);
    assert_fit_for_people(&found, bytes);
    assert!(
        manifest.documents.iter().all(|document| document.outcome.as_ref().err().is_none_or(|all| !all.is_empty()))
    );
    assert!(!found.is_empty() || manifest.mentioned.is_empty(), "only a file with errors mentions names");
    for name in manifest.documents.iter().filter_map(|document| document.name.as_ref()) {
        let known = found.is_empty() || manifest.mentioned.contains(name.as_str());
        assert!(known, "a file with errors declares `{name}` and does not mention it: the workspace would be deleted");
    }
    let valid: Vec<_> = manifest.documents.into_iter().filter_map(|document| document.outcome.ok()).collect();
    assert_survive_yaml(&valid);
}

/// The bytes as a pattern for a manifest of the largest size: what comes first, what is repeated as often as there is
/// room, and what comes last, with `0xff` between them and `0xfe` for the number of the repetition.
pub fn enlarged(bytes: &[u8]) {
    let text = enlarge(bytes);
    let manifest = within_limits(|| parse("a.yaml", &text));
    assert_fit_for_people(&diagnostics(&manifest), &text);
}

fn enlarge(pattern: &[u8]) -> Vec<u8> {
    let mut parts = pattern.splitn(3, |byte| *byte == DIVIDER);
    let [first, repeated, last] = std::array::from_fn(|_| parts.next().unwrap_or_default());
    let mut text = first.to_vec();
    for number in 0_usize.. {
        let before = text.len();
        for byte in repeated {
            match *byte {
                NUMBER => text.extend_from_slice(number.to_string().as_bytes()),
                byte => text.push(byte),
            }
        }
        if text.len() == before || text.len() + last.len() > MAX_BYTES {
            text.truncate(before);
            break;
        }
    }
    text.extend_from_slice(last);
    text
}

/// Every diagnostic, in the order in which they are reported.
fn diagnostics(manifest: &Manifest) -> Vec<&Diagnostic> {
    let of_documents = manifest.documents.iter().filter_map(|document| document.outcome.as_ref().err()).flatten();
    manifest.errors.iter().chain(of_documents).collect()
}

/// Each names a place in the file, fits a terminal, and is not an admission of a defect.
fn assert_fit_for_people(diagnostics: &[&Diagnostic], bytes: &[u8]) {
    // A carriage return ends a line too.
    let lines = bytes.iter().filter(|byte| matches!(byte, b'\n' | b'\r')).count() + 1;
    for diagnostic in diagnostics {
        let shown = diagnostic.to_string();
        assert!((1..=lines + 1).contains(&diagnostic.line), "{shown}: the file has {lines} lines");
        assert!((1..=bytes.len() + 1).contains(&diagnostic.column), "{shown}: the file has {} bytes", bytes.len());
        assert!(shown.len() < 1_500, "{} bytes: {shown}", shown.len());
        assert!(!shown.contains(char::is_control), "{shown:?}");
        assert!(!shown.contains("defect of Wharf"), "{shown}");
    }
}

fn assert_survive_yaml(workspaces: &[Workspace]) {
    let text = yaml::to_string(workspaces).expect("a workspace has a YAML form");
    if workspaces.is_empty() || text.len() > MAX_BYTES {
        return;
    }
    let again = parse("a.yaml", text.as_bytes());
    let diagnostics: Vec<_> = diagnostics(&again).iter().map(ToString::to_string).collect();
    assert_eq!(diagnostics, [""; 0], "{text}");
    let read: Vec<_> = again.documents.into_iter().filter_map(|document| document.outcome.ok()).collect();
    assert_eq!(read, workspaces, "{text}");
}
