//! The engine's trait, call by call.

use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};

use super::Simulated;
use super::calls::Operation;
use super::faults::Refusal;
use super::subscription::Subscription;
use super::transport::{ENDPOINT, Permit, Trouble};
use super::world::World;
use crate::engine::{
    ContainerDetail, ContainerSpec, ContainerSummary, Engine, EngineError, EngineEvent, EngineInfo, Limits,
    NetworkSpec, PullProgress, Stats, VolumeSummary,
};
use crate::model::Instance;
use crate::model::reference::ImageReference;

/// How large every simulated image is.
const IMAGE_BYTES: u64 = 64 << 20;
/// In how many steps a pull tells its progress.
const PULL_STEPS: u32 = 4;

impl Engine for Simulated {
    async fn info(&self) -> Result<EngineInfo, EngineError> {
        self.call(Operation::Info, "", |_| {
            Ok(EngineInfo {
                version: "Simulated 20.10".to_owned(),
                api_version: "1.41".to_owned(),
                endpoint: ENDPOINT.to_owned(),
                local: true,
            })
        })
        .await
    }

    async fn list(&self, instance: &Instance) -> Result<Vec<ContainerSummary>, EngineError> {
        let permit = self.begin(Operation::List, "");
        let (instance, staleness) = (instance.to_string(), permit.staleness());
        let answer = self.perform(&permit, move |world| Ok(world.list(&instance, staleness))).await;
        self.finish(&permit, answer)
    }

    async fn inspect(&self, id: &str) -> Result<ContainerDetail, EngineError> {
        let own = id.to_owned();
        self.call(Operation::Inspect, id, move |world| {
            check_name(&own)?;
            world.get(&own).map(|container| container.detail(&world.clock))
        })
        .await
    }

    async fn stats(&self, id: &str) -> Result<Stats, EngineError> {
        let own = id.to_owned();
        self.call(Operation::Stats, id, move |world| {
            check_name(&own)?;
            world.get(&own)?.stats(&world.clock)
        })
        .await
    }

    async fn find_by_name(&self, name: &str) -> Result<ContainerDetail, EngineError> {
        let own = name.to_owned();
        self.call(Operation::FindByName, name, move |world| {
            check_name(&own)?;
            let serial = world.serial_by_name(&own)?;
            Ok(world.containers[&serial].detail(&world.clock))
        })
        .await
    }

    async fn create(&self, spec: &ContainerSpec) -> Result<String, EngineError> {
        let own = spec.clone();
        self.call(Operation::Create, &spec.name, move |world| {
            check_name(&own.name)?;
            let id = world.create(&own)?;
            world.note_touch(Operation::Create, &own.name, &own.labels);
            world.note_numbers(&id);
            Ok(id)
        })
        .await
    }

    async fn start(&self, id: &str) -> Result<(), EngineError> {
        self.change(Operation::Start, id, |world, id| {
            world.start(id)?;
            world.note_numbers(id);
            Ok(())
        })
        .await
    }

    async fn stop(&self, id: &str, grace: Duration) -> Result<(), EngineError> {
        let own = id.to_owned();
        let mut permit = self.begin(Operation::Stop, id);
        permit.extend(grace);
        let effect = move |world: &mut World| {
            check_name(&own)?;
            world.note_touch_of(Operation::Stop, &own);
            let ends_at = world.stop(&own, grace);
            Ok((ends_at, world.get(&own).map_or(0, |container| container.run)))
        };
        let answer = match self.perform(&permit, effect).await {
            Ok((ends_at, run)) => {
                let over = |world: &World| world.get(id).map_or(true, |own| own.run != run || !own.lives());
                self.wait(&permit, ends_at, over).await
            }
            Err(trouble) => Err(trouble),
        };
        self.finish(&permit, answer)
    }

    async fn unpause(&self, id: &str) -> Result<(), EngineError> {
        self.change(Operation::Unpause, id, World::unpause).await
    }

    async fn rename(&self, id: &str, name: &str) -> Result<(), EngineError> {
        let name = name.to_owned();
        self.change(Operation::Rename, id, move |world, id| {
            check_name(&name)?;
            let serial = world.serial(id)?;
            world.rename(serial, &name)
        })
        .await
    }

    async fn update(&self, id: &str, limits: &Limits) -> Result<(), EngineError> {
        let limits = *limits;
        self.change(Operation::Update, id, move |world, id| {
            let serial = world.serial(id)?;
            world.update(serial, &limits)?;
            world.change(serial, |container| container.engine_restarts = false);
            Ok(())
        })
        .await
    }

    async fn remove(&self, id: &str) -> Result<(), EngineError> {
        let own = id.to_owned();
        let permit = self.begin(Operation::Remove, id);
        let effect = move |world: &mut World| {
            check_name(&own)?;
            world.note_touch_of(Operation::Remove, &own);
            Ok(world.remove(&own))
        };
        let answer = match self.perform(&permit, effect).await {
            Ok(gone_at) => self.wait(&permit, gone_at, |world| world.get(id).is_err()).await,
            Err(trouble) => Err(trouble),
        };
        self.finish(&permit, answer)
    }

    async fn image(&self, image: &ImageReference) -> Result<Option<String>, EngineError> {
        let own = image.clone();
        self.call(Operation::Image, image.as_str(), move |world| Ok(world.images.id(&own).cloned())).await
    }

