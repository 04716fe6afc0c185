//! A model of the engine that is just large enough to carry plans out.

use std::fmt;

use wharf::engine::Limits;
use wharf::engine::container::ContainerSpec;
use wharf::engine::{ContainerDetail, NetworkSpec};
use wharf::model::labels;
use wharf::model::status::{ContainerState, Health};
use wharf::plan::{Action, Goal, Image, Plan, Restart, Retry, Step, Subject, Target, invariants, plan};

use crate::common::given::{Given, now};

/// More rounds than any situation needs.
const ROUNDS: usize = 16;

/// A situation that plans are carried out on.
#[derive(Clone, Debug)]
pub struct World {
    pub given: Given,
    made: usize,
}

impl World {
    pub fn new(given: Given) -> Self {
        Self { given, made: 0 }
    }

    /// The plan, checked against the invariants.
    pub fn plan(&self) -> Result<Plan, String> {
        let situation = self.given.situation();
        let plan = plan(&situation);
        match invariants::violations(&situation, &plan).as_slice() {
            [] => Ok(plan),
            found => Err(format!("violated: {}\nby the plan:\n{plan}in:\n{self}", found.join("; "))),
        }
    }

    /// Plans and acts until nothing is left to do, and lets time pass when that is what is waited for.
    pub fn converge(mut self) -> Result<Self, String> {
        for _ in 0..ROUNDS {
            let plan = self.plan()?;
            if plan.steps.is_empty() && !self.let_time_pass() {
                return Ok(self);
            }
            for step in &plan.steps {
                self.carry_out(step)?;
            }
        }
        Err(format!("not settled after {ROUNDS} rounds; the next plan would be:\n{}in:\n{self}", self.plan()?))
    }

    /// The end, which must be the same when the first plan is broken off after any number of its steps.
    pub fn end_however_interrupted(&self) -> Result<Self, String> {
        let end = self.clone().converge()?;
        let steps = self.plan()?.steps;
        for done in 1..steps.len() {
            let mut interrupted = self.clone();
            for step in &steps[..done] {
                interrupted.carry_out(step)?;
            }
            let after = interrupted.converge()?;
            if after.to_string() != end.to_string() {
                let last = &steps[done - 1];
                return Err(format!("broken off after: {last}\nit ends as:\n{after}instead of:\n{end}"));
            }
        }
        Ok(end)
    }

    /// What happens by itself; `false` when nothing does.
    fn let_time_pass(&mut self) -> bool {
        let given = &mut self.given;
        let before = given.observed.containers.clone();
        let waiting = matches!(given.retry, Retry::At(_)) || matches!(given.restart, Restart::At(_));
        if matches!(given.retry, Retry::At(_)) {
            given.retry = Retry::Due;
        }
        if matches!(given.restart, Restart::At(_)) {
            given.restart = Restart::Due;
        }
        given.observed.containers.retain(|container| container.state != ContainerState::Removing);
        for container in &mut given.observed.containers {
            if container.state == ContainerState::Restarting {
                (container.state, container.exit_code) = (ContainerState::Exited, Some(1));
            }
        }
        waiting || given.observed.containers != before
    }

    /// What somebody does by hand to the one container: a state, or something more.
    pub fn meddle(&mut self, what: &str) {
        let Some(container) = self.given.observed.containers.first_mut() else { return };
        match what {
            "running renamed" => "by-hand".clone_into(&mut container.name),
            "running limits" => container.limits = Limits { memory: "7Mi".parse().ok(), pids: Some(9), cpu: None },
            "running elsewhere" => container.networks = vec!["bridge".to_owned()],
            "gone" => self.given.observed.containers.clear(),
            state => {
                let state = state.split('(').next().unwrap_or_default();
                container.state = ContainerState::from_word(state);
                container.exit_code = (container.state == ContainerState::Exited).then_some(143);
            }
        }
    }

