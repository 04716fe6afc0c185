//! What git prints, as values. Pure. `None`: it is not what git prints.

use jiff::Timestamp;

use super::options::is_object_id;
use super::port::{Blob, Commit};
use crate::model::source::Revision;

/// Characters of an author and of a subject that are kept: both are anyone's to choose.
const WIDTH: usize = 200;

/// What is at a path of a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// As git stores it: any bytes but NUL.
    pub path: Vec<u8>,
    /// What it is.
    pub kind: EntryKind,
}

/// What an entry is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EntryKind {
    /// A file.
    File(Blob),
    /// A symbolic link; the blob is what it leads to.
    Link(Blob),
    /// A directory. Those that hold anything are seen by what they hold.
    Directory,
    /// A commit of another repository.
    Submodule,
}

/// The output of `ls-tree -z -l`.
pub(super) fn entries(output: &[u8]) -> Option<Vec<Entry>> {
    output.split(|byte| *byte == 0).filter(|line| !line.is_empty()).map(entry).collect()
}

fn entry(line: &[u8]) -> Option<Entry> {
    let tab = line.iter().position(|byte| *byte == b'\t')?;
    let (head, path) = (std::str::from_utf8(&line[..tab]).ok()?, line[tab + 1..].to_vec());
    let mut fields = head.split_ascii_whitespace();
    let (mode, kind, id, size) = (fields.next()?, fields.next()?, fields.next()?, fields.next()?);
    let blob = || Some(Blob { id: is_object_id(id).then(|| id.to_owned())?, bytes: size.parse().ok()? });
    let kind = match (kind, mode) {
        ("blob", "120000") => EntryKind::Link(blob()?),
        ("blob", _) => EntryKind::File(blob()?),
        ("tree", _) => EntryKind::Directory,
        ("commit", _) => EntryKind::Submodule,
        _ => return None,
    };
    Some(Entry { path, kind })
}

/// The ID at the beginning of a line of `ls-tree`.
pub(super) fn id_of(line: &[u8]) -> Option<String> {
    let id = std::str::from_utf8(line).ok()?.split_ascii_whitespace().nth(2)?;
    is_object_id(id).then(|| id.to_owned())
}

/// One object in the output of `cat-file --batch`, and what follows it.
pub(super) fn object(output: &[u8]) -> Option<(&str, &[u8], &[u8])> {
    let end = output.iter().position(|byte| *byte == b'\n')?;
    let head = std::str::from_utf8(&output[..end]).ok()?;
    let (id, size) = (head.split(' ').next()?, head.rsplit(' ').next()?.parse::<usize>().ok()?);
    let (content, rest) = output.get(end + 1..)?.split_at_checked(size)?;
    Some((id, content, rest.strip_prefix(b"\n")?))
}

/// The objects in the output of `cat-file --batch` when all were asked for by their IDs.
pub(super) fn blobs(mut output: &[u8], asked: &[Blob]) -> Option<Vec<Vec<u8>>> {
    let mut found = Vec::with_capacity(asked.len());
    for blob in asked {
        let (id, content, rest) = object(output)?;
        if id != blob.id || content.len() as u64 != blob.bytes {
            return None;
        }
        found.push(content.to_owned());
        output = rest;
    }
    Some(found)
}

/// A commit as git stores it. Not what `git log` prints, which hides the parents that a shallow copy does not have.
pub(super) fn commit(id: &str, content: &[u8]) -> Option<Commit> {
    let text = String::from_utf8_lossy(content);
    let (head, message) = text.split_once("\n\n").unwrap_or((&text, ""));
    let field = |name: &str| head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    let parents = head.lines().filter_map(|line| line.strip_prefix("parent ")).map(str::to_owned).collect();
    let (author, _) = signature(field("author")?)?;
    let (_, time) = signature(field("committer")?)?;
    let subject = message.trim_start().lines().next().unwrap_or_default();
    let revision =
        Revision { commit: id.to_owned(), author: plain(author), subject: plain(subject), time: time.into() };
    Some(Commit { revision, parents })
}

/// `Name <address>` and the time of `Name <address> 1767225600 +0100`.
fn signature(text: &str) -> Option<(&str, Timestamp)> {
    let end = text.rfind('>')? + 1;
    let seconds = text[end..].split_ascii_whitespace().next()?.parse().ok()?;
    // Git takes times that jiff does not represent; when such a commit was made says nothing.
    Some((&text[..end], Timestamp::from_second(seconds).unwrap_or(Timestamp::UNIX_EPOCH)))
}

fn plain(text: &str) -> String {
    text.trim().chars().filter(|c| !c.is_control()).take(WIDTH).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "1234567890123456789012345678901234567890";

    #[test]
    fn entries_have_any_name() {
        let line = |mode: &str, kind: &str, size: &str, path: &str| format!("{mode} {kind} {ID} {size:>7}\t{path}\0");
        let output = [
            line("100644", "blob", "12", "a\tb\nc.yaml"),
            line("120000", "blob", "3", "-link"),
            line("160000", "commit", "-", "sub"),
        ]
        .concat();
        let found = entries(output.as_bytes()).unwrap();
        let blob = |bytes| Blob { id: ID.to_owned(), bytes };
        assert_eq!(found[0], Entry { path: b"a\tb\nc.yaml".to_vec(), kind: EntryKind::File(blob(12)) });
        assert_eq!(found[1].kind, EntryKind::Link(blob(3)));
        assert_eq!(found[2].kind, EntryKind::Submodule);
        for broken in ["100644 blob", "100644 blob xyz 3\ta", "100644 blob", "100644 other 1 2\tx"] {
            assert_eq!(entries(broken.as_bytes()), None, "{broken}");
        }
    }

    #[test]
    fn a_commit_is_told_without_control_characters() {
        let content = format!(
            "tree {ID}\nparent {ID}\nauthor A \x1b[31mB <a@b> 1767225600 +0100\ncommitter C <c@d> 1767225601 +0000\n\
             gpgsig -----BEGIN\n parent {ID}\n\n  Say \x07 it\n\nMore.\n"
        );
        let commit = commit(ID, content.as_bytes()).unwrap();
        assert_eq!(commit.parents, [ID]);
        assert_eq!(commit.revision.author, "A [31mB <a@b>");
        assert_eq!(commit.revision.subject, "Say  it");
        assert_eq!(commit.revision.time.to_string(), "2026-01-01T00:00:01Z");
    }

    #[test]
    fn blobs_are_those_that_were_asked_for() {
        let asked = [Blob { id: ID.to_owned(), bytes: 3 }];
        let output = format!("{ID} blob 3\na\nb\n");
        assert_eq!(blobs(output.as_bytes(), &asked), Some(vec![b"a\nb".to_vec()]));
        assert_eq!(blobs(format!("{ID} missing\n").as_bytes(), &asked), None);
        assert_eq!(blobs(&output.as_bytes()[..45], &asked), None);
    }
}
