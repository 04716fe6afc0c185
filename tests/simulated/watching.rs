//! What the engine notices about its users: calls, streams, broken rules.

use wharf::engine::simulated::{Operation, Violation};
use wharf::engine::{Engine, EnvValue};
use wharf::model::labels;

use crate::bench::{SECOND, engine, instance, next, run, spec, subscribed, texts};

#[tokio::test(start_paused = true)]
async fn calls_read_as_operation_and_name() {
    let engine = engine();
    let id = run(&engine, &spec("api")).await;
    engine.list(&instance()).await.expect("listed");
    engine.remove(&id).await.expect("removed");
    engine.remove(&id).await.expect("one that is gone is removed");
    let expected = ["create wharf-api", "start wharf-api", "list", "remove wharf-api", &format!("remove {id}")];
    assert_eq!(texts(&engine.calls()), expected);
    assert_eq!(engine.mutations(), 4);
    assert!(engine.calls().iter().all(|call| call.answer == Some(Ok(()))));
}

#[tokio::test(start_paused = true)]
async fn what_a_container_was_created_from_can_be_looked_at() {
    let engine = engine();
    let mut given = spec("api");
    given.env = vec![("TOKEN".to_owned(), EnvValue::Plain("canary".to_owned()))];
    engine.create(&given).await.expect("created");
    engine.outside().rename("wharf-api", "moved").expect("renamed");
    let kept = engine.spec("moved").expect("there is such a container");
    assert_eq!(format!("{kept:?}"), format!("{given:?}"));
    assert!(engine.spec("wharf-api").is_none());
}

#[tokio::test(start_paused = true)]
async fn a_dropped_stream_is_unsubscribed() {
    let engine = engine();
    let first = subscribed(&engine).await;
    let mut second = subscribed(&engine).await;
    let never_polled = engine.events(&instance());
    assert_eq!(engine.subscriptions(), 2);
    drop((first, never_polled));
    assert_eq!(engine.subscriptions(), 1);
    engine.create(&spec("api")).await.expect("created");
    assert_eq!(next(&mut second).await.name, "wharf-api");
}

#[tokio::test(start_paused = true)]
async fn two_running_containers_of_one_workspace_are_a_violation() {
    let engine = engine();
    let old = run(&engine, &spec("api")).await;
    let mut replacement = spec("api");
    replacement.name = "wharf-api-next".to_owned();
    let new = engine.create(&replacement).await.expect("created");
    assert_eq!(engine.violations(), [], "a replacement may wait beside the old one");
    engine.start(&new).await.expect("started");
    let containers = vec!["wharf-api".to_owned(), "wharf-api-next".to_owned()];
    assert_eq!(engine.violations(), [Violation::SeveralRunning { uid: "uid-api".to_owned(), containers }]);

    engine.stop(&old, SECOND).await.expect("stopped");
    replacement.name = "wharf-api-third".to_owned();
    engine.create(&replacement).await.expect("created");
    assert!(matches!(&engine.violations()[1..], [Violation::TooMany { containers, .. }] if containers.len() == 3));
}

#[tokio::test(start_paused = true)]
async fn touching_what_belongs_to_others_is_a_violation() {
    let engine = engine().owned_by(&instance());
    let mut foreign = spec("api");
    foreign.labels.clear();
    let nobodys = engine.outside().create(&foreign).expect("created");
    foreign.name = "wharf-web".to_owned();
    foreign.labels.insert(labels::INSTANCE.to_owned(), "stranger".to_owned());
    let strangers = engine.outside().create(&foreign).expect("created");
    assert_eq!(engine.violations(), [], "people may");
    engine.inspect(&nobodys).await.expect("looking is no touching");
    engine.start(&nobodys).await.expect("started");
    engine.stop(&strangers, SECOND).await.expect("stopped");
    run(&engine, &spec("own")).await;
    let touched = |operation, object: &str| Violation::ForeignTouched { operation, object: object.to_owned() };
    let expected = [touched(Operation::Start, "wharf-api"), touched(Operation::Stop, "wharf-web")];
    assert_eq!(engine.violations(), expected);
}