    /// One attempt in which the first start fails, and what follows while the next attempt is waited for. Returns whether
    /// anything runs then; the next attempt is due afterwards.
    pub fn fail_to_start(&mut self) -> Result<bool, String> {
        let plan = self.plan()?;
        for step in plan.steps.iter().take_while(|step| !matches!(step.action, Action::Start(_))) {
            self.carry_out(step)?;
        }
        self.given.retry = Retry::At(now());
        self.given.replacement_failed = true;
        for step in &self.plan()?.steps {
            self.carry_out(step)?;
        }
        self.given.retry = Retry::Due;
        Ok(self.given.observed.containers.iter().any(|container| container.state == ContainerState::Running))
    }

    /// Carries one step out, as an engine would; an error is what an engine would refuse.
    pub fn carry_out(&mut self, step: &Step) -> Result<(), String> {
        let done = match &step.action {
            Action::Pull(_) => {
                self.given.observed.image = Image::Present;
                Ok(())
            }
            Action::EnsureNetwork(NetworkSpec { .. }) => {
                self.given.observed.network_known = true;
                Ok(())
            }
            Action::Create(spec) => self.create(spec),
            Action::WriteSecrets => {
                self.given.observed.secrets.files_differ = false;
                Ok(())
            }
            Action::Start(target) => self.start(target),
            Action::Stop(target, _) => self.stop(target),
            Action::Unpause(target) => self.unpause(target),
            Action::Rename(target, name) => self.rename(target, name),
            Action::Update(target, limits) => self.update(target, limits),
            Action::Remove(target) => self.remove(target),
            Action::RemoveVolume(name) => self.remove_volume(name),
            Action::RemoveNetwork(name) => self.remove_network(name),
        };
        done.map_err(|problem| format!("{step}: {problem}\nin:\n{self}"))
    }

    fn find(&mut self, target: &Target) -> Result<&mut ContainerDetail, String> {
        let newest = format!("made{}", self.made);
        let id = target.id.as_deref().unwrap_or(&newest);
        let found = self.given.observed.containers.iter_mut().find(|container| container.id == id);
        found.ok_or_else(|| format!("there is no container {id}"))
    }

    fn refuse_taken_name(&self, name: &str) -> Result<(), String> {
        let ours = self.given.observed.containers.iter().any(|container| container.name == name);
        let of_others = self.given.observed.name_holder.is_some()
            && name == self.given.scope.container_name(&self.given.subject.workspace.metadata.name);
        if ours || of_others { Err(format!("the name {name} is taken")) } else { Ok(()) }
    }

    fn create(&mut self, spec: &ContainerSpec) -> Result<(), String> {
        self.refuse_taken_name(&spec.name)?;
        if self.given.observed.image == Image::Missing {
            return Err("the image is missing".to_owned());
        }
        if !self.given.observed.network_known && spec.network.is_some() {
            return Err("the network is missing".to_owned());
        }
        self.made += 1;
        self.given.observed.containers.push(ContainerDetail {
            id: format!("made{}", self.made),
            name: spec.name.clone(),
            labels: spec.labels.clone(),
            image: spec.image.as_str().to_owned(),
            image_id: "sha256:1".to_owned(),
            state: ContainerState::Created,
            health: None,
            exit_code: None,
            oom_killed: false,
            error: String::new(),
            created_at: Some(now()),
            started_at: None,
            finished_at: None,
            limits: spec.limits,
            engine_restarts: false,
            networks: vec![spec.network_name().to_owned()],
            ip: None,
            ports: Vec::new(),
        });
        Ok(())
    }

    fn start(&mut self, target: &Target) -> Result<(), String> {
        let network_lost = self.given.observed.network_lost.clone();
        let container = self.find(target)?;
        if network_lost.as_deref() == Some(container.id.as_str()) {
            return Err("its network is gone".to_owned());
        }
        match container.state {
            ContainerState::Created | ContainerState::Exited | ContainerState::Running => {}
            state => return Err(format!("it is {state}")),
        }
        (container.state, container.exit_code, container.oom_killed) = (ContainerState::Running, None, false);
        container.health = container.health.map(|_| Health::Healthy);
        self.given.stopped_on_purpose = false;
        // Another run is on: what was asked for has come about.
        self.given.asked.restart = false;
        Ok(())
    }

