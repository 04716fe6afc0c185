//! The notation of a situation. Each line is one fact; what is not said is as usual: the image is there, the network is
//! known, nothing failed.
//!
//! ```text
//! spec image=debian:12 resources.memory=512Mi dependsOn=[db]
//! wharf-box running fits healthy          # name, state, then: fits | old-spec, health, oom, memory=…, cpu=…, pids=…,
//! wharf-box.next exited(137) old-spec oom #   engine-restarts, network-gone, networks=bridge,none (networks= is not told);
//!                                         #   the oldest container first
//! image missing | network unknown | project missing | project not a directory | volume wharf-box.cache
//! secrets are KEY-HASH | secrets adopted id0 KEY-HASH | files of secrets differ; a container's label: secrets=KEY-HASH
//! name held by container foo of nobody
//! retry at +30s | retry when the manifest changes | replacement failed
//! restart at +30s | restart spent Stop | stopped on purpose
//! state asked for (the spec's, by command) | restart asked for
//! waiting for db, cache
//! former network wharf-test.group.team
//! goal delete | goal delete with network wharf-test.isolated
//! ```

use std::path::Path;
use std::sync::Arc;

use jiff::{Timestamp, ToSpan};
use serde_json::{Value, json};
use wharf::engine::{ContainerDetail, Limits};
use wharf::model::hash::KeyedFingerprint;
use wharf::model::labels;
use wharf::model::spec::{Fallback, Workspace};
use wharf::model::status::{ContainerState, Health};
use wharf::model::{Name, Uid};
use wharf::plan::{
    Asked, Denied, Goal, Image, Observed, Origin, ProjectDir, Restart, Retry, Scope, Situation, Subject,
};

/// A situation that owns its parts.
#[derive(Clone, Debug)]
pub struct Given {
    pub scope: Scope,
    pub subject: Subject,
    pub goal: Goal,
    pub observed: Observed,
    pub retry: Retry,
    pub replacement_failed: bool,
    pub restart: Restart,
    pub stopped_on_purpose: bool,
    pub waiting_for: Vec<Name>,
    pub asked: Asked,
    pub former_networks: Vec<String>,
}

/// The time at which every case happens.
pub fn now() -> Timestamp {
    "2026-01-01T00:00:00Z".parse().expect("a time")
}

/// `+30s` as a point in time.
pub fn after(text: &str) -> Option<Timestamp> {
    let seconds: i64 = text.strip_prefix('+')?.strip_suffix('s')?.parse().ok()?;
    now().checked_add(seconds.seconds()).ok()
}

impl Given {
    /// What lines say; those that say something else come back.
    pub fn parse(lines: &[String]) -> Result<(Self, Vec<String>), String> {
        let is_spec = |line: &&String| line.starts_with("spec ");
        let spec = lines.iter().find(is_spec).ok_or("no spec")?;
        let mut given = Self::of_spec(spec.trim_start_matches("spec "))?;
        let mut rest = Vec::new();
        for line in lines.iter().filter(|line| !is_spec(line)) {
            if !given.state_fact(line)? && !given.memory_fact(line)? {
                rest.push(line.clone());
            }
        }
        Ok((given, rest))
    }

    fn of_spec(text: &str) -> Result<Self, String> {
        let scope = Scope { instance: "test".parse().expect("a name"), prefix: "wharf".parse().expect("a name") };
        let workspace = Arc::new(workspace(text)?);
        let uid = Uid::new("01TEST");
        let origin = Origin { uid: &uid, generation: 2, manifest: "box.yaml", directory: Path::new("/srv/ws") };
        let subject = scope.compile(workspace, origin);
        let observed = Observed { image: Image::Present, network_known: true, ..Observed::default() };
        Ok(Self {
            scope,
            subject,
            goal: Goal::Keep,
            observed,
            retry: Retry::Due,
            replacement_failed: false,
            restart: Restart::Due,
            stopped_on_purpose: false,
            waiting_for: Vec::new(),
            asked: Asked::default(),
            former_networks: Vec::new(),
        })
    }

