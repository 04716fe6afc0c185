//! Which images.

use super::{Court, Subject, listed};
use crate::model::policy::{Images, repository_and_tag};

const FIELD: &str = "spec.image";

pub(super) fn judge(rules: &Images, subject: &Subject<'_>, court: &mut Court<'_>) {
    let image = &subject.container.image;
    let (repository, tag, digest) = repository_and_tag(image);
    let shown = || match (tag, digest) {
        (Some(tag), None) => format!("{repository}:{tag}"),
        _ => image.to_string(),
    };
    if let Some(allow) = &rules.allow
        && !allow.iter().any(|pattern| pattern.allows(image))
    {
        court.deny("images.allow", FIELD, format!("the image `{}` is not allowed", shown()), listed(allow));
    }
    if let Some(pattern) = rules.deny.iter().find(|pattern| pattern.denies(image)) {
        let message = format!("the image `{}` is one of `{pattern}`, which are denied", shown());
        court.deny("images.deny", FIELD, message, "use another image or tag");
    }
    if rules.require_digest && digest.is_none() {
        let message = format!("the image `{}` has no digest, so that it can change", shown());
        court.deny("images.requireDigest", FIELD, message, format!("use `{image}@sha256:…`"));
    }
}
