//! What containers may do on the host's kernel, and as whom.

use std::collections::BTreeSet;

use super::{Court, Subject, listed};
use crate::model::policy::SecurityRules;
use crate::model::reference::Capability;
use crate::model::spec::{Capabilities, SeccompProfile};

/// What a runtime is called that a manifest does not name.
const DEFAULT_RUNTIME: &str = "default";

/// What engines give a container that drops nothing (moby, `oci/caps/defaults.go`).
const GIVEN: [&str; 14] = [
    "AUDIT_WRITE",
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "MKNOD",
    "NET_BIND_SERVICE",
    "NET_RAW",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYS_CHROOT",
];

pub(super) fn judge(rules: &SecurityRules, subject: &Subject<'_>, court: &mut Court<'_>) {
    let asked = &subject.container.security;
    if rules.require_read_only_root_filesystem && !asked.read_only_root_filesystem {
        court.deny(
            "security.requireReadOnlyRootFilesystem",
            "spec.security.readOnlyRootFilesystem",
            "the root file system must be read-only".to_owned(),
            "set `readOnlyRootFilesystem: true`, and mount volumes or tmpfs where something is written",
        );
    }
    if rules.require_no_new_privileges && !asked.no_new_privileges {
        court.deny(
            "security.requireNoNewPrivileges",
            "spec.security.noNewPrivileges",
            "programs must not gain privileges".to_owned(),
            "set `noNewPrivileges: true`, or leave it out",
        );
    }
    if let Some(allowed) = &rules.capabilities {
        judge_capabilities(allowed, &asked.capabilities, court);
    }
    if let Some(allowed) = &rules.seccomp_profiles
        && !allowed.contains(&asked.seccomp_profile)
    {
        let name = |profile: &SeccompProfile| match profile {
            SeccompProfile::Default => "default",
            SeccompProfile::Unconfined => "unconfined",
        };
        let message = format!("the system call filter `{}` is not allowed", name(&asked.seccomp_profile));
        let help = listed(&allowed.iter().map(name).collect::<Vec<_>>());
        court.deny("security.seccompProfiles", "spec.security.seccompProfile", message, help);
    }
    if let Some(allowed) = &rules.runtimes {
        let runtime = asked.runtime.as_deref().unwrap_or(DEFAULT_RUNTIME);
        // A runtime that is called like the word for none would else pass for it.
        let named_so = asked.runtime.as_deref() == Some(DEFAULT_RUNTIME);
        if named_so || !allowed.iter().any(|pattern| pattern.matches(runtime)) {
            let message = format!("the runtime `{}` is not allowed", runtime.escape_debug());
            court.deny("security.runtimes", "spec.security.runtime", message, listed(allowed));
        }
    }
    judge_user(rules, subject, court);
}

fn judge_capabilities(allowed: &[Capability], asked: &Capabilities, court: &mut Court<'_>) {
    let is_allowed = |name: &str| allowed.iter().any(|one| one.as_str() == "ALL" || one.as_str() == name);
    let added: Vec<&str> = asked.add.iter().map(Capability::as_str).filter(|name| !is_allowed(name)).collect();
    if !added.is_empty() {
        let message = format!("the capabilities {} are not allowed", added.join(", "));
        court.deny("security.capabilities", "spec.security.capabilities.add", message, listed(allowed));
    }
    let dropped: BTreeSet<&str> = asked.drop.iter().map(Capability::as_str).collect();
    let kept = |name: &&str| !dropped.contains("ALL") && !dropped.contains(name) && !is_allowed(name);
    let kept: Vec<&str> = GIVEN.into_iter().filter(kept).collect();
    if !kept.is_empty() {
        let message = format!("the capabilities {} are given by the engine and not allowed", kept.join(", "));
        let help = "drop `ALL`, which is the default, and add what is needed";
        court.deny("security.capabilities", "spec.security.capabilities.drop", message, help);
    }
}

fn judge_user(rules: &SecurityRules, subject: &Subject<'_>, court: &mut Court<'_>) {
    const FIELD: &str = "spec.user";
    if !rules.require_non_root && rules.users.is_none() {
        return;
    }
    let rule = if rules.require_non_root { "security.requireNonRoot" } else { "security.users" };
    let Some(user) = &subject.container.user else {
        let message = "the image's own user may be root".to_owned();
        return court.deny(rule, FIELD, message, "name a user by number, such as `user: \"1000:1000\"`");
    };
    let Some(number) = number(user) else {
        let message = format!("the user `{}` is not a number, so that it may be root", user.escape_debug());
        return court.deny(rule, FIELD, message, "name the user by number, such as `\"1000:1000\"`");
    };
    if rules.require_non_root && number == 0 {
        let message = "containers must not run as root".to_owned();
        court.deny("security.requireNonRoot", FIELD, message, "name another user by number, such as `\"1000:1000\"`");
    }
    if let Some(users) = &rules.users
        && !users.iter().any(|range| range.contains(number))
    {
        court.deny("security.users", FIELD, format!("the user {number} is not allowed"), listed(users));
    }
}

/// Digits alone: engines also read `+0` as a number, and look all else up in the image.
fn number(user: &str) -> Option<u32> {
    let uid = user.split(':').next().unwrap_or_default();
    uid.bytes().all(|byte| byte.is_ascii_digit()).then(|| uid.parse().ok())?
}
