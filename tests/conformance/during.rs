//! What lists and inspections show while something changes.

use wharf::engine::{ContainerSummary, Engine, ObjectKind};
use wharf::model::status::ContainerState;

use crate::bench::{Bench, Process, plain, running};
use crate::containers::missing;

/// Often enough to meet a moment that is short.
const TIMES: usize = 20;

async fn rows_of<B: Bench>(bench: &B, id: &str) -> Vec<ContainerSummary> {
    let rows = bench.engine().list(bench.instance()).await.expect("listed");
    rows.into_iter().filter(|row| row.id == id).collect()
}

pub async fn one_that_is_renamed_is_listed_once<B: Bench>(bench: &B) {
    let engine = bench.engine();
    let id = running(bench, &plain(bench, "old", Process::Lasts)).await;
    let names = [bench.unique("old"), bench.unique("new")];
    for time in 1..=TIMES {
        let (renamed, rows, seen) =
            tokio::join!(engine.rename(&id, &names[time % 2]), rows_of(bench, &id), engine.inspect(&id));
        renamed.expect("renamed");
        assert_eq!(rows.len(), 1, "{rows:?}");
        assert!(names.contains(&rows[0].name) && names.contains(&seen.expect("inspected").name), "{rows:?}");
        assert_eq!(rows_of(bench, &id).await[0].name, names[time % 2], "a list after it shows it");
    }
}

pub async fn one_that_is_removed_is_listed_until_it_is_gone<B: Bench>(bench: &B) {
    let engine = bench.engine();
    let going =
        [ContainerState::Running, ContainerState::Exited, ContainerState::Removing, ContainerState::Dead].as_slice();
    for time in 0..TIMES / 4 {
        let id = running(bench, &plain(bench, &format!("box-{time}"), Process::IgnoresStop)).await;
        let looking = async {
            loop {
                let seen = engine.inspect(&id).await;
                let rows = rows_of(bench, &id).await;
                assert!(rows.len() <= 1, "{rows:?}");
                assert!(rows.iter().all(|row| going.contains(&row.state)), "{rows:?}");
                let Ok(seen) = seen else {
                    assert_eq!(missing(seen), ObjectKind::Container);
                    assert_eq!(rows, [], "what an inspection does not find is not listed");
                    break;
                };
                assert!(going.contains(&seen.state), "{seen:?}");
                tokio::task::yield_now().await;
            }
        };
        let (removed, ()) = tokio::join!(engine.remove(&id), looking);
        removed.expect("removed");
        assert_eq!(rows_of(bench, &id).await, []);
    }
}