    async fn pull(
        &self,
        image: &ImageReference,
        progress: &(dyn Fn(PullProgress) + Send + Sync),
    ) -> Result<(), EngineError> {
        let mut permit = self.begin(Operation::Pull, image.as_str());
        let transfer = if permit.fault.is_none() { self.transfer(&mut permit, image, progress).await } else { Ok(()) };
        let own = image.clone();
        let answer = match transfer {
            Ok(()) => self.perform(&permit, move |world| world.images.pull(&own)).await,
            Err(trouble) => Err(trouble),
        };
        self.finish(&permit, answer)
    }

    async fn ensure_network(&self, network: &NetworkSpec) -> Result<bool, EngineError> {
        let own = network.clone();
        self.call(Operation::EnsureNetwork, &network.name, move |world| {
            check_name(&own.name)?;
            world.networks.ensure(&own)
        })
        .await
    }

    async fn remove_network(&self, instance: &Instance, name: &str) -> Result<(), EngineError> {
        let (instance, own) = (instance.to_string(), name.to_owned());
        self.call(Operation::RemoveNetwork, name, move |world| {
            check_name(&own)?;
            world.networks.remove(&instance, &own)
        })
        .await
    }

    async fn volumes(&self, instance: &Instance) -> Result<Vec<VolumeSummary>, EngineError> {
        let instance = instance.to_string();
        self.call(Operation::Volumes, "", move |world| Ok(world.storage.list(&instance))).await
    }

    async fn remove_volume(&self, name: &str) -> Result<(), EngineError> {
        let own = name.to_owned();
        self.call(Operation::RemoveVolume, name, move |world| {
            check_name(&own)?;
            if let Some(labels) = world.storage.labels(&own).cloned() {
                world.note_touch(Operation::RemoveVolume, &own, &labels);
            }
            world.remove_volume(&own)
        })
        .await
    }

    fn events(&self, instance: &Instance) -> BoxStream<'static, Result<EngineEvent, EngineError>> {
        let stage = Stage::New(self.clone(), instance.to_string());
        stream::unfold(stage, |stage| async move {
            let mut subscription = match stage {
                Stage::New(engine, instance) => match engine.subscribe(instance).await {
                    Ok(subscription) => subscription,
                    Err(error) => return Some((Err(error), Stage::Over)),
                },
                Stage::Open(subscription) => subscription,
                Stage::Over => return None,
            };
            let item = subscription.next().await?;
            Some((item, Stage::Open(subscription)))
        })
        .boxed()
    }
}

/// How far a stream of events is. The subscription is made at the first look, as a connection would be.
enum Stage {
    New(Simulated, String),
    Open(Subscription),
    Over,
}

impl Simulated {
    /// A call that changes one container and answers nothing.
    async fn change<F>(&self, operation: Operation, id: &str, effect: F) -> Result<(), EngineError>
    where
        F: FnOnce(&mut World, &str) -> Result<(), Refusal> + Send + 'static,
    {
        let own = id.to_owned();
        self.call(operation, id, move |world| {
            check_name(&own)?;
            world.note_touch_of(operation, &own);
            effect(world, &own)
        })
        .await
    }

    async fn subscribe(&self, instance: String) -> Result<Subscription, EngineError> {
        let engine = self.clone();
        let permit = self.begin(Operation::Events, "");
        let answer = self.perform(&permit, |_| Ok(())).await.map(|()| Subscription::open(&engine, instance));
        self.finish(&permit, answer)
    }

    /// Brings an image, step by step, unless the engine has the registry's version.
    async fn transfer(
        &self,
        permit: &mut Permit,
        image: &ImageReference,
        progress: &(dyn Fn(PullProgress) + Send + Sync),
    ) -> Result<(), Trouble> {
        let (begin, time, present) = {
            let mut world = self.world();
            if !world.up {
                return Ok(());
            }
            (world.clock.now(), world.images.pull_time, world.images.offered(image)?)
        };
        let tell = |step: u32, message: &str| {
            let fetched_bytes = IMAGE_BYTES / u64::from(PULL_STEPS) * u64::from(step);
            progress(PullProgress { fetched_bytes, total_bytes: IMAGE_BYTES, message: message.to_owned() });
        };
        if present {
            tell(PULL_STEPS, "Image is up to date");
            return Ok(());
        }
        // What lets a pull time out is silence, and it talks all the time.
        permit.extend(time);
        for step in 1..=PULL_STEPS {
            let due = begin.saturating_add(time / PULL_STEPS * step);
            self.wait(permit, Some(due), |world| world.clock.now() >= due).await?;
            tell(step, if step == PULL_STEPS { "Pull complete" } else { "Downloading" });
        }
        Ok(())
    }
}

/// Docker's rule for names of containers, networks and volumes, which IDs also follow.
/// Source: moby `daemon/names/names.go`.
pub(super) fn check_name(name: &str) -> Result<(), Refusal> {
    let mut bytes = name.bytes();
    let fine = bytes.next().is_some_and(|first| first.is_ascii_alphanumeric())
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte));
    if fine {
        return Ok(());
    }
    Err(Refusal::Invalid(format!(
        "`{}` is not a name: only [a-zA-Z0-9][a-zA-Z0-9_.-]* are allowed",
        name.escape_debug()
    )))
}

impl World {
    fn remove_volume(&mut self, name: &str) -> Result<(), Refusal> {
        let users: Vec<&str> =
            self.containers.values().filter(|own| own.uses_volume(name)).map(|own| &*own.id).collect();
        if !users.is_empty() {
            return Err(Refusal::Conflict(format!("remove {name}: volume is in use - [{}]", users.join(", "))));
        }
        self.storage.remove(name);
        Ok(())
    }
}