    /// A fact about the engine or the host.
    fn state_fact(&mut self, line: &str) -> Result<bool, String> {
        let observed = &mut self.observed;
        match line {
            "image missing" => observed.image = Image::Missing,
            "files of secrets differ" => observed.secrets.files_differ = true,
            "network unknown" => observed.network_known = false,
            "project present" => observed.project = ProjectDir::Present,
            "project missing" => observed.project = ProjectDir::Missing,
            "project not a directory" => observed.project = ProjectDir::NotADirectory,
            _ => {
                if let Some(holder) = line.strip_prefix("name held by ") {
                    observed.name_holder = Some(holder.to_owned());
                } else if let Some(message) = line.strip_prefix("denied, to be stopped: ") {
                    observed.denied = Some(Denied { message: message.to_owned(), stop: true });
                } else if let Some(message) = line.strip_prefix("denied: ") {
                    observed.denied = Some(Denied { message: message.to_owned(), stop: false });
                } else if let Some(hash) = line.strip_prefix("secrets are ") {
                    observed.secrets.now = Some(KeyedFingerprint::parse(hash).ok_or("not a keyed hash")?);
                } else if let Some(adopted) = line.strip_prefix("secrets adopted ") {
                    let (id, hash) = adopted.split_once(' ').ok_or("not an ID and a hash")?;
                    let hash = KeyedFingerprint::parse(hash).ok_or("not a keyed hash")?;
                    observed.secrets.adopted = Some((id.to_owned(), hash));
                } else if let Some(volume) = line.strip_prefix("volume ") {
                    observed.volumes.push(volume.to_owned());
                } else {
                    return self.container(line);
                }
            }
        }
        Ok(true)
    }

