//! What holds in every situation, shown on random ones. A situation is made as the lines of a case, so that what a failure
//! prints can be put into a case file as it is.

use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use crate::common::given::Given;
use crate::world::World;
use wharf::plan::{Retry, plan};

/// What somebody does by hand.
const MEDDLING: [&str; 9] = [
    "exited(143)",
    "paused",
    "removing",
    "dead",
    "created",
    "running renamed",
    "running limits",
    "running elsewhere",
    "gone",
];

const STATES: [&str; 8] = ["running", "paused", "restarting", "removing", "dead", "unknown", "created", "exited(1)"];

/// Now and then a line, more often none.
fn maybe(lines: &'static [&'static str]) -> impl Strategy<Value = Option<String>> {
    prop::option::weighted(0.25, select(lines).prop_map(str::to_owned))
}

fn spec() -> impl Strategy<Value = String> {
    let fields = [
        "imagePullPolicy=Always",
        "imagePullPolicy=Never",
        "resources.memory=1Gi",
        "resources.cpu=2",
        "resources.pids=100",
        "network.mode=None",
        "project.path=/srv/api",
        "deletionPolicy=Stop",
        "deletionPolicy=Orphan",
        "deleteVolumes=true",
        "suspend=true",
    ];
    let state = select(vec!["Running", "Running", "Running", "Stopped", "Archived"]);
    (state, subsequence(fields.to_vec(), 0..4))
        .prop_map(|(state, fields)| format!("spec image=debian:12 state={state} {}", fields.join(" ")))
}

fn container() -> impl Strategy<Value = String> {
    let template = select(vec!["fits", "old-spec"]);
    let health = select(vec!["", "", "healthy", "unhealthy", "starting"]);
    let limits = subsequence(vec!["memory=512Mi", "memory=none", "cpu=1", "cpu=none", "pids=50"], 0..3);
    let marks = prop::option::weighted(
        0.15,
        select(vec!["engine-restarts", "network-gone", "networks=bridge", "networks=wharf-test.group.old"]),
    );
    (select(&STATES), template, health, limits, marks).prop_map(|(state, template, health, limits, mark)| {
        [state, template, health, &limits.join(" "), mark.unwrap_or_default()].join(" ")
    })
}

/// Up to three containers; a name is given only once, as on an engine.
fn containers() -> impl Strategy<Value = Vec<String>> {
    let names = Just(vec!["wharf-box", "wharf-box.next", "by-hand"]).prop_shuffle();
    (names, prop::collection::vec(container(), 0..=3)).prop_map(|(names, containers)| {
        names.into_iter().zip(containers).map(|(name, rest)| format!("{name} {rest}")).collect()
    })
}

fn situation() -> impl Strategy<Value = Vec<String>> {
    let facts = [
        "goal delete",
        "goal delete with network wharf-test.isolated",
        "image missing",
        "network unknown",
        "project missing",
        "project not a directory",
        "name held by container foo of nobody",
        "retry at +30s",
        "retry when the manifest changes",
        "replacement failed",
        "restart at +30s",
        "restart spent Stop",
        "restart spent Remove",
        "restart spent Ignore",
        "stopped on purpose",
        "waiting for db",
        "volume wharf-box.cache",
        "former network wharf-test.group.old",
    ];
    (spec(), containers(), subsequence(facts.to_vec(), 0..6)).prop_map(|(spec, containers, mut facts)| {
        // Somebody else can hold the name only when we do not.
        let ours = containers.iter().any(|container| container.starts_with("wharf-box "));
        facts.retain(|fact| !(ours && fact.starts_with("name held")));
        let facts = facts.into_iter().map(str::to_owned);
        [spec].into_iter().chain(containers).chain(facts).collect()
    })
}

/// A container of an old spec runs; perhaps a replacement of it has been begun before.
fn replacement() -> impl Strategy<Value = Vec<String>> {
    let spec = select(vec!["spec image=debian:13", "spec image=debian:13 resources.memory=1Gi"]);
    let predecessor = (select(vec!["wharf-box", "by-hand"]), select(vec!["", "healthy", "unhealthy", "memory=512Mi"]));
    let other = maybe(&[
        "wharf-box.next created fits",
        "wharf-box.next created old-spec",
        "wharf-box.next exited(1) fits",
        "wharf-box.next exited(1) old-spec",
    ]);
    (spec, predecessor, other).prop_map(|(spec, (name, mark), other)| {
        [spec.to_owned(), format!("{name} running old-spec {mark}")].into_iter().chain(other).collect()
    })
}

fn world(lines: &[String]) -> World {
    let (given, rest) = Given::parse(lines).expect("a case");
    assert!(rest.is_empty(), "not understood: {rest:?}");
    World::new(given)
}

/// A failure, with the case that shows it.
fn fails(lines: &[String]) -> impl Fn(String) -> TestCaseError {
    move |problem| TestCaseError::fail(format!("{problem}\n{}\n", lines.join("\n")))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, ..ProptestConfig::default() })]

    #[test]
    fn a_plan_keeps_the_invariants_and_is_always_the_same(lines in situation()) {
        let world = world(&lines);
        let first = world.plan().map_err(fails(&lines))?;
        prop_assert_eq!(first.to_string(), plan(&world.given.situation()).to_string());
        // Which step that may be is one of the invariants.
        prop_assert!(world.given.retry == Retry::Due || first.steps.len() <= 1, "{}", first);
    }

    #[test]
    fn it_settles_and_stays_settled(lines in situation()) {
        let end = world(&lines).converge().map_err(fails(&lines))?;
        prop_assert!(plan(&end.given.situation()).steps.is_empty());
        let again = end.clone().converge().map_err(fails(&lines))?;
        prop_assert_eq!(again.to_string(), end.to_string());
    }

    #[test]
    fn a_crash_after_any_step_comes_to_the_same_end(lines in situation()) {
        world(&lines).end_however_interrupted().map_err(fails(&lines))?;
    }

    #[test]
    fn whatever_somebody_does_to_a_running_workspace_is_put_right(
        meddling in prop::collection::vec(select(&MEDDLING), 1..4),
    ) {
        let running = ["spec image=debian:12 resources.memory=1Gi".to_owned(), "wharf-box running fits".to_owned()];
        let right = world(&running).to_string();
        let mut world = world(&running);
        for what in meddling {
            world.meddle(what);
            let end = world.converge().map_err(fails(&running))?;
            prop_assert_eq!(end.to_string(), right.as_str(), "after {}", what);
            world = end;
        }
    }

    #[test]
    fn what_ran_runs_on_while_its_replacement_does_not_start(lines in replacement(), attempts in 1..4_usize) {
        let mut world = world(&lines);
        for _ in 0..attempts {
            let served = world.fail_to_start().map_err(fails(&lines))?;
            prop_assert!(served, "nothing runs while the next attempt is waited for:\n{}", world);
        }
        let end = world.converge().map_err(fails(&lines))?;
        prop_assert!(end.to_string().starts_with("wharf-box running fits"), "{}", end);
    }
}
