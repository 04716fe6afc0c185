//! Creating, listing and finding containers.

use wharf::engine::{Engine, EngineError, Limits, ObjectKind};
use wharf::model::quantity::{Cpu, Memory};
use wharf::model::status::ContainerState;

use crate::bench::{Bench, Process, labels_of, plain, running, stranger};

/// Limits that differ from every default.
fn limits() -> Limits {
    Limits { cpu: Some(Cpu::from_nanos(500_000_000)), memory: Some(Memory::from_bytes(64 << 20)), pids: Some(100) }
}

/// An ID of the right form that no container has.
pub const NOBODY: &str = "00000000000000000000000000000000000000000000000000000000deadbeef";

/// The kind of what is missing, or the whole answer if nothing is.
pub fn missing<T: std::fmt::Debug>(answer: Result<T, EngineError>) -> ObjectKind {
    match answer {
        Err(EngineError::NotFound { object, .. }) => object,
        other => panic!("expected NotFound, got {other:?}"),
    }
}

pub async fn what_is_created_is_what_inspect_shows<B: Bench>(bench: &B) {
    let mut spec = plain(bench, "box", Process::Lasts);
    spec.limits = limits();
    let id = bench.engine().create(&spec).await.expect("created");
    let seen = bench.engine().inspect(&id).await.expect("inspected");
    assert_eq!(seen.id, id);
    assert_eq!(seen.name, spec.name);
    for (key, value) in &spec.labels {
        assert_eq!(seen.labels.get(key), Some(value));
    }
    assert_eq!(seen.image, spec.image.as_str());
    assert_eq!(Some(seen.image_id), bench.engine().image(&spec.image).await.expect("asked"));
    assert_eq!(seen.state, ContainerState::Created);
    assert_eq!((seen.health, seen.exit_code, seen.oom_killed), (None, None, false));
    assert!(seen.created_at.is_some());
    assert_eq!((seen.started_at, seen.finished_at), (None, None));
    assert_eq!(seen.limits, limits());
    assert!(!seen.engine_restarts);
    assert_eq!((seen.ip, seen.ports, seen.error), (None, Vec::new(), String::new()));
}

pub async fn a_taken_name_is_a_conflict<B: Bench>(bench: &B) {
    let spec = plain(bench, "twin", Process::Lasts);
    let id = bench.engine().create(&spec).await.expect("created");
    let error = bench.engine().create(&spec).await.expect_err("the name is taken");
    assert!(matches!(error, EngineError::Conflict { .. }), "{error:?}");
    assert_eq!(bench.engine().find_by_name(&spec.name).await.expect("found").id, id);
    assert_eq!(bench.engine().list(bench.instance()).await.expect("listed").len(), 1);
}

pub async fn a_missing_image_is_named<B: Bench>(bench: &B) {
    let mut spec = plain(bench, "imageless", Process::Lasts);
    spec.image = "wharf.invalid/none:1".parse().expect("a valid reference");
    assert_eq!(missing(bench.engine().create(&spec).await), ObjectKind::Image);
}

pub async fn a_list_shows_all_states_and_only_the_instance<B: Bench>(bench: &B) {
    let engine = bench.engine();
    let created = plain(bench, "created", Process::Lasts);
    let runs = plain(bench, "runs", Process::Lasts);
    let mut foreign = plain(bench, "foreign", Process::Lasts);
    foreign.labels = labels_of(bench, &stranger(bench));
    let created_id = engine.create(&created).await.expect("created");
    let runs_id = running(bench, &runs).await;
    engine.create(&foreign).await.expect("created");

    let mut seen = engine.list(bench.instance()).await.expect("listed");
    seen.sort_by(|a, b| a.name.cmp(&b.name));
    let rows: Vec<_> = seen.iter().map(|row| (&row.id, &row.name, row.state, row.health)).collect();
    let expected = [
        (&created_id, &created.name, ContainerState::Created, None),
        (&runs_id, &runs.name, ContainerState::Running, None),
    ];
    assert_eq!(rows, expected);
    let (key, value) = bench.mark();
    assert_eq!(seen[0].labels.get(&key), Some(&value));
    let theirs = engine.list(&stranger(bench)).await.expect("listed");
    assert_eq!(theirs.iter().map(|row| &row.name).collect::<Vec<_>>(), [&foreign.name]);
}

pub async fn names_are_found_whoever_owns_them<B: Bench>(bench: &B) {
    let engine = bench.engine();
    let mut foreign = plain(bench, "foreign", Process::Lasts);
    foreign.labels = labels_of(bench, &stranger(bench));
    let id = engine.create(&foreign).await.expect("created");
    assert_eq!(engine.find_by_name(&foreign.name).await.expect("found").id, id);
    assert_eq!(missing(engine.find_by_name(&bench.unique("nobody")).await), ObjectKind::Container);
    // Engines also resolve IDs and their beginnings where a name is asked for: these are not names.
    assert_eq!(missing(engine.find_by_name(&id).await), ObjectKind::Container);
    assert_eq!(missing(engine.find_by_name(&id[..12]).await), ObjectKind::Container);
}

pub async fn what_is_gone_is_not_found_or_done<B: Bench>(bench: &B) {
    let engine = bench.engine();
    assert_eq!(missing(engine.inspect(NOBODY).await), ObjectKind::Container);
    assert_eq!(missing(engine.start(NOBODY).await), ObjectKind::Container);
    assert_eq!(missing(engine.unpause(NOBODY).await), ObjectKind::Container);
    assert_eq!(missing(engine.rename(NOBODY, &bench.unique("new")).await), ObjectKind::Container);
    assert_eq!(missing(engine.update(NOBODY, &limits()).await), ObjectKind::Container);
    engine.stop(NOBODY, std::time::Duration::from_secs(1)).await.expect("a container that is gone is stopped");
    engine.remove(NOBODY).await.expect("a container that is gone is removed");
}

pub async fn names_do_not_lead_to_other_paths<B: Bench>(bench: &B) {
    let engine = bench.engine();
    for odd in ["", "../images", "a/json", "a?all=1", "a b", ".", "a#"] {
        let answers = [
            engine.inspect(odd).await.map(drop),
            engine.find_by_name(odd).await.map(drop),
            engine.remove(odd).await,
            engine.remove_volume(odd).await,
            engine.rename(NOBODY, odd).await,
        ];
        for answer in answers {
            let error = answer.expect_err("refused");
            assert!(matches!(error, EngineError::Invalid { .. }), "{odd:?}: {error:?}");
        }
    }
}
