//! Upper limits: what holds where a manifest says nothing, and the most that it may ask for.

use std::fmt::Display;

use super::{Court, Subject};
use crate::engine::ContainerSpec;
use crate::model::policy::{Amounts, LimitRules};
use crate::model::quantity::Memory;

/// The size of `/dev/shm` that engines give where nobody asks for another.
const USUAL_SHM: Memory = Memory::from_bytes(64 << 20);

/// Of several policies, the strictest of each amount counts.
pub(super) fn amend<'a>(rules: impl Iterator<Item = &'a LimitRules>, container: &mut ContainerSpec) {
    let (mut max, mut default) = (Amounts::default(), Amounts::default());
    for rules in rules {
        max = stricter(max, rules.max);
        default = stricter(default, rules.default);
    }
    let limits = &mut container.limits;
    limits.cpu = limits.cpu.or(least(default.cpu, max.cpu));
    limits.memory = limits.memory.or(least(default.memory, max.memory));
    limits.pids = limits.pids.or(least(default.pids, max.pids));
    // Without a word, an engine gives a size all the same: it is named only where it is too large, or could be.
    let usual = max.shm_size.map(|_| USUAL_SHM);
    container.shm_size = container.shm_size.or(least(default.shm_size.or(usual), max.shm_size));
}

fn stricter(one: Amounts, other: Amounts) -> Amounts {
    Amounts {
        cpu: least(one.cpu, other.cpu),
        memory: least(one.memory, other.memory),
        pids: least(one.pids, other.pids),
        shm_size: least(one.shm_size, other.shm_size),
    }
}

/// The smaller of those that are given.
fn least<T: Ord>(one: Option<T>, other: Option<T>) -> Option<T> {
    one.into_iter().chain(other).min()
}

pub(super) fn judge(rules: &LimitRules, subject: &Subject<'_>, court: &mut Court<'_>) {
    let ContainerSpec { limits, shm_size, .. } = subject.container;
    let max = &rules.max;
    judge_one(limits.cpu, max.cpu, ("limits.max.cpu", "cpu"), court);
    judge_one(limits.memory, max.memory, ("limits.max.memory", "memory"), court);
    judge_one(limits.pids, max.pids, ("limits.max.pids", "pids"), court);
    judge_one(*shm_size, max.shm_size, ("limits.max.shmSize", "shmSize"), court);
}

fn judge_one<T: Ord + Display>(
    asked: Option<T>,
    max: Option<T>,
    (rule, name): (&'static str, &str),
    court: &mut Court<'_>,
) {
    let Some(max) = max else { return };
    let message = match asked {
        Some(asked) if asked <= max => return,
        Some(asked) => format!("{name} {asked} is more than {max}"),
        // Only of a container that was not amended.
        None => format!("{name} has no limit"),
    };
    court.deny(rule, format!("spec.resources.{name}"), message, format!("ask for {max} at most"));
}
