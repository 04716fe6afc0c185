//! Can the kernel tell about one more directory tree?

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::Check;
use super::identity::Identity;
use crate::cli::files;
use crate::cli::statuses::Location;

const NAME: &str = "file watches";

/// How much of something this user has, and may have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Used {
    instances: u64,
    watches: u64,
}

pub(super) fn checks(location: &Location) -> Vec<Check> {
    // One for each directory that is watched.
    let needed = files::find(&location.dir, |_| false).directories as u64;
    let limit = |name: &str| {
        let text = fs::read_to_string(format!("/proc/sys/fs/inotify/{name}")).ok()?;
        text.trim().parse::<u64>().ok()
    };
    let (Some(instances), Some(watches)) = (limit("max_user_instances"), limit("max_user_watches")) else {
        return vec![Check::attention(
            NAME,
            "the kernel does not tell its limits",
            "nothing to do: without watches the source is looked at again and again",
        )];
    };
    vec![verdict(used(), Used { instances, watches }, needed)]
}

fn verdict(used: Used, limit: Used, needed: u64) -> Check {
    let raise = |name: &str, to: u64| {
        let setting = format!("fs.inotify.{name}={to}");
        format!("`sudo sysctl {setting}`, and the same line in /etc/sysctl.d/90-wharf.conf to keep it")
    };
    if used.instances >= limit.instances {
        let message = format!("all {} inotify instances of this user are in use", limit.instances);
        return Check::bad(NAME, message, raise("max_user_instances", limit.instances.max(128) * 2));
    }
    let left = limit.watches.saturating_sub(used.watches);
    if left < needed {
        let message = format!("{left} of {} are left, and the source has {needed} directories", limit.watches);
        return Check::bad(NAME, message, raise("max_user_watches", (limit.watches + needed).max(524_288)));
    }
    Check::good(NAME, format!("{left} of {} are left, {needed} needed", limit.watches))
}

/// What this user's processes have, as far as they may be looked into.
fn used() -> Used {
    let Some(uid) = Identity::of_this_process().map(|identity| identity.uid()) else { return Used::default() };
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let ours = processes.filter(|process| process.metadata().is_ok_and(|metadata| metadata.uid() == uid));
    ours.map(|process| used_by(&process.path())).fold(Used::default(), |sum, used| Used {
        instances: sum.instances + used.instances,
        watches: sum.watches + used.watches,
    })
}

/// The files of one process that are inotify instances; `proc_pid_fdinfo(5)` has a line for each watch.
fn used_by(process: &Path) -> Used {
    let files = fs::read_dir(process.join("fd")).into_iter().flatten().flatten();
    let is_inotify = |path: &Path| fs::read_link(path).is_ok_and(|link| link.as_os_str() == "anon_inode:inotify");
    let mut used = Used::default();
    for file in files.filter(|file| is_inotify(&file.path())) {
        let info = fs::read_to_string(process.join("fdinfo").join(file.file_name())).unwrap_or_default();
        used.instances += 1;
        used.watches += info.lines().filter(|line| line.starts_with("inotify ")).count() as u64;
    }
    used
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::doctor::Verdict;

    #[test]
    fn limits_are_compared_with_what_is_needed() {
        let limit = Used { instances: 128, watches: 1000 };
        for (used, needed, expected) in [
            (Used { instances: 3, watches: 100 }, 900, Verdict::Good),
            (Used { instances: 3, watches: 101 }, 900, Verdict::Bad),
            (Used { instances: 128, watches: 0 }, 1, Verdict::Bad),
        ] {
            let check = verdict(used, limit, needed);
            assert_eq!(check.verdict, expected, "{check:?}");
            assert_eq!(check.fix.is_some(), expected == Verdict::Bad);
        }
    }
}
