//! What people do on the engine behind the controller's back.

use std::collections::BTreeMap;

use wharf::engine::{ContainerDetail, ContainerSpec, Limits};
use wharf::model::labels;
use wharf::model::quantity::Memory;
use wharf::model::status::Health;

use crate::scenario::{Deed, Stranger};
use crate::world::World;

impl World {
    fn container_of(&self, name: &str) -> Option<ContainerDetail> {
        let ours = |it: &ContainerDetail| {
            it.labels.get(labels::WORKSPACE).is_some_and(|own| own == name) && !self.strangers.contains_key(&it.id)
        };
        self.stage.engine.snapshot().into_iter().find(ours)
    }

    pub fn person(&mut self, name: &str, deed: Deed) {
        self.judge.excuse(name);
        let Some(container) = self.container_of(name) else { return };
        let (person, own) = (self.stage.engine.outside(), container.name.as_str());
        let network = container.networks.first().cloned().unwrap_or_default();
        // What they try may not be possible at this moment.
        match deed {
            Deed::Kill => drop(person.kill(own)),
            Deed::Stop => drop(person.stop(own)),
            Deed::Start => drop(person.start(own)),
            Deed::Pause => drop(person.pause(own)),
            Deed::Unpause => drop(person.unpause(own)),
            Deed::Rename => {
                self.made += 1;
                drop(person.rename(own, &format!("mine-{}", self.made)));
            }
            Deed::Remove => drop(person.remove(own)),
            Deed::Update => {
                let memory = Some(Memory::from_bytes(64 << 20));
                drop(person.update(own, &Limits { memory, ..Limits::default() }));
            }
            Deed::LetEngineRestart => drop(person.let_engine_restart(own)),
            Deed::Disconnect => drop(person.disconnect(own, &network).and_then(|()| person.connect(own, "bridge"))),
            Deed::Exit => _ = person.exit(own, 1),
            Deed::RunOutOfMemory => _ = person.run_out_of_memory(own),
            Deed::RemoveNetwork => _ = person.remove_network(&network),
            Deed::RemoveImages => _ = container.image.parse().map(|image| person.remove_image(&image)),
            Deed::Unhealthy => _ = person.set_health(own, Health::Unhealthy),
        }
    }

    pub fn stranger(&mut self, name: &str, kind: Stranger) {
        self.judge.excuse(name);
        let Some(ours) = self.container_of(name) else { return };
        let person = self.stage.engine.outside();
        self.made += 1;
        let (container, labels) = match kind {
            Stranger::HoldsName => {
                // They take the name that a workspace has while it has no container.
                let _ = person.remove(&ours.name);
                (format!("wharf-{name}"), BTreeMap::new())
            }
            Stranger::OtherLife => {
                (format!("stranger-{}", self.made), with(&ours, labels::UID, &format!("01OTHERLIFE{}", self.made)))
            }
            Stranger::OtherInstance => (format!("stranger-{}", self.made), with(&ours, labels::INSTANCE, "other")),
        };
        let Some(spec) = self.stage.engine.spec(&ours.name).or_else(|| self.any_spec()) else { return };
        // They use nothing of ours that would have to stay for them.
        let spec = ContainerSpec { name: container.clone(), labels, mounts: Vec::new(), ..spec };
        if let Ok(id) = person.create(&spec) {
            let _ = person.start(&container);
            if kind == Stranger::OtherLife {
                self.resembling.insert(id.clone());
            }
            let record = name.parse().ok().and_then(|name| self.stage.medium.record(&name));
            // While nobody remembers the workspace, what carries our labels may be taken over.
            let is_remembered =
                record.is_some_and(|record| record.deletion.is_none()) && !self.withdrawn.contains(name);
            if kind != Stranger::OtherLife || is_remembered {
                self.strangers.insert(id, (name.to_owned(), container));
            }
        }
    }

    fn any_spec(&self) -> Option<ContainerSpec> {
        let any = self.stage.engine.snapshot().into_iter().next()?;
        self.stage.engine.spec(&any.name)
    }

    /// Whoever holds a name that a workspace needs goes: only people can see to that.
    pub fn remove_name_holders(&mut self) {
        let containers = self.stage.engine.snapshot();
        let theirs = |it: &&ContainerDetail| !it.labels.contains_key(labels::INSTANCE) && it.name.starts_with("wharf-");
        let holders = containers.iter().filter(theirs).map(|it| (it.id.clone(), it.name.clone()));
        for (id, name) in holders {
            if self.stage.engine.outside().remove(&name).is_ok() {
                self.strangers.remove(&id);
            }
        }
    }
}

fn with(container: &ContainerDetail, key: &str, value: &str) -> BTreeMap<String, String> {
    let mut labels = container.labels.clone();
    labels.insert(key.to_owned(), value.to_owned());
    labels
}
