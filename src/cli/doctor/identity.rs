//! Who this process is, and who may open a file.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;

/// The user and the groups of this process.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Identity {
    uid: u32,
    groups: Vec<u32>,
}

impl Identity {
    /// From `/proc/self/status`, whose form `proc_pid_status(5)` documents. `None` where there is no `/proc`.
    pub(super) fn of_this_process() -> Option<Self> {
        Self::parse(&std::fs::read_to_string("/proc/self/status").ok()?)
    }

    fn parse(status: &str) -> Option<Self> {
        let numbers = |label: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(label))?;
            line.split_whitespace().map(|number| number.parse().ok()).collect::<Option<Vec<u32>>>()
        };
        // Real, effective, saved, file system: the second one decides.
        let (uid, gid) = (*numbers("Uid:")?.get(1)?, *numbers("Gid:")?.get(1)?);
        let mut groups = numbers("Groups:")?;
        if !groups.contains(&gid) {
            groups.insert(0, gid);
        }
        Some(Self { uid, groups })
    }

    pub(super) const fn uid(&self) -> u32 {
        self.uid
    }

    /// As `alice, in the groups users, docker`.
    pub(super) fn shown(&self) -> String {
        let groups: Vec<String> = self.groups.iter().map(|gid| group_name(*gid)).collect();
        format!("{}, in the groups {}", self.user_name(), groups.join(", "))
    }

    pub(super) fn user_name(&self) -> String {
        name_in("/etc/passwd", self.uid)
    }
}

/// As `root and group docker (mode 0660)`.
pub(super) fn owners(metadata: &Metadata) -> String {
    let (user, group) = (name_in("/etc/passwd", metadata.uid()), group_name(metadata.gid()));
    format!("{user} and group {group} (mode {:04o})", metadata.mode() & 0o7777)
}

pub(super) fn group_name(gid: u32) -> String {
    name_in("/etc/group", gid)
}

/// Both files have the name first and the number third. Users from a directory service are told by their number.
fn name_in(file: &str, id: u32) -> String {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let entry = |line: &str| {
        let mut fields = line.split(':');
        let name = fields.next()?.to_owned();
        (fields.nth(1)?.parse() == Ok(id)).then_some(name)
    };
    text.lines().find_map(entry).unwrap_or_else(|| id.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_says_who_we_are() {
        let status = "Name:\tx\nUid:\t1000\t1001\t1000\t1000\nGid:\t100\t100\t100\t100\nGroups:\t27 999 \n";
        assert_eq!(Identity::parse(status), Some(Identity { uid: 1001, groups: vec![100, 27, 999] }));
        assert!(Identity::of_this_process().is_some());
    }

    #[test]
    fn names_are_those_of_the_machine() {
        assert_eq!((name_in("/etc/passwd", 0), name_in("/etc/group", 0)), ("root".to_owned(), "root".to_owned()));
        assert_eq!(name_in("/etc/passwd", 4_000_000_000), "4000000000");
    }
}