    /// A fact about what happened before.
    fn memory_fact(&mut self, line: &str) -> Result<bool, String> {
        let time = |text: &str| after(text).ok_or_else(|| format!("not a time: {text}"));
        match line {
            "goal delete" => self.goal = Goal::Delete { network: None },
            "stopped on purpose" => self.stopped_on_purpose = true,
            "state asked for" => self.asked.state = true,
            "restart asked for" => self.asked.restart = true,
            "replacement failed" => self.replacement_failed = true,
            "retry when the manifest changes" => self.retry = Retry::WhenManifestChanges,
            "restart spent Stop" => self.restart = Restart::Spent(Fallback::Stop),
            "restart spent Remove" => self.restart = Restart::Spent(Fallback::Remove),
            "restart spent Ignore" => self.restart = Restart::Spent(Fallback::Ignore),
            _ => {
                if let Some(network) = line.strip_prefix("goal delete with network ") {
                    self.goal = Goal::Delete { network: Some(network.to_owned()) };
                } else if let Some(network) = line.strip_prefix("former network ") {
                    self.former_networks.push(network.to_owned());
                } else if let Some(at) = line.strip_prefix("retry at ") {
                    self.retry = Retry::At(time(at)?);
                } else if let Some(at) = line.strip_prefix("restart at ") {
                    self.restart = Restart::At(time(at)?);
                } else if let Some(names) = line.strip_prefix("waiting for ") {
                    let parsed = names.split(", ").map(str::parse).collect::<Result<_, _>>();
                    self.waiting_for = parsed.map_err(|error| format!("{error}"))?;
                } else {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    /// `wharf-box exited(137) fits oom`: a container. `false`: the line is not about one.
    fn container(&mut self, line: &str) -> Result<bool, String> {
        let mut words = line.split_whitespace();
        let (Some(name), Some(state)) = (words.next(), words.next()) else { return Ok(false) };
        let (state, exit_code) = match state.strip_suffix(')').and_then(|state| state.split_once('(')) {
            Some((state, code)) => (state, Some(code.parse().map_err(|_| format!("not an exit code: {code}"))?)),
            None => (state, None),
        };
        let known = ContainerState::from_word(state);
        if known == ContainerState::Unknown && state != "unknown" {
            return Ok(false);
        }
        let exit_code = exit_code.or((known == ContainerState::Exited).then_some(0));
        let mut container = self.new_container(name, known, exit_code);
        for word in words {
            self.container_word(&mut container, word)?;
        }
        self.observed.containers.push(container);
        Ok(true)
    }

    /// A container that fits, made after all others.
    fn new_container(&self, name: &str, state: ContainerState, exit_code: Option<i64>) -> ContainerDetail {
        let index = self.observed.containers.len();
        let minutes = i64::try_from(index).expect("few containers");
        let created = now().checked_sub((60 - minutes).minutes()).expect("a time");
        ContainerDetail {
            id: format!("id{index}"),
            name: name.to_owned(),
            labels: self.subject.container.labels.clone(),
            image: self.subject.container.image.as_str().to_owned(),
            image_id: "sha256:1".to_owned(),
            state,
            health: None,
            exit_code,
            oom_killed: false,
            error: String::new(),
            created_at: Some(created),
            started_at: (state != ContainerState::Created).then_some(created),
            finished_at: None,
            limits: self.subject.container.limits,
            engine_restarts: false,
            networks: vec![self.subject.container.network_name().to_owned()],
            ip: None,
            ports: Vec::new(),
        }
    }

    fn container_word(&mut self, container: &mut ContainerDetail, word: &str) -> Result<(), String> {
        match word {
            "fits" => {}
            "old-spec" => {
                container.labels.insert(labels::SPEC_HASH.to_owned(), "old".to_owned());
            }
            "healthy" => container.health = Some(Health::Healthy),
            "unhealthy" => container.health = Some(Health::Unhealthy),
            "starting" => container.health = Some(Health::Starting),
            "oom" => container.oom_killed = true,
            "engine-restarts" => container.engine_restarts = true,
            "network-gone" => self.observed.network_lost = Some(container.id.clone()),
            other => {
                if let Some(hash) = other.strip_prefix("secrets=") {
                    container.labels.insert(labels::SECRETS.to_owned(), hash.to_owned());
                } else if let Some(names) = other.strip_prefix("networks=") {
                    container.networks = names.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect();
                } else {
                    set_limit(&mut container.limits, other).ok_or_else(|| format!("not understood: {word}"))?;
                }
            }
        }
        Ok(())
    }

    /// The situation.
    pub fn situation(&self) -> Situation<'_> {
        Situation {
            scope: &self.scope,
            subject: &self.subject,
            goal: &self.goal,
            observed: &self.observed,
            retry: self.retry,
            replacement_failed: self.replacement_failed,
            restart: self.restart,
            stopped_on_purpose: self.stopped_on_purpose,
            waiting_for: &self.waiting_for,
            asked: self.asked,
            former_networks: &self.former_networks,
        }
    }
}

fn set_limit(limits: &mut Limits, word: &str) -> Option<()> {
    let (field, value) = word.split_once('=')?;
    let value = Some(value).filter(|value| *value != "none");
    match field {
        "cpu" => limits.cpu = value.map(str::parse).transpose().ok()?,
        "memory" => limits.memory = value.map(str::parse).transpose().ok()?,
        "pids" => limits.pids = value.map(str::parse).transpose().ok()?,
        _ => return None,
    }
    Some(())
}

/// `image=debian:12 resources.memory=512Mi` as a workspace with the name `box`.
fn workspace(text: &str) -> Result<Workspace, String> {
    let mut spec = json!({});
    for pair in text.split_whitespace() {
        let (path, value) = pair.split_once('=').ok_or_else(|| format!("not field=value: {pair}"))?;
        let mut place = &mut spec;
        for field in path.split('.') {
            if place.is_null() {
                *place = json!({});
            }
            place = &mut place[field];
        }
        *place = field_value(value);
    }
    let document = json!({"apiVersion": "wharf/v1", "kind": "Workspace", "metadata": {"name": "box"}, "spec": spec});
    serde_json::from_value(document).map_err(|error| error.to_string())
}

/// JSON where it is JSON; else `[a,b]` is a list of texts, and anything else a text.
fn field_value(text: &str) -> Value {
    if let Ok(value) = serde_json::from_str(text) {
        return value;
    }
    match text.strip_prefix('[').and_then(|text| text.strip_suffix(']')) {
        Some(items) => items.split(',').map(Value::from).collect(),
        None => Value::from(text),
    }
}
