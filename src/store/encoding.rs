//! Keys and values of the database.
//!
//! | key | value |
//! |---|---|
//! | `r/<name>` | a [`Record`] |
//! | `e/<sequence, 8 bytes, big endian>/<name>` | an [`EventRecord`]; so keys sort by time of the last occurrence. Without a name: about all |
//! | `b/<id>` | a [`Batch`](crate::model::batch::Batch) without its items |
//! | `b/<id>/<index, 4 bytes, big endian>` | a [`BatchItem`](crate::model::batch::BatchItem) |
//! | `s/<uid>/<tier, 1 byte><time, 8 bytes, sortable>` | a record of a series: bytes of whoever put it there |
//! | `m/flush` | the number of the last flush, 8 bytes, big endian |
//!
//! The value of a record or an event is one byte, the version of its form, and JSON. Fields that are added later have defaults, so that what
//! is stored today stays readable without a migration.

use crate::model::{EventRecord, Name};

use super::Record;

pub(super) const RECORDS: &[u8] = b"r/";
pub(super) const EVENTS: &[u8] = b"e/";
pub(super) const BATCHES: &[u8] = b"b/";
pub(super) const SERIES: &[u8] = b"s/";
pub(super) const FLUSH: &[u8] = b"m/flush";

/// The first byte of every record and event.
const VERSION: u8 = 1;

/// Why a value cannot be decoded.
#[derive(Debug)]
pub(super) enum Undecodable {
    /// Its form is of a later version.
    Newer,
    /// It is no value of ours.
    Damaged(String),
}

pub(super) fn record_key(name: &Name) -> Vec<u8> {
    [RECORDS, name.as_str().as_bytes()].concat()
}

pub(super) fn event_key(sequence: u64, workspace: Option<&Name>) -> Vec<u8> {
    let name = workspace.map_or("", Name::as_str);
    [EVENTS, &sequence.to_be_bytes(), b"/", name.as_bytes()].concat()
}

/// The sequence number and the workspace of an event's key.
pub(super) fn parse_event_key(key: &[u8]) -> Option<(u64, Option<Name>)> {
    let (sequence, rest) = key.strip_prefix(EVENTS)?.split_first_chunk::<8>()?;
    let name = std::str::from_utf8(rest.strip_prefix(b"/")?).ok()?;
    let workspace = if name.is_empty() { None } else { Some(name.parse().ok()?) };
    Some((u64::from_be_bytes(*sequence), workspace))
}

/// A record or an event as it is stored.
///
/// # Panics
/// When the type has no JSON form: a defect in the type.
#[expect(clippy::expect_used, reason = "a type without a JSON form is a defect, not a condition of a run")]
pub(super) fn encode<T: serde::Serialize>(value: &T) -> Vec<u8> {
    let mut bytes = vec![VERSION];
    serde_json::to_writer(&mut bytes, value).expect("the type has a JSON form");
    bytes
}

pub(super) fn decode<T: serde::de::DeserializeOwned>(bytes: &[u8]) -> Result<T, Undecodable> {
    match bytes.split_first() {
        Some((&VERSION, json)) => {
            serde_json::from_slice(json).map_err(|error| Undecodable::Damaged(without_values(&error)))
        }
        Some((&version, _)) if version > VERSION => Err(Undecodable::Newer),
        _ => Err(Undecodable::Damaged("no version".to_owned())),
    }
}

/// serde's messages quote what they found, which may be a value of the environment: only the position is told.
fn without_values(error: &serde_json::Error) -> String {
    format!("not of its form at column {}", error.column())
}

/// A stored record, with the name that its key says.
pub(super) fn decode_record(key: &[u8], bytes: &[u8]) -> Result<(Name, Record), Undecodable> {
    let name = key.strip_prefix(RECORDS).and_then(|name| std::str::from_utf8(name).ok());
    let name = name.and_then(|name| name.parse().ok());
    let name = name.ok_or_else(|| Undecodable::Damaged(format!("`{}` is no record's key", key.escape_ascii())))?;
    Ok((name, decode(bytes)?))
}

/// A stored event. One that a later version wrote with a reason unknown here is `None`: the log is worth reading
/// without it.
pub(super) fn decode_event(bytes: &[u8]) -> Option<EventRecord> {
    decode(bytes).ok()
}
