//! Plays a story on an engine and writes down what comes of it.

use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use wharf::engine::container::Attachment;
use wharf::engine::{Change, ContainerSpec, Engine, EngineError, EngineEvent, Limits, NetworkSpec};
use wharf::model::period::Period;
use wharf::model::spec::HealthCheck;

use super::look::{agree, assert_in_order, look};
use super::script::{Act, Role, Sign, Step, Story};
use super::stage::{Power, Stage};
use crate::bench::{Process, SOON, eventually, network, plain};

type Events = BoxStream<'static, Result<EngineEvent, EngineError>>;

/// Shorter than any test should wait, longer than a process that listens needs.
const GRACE: Duration = Duration::from_secs(1);

/// Plays a story; answers the lines of what is told.
pub async fn play<S: Stage>(stage: &S, story: &Story) -> Vec<String> {
    for name in &story.networks {
        stage.engine().ensure_network(&network(stage, name)).await.expect("made");
    }
    let marker = stage.engine().create(&plain(stage, "marker", Process::Lasts)).await.expect("created");
    let events = subscribed(stage).await;
    let mut player =
        Player { stage, story, events: Some(events), marker, marks: 0, containers: Vec::new(), told: Vec::new() };
    for step in &story.steps {
        player.take(step).await;
    }
    player.told
}

async fn subscribed<S: Stage>(stage: &S) -> Events {
    let mut events = stage.engine().events(stage.instance());
    let first = events.next().await.expect("an item").expect("subscribed");
    assert_eq!(first.change, Change::Subscribed);
    events
}

struct Player<'a, S> {
    stage: &'a S,
    story: &'a Story,
    /// None while the engine is down.
    events: Option<Events>,
    /// A container that is renamed after each step: what is told before that is what the step brought about.
    marker: String,
    marks: u32,
    containers: Vec<Known>,
    told: Vec<String>,
}

/// A container of the story that exists.
struct Known {
    id: String,
    /// Its present name in the story.
    name: String,
    /// How it looked when that was last told.
    looked: String,
}