    fn stop(&mut self, target: &Target) -> Result<(), String> {
        let container = self.find(target)?;
        match container.state {
            ContainerState::Removing | ContainerState::Dead => return Err(format!("it is {}", container.state)),
            ContainerState::Created | ContainerState::Exited => return Ok(()),
            _ => (container.state, container.exit_code) = (ContainerState::Exited, Some(0)),
        }
        self.given.stopped_on_purpose = true;
        Ok(())
    }

    fn unpause(&mut self, target: &Target) -> Result<(), String> {
        let container = self.find(target)?;
        if container.state == ContainerState::Paused {
            container.state = ContainerState::Running;
        }
        Ok(())
    }

    fn rename(&mut self, target: &Target, name: &str) -> Result<(), String> {
        self.refuse_taken_name(name)?;
        let container = self.find(target)?;
        name.clone_into(&mut container.name);
        Ok(())
    }

    /// A limit of processes can be lifted in place, the others cannot.
    fn update(&mut self, target: &Target, limits: &Limits) -> Result<(), String> {
        let container = self.find(target)?;
        let Limits { cpu, memory, pids } = *limits;
        container.limits =
            Limits { cpu: cpu.or(container.limits.cpu), memory: memory.or(container.limits.memory), pids };
        container.engine_restarts = false;
        Ok(())
    }

    fn remove(&mut self, target: &Target) -> Result<(), String> {
        let container = self.find(target)?;
        if container.state == ContainerState::Removing {
            return Err("its removal is already in progress".to_owned());
        }
        let id = container.id.clone();
        self.given.observed.containers.retain(|container| container.id != id);
        self.given.observed.network_lost.take_if(|lost| *lost == id);
        Ok(())
    }

    fn remove_volume(&mut self, name: &str) -> Result<(), String> {
        if !self.given.observed.containers.is_empty() {
            return Err("a container uses it".to_owned());
        }
        self.given.observed.volumes.retain(|volume| volume != name);
        Ok(())
    }

    fn remove_network(&mut self, name: &String) -> Result<(), String> {
        if self.given.observed.containers.iter().any(|container| container.networks.contains(name)) {
            return Err("a container uses it".to_owned());
        }
        if !self.given.former_networks.contains(name) {
            self.given.observed.network_known = false;
        }
        Ok(())
    }
}

/// What there is, in the notation of the cases, and what is waited for in it.
impl fmt::Display for World {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let observed = &self.given.observed;
        let subject = &self.given.subject;
        let mut lines: Vec<String> = observed.containers.iter().map(|one| container_text(one, subject)).collect();
        lines.sort();
        lines.extend(observed.volumes.iter().map(|volume| format!("volume {volume}")));
        if matches!(self.given.goal, Goal::Delete { network: Some(_) }) && observed.network_known {
            lines.push("network known".to_owned());
        }
        if lines.is_empty() {
            lines.push("nothing".to_owned());
        }
        lines.iter().try_for_each(|line| writeln!(formatter, "{line}"))?;
        let Plan { blocked, hold, .. } = plan(&self.given.situation());
        write!(formatter, "{}", Plan { steps: Vec::new(), blocked, hold })
    }
}

fn container_text(container: &ContainerDetail, subject: &Subject) -> String {
    let fits = container.labels.get(labels::SPEC_HASH).map(String::as_str) == Some(subject.template.as_str());
    let elsewhere = fits && container.networks != [subject.container.network_name()];
    let Limits { cpu, memory, pids } = container.limits;
    let mut words = vec![container.name.clone(), container.state.to_string()];
    words.push(if fits { "fits" } else { "old-spec" }.to_owned());
    words.extend(cpu.map(|cpu| format!("cpu={cpu}")));
    words.extend(memory.map(|memory| format!("memory={memory}")));
    words.extend(pids.map(|pids| format!("pids={pids}")));
    words.extend(container.engine_restarts.then(|| "engine-restarts".to_owned()));
    words.extend(elsewhere.then(|| format!("networks={}", container.networks.join(","))));
    words.join(" ")
}
