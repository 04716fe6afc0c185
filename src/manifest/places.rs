//! Where the fields of a valid document are, in eight bytes each: ten thousand manifests are common, and few fields are ever asked for.

use std::fmt;
use std::hash::{DefaultHasher, Hasher};

use super::report::Path;
use crate::yaml::{Node, Position, Value};

/// Where each field of a document is: sorted, 28 bits of a hash of its path, then line and column in 18 bits each, which is what a file of the
/// largest size needs. Two paths with one hash would show a wrong place of the same document, once in a million documents.
#[derive(Clone, Default, PartialEq, Eq)]
pub(super) struct Places(Box<[u64]>);

const WIDTH: u32 = 18;
const MASK: u64 = (1 << WIDTH) - 1;

impl Places {
    /// Of every field of a document.
    pub fn of(document: &Node) -> Self {
        let mut entries = Vec::new();
        collect(document, Path::Document, &mut entries);
        entries.sort_unstable();
        entries.dedup_by_key(|entry| *entry >> (2 * WIDTH));
        Self(entries.into_boxed_slice())
    }

    /// The place of a field, or of the nearest one above it that is there.
    pub fn nearest(&self, field: &str) -> Option<Position> {
        let mut path = field;
        loop {
            if let Some(found) = self.get(path) {
                return Some(found);
            }
            // A field that is not there is one of what is above it.
            path = &path[..path.rfind(['.', '['])?];
        }
    }

    fn get(&self, path: &str) -> Option<Position> {
        let wanted = hash(path);
        let index = self.0.binary_search_by_key(&wanted, |entry| entry >> (2 * WIDTH)).ok()?;
        let number = |bits: u64| usize::try_from(bits & MASK).unwrap_or(1);
        Some(Position { line: number(self.0[index] >> WIDTH), column: number(self.0[index]) })
    }
}

/// Recursion is bounded by the depth that a complete node keeps.
fn collect(node: &Node, path: Path<'_>, entries: &mut Vec<u64>) {
    let bits = |number: usize| u64::try_from(number).unwrap_or(MASK).min(MASK);
    entries.push(hash_of(path) << (2 * WIDTH) | bits(node.at.line) << WIDTH | bits(node.at.column));
    match &node.value {
        Value::Scalar(_) => {}
        Value::Sequence(items) => {
            items.iter().enumerate().for_each(|(index, item)| collect(item, Path::Item(&path, index), entries));
        }
        Value::Mapping(pairs) => {
            let named = pairs.iter().filter_map(|(key, value)| Some((key.as_text()?, value)));
            named.for_each(|(name, value)| collect(value, Path::Field(&path, name), entries));
        }
    }
}

/// The same for a path and for its text, which is not made for each field of each document.
struct PathHasher(DefaultHasher);

impl fmt::Write for PathHasher {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        // Byte by byte, so that it does not matter in which pieces the text comes.
        text.bytes().for_each(|byte| self.0.write_u8(byte));
        Ok(())
    }
}

fn hash_of(path: Path<'_>) -> u64 {
    let mut hasher = PathHasher(DefaultHasher::new());
    // A hasher takes everything.
    let _ = fmt::Write::write_fmt(&mut hasher, format_args!("{path}"));
    hasher.0.finish() >> (2 * WIDTH)
}

fn hash(path: &str) -> u64 {
    let mut hasher = PathHasher(DefaultHasher::new());
    let _ = fmt::Write::write_str(&mut hasher, path);
    hasher.0.finish() >> (2 * WIDTH)
}

impl fmt::Debug for Places {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Places").field("fields", &self.0.len()).finish()
    }
}