impl<S: Stage> Player<'_, S> {
    async fn take(&mut self, step: &Step) {
        self.told.push(step.text.clone());
        if let Act::Engine(power) = step.act {
            self.power(power).await;
        } else if let Some(refusal) = self.act(&step.act).await {
            self.tell(&format!("refused: {refusal}"));
        }
        if self.events.is_some() {
            let events = self.gather(&step.until).await;
            for event in &events {
                let shown = self.shown(event);
                self.tell(&shown);
            }
            self.look(&events).await;
        }
    }

    fn tell(&mut self, line: &str) {
        self.told.push(format!("  {line}"));
    }

    fn prefix(&self) -> String {
        self.stage.unique("")
    }

    fn id(&self, name: &str) -> String {
        let known = self.containers.iter().find(|known| known.name == name);
        known.unwrap_or_else(|| panic!("no container {name} in the story")).id.clone()
    }

    /// Does something; answers the engine's refusal.
    async fn act(&mut self, act: &Act) -> Option<String> {
        let engine = self.stage.engine();
        let answer = match act {
            Act::Create(name) => self.create(name).await,
            Act::Start(name) => engine.start(&self.id(name)).await,
            Act::Stop(name) => engine.stop(&self.id(name), GRACE).await,
            Act::Unpause(name) => engine.unpause(&self.id(name)).await,
            Act::Rename(name, new) => engine.rename(&self.id(name), &self.stage.unique(new)).await,
            Act::Update(name, memory) => {
                let limits = Limits { memory: Some(*memory), ..Limits::default() };
                engine.update(&self.id(name), &limits).await
            }
            Act::Remove(name) => engine.remove(&self.id(name)).await,
            Act::EnsureNetwork(name) => engine.ensure_network(&self.network(name)).await.map(drop),
            Act::RemoveNetwork(name) => engine.remove_network(self.stage.instance(), &self.stage.unique(name)).await,
            Act::Docker(words) => {
                let done = self.stage.docker(&self.translated(words)).await;
                return (!done).then(|| "docker says no".to_owned());
            }
            Act::Process(name, deed) => {
                self.stage.process(&self.id(name), *deed).await;
                Ok(())
            }
            Act::Engine(_) => Ok(()),
        };
        answer.err().map(|error| kind(&error))
    }

    fn network(&self, name: &str) -> NetworkSpec {
        network(self.stage, name)
    }

    async fn create(&mut self, name: &str) -> Result<(), EngineError> {
        let role = self.story.containers.iter().find(|role| role.name == name);
        let role = role.unwrap_or_else(|| panic!("no container {name} in the story"));
        let id = self.stage.engine().create(&spec(self.stage, role)).await?;
        self.containers.push(Known { id, name: name.to_owned(), looked: String::new() });
        Ok(())
    }

    /// The words of a command, with the bench's names in place of the story's.
    fn translated(&self, words: &[String]) -> Vec<String> {
        let mut names: Vec<&str> = self.containers.iter().map(|known| known.name.as_str()).collect();
        names.extend(self.story.networks.iter().map(String::as_str));
        let is_new_name = |index: usize| words[0] == "rename" && index == 2;
        let translate = |(index, word): (usize, &String)| {
            if names.contains(&word.as_str()) || is_new_name(index) { self.stage.unique(word) } else { word.clone() }
        };
        words.iter().enumerate().map(translate).collect()
    }

    async fn power(&mut self, power: Power) {
        self.stage.power(power).await;
        if power == Power::Start {
            self.events = Some(subscribed(self.stage).await);
            return;
        }
        let mut events = self.events.take().expect("the engine is up");
        loop {
            match tokio::time::timeout(SOON, events.next()).await.expect("an event or the end in time") {
                Some(Ok(event)) => {
                    let shown = self.shown(&event);
                    self.tell(&shown);
                }
                Some(Err(error)) => assert!(error.concerns_engine(), "{error:?}"),
                None => break,
            }
        }
        self.tell("the stream ends");
    }

    /// What is told until the signs are there and a mark that is set after them.
    async fn gather(&mut self, signs: &[Sign]) -> Vec<EngineEvent> {
        let mut gathered = Vec::new();
        for sign in signs {
            match sign {
                Sign::Event(shown) => {
                    while !gathered.iter().any(|event| self.shown(event) == *shown) {
                        gathered.push(self.next(shown).await);
                    }
                }
                Sign::Looks(name, expected) => self.until_looks(name, expected).await,
            }
        }
        self.marks += 1;
        let mark = self.stage.unique(&format!("mark-{}", self.marks));
        self.stage.engine().rename(&self.marker, &mark).await.expect("marked");
        loop {
            let event = self.next("the mark").await;
            if event.id != self.marker {
                gathered.push(event);
            } else if event.name == mark {
                break;
            }
        }
        gathered.retain(|event| event.id != self.marker);
        gathered
    }

    async fn next(&mut self, awaited: &str) -> EngineEvent {
        let events = self.events.as_mut().expect("the engine is up");
        let event = tokio::time::timeout(SOON, events.next()).await;
        let event = event.unwrap_or_else(|_| panic!("{awaited} was awaited, after {:#?}", self.told));
        event.expect("the stream goes on").expect("an event")
    }

    async fn until_looks(&self, name: &str, expected: &str) {
        let id = self.id(name);
        eventually(&format!("{name} is {expected}"), async || {
            let seen = self.stage.engine().inspect(&id).await.expect("inspected");
            let health = seen.health.map(|health| format!("{health:?}").to_lowercase());
            (seen.state.to_string() == expected || health.as_deref() == Some(expected)).then_some(())
        })
        .await;
    }

    fn shown(&self, event: &EngineEvent) -> String {
        let prefix = self.prefix();
        format!("{:?} {}", event.change, event.name.strip_prefix(&prefix).unwrap_or(&event.name))
    }

    /// Tells of each container how it looks, if that is news.
    async fn look(&mut self, events: &[EngineEvent]) {
        let prefix = self.prefix();
        for mut known in std::mem::take(&mut self.containers) {
            match self.stage.engine().inspect(&known.id).await {
                Ok(seen) => {
                    self.until_listed_alike(&known.id).await;
                    let last = events.iter().rev().find(|event| event.id == known.id);
                    if let Some(event) = last {
                        assert_in_order(event, &seen);
                    }
                    if events.iter().any(|event| event.id == known.id && event.change == Change::Started) {
                        self.stage.until_it_listens(&known.id).await;
                    }
                    let looks = look(&seen, &prefix);
                    known.name = seen.name.strip_prefix(&prefix).unwrap_or(&seen.name).to_owned();
                    if looks != known.looked {
                        self.tell(&format!("{} is {looks}", known.name));
                    }
                    known.looked = looks;
                    self.containers.push(known);
                }
                Err(EngineError::NotFound { .. }) => self.tell(&format!("{} is gone", known.name)),
                Err(error) => panic!("{error:?}"),
            }
        }
    }

    /// A list may lag behind by moments: the engine sends an event before it brings its lists up to date.
    async fn until_listed_alike(&self, id: &str) {
        let engine = self.stage.engine();
        eventually("a list tells what an inspection tells", async || {
            let rows = engine.list(self.stage.instance()).await.expect("listed");
            let seen = engine.inspect(id).await.ok()?;
            rows.iter().find(|row| row.id == id).filter(|row| agree(row, &seen)).map(drop)
        })
        .await;
    }
}

/// The container of a role.
fn spec<S: Stage>(stage: &S, role: &Role) -> ContainerSpec {
    let mut spec = plain(stage, &role.name, Process::Lasts);
    spec.command = if role.missing { stage.command(Process::Missing) } else { stage.actor(role.stubborn) };
    spec.limits.memory = role.memory;
    spec.network = role.network.as_ref().map(|name| Attachment { network: stage.unique(name), aliases: Vec::new() });
    spec.health_check = role.checked.then(|| HealthCheck {
        command: stage.check(),
        interval: Period::from_secs(1),
        timeout: Period::from_secs(10),
        retries: 1,
        start_period: Period::from_secs(0),
    });
    spec
}

/// The kind of an error, as the trait promises it.
fn kind(error: &EngineError) -> String {
    match error {
        EngineError::NotFound { object, .. } => format!("NotFound {object}"),
        other => format!("{other:?}").split(' ').next().unwrap_or_default().to_owned(),
    }
}
