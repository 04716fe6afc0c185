//! What no schema can say of a controller's configuration.

use std::time::Duration;

use super::{Claim, Item, has_value, items, part, place, refuse_repeats};
use crate::manifest::report::Report;
use crate::manifest::suggest::{all_of, one_of};
use crate::model::Name;
use crate::model::configuration::{ReferenceName, RepositoryUrl};
use crate::model::period::Period;
use crate::yaml::Node;

/// Reports every broken rule.
pub(in crate::manifest) fn check(document: &Node, report: &mut Report<'_>) {
    let Some(spec) = document.get("spec") else { return };
    let sources = items(spec, "sources");
    for source in &sources {
        exactly_one(source, &["directory", "git"], report);
        if let Some(node) = source.node.get("git") {
            git(&Item { path: format!("{}.git", source.path), node }, report);
        }
    }
    let names = sources.iter().filter_map(|source| source.claim::<Name>("name"));
    refuse_repeats(names, report, "give each source its own name", |name| format!("two sources are named `{name}`"));
    let branches = sources.iter().filter_map(status_branch_of);
    let help = "give each source a status branch of its own";
    refuse_repeats(branches, report, help, |(_, name)| format!("two sources push their statuses to branch `{name}`"));
    status_directory(spec, &sources, report);
    listener(spec, report);
    periods(spec, report);
}

fn git(git: &Item<'_>, report: &mut Report<'_>) {
    at_most_one(git, &["branch", "tag", "revision"], report);
    at_most_one(git, &["ssh", "https"], report);
    for field in ["interval", "timeout"] {
        not_shorter(git, field, Duration::from_secs(1), report);
    }
    status_branch(git, report);
    if let Some(node) = git.node.get("verify") {
        let files = ["allowedSignersFile", "keyringFile"];
        exactly_one(&Item { path: format!("{}.verify", git.path), node }, &files, report);
    }
    let https = git.node.get("https").map(|node| Item { path: format!("{}.https", git.path), node });
    if let Some(Item { path, node }) = https.filter(|it| it.given(&["username", "tokenFile"]) == ["username"]) {
        let message = format!("`{path}` has a `username` and no `tokenFile`");
        report.add(place(node, &["username"]), format!("{path}.username"), message, "name the file with the token");
    }
}

/// The statuses would take the place of the manifests.
fn status_branch(git: &Item<'_>, report: &mut Report<'_>) {
    let branch = |field| part::<ReferenceName>(git.node, &[field]);
    let Some(name) = branch("statusBranch").filter(|name| branch("branch").as_ref() == Some(name)) else { return };
    let path = format!("{}.statusBranch", git.path);
    let message = format!("`{path}` is `{name}`, the branch that the manifests come from");
    report.add(place(git.node, &["statusBranch"]), path, message, "choose another, such as `wharf-status`");
}

/// The branch of which repository a source has to itself.
fn status_branch_of(source: &Item<'_>) -> Option<Claim<(RepositoryUrl, ReferenceName)>> {
    let git = Item { path: format!("{}.git", source.path), node: source.node.get("git")? };
    let Claim { key, path, at } = git.claim("statusBranch")?;
    Some(Claim { key: (part(git.node, &["url"])?, key), path, at })
}

fn exactly_one(item: &Item<'_>, fields: &[&str], report: &mut Report<'_>) {
    if item.given(fields).is_empty() {
        let Item { path, node } = item;
        let message = format!("`{path}` has neither {}", one_of(fields.iter().copied()).replace(" or ", " nor "));
        report.add(node.at, path, message, "add one of them");
    }
    at_most_one(item, fields, report);
}

fn at_most_one(item: &Item<'_>, fields: &[&str], report: &mut Report<'_>) {
    let Item { path, node } = item;
    let given = item.given(fields);
    if let [_, second, ..] = given.as_slice() {
        let message = format!("`{path}` has {}, which exclude each other", all_of(given.iter().copied()));
        report.add(place(node, &[second]), path, message, "keep one of them");
    }
}

/// Nothing is ever written into a checkout; and of several sources, which may have files of equal names, none is the place of all.
fn status_directory(spec: &Node, sources: &[Item<'_>], report: &mut Report<'_>) {
    let why = match sources {
        [one] if has_value(one.node, "git") => "the source is a git repository, into which nothing is written",
        [_, _, ..] => "there are several sources",
        _ => return,
    };
    if !has_value(spec, "statusDir") {
        let message = format!("`spec.statusDir` is missing: {why}");
        report.add(
            spec.at,
            "spec.statusDir",
            message,
            "say where the status files go, such as `/var/lib/wharf/status`",
        );
    }
}

/// What is sent to a listener is not encrypted.
fn listener(spec: &Node, report: &mut Report<'_>) {
    let fields = ["listen", "address"];
    let Some(address) = part::<std::net::SocketAddr>(spec, &fields).filter(|address| !address.ip().is_loopback())
    else {
        return;
    };
    let path = "spec.listen.address";
    let message = format!("`{path}` is `{address}`, which others than this machine reach");
    report.add(place(spec, &fields), path, message, format!("use `127.0.0.1:{}`", address.port()));
}

/// Nothing here may be done in a hot loop; measuring alone can be left out.
fn periods(spec: &Node, report: &mut Report<'_>) {
    let spec = Item { path: "spec".to_owned(), node: spec };
    for field in ["resync", "audit", "poll"] {
        not_shorter(&spec, field, Duration::from_millis(1), report);
    }
    let Some(node) = spec.node.get("retention") else { return };
    let retention = Item { path: "spec.retention".to_owned(), node };
    for field in ["raw", "minute", "hour", "day"] {
        not_shorter(&retention, field, Duration::from_millis(1), report);
    }
}

fn not_shorter(item: &Item<'_>, field: &str, least: Duration, report: &mut Report<'_>) {
    let Some(value) = part::<Period>(item.node, &[field]).filter(|value| value.duration() < least) else { return };
    let path = format!("{}.{field}", item.path);
    let message = format!("`{path}` is `{value}`, which is too short");
    report.add(place(item.node, &[field]), &path, message, format!("use at least `{least:?}`"));
}
