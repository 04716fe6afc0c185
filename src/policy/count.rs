//! How many workspaces.

use std::collections::{BTreeMap, HashMap};

use super::{Court, Found, SourceTrust, Verdict, applies};
use crate::model::policy::Policy;

/// A workspace that counts.
#[derive(Clone, Copy, Debug)]
pub struct Counted<'a> {
    /// Where it comes from.
    pub source: &'a SourceTrust,
    /// Its labels.
    pub labels: &'a BTreeMap<String, String>,
}

pub(super) fn judge(policies: &[Policy], workspaces: &[Counted<'_>]) -> Vec<Verdict> {
    let mut found: Vec<Found> = workspaces.iter().map(|_| Found::default()).collect();
    for policy in policies {
        let rules = &policy.spec.counts;
        let mut of_source: HashMap<&str, u32> = HashMap::new();
        let mut of_label: HashMap<(&str, Option<&String>), u32> = HashMap::new();
        for (workspace, found) in workspaces.iter().zip(&mut found) {
            let Counted { source, labels } = workspace;
            if !applies(&policy.spec, source, labels) {
                continue;
            }
            let mut court = Court { policy, found };
            if let Some(most) = rules.per_source
                && one_more(of_source.entry(&source.name).or_default()) > most
            {
                let message = format!("the source `{}` may have {most} workspaces", source.name.escape_debug());
                court.deny("counts.perSource", "metadata.name", message, "remove another one first");
            }
            for (label, most) in &rules.per_label {
                let value = labels.get(label);
                if one_more(of_label.entry((label, value)).or_default()) > *most {
                    let label = label.escape_debug();
                    let which = value.map_or_else(
                        || format!("without the label `{label}`"),
                        |value| format!("with `{label}={}`", value.escape_debug()),
                    );
                    let message = format!("there may be {most} workspaces {which}");
                    court.deny("counts.perLabel", "metadata.labels", message, "remove another one first");
                }
            }
        }
    }
    found.into_iter().map(Found::verdict).collect()
}

fn one_more(count: &mut u32) -> u32 {
    *count = count.saturating_add(1);
    *count
}
