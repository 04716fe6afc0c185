//! What people do behind the controller's back.

use wharf::engine::{Change, Engine, EngineError, Limits, Mount, MountSource};
use wharf::model::quantity::Memory;
use wharf::model::status::{ContainerState, Health};

use crate::bench::{SECOND, arriving, checked, engine, inspect, run, spec, states, subscribed};

#[tokio::test(start_paused = true)]
async fn what_people_do_is_told() {
    use Change::{Created, Destroyed, Died, OutOfMemory, Paused, Renamed, Started, Unpaused, Updated};
    let engine = engine();
    let id = run(&engine, &spec("api")).await;
    let mut events = subscribed(&engine).await;
    let outside = engine.outside();
    outside.kill("wharf-api").expect("killed");
    outside.start("wharf-api").expect("started");
    outside.stop("wharf-api").expect("stopped");
    outside.start("wharf-api").expect("started");
    outside.pause("wharf-api").expect("paused");
    assert!(matches!(engine.start(&id).await, Err(EngineError::Conflict { .. })));
    outside.unpause("wharf-api").expect("unpaused");
    let memory = Some(Memory::from_bytes(64 << 20));
    outside.update("wharf-api", &Limits { memory, ..Limits::default() }).expect("updated");
    assert_eq!(inspect(&engine, &id).await.limits.memory, memory);
    outside.rename("wharf-api", "stolen").expect("renamed");
    assert!(outside.run_out_of_memory("stolen"));
    assert!(inspect(&engine, &id).await.oom_killed);
    outside.remove("stolen").expect("removed");
    outside.create(&spec("api")).expect("created");
    let expected = [
        [Died, Started, Died, Started].as_slice(),
        &[Paused, Unpaused, Updated, Renamed, OutOfMemory, Died, Destroyed, Created],
    ];
    assert_eq!(arriving(&mut events).await, expected.concat());
    assert_eq!(engine.mutations(), 3, "create, start and the refused start: people do not count");
}

#[tokio::test(start_paused = true)]
async fn a_frozen_container_is_killed_without_a_thaw_and_stopped_with_one() {
    use Change::{Died, Paused, Started, Unpaused};
    let engine = engine();
    let id = run(&engine, &spec("api")).await;
    let first = inspect(&engine, &id).await;
    let mut events = subscribed(&engine).await;
    engine.outside().pause("wharf-api").expect("paused");
    engine.outside().kill("wharf-api").expect("killed");
    let killed = inspect(&engine, &id).await;
    assert_eq!((killed.exit_code, killed.started_at), (Some(137), first.started_at));
    engine.outside().start("wharf-api").expect("started");
    assert_eq!(inspect(&engine, &id).await.finished_at, killed.finished_at, "the end of the run before still shows");
    engine.outside().pause("wharf-api").expect("paused");
    engine.outside().stop("wharf-api").expect("stopped");
    assert_eq!(arriving(&mut events).await, [Paused, Died, Started, Paused, Unpaused, Died]);
}

#[tokio::test(start_paused = true)]
async fn a_restart_policy_shows() {
    let engine = engine();
    let id = run(&engine, &spec("api")).await;
    assert!(!inspect(&engine, &id).await.engine_restarts);
    engine.outside().let_engine_restart("wharf-api").expect("updated");
    assert!(inspect(&engine, &id).await.engine_restarts);
}

#[tokio::test(start_paused = true)]
async fn a_dead_container_cannot_start_and_can_go() {
    let engine = engine();
    let id = run(&engine, &spec("api")).await;
    assert!(engine.outside().leave("wharf-api", ContainerState::Dead));
    assert!(matches!(engine.start(&id).await, Err(EngineError::Conflict { .. })));
    engine.remove(&id).await.expect("removed");
    assert_eq!(engine.snapshot(), []);
}

#[tokio::test(start_paused = true)]
async fn a_slow_removal_is_waited_for_and_holds_the_name() {
    let engine = engine().with_removal_time(SECOND * 3);
    let id = run(&engine, &spec("api")).await;
    let looking = async {
        tokio::time::sleep(SECOND).await;
        assert_eq!(states(&engine).await, [ContainerState::Removing]);
        assert!(matches!(engine.start(&id).await, Err(EngineError::Conflict { .. })));
        assert!(matches!(engine.create(&spec("api")).await, Err(EngineError::Conflict { .. })));
    };
    let (removed, again, ()) = tokio::join!(engine.remove(&id), engine.remove(&id), looking);
    assert_eq!((removed, again), (Ok(()), Ok(())));
    assert_eq!(engine.emitted().iter().filter(|event| event.change == Change::Destroyed).count(), 1);
}

#[tokio::test(start_paused = true)]
async fn health_and_paths_change_under_the_container() {
    let engine = engine();
    let mut checked = checked("api", "/bin/true");
    let target = "/workspace".parse().expect("absolute");
    checked.mounts = vec![Mount { source: MountSource::Host("/srv/api".into()), target, read_only: false }];
    let id = run(&engine, &checked).await;
    assert!(engine.outside().set_health("wharf-api", Health::Unhealthy));
    assert_eq!(inspect(&engine, &id).await.health, Some(Health::Unhealthy));
    engine.outside().remove_path("/srv/api");
    engine.stop(&id, SECOND).await.expect("stopped");
    assert!(matches!(engine.start(&id).await, Err(EngineError::Failed { .. })));
    engine.outside().restore_path("/srv/api");
    engine.start(&id).await.expect("started");
}
