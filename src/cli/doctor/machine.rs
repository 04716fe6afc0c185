//! The clock, and what the kernel offers for limits.

use std::path::Path;
use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use jiff::civil::date;

use super::Check;
use crate::cli::statuses::Location;
use crate::source::Reading;

pub(super) fn checks(location: &Location, source: &Reading) -> Vec<Check> {
    vec![clock(SystemTime::now(), newest(location, source)), cgroups(Path::new("/sys/fs/cgroup"))]
}

/// Before this program was written, or before the newest file of the source: the clock is wrong.
fn clock(now: SystemTime, newest: Option<SystemTime>) -> Check {
    const NAME: &str = "clock";
    const FIX: &str = "set it: `sudo timedatectl set-ntp true`";
    let shown = Timestamp::try_from(now).map(|time| format!("{time:.0}")).unwrap_or_default();
    let written = date(2026, 1, 1).to_zoned(jiff::tz::TimeZone::UTC).map(|time| time.timestamp());
    let too_early = written.is_ok_and(|written| now < SystemTime::from(written));
    // File systems and editors are not exact to the second.
    let allowed = now + Duration::from_secs(60);
    if too_early {
        Check::bad(NAME, format!("it says {shown}, which is long ago"), FIX)
    } else if newest.is_some_and(|newest| newest > allowed) {
        Check::attention(NAME, format!("it says {shown}, and there are manifests from the future"), FIX)
    } else {
        Check::good(NAME, shown)
    }
}

fn newest(location: &Location, source: &Reading) -> Option<SystemTime> {
    let Reading::Complete(snapshot) = source else { return None };
    let modified = |path: &String| location.dir.join(path).metadata().ok()?.modified().ok();
    snapshot.files.keys().filter_map(modified).max()
}

fn cgroups(root: &Path) -> Check {
    const NAME: &str = "cgroups";
    const FIX: &str = "mount them, or expect limits of workspaces to be refused by the engine";
    if let Ok(controllers) = std::fs::read_to_string(root.join("cgroup.controllers")) {
        return Check::good(NAME, format!("version 2 ({})", controllers.trim()));
    }
    let present = ["cpu", "memory", "pids"].into_iter().filter(|name| root.join(name).is_dir());
    match present.collect::<Vec<_>>().as_slice() {
        [] => Check::attention(NAME, format!("there are none at {}", root.display()), FIX),
        controllers => Check::good(NAME, format!("version 1 ({})", controllers.join(" "))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::doctor::Verdict;

    #[test]
    fn a_clock_is_judged_by_files_and_by_our_own_age() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        let later = |seconds| Some(now + Duration::from_secs(seconds));
        assert_eq!(clock(now, None), Check::good("clock", "2027-01-15T08:00:00Z"));
        assert_eq!(clock(now, later(30)).verdict, Verdict::Good);
        assert_eq!(clock(now, later(3600)).verdict, Verdict::Attention);
        assert_eq!(clock(SystemTime::UNIX_EPOCH, None).verdict, Verdict::Bad);
    }

    #[test]
    fn both_versions_of_cgroups_are_known() {
        let root = tempfile::tempdir().expect("a directory");
        assert_eq!(cgroups(root.path()).verdict, Verdict::Attention);
        std::fs::create_dir(root.path().join("memory")).expect("a directory");
        assert_eq!(cgroups(root.path()), Check::good("cgroups", "version 1 (memory)"));
        std::fs::write(root.path().join("cgroup.controllers"), "cpu memory pids\n").expect("a file");
        assert_eq!(cgroups(root.path()), Check::good("cgroups", "version 2 (cpu memory pids)"));
    }
}
