//! Which paths of the host: mounts, and files that values are read from.

use std::path::{Path, PathBuf};

use super::{Court, SourceTrust, Subject, listed};
use crate::engine::{EnvValue, Mount, MountSource};
use crate::model::policy::{AllowedPath, EnvRules, Mounts, PathPattern, Resolution, Resolved, shown_path, tidy};
use crate::model::spec::WorkspaceSpec;

/// Whoever writes to one of these, or in some of them only reads, owns the machine.
const DANGEROUS: [&str; 11] = [
    "/proc",
    "/sys",
    "/dev",
    "/etc",
    "/boot",
    "/root",
    "/run",
    "/var/run",
    "/var/lib/docker",
    "/var/lib/containerd",
    "/var/lib/wharf",
];

/// What is dangerous on any machine, and what is on this one.
pub(super) fn dangerous(own: Vec<PathBuf>) -> Vec<PathBuf> {
    let always = DANGEROUS.iter().map(PathBuf::from);
    always.chain(own.into_iter().filter_map(|path| tidy(&path))).collect()
}

/// A path of the host as it is written and as it is, with the source's own directory seen in the same way.
struct Sight<'a> {
    path: PathBuf,
    base: Option<PathBuf>,
    /// How a message calls it.
    shown: String,
    source: &'a SourceTrust,
}

impl Sight<'_> {
    fn is_in_source(&self) -> bool {
        self.base.as_ref().is_some_and(|base| self.path.starts_with(base))
    }

    /// What is dangerous about it: it is that, below it, or above it. Below the source's own directory, what that is in itself does not count: a checkout
    /// is often in the state directory.
    fn danger<'a>(&self, dangerous: &'a [PathBuf]) -> Option<&'a Path> {
        let touches = |place: &&PathBuf| self.path.starts_with(place) || place.starts_with(&self.path);
        let holds_source = |place: &Path| self.base.as_ref().is_some_and(|base| base.starts_with(place));
        let counts = |place: &&PathBuf| !(self.is_in_source() && holds_source(place));
        dangerous.iter().filter(touches).find(counts).map(PathBuf::as_path)
    }

    fn dangerous(&self, place: &Path) -> String {
        let shown = &self.shown;
        if self.path == place {
            return format!("{shown} is dangerous");
        }
        let relation = if self.path.starts_with(place) { "is inside of" } else { "contains" };
        format!("{shown} {relation} `{}`, which is dangerous", shown_path(place))
    }
}

/// The path as it is written, and where it leads to. `Err` is why that cannot be known.
fn sights<'a>(path: &Path, source: &'a SourceTrust, resolved: &Resolved) -> Result<Vec<Sight<'a>>, String> {
    let written = tidy(path).ok_or_else(|| "it is not absolute".to_owned())?;
    let shown = format!("`{}`", shown_path(&written));
    let literal = Sight { path: written.clone(), base: tidy(&source.base), shown: shown.clone(), source };
    match resolved.get(path) {
        // Where nothing is, something may come: it is judged by where that would be.
        Some(Resolution::Path(real) | Resolution::Missing(real)) => {
            let base = match resolved.get(&source.base) {
                Some(Resolution::Path(base) | Resolution::Missing(base)) => Some(base.clone()),
                _ => None,
            };
            let shown =
                if *real == written { shown } else { format!("{shown}, which leads to `{}`,", shown_path(real)) };
            Ok(vec![literal, Sight { path: real.clone(), base, shown, source }])
        }
        Some(Resolution::Unreadable(why)) => Err(why.clone()),
        None => Err("it was not looked up".to_owned()),
    }
}

pub(super) fn judge_mounts(rules: &Mounts, dangerous: &[PathBuf], subject: &Subject<'_>, court: &mut Court<'_>) {
    for mount in &subject.container.mounts {
        let field = field_of(mount, &subject.workspace.spec);
        match &mount.source {
            MountSource::Host(path) => judge_host(rules, dangerous, path, mount.read_only, &field, subject, court),
            // Engines take a volume whose name is a path for a directory of the host.
            MountSource::Volume { name, .. } if name.contains('/') || name.starts_with('.') => {
                let message = format!("the volume `{}` has a path for its name", name.escape_debug());
                court.deny("mounts.allow", field, message, "this is a defect of Wharf: please report it");
            }
            // Which secrets, is a rule of its own.
            MountSource::Volume { .. } | MountSource::Tmpfs(_) | MountSource::Secret { .. } => {}
        }
    }
}

