//! `dependsOn`: which workspaces lead back to themselves.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::model::Name;

/// The workspaces that lie on a cycle of dependencies, each with the way back to itself: `a → b → a`.
///
/// Names that are not declared end a path: they are waited for, not refused.
pub fn cycles(depends_on: &BTreeMap<Name, Vec<Name>>) -> BTreeMap<Name, Vec<Name>> {
    let suspects = that_may_be_on_a_cycle(depends_on);
    suspects.iter().filter_map(|name| Some(((*name).clone(), way_back(name, depends_on, &suspects)?))).collect()
}

/// All but those that only lead to ends. Without cycles that is nobody, found in one walk over all dependencies.
fn that_may_be_on_a_cycle(depends_on: &BTreeMap<Name, Vec<Name>>) -> BTreeSet<&Name> {
    let mut open: BTreeMap<&Name, usize> = BTreeMap::new();
    let mut dependents: BTreeMap<&Name, Vec<&Name>> = BTreeMap::new();
    for (name, dependencies) in depends_on {
        let declared = dependencies.iter().filter(|dependency| depends_on.contains_key(dependency));
        open.insert(name, declared.clone().count());
        for dependency in declared {
            dependents.entry(dependency).or_default().push(name);
        }
    }
    let mut ends: Vec<&Name> = open.iter().filter(|(_, count)| **count == 0).map(|(name, _)| *name).collect();
    while let Some(end) = ends.pop() {
        open.remove(end);
        for dependent in dependents.get(end).into_iter().flatten() {
            if let Some(count) = open.get_mut(dependent) {
                *count -= 1;
                if *count == 0 {
                    ends.push(dependent);
                }
            }
        }
    }
    open.into_keys().collect()
}

/// The shortest way from a workspace back to itself, beginning and ending with it.
fn way_back(start: &Name, depends_on: &BTreeMap<Name, Vec<Name>>, suspects: &BTreeSet<&Name>) -> Option<Vec<Name>> {
    // From where each was reached first.
    let mut reached_from: BTreeMap<&Name, &Name> = BTreeMap::new();
    let mut queue = VecDeque::from([start]);
    while let Some(name) = queue.pop_front() {
        for dependency in depends_on.get(name).into_iter().flatten().filter(|it| suspects.contains(it)) {
            if dependency == start {
                return Some(way(start, name, &reached_from));
            }
            if !reached_from.contains_key(dependency) {
                reached_from.insert(dependency, name);
                queue.push_back(dependency);
            }
        }
    }
    None
}

/// From `start` to `last` and back to `start`.
fn way(start: &Name, last: &Name, reached_from: &BTreeMap<&Name, &Name>) -> Vec<Name> {
    let mut backwards = vec![start.clone(), last.clone()];
    let mut at = last;
    while let Some(before) = reached_from.get(at) {
        backwards.push((*before).clone());
        at = before;
    }
    backwards.reverse();
    backwards
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> Vec<Name> {
        text.split_whitespace().map(|name| name.parse().expect("a name")).collect()
    }

    fn graph(lines: &[(&str, &str)]) -> BTreeMap<Name, Vec<Name>> {
        lines.iter().map(|(name, to)| (name.parse().expect("a name"), names(to))).collect()
    }

    /// To follow it to its end from each of its members would take some fifty million steps.
    #[test]
    fn a_long_chain_is_no_cycle() {
        let name = |index: usize| format!("w{index}").parse::<Name>().expect("a name");
        let chain: BTreeMap<Name, Vec<Name>> = (0..10_000).map(|index| (name(index), vec![name(index + 1)])).collect();
        assert!(cycles(&chain).is_empty());
    }

    #[test]
    fn only_members_of_a_cycle_are_on_it() {
        let found = cycles(&graph(&[("a", "b"), ("b", "c"), ("c", "b"), ("d", "d"), ("e", "missing")]));
        let shown: Vec<(&str, Vec<Name>)> = found.iter().map(|(name, way)| (name.as_str(), way.clone())).collect();
        assert_eq!(shown, [("b", names("b c b")), ("c", names("c b c")), ("d", names("d d"))]);
    }
}
