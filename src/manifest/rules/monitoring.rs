//! What `spec.monitoring` may say.

use super::{Claim, Item, items_below, part, place, refuse_repeats};
use crate::manifest::report::Report;
use crate::model::period::Period;
use crate::model::spec::{Level, Monitoring, ThresholdMetric};
use crate::yaml::Node;

pub(super) fn check(spec: &Node, report: &mut Report<'_>) {
    interval(spec, report);
    let Some(monitoring) = spec.get("monitoring") else { return };
    let thresholds = items_below(monitoring, "thresholds", "spec.monitoring");
    for item in &thresholds {
        levels(item, report);
    }
    let claims = thresholds.iter().filter_map(|item| item.claim::<ThresholdMetric>("metric"));
    refuse_repeats(claims, report, "keep one of them", |metric| format!("a second threshold for `{metric}`"));
}

fn interval(spec: &Node, report: &mut Report<'_>) {
    let fields = ["monitoring", "interval"];
    let Some(value) = part::<Period>(spec, &fields) else { return };
    let (shortest, longest) = (Monitoring::SHORTEST, Monitoring::LONGEST);
    let (wrong, help) = match value.duration() {
        short if short < shortest.duration() => ("short", format!("use at least `{shortest}`")),
        long if long > longest.duration() => ("long", format!("use at most `{longest}`")),
        _ => return,
    };
    let path = "spec.monitoring.interval";
    report.add(place(spec, &fields), path, format!("`{path}` is `{value}`, which is too {wrong}"), help);
}

/// The levels of one threshold fit its metric, and each other.
fn levels(item: &Item<'_>, report: &mut Report<'_>) {
    let Some(Claim { key: metric, .. }) = item.claim::<ThresholdMetric>("metric") else { return };
    let levels = ["above", "clearBelow"].map(|field| item.claim::<Level>(field));
    for Claim { key, path, at } in levels.iter().flatten().filter(|claim| claim.key.is_rate() != metric.is_rate()) {
        let (found, help) = if metric.is_rate() {
            ("a percentage", "use an amount a second, such as `10Mi`")
        } else {
            ("an amount a second", "use a percentage, such as `90%`")
        };
        report.add(*at, path.as_str(), format!("`{path}` is `{key}`, {found}, for the metric `{metric}`"), help);
    }
    if let [Some(above), Some(below)] = levels
        && above.key.is_rate() == below.key.is_rate()
        && below.key.value() > above.key.value()
    {
        let Claim { key, path, at } = below;
        let message = format!("`{path}` is `{key}`, more than `above`, which is `{}`", above.key);
        report.add(at, path.as_str(), message, format!("use at most `{}`", above.key));
    }
}
