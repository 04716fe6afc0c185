//! A defect in the middle of a pass stays in the workspace it happened in.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use futures_util::stream::BoxStream;
use wharf::engine::simulated::Simulated;
use wharf::engine::{
    ContainerDetail, ContainerSpec, ContainerSummary, Engine, EngineError, EngineEvent, EngineInfo, Limits,
    NetworkSpec, PullProgress, Stats, VolumeSummary,
};
use wharf::model::Instance;
use wharf::model::event::EventReason;
use wharf::model::reference::ImageReference;
use wharf::model::status::{ConditionType, ErrorClass};

use super::rig::Rig;

const SPEC: &str = "image: debian:12, env: [{name: TOKEN, value: c4n4ry}], recovery: {backoff: {max: 10s}}";

/// An engine whose client has a defect: it panics when it is to create the container of workspace `bad`.
struct Defective {
    engine: Simulated,
    panics: Arc<AtomicU32>,
    repaired: Arc<AtomicBool>,
}

type Answer<T> = Result<T, EngineError>;

impl Engine for Defective {
    async fn create(&self, spec: &ContainerSpec) -> Answer<String> {
        if spec.name == "wharf-bad" && !self.repaired.load(Ordering::Relaxed) {
            self.panics.fetch_add(1, Ordering::Relaxed);
            // As a careless assertion would.
            panic!("a defect with {spec:?}");
        }
        self.engine.create(spec).await
    }

    fn info(&self) -> impl Future<Output = Answer<EngineInfo>> + Send {
        self.engine.info()
    }

    fn list(&self, instance: &Instance) -> impl Future<Output = Answer<Vec<ContainerSummary>>> + Send {
        self.engine.list(instance)
    }

    fn inspect(&self, id: &str) -> impl Future<Output = Answer<ContainerDetail>> + Send {
        self.engine.inspect(id)
    }

    fn stats(&self, id: &str) -> impl Future<Output = Answer<Stats>> + Send {
        self.engine.stats(id)
    }

    fn find_by_name(&self, name: &str) -> impl Future<Output = Answer<ContainerDetail>> + Send {
        self.engine.find_by_name(name)
    }

    fn start(&self, id: &str) -> impl Future<Output = Answer<()>> + Send {
        self.engine.start(id)
    }

    fn stop(&self, id: &str, grace: Duration) -> impl Future<Output = Answer<()>> + Send {
        self.engine.stop(id, grace)
    }

    fn unpause(&self, id: &str) -> impl Future<Output = Answer<()>> + Send {
        self.engine.unpause(id)
    }

    fn rename(&self, id: &str, name: &str) -> impl Future<Output = Answer<()>> + Send {
        self.engine.rename(id, name)
    }

    fn update(&self, id: &str, limits: &Limits) -> impl Future<Output = Answer<()>> + Send {
        self.engine.update(id, limits)
    }

    fn remove(&self, id: &str) -> impl Future<Output = Answer<()>> + Send {
        self.engine.remove(id)
    }

    fn image(&self, image: &ImageReference) -> impl Future<Output = Answer<Option<String>>> + Send {
        self.engine.image(image)
    }

    fn pull(
        &self,
        image: &ImageReference,
        progress: &(dyn Fn(PullProgress) + Send + Sync),
    ) -> impl Future<Output = Answer<()>> + Send {
        self.engine.pull(image, progress)
    }

    fn ensure_network(&self, network: &NetworkSpec) -> impl Future<Output = Answer<bool>> + Send {
        self.engine.ensure_network(network)
    }

    fn remove_network(&self, instance: &Instance, name: &str) -> impl Future<Output = Answer<()>> + Send {
        self.engine.remove_network(instance, name)
    }

    fn volumes(&self, instance: &Instance) -> impl Future<Output = Answer<Vec<VolumeSummary>>> + Send {
        self.engine.volumes(instance)
    }

    fn remove_volume(&self, name: &str) -> impl Future<Output = Answer<()>> + Send {
        self.engine.remove_volume(name)
    }

    fn events(&self, instance: &Instance) -> BoxStream<'static, Answer<EngineEvent>> {
        self.engine.events(instance)
    }
}

#[tokio::test(start_paused = true)]
async fn a_panic_is_isolated_told_and_retried() {
    let mut rig = Rig::new();
    let (panics, repaired) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicBool::new(false)));
    rig.declare("bad", SPEC);
    rig.declare("good", SPEC);
    let (engine, panics_there, repaired_there) = (rig.engine.clone(), Arc::clone(&panics), Arc::clone(&repaired));
    rig.start_on(Defective { engine, panics: panics_there, repaired: repaired_there });
    rig.until_ready(&["good"]).await;
    rig.pass(Duration::from_secs(60)).await;
    let attempts = panics.load(Ordering::Relaxed);
    assert!((6..12).contains(&attempts), "{attempts} attempts in a minute");
    let status = rig.status("bad").expect("a status").status;
    let retry = status.retry.expect("it failed");
    assert_eq!(retry.last_error.class, ErrorClass::Internal);
    assert!(retry.next_attempt_time.is_some());
    let reconciled = rig.condition("bad", ConditionType::Reconciled).expect("always there");
    assert!(reconciled.message.contains("please report it"), "{}", reconciled.message);
    assert!(rig.has_event("bad", EventReason::Failed, "internal error"), "{:#?}", rig.events("bad"));
    let told = format!("{:?} {:?}", rig.status("bad"), rig.events("bad"));
    assert!(!told.contains("c4n4ry"), "{told}");
    // The rest is looked after meanwhile.
    rig.engine.outside().kill("wharf-good").expect("it runs");
    rig.until("restarted", |rig| rig.is_running("wharf-good")).await;
    repaired.store(true, Ordering::Relaxed);
    rig.until_ready(&["bad", "good"]).await;
    rig.assert_lawful();
}
