//! Which directories of the host workspaces mount, where policies say what they may.
//!
//! A process in a workspace can exchange a directory below what it may write for a link, at the very moment the engine follows the path of a mount: no look
//! before is quick enough. So nothing is mounted from inside of what a workspace may write. The root of a mount cannot be exchanged from inside.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use crate::model::Uid;

/// The directories that are mounted, by their real paths.
#[derive(Debug, Default)]
pub(super) struct Claims {
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    /// Who mounts a path, and whether it may write there.
    paths: BTreeMap<PathBuf, BTreeMap<Uid, bool>>,
    /// Who mounts which.
    of: BTreeMap<Uid, Vec<PathBuf>>,
}

/// One mount: where it really leads, and whether the workspace may write there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Claim {
    pub(super) path: PathBuf,
    pub(super) writable: bool,
}

impl Claims {
    /// Takes note of all that a workspace mounts, in place of what it did before. Returns why it may not, if it may not: then it holds nothing,
    /// unless it runs already.
    pub(super) fn take(&self, uid: &Uid, claims: &[Claim], runs: bool) -> Option<String> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.release(uid);
        for claim in claims {
            held.add(uid, claim);
        }
        let conflict = claims.iter().find_map(|claim| held.conflict(claim));
        if conflict.is_some() && !runs {
            held.release(uid);
        }
        conflict
    }

    /// A workspace is gone.
    pub(super) fn release(&self, uid: &Uid) {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).release(uid);
    }
}

impl Held {
    fn add(&mut self, uid: &Uid, Claim { path, writable }: &Claim) {
        let holders = self.paths.entry(path.clone()).or_default();
        *holders.entry(uid.clone()).or_default() |= writable;
        self.of.entry(uid.clone()).or_default().push(path.clone());
    }

    fn release(&mut self, uid: &Uid) {
        for path in self.of.remove(uid).unwrap_or_default() {
            if let Some(holders) = self.paths.get_mut(&path) {
                holders.remove(uid);
                if holders.is_empty() {
                    self.paths.remove(&path);
                }
            }
        }
    }

    fn conflict(&self, claim: &Claim) -> Option<String> {
        let is_writable = |path: &Path| self.paths.get(path).is_some_and(|it| it.values().any(|writable| *writable));
        let shown = claim.path.display();
        if let Some(above) = claim.path.ancestors().skip(1).find(|path| is_writable(path)) {
            let above = above.display();
            return Some(format!(
                "{shown} is inside of {above}, which a workspace may write to and could exchange for a link; mount it from elsewhere, or the other one read-only"
            ));
        }
        // Paths below a path come right after it.
        let (path, _) = self.paths.range::<PathBuf, _>((Bound::Excluded(&claim.path), Bound::Unbounded)).next()?;
        (claim.writable && path.starts_with(&claim.path)).then(|| {
            let below = path.display();
            format!(
                "{shown} contains {below}, which is mounted by itself and could be exchanged for a link from here; mount it read-only, or the other one from elsewhere"
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(claims: &Claims, uid: &str, paths: &[&str]) -> Option<String> {
        let claim = |text: &&str| match text.strip_suffix(" ro") {
            Some(path) => Claim { path: path.into(), writable: false },
            None => Claim { path: text.into(), writable: true },
        };
        claims.take(&Uid::new(uid), &paths.iter().map(claim).collect::<Vec<_>>(), false)
    }

    #[test]
    fn nothing_is_mounted_from_inside_of_what_somebody_may_write() {
        let claims = Claims::default();
        assert_eq!(taken(&claims, "a", &["/p/a"]), None);
        assert_eq!(taken(&claims, "b", &["/p/a"]), None, "the same directory cannot be exchanged from inside");
        assert_eq!(taken(&claims, "c", &["/p/ab", "/p/c"]), None, "a name that begins alike is another");
        assert!(taken(&claims, "d", &["/p/a/x/y ro"]).is_some_and(|why| why.contains("inside of /p/a,")));
        assert!(taken(&claims, "d", &["/p"]).is_some_and(|why| why.contains("contains /p/a,")));
        assert_eq!(taken(&claims, "d", &["/p ro"]), None, "who may only read exchanges nothing");
        assert!(taken(&claims, "e", &["/q", "/q/x"]).is_some(), "nor by itself");
        assert_eq!(taken(&claims, "a", &["/p/a"]), None, "asked again");
    }

    #[test]
    fn what_runs_writes_though_it_is_denied() {
        let claims = Claims::default();
        let [outer, inner] = ["/p", "/p/a"].map(|path| [Claim { path: path.into(), writable: true }]);
        assert_eq!(claims.take(&Uid::new("inner"), &inner, true), None);
        assert!(claims.take(&Uid::new("outer"), &outer, true).is_some());
        assert!(claims.take(&Uid::new("inner"), &inner, true).is_some(), "neither begins anew while both run");
        assert!(claims.take(&Uid::new("outer"), &outer, false).is_some());
        assert_eq!(claims.take(&Uid::new("inner"), &inner, true), None, "it has ended");
    }

    #[test]
    fn what_is_released_is_free() {
        let claims = Claims::default();
        assert_eq!(taken(&claims, "a", &["/p/a"]), None);
        claims.release(&Uid::new("a"));
        assert_eq!(taken(&claims, "b", &["/p/a/x"]), None);
        assert!(taken(&claims, "a", &["/p/a"]).is_some(), "who comes later does not take it back");
        assert_eq!(taken(&claims, "b", &["/p/b"]), None, "what is not mounted any more is not held");
        assert_eq!(taken(&claims, "a", &["/p/a"]), None);
    }
}
