//! Hashes of secrets that cannot be guessed at without a key.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretSlice};
use sha2::Sha256;

use super::content::line;
use crate::disk::{Disk, replace};
use crate::model::hash::KeyedFingerprint;

/// Bytes of a key: as many as the hash has.
const KEY: usize = 32;

/// The name of the key's file in the state directory.
const FILE: &str = "secrets.key";

/// What values are hashed with. Its `Debug` does not show it.
#[derive(Debug)]
pub(super) struct Key(SecretSlice<u8>);

/// The hash of one value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ValueHash {
    /// Of all its bytes.
    pub(super) bytes: [u8; KEY],
    /// Of what an environment is given: without the newline at its end.
    pub(super) line: [u8; KEY],
}

impl Key {
    /// The key of a state directory. Without one, or where it is no key, another is made if that is allowed: then nothing that was
    /// hashed before can be compared any more.
    pub(super) fn of_state(disk: &dyn Disk, state_dir: &Path, may_make: bool) -> io::Result<Option<Self>> {
        let path = state_dir.join(FILE);
        match disk.read(&path, KEY as u64 + 1) {
            Ok(content) if content.bytes.len() == KEY => return Ok(Some(Self(content.bytes.into()))),
            Ok(_) => tracing::warn!("{} is no key, so that another is made", path.display()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        if !may_make {
            return Ok(None);
        }
        let key = random()?;
        replace(disk, &path, key.expose_secret(), 0o600)?;
        Ok(Some(Self(key)))
    }

    pub(super) fn hash(&self, value: &[u8]) -> ValueHash {
        ValueHash { bytes: self.mac(&[b"bytes", value]), line: self.mac(&[b"line", line(value)]) }
    }

    /// Of several parts, each told apart from the next.
    pub(super) fn fingerprint(&self, parts: &[&[u8]]) -> KeyedFingerprint {
        let [a, b, c, d, ..] = self.mac(&[b"key"]);
        let hash = self.mac(parts)[..8].iter().fold(0_u64, |hash, byte| hash << 8 | u64::from(*byte));
        KeyedFingerprint { key: format!("{a:02x}{b:02x}{c:02x}{d:02x}"), hash: format!("{hash:016x}") }
    }

    fn mac(&self, parts: &[&[u8]]) -> [u8; KEY] {
        // HMAC takes keys of every length, so that this is always one.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(self.0.expose_secret()) else { return [0; KEY] };
        for part in parts {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    }
}

fn random() -> io::Result<SecretSlice<u8>> {
    let mut bytes = vec![0; KEY];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::Host;

    #[test]
    fn a_key_is_made_once_and_is_private() {
        use std::os::unix::fs::PermissionsExt;
        let state = tempfile::tempdir().expect("a directory");
        assert!(Key::of_state(&Host, state.path(), false).expect("readable").is_none());
        assert!(!state.path().join(FILE).exists(), "a look makes nothing");
        let first = Key::of_state(&Host, state.path(), true).expect("made").expect("made");
        let second = Key::of_state(&Host, state.path(), false).expect("read").expect("there");
        assert_eq!(first.fingerprint(&[b"a"]), second.fingerprint(&[b"a"]));
        let mode = std::fs::metadata(state.path().join(FILE)).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn hashes_of_another_key_are_not_comparable() {
        let (one, other) = (tempfile::tempdir().expect("made"), tempfile::tempdir().expect("made"));
        let key = |state: &Path| Key::of_state(&Host, state, true).expect("made").expect("made");
        let (one, other) = (key(one.path()).fingerprint(&[b"a"]), key(other.path()).fingerprint(&[b"a"]));
        assert!(!one.is_comparable(&other) && one.hash != other.hash);
        assert_eq!(KeyedFingerprint::parse(&one.to_string()), Some(one));
    }

    #[test]
    fn parts_are_told_apart_and_a_newline_at_the_end_is_no_change_of_a_line() {
        let state = tempfile::tempdir().expect("a directory");
        let key = Key::of_state(&Host, state.path(), true).expect("made").expect("made");
        assert_ne!(key.fingerprint(&[b"ab", b"c"]), key.fingerprint(&[b"a", b"bc"]));
        let (without, with) = (key.hash(b"x"), key.hash(b"x\n"));
        assert!(without.line == with.line && without.bytes != with.bytes && without.line != without.bytes);
    }
}