fn judge_host(
    rules: &Mounts,
    dangerous: &[PathBuf],
    path: &Path,
    read_only: bool,
    field: &str,
    subject: &Subject<'_>,
    court: &mut Court<'_>,
) {
    let sights = match sights(path, subject.source, subject.resolved) {
        Ok(sights) => sights,
        Err(why) => {
            let message = format!("where `{}` leads to cannot be known: {why}", shown_path(path));
            return court.deny("mounts.allow", field, message, "let the controller read the directories above it");
        }
    };
    for sight in &sights {
        let let_go = rules.dangerous.iter().any(|pattern| pattern.is(&sight.path));
        if let Some(place) = sight.danger(dangerous).filter(|_| !let_go) {
            let message = sight.dangerous(place);
            // What it leads to is told once.
            return court.deny("mounts.dangerous", field, message, "mount something else, or use a named volume");
        }
    }
    for sight in &sights {
        if let Some((message, help)) = refused(rules, sight, read_only) {
            return court.deny("mounts.allow", field, message, help);
        }
    }
}

/// Why a path is not allowed, and what is.
fn refused(rules: &Mounts, sight: &Sight<'_>, read_only: bool) -> Option<(String, String)> {
    let allow = rules.allow.as_ref()?;
    if rules.allow_source_directory && sight.is_in_source() {
        return None;
    }
    let fits: Vec<&AllowedPath> = allow.iter().filter(|allowed| allowed.path.contains(&sight.path)).collect();
    if fits.is_empty() {
        let paths: Vec<&PathPattern> = allow.iter().map(|allowed| &allowed.path).collect();
        let help = with_source(listed(&paths), rules.allow_source_directory, sight.source);
        return Some((format!("{} may not be mounted", sight.shown), help));
    }
    if read_only || fits.iter().any(|allowed| !allowed.read_only) {
        return None;
    }
    Some((format!("{} may only be mounted read-only", sight.shown), "set `readOnly: true`".to_owned()))
}

fn with_source(allowed: String, also: bool, source: &SourceTrust) -> String {
    if !also {
        return allowed;
    }
    let own = format!("what is in the source's own directory (`{}`)", shown_path(&source.base));
    if allowed.starts_with("none") { format!("allowed is {own}") } else { format!("{allowed}, and {own}") }
}

/// The field of the manifest that a mount comes from. Where it appears in the container is known of no two.
fn field_of(mount: &Mount, spec: &WorkspaceSpec) -> String {
    if spec.project.as_ref().is_some_and(|project| project.mount_path == mount.target) {
        return "spec.project.path".to_owned();
    }
    let index = spec.volumes.iter().position(|volume| volume.mount_path == mount.target);
    index.map_or_else(|| "spec.volumes".to_owned(), |index| format!("spec.volumes[{index}].hostPath"))
}

pub(super) fn judge_env(rules: &EnvRules, subject: &Subject<'_>, court: &mut Court<'_>) {
    let Some(files) = &rules.files else { return };
    for (index, (_, value)) in subject.container.env.iter().enumerate() {
        let EnvValue::File { path, .. } = value else { continue };
        let field = format!("spec.env[{index}].valueFrom.file");
        let help = || with_source(listed(files), rules.allow_source_directory, subject.source);
        let allowed = |sight: &Sight<'_>| {
            rules.allow_source_directory && sight.is_in_source()
                || files.iter().any(|pattern| pattern.contains(&sight.path))
        };
        match sights(path, subject.source, subject.resolved) {
            Ok(sights) => {
                if let Some(sight) = sights.iter().find(|sight| !allowed(sight)) {
                    court.deny("env.files", field, format!("{} may not be read for a value", sight.shown), help());
                }
            }
            Err(why) => {
                let message = format!("where `{}` leads to cannot be known: {why}", shown_path(path));
                court.deny("env.files", field, message, help());
            }
        }
    }
}
