//! Named volumes.

use wharf::engine::container::{Mount, MountSource};
use wharf::engine::{Engine, EngineError, VolumeSummary};
use wharf::model::Instance;

use crate::bench::{Bench, Process, labels_of, plain, stranger};

/// Creates a container with a volume that belongs to `instance`; answers the container's ID and the volume's name.
async fn with_volume<B: Bench>(bench: &B, what: &str, instance: &Instance) -> (String, String) {
    let name = bench.unique(what);
    let mut spec = plain(bench, &format!("{what}-user"), Process::Lasts);
    spec.mounts = vec![Mount {
        source: MountSource::Volume { name: name.clone(), labels: labels_of(bench, instance) },
        target: "/data".parse().expect("absolute"),
        read_only: false,
    }];
    (bench.engine().create(&spec).await.expect("created"), name)
}

pub async fn volumes_come_with_containers_and_stay<B: Bench>(bench: &B) {
    let engine = bench.engine();
    let (id, name) = with_volume(bench, "cache", bench.instance()).await;
    let expected = VolumeSummary { name: name.clone(), labels: labels_of(bench, bench.instance()) };
    assert_eq!(engine.volumes(bench.instance()).await.expect("listed"), std::slice::from_ref(&expected));
    let error = engine.remove_volume(&name).await.expect_err("a container uses it");
    assert!(matches!(error, EngineError::Conflict { .. }), "{error:?}");
    engine.remove(&id).await.expect("removed");
    assert_eq!(engine.volumes(bench.instance()).await.expect("listed"), [expected], "a named volume stays");
    engine.remove_volume(&name).await.expect("removed");
    engine.remove_volume(&name).await.expect("one that is gone is removed");
    assert_eq!(engine.volumes(bench.instance()).await.expect("listed"), []);
}

pub async fn volumes_of_others_are_not_listed<B: Bench>(bench: &B) {
    with_volume(bench, "theirs", &stranger(bench)).await;
    assert_eq!(bench.engine().volumes(bench.instance()).await.expect("listed"), []);
}
