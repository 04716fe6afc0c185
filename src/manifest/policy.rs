//! What no schema can say of a policy.

use super::report::Report;
use super::rules::LEAST_MEMORY;
use crate::model::quantity::{Cpu, Memory};
use crate::yaml::{Node, Value, from_node};

/// The name under which a policy takes the place of the built-in one.
const DEFAULT_GIT: &str = "default-git";

/// Reports every broken rule. A part that does not have its form is left to the check of the form.
pub(super) fn rules(document: &Node, report: &mut Report<'_>) {
    let Some(spec) = document.get("spec") else { return };
    let name = document.get("metadata").and_then(|metadata| metadata.get("name")).and_then(Node::as_text);
    if let Some(applies_to) = spec.get("appliesTo").filter(|_| name == Some(DEFAULT_GIT)) {
        let message =
            format!("the policy `{DEFAULT_GIT}` applies to all git sources and cannot apply to others or fewer");
        report.add(applies_to.at, "spec.appliesTo", message, "leave it out, or give the policy another name");
    }
    limits(spec, report);
    contradictions(spec, report);
}

fn limits(spec: &Node, report: &mut Report<'_>) {
    let Some(limits) = spec.get("limits") else { return };
    for part in ["max", "default"] {
        let Some(node) = limits.get(part).and_then(|amounts| amounts.get("memory")) else { continue };
        if from_node::<Memory>(node).is_ok_and(|memory| memory < LEAST_MEMORY) {
            let field = format!("spec.limits.{part}.memory");
            report.add(node.at, &field, format!("`{field}` is less than {LEAST_MEMORY}"), "engines need that much");
        }
    }
    larger::<Cpu>(limits, "cpu", report);
    larger::<Memory>(limits, "memory", report);
    larger::<u32>(limits, "pids", report);
    larger::<Memory>(limits, "shmSize", report);
}

/// A default that the same policy denies.
fn larger<T: serde::de::DeserializeOwned + Ord>(limits: &Node, name: &str, report: &mut Report<'_>) {
    let amount = |part: &str| limits.get(part).and_then(|amounts| amounts.get(name));
    let (Some(max), Some(default)) = (amount("max"), amount("default")) else { return };
    let (Ok(most), Ok(usual)) = (from_node::<T>(max), from_node::<T>(default)) else { return };
    if usual > most {
        let field = format!("spec.limits.default.{name}");
        let message = format!("`{field}` is more than `spec.limits.max.{name}`");
        report.add(default.at, &field, message, "make it less; without it, the largest is what holds");
    }
}

/// Rules that would never be looked at.
fn contradictions(spec: &Node, report: &mut Report<'_>) {
    let Some(ports) = spec.get("ports") else { return };
    let publishes = ports.get("publish").and_then(|node| from_node::<bool>(node).ok()).unwrap_or(true);
    let Value::Mapping(pairs) = &ports.value else { return };
    for (key, _) in pairs.iter().filter(|(key, _)| !publishes && key.as_text() != Some("publish")) {
        let field = format!("spec.ports.{}", key.as_text().unwrap_or_default());
        let message = format!("`{field}` is given and `spec.ports.publish` is `false`");
        report.add(key.at, &field, message, "leave one of them out");
    }
}
