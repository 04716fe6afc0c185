//! What a story says is to be done.

use wharf::model::quantity::Memory;

use super::stage::{Deed, Power};
use crate::cases::Case;

/// A story, as far as it is given.
#[derive(Clone, Debug, Default)]
pub struct Story {
    pub containers: Vec<Role>,
    pub networks: Vec<String>,
    pub live_restore: bool,
    pub steps: Vec<Step>,
}

/// A container of a story.
#[derive(Clone, Debug, Default)]
pub struct Role {
    pub name: String,
    pub memory: Option<Memory>,
    /// Has a health check that succeeds until it is made to fail.
    pub checked: bool,
    /// Ignores the stop signal.
    pub stubborn: bool,
    /// Has a program that does not exist.
    pub missing: bool,
    pub network: Option<String>,
}

/// One thing that happens.
#[derive(Clone, Debug)]
pub struct Step {
    /// As it is written.
    pub text: String,
    pub act: Act,
    /// What is waited for besides.
    pub until: Vec<Sign>,
}

/// What happens.
#[derive(Clone, Debug)]
pub enum Act {
    Create(String),
    Start(String),
    Stop(String),
    Unpause(String),
    Rename(String, String),
    Update(String, Memory),
    Remove(String),
    EnsureNetwork(String),
    RemoveNetwork(String),
    Docker(Vec<String>),
    Process(String, Deed),
    Engine(Power),
}

/// A sign that something has happened.
#[derive(Clone, Debug)]
pub enum Sign {
    /// An event, as it is shown.
    Event(String),
    /// A container in a state or of a health.
    Looks(String, String),
}

impl Story {
    /// What the lines of a case say.
    pub fn parse(case: &Case) -> Result<Self, String> {
        let mut story = Self::default();
        for line in &case.given {
            story.line(line).ok_or_else(|| format!("not understood: {line}"))?;
        }
        Ok(story)
    }

    fn line(&mut self, line: &str) -> Option<()> {
        if let Some(words) = line.strip_prefix("container ") {
            self.containers.push(role(words)?);
        } else if let Some(name) = line.strip_prefix("network ") {
            self.networks.push(name.to_owned());
        } else if line == "engine live-restore" {
            self.live_restore = true;
        } else {
            let (line, times) = repeated(line)?;
            self.steps.extend(std::iter::repeat_n(step(line)?, times));
        }
        Some(())
    }
}

fn role(words: &str) -> Option<Role> {
    let (name, traits) = words.split_once(' ').unwrap_or((words, ""));
    let mut role = Role { name: name.to_owned(), ..Role::default() };
    for word in traits.split_whitespace() {
        match word.split_once('=') {
            None if word == "checked" => role.checked = true,
            None if word == "stubborn" => role.stubborn = true,
            None if word == "missing" => role.missing = true,
            Some(("memory", size)) => role.memory = Some(size.parse().ok()?),
            Some(("network", name)) => role.network = Some(name.to_owned()),
            _ => return None,
        }
    }
    Some(role)
}

/// A line without ` (N times)`, and how often it is meant.
fn repeated(line: &str) -> Option<(&str, usize)> {
    let Some((line, times)) = line.strip_suffix(" times)").and_then(|line| line.rsplit_once(" (")) else {
        return Some((line, 1));
    };
    Some((line, times.parse().ok()?))
}

fn step(line: &str) -> Option<Step> {
    let (deed, signs) = line.split_once(", until ").unwrap_or((line, ""));
    let words: Vec<&str> = deed.split(' ').collect();
    let until = signs.split(" and ").filter(|sign| !sign.is_empty()).map(sign).collect::<Option<_>>()?;
    Some(Step { text: line.to_owned(), act: act(&words)?, until })
}

fn sign(text: &str) -> Option<Sign> {
    match *text.split(' ').collect::<Vec<_>>() {
        [name, "is", look] => Some(Sign::Looks(name.to_owned(), look.to_owned())),
        [_, _] => Some(Sign::Event(text.to_owned())),
        _ => None,
    }
}

fn act(words: &[&str]) -> Option<Act> {
    let owned = |name: &str| name.to_owned();
    Some(match *words {
        ["docker", ref rest @ ..] => Act::Docker(rest.iter().copied().map(owned).collect()),
        ["create", name] => Act::Create(owned(name)),
        ["start", name] => Act::Start(owned(name)),
        ["stop", name] => Act::Stop(owned(name)),
        ["unpause", name] => Act::Unpause(owned(name)),
        ["rename", name, "to", new] => Act::Rename(owned(name), owned(new)),
        ["update", name, "to", limit] => Act::Update(owned(name), limit.strip_prefix("memory=")?.parse().ok()?),
        ["remove", name] => Act::Remove(owned(name)),
        ["ensure", "network", name] => Act::EnsureNetwork(owned(name)),
        ["remove", "network", name] => Act::RemoveNetwork(owned(name)),
        [name, "exits", "with", "3"] => Act::Process(owned(name), Deed::Exit),
        [name, "runs", "out", "of", "memory"] => Act::Process(owned(name), Deed::OutOfMemory),
        ["a", "child", "of", name, "runs", "out", "of", "memory"] => Act::Process(owned(name), Deed::ChildOutOfMemory),
        ["the", "check", "of", name, "fails"] => Act::Process(owned(name), Deed::FailCheck),
        ["the", "check", "of", name, "succeeds"] => Act::Process(owned(name), Deed::PassCheck),
        ["the", "engine", "is", "killed"] => Act::Engine(Power::Kill),
        ["the", "engine", "is", "shut", "down"] => Act::Engine(Power::ShutDown),
        ["the", "power", "fails"] => Act::Engine(Power::Fail),
        ["the", "engine", "starts"] => Act::Engine(Power::Start),
        _ => return None,
    })
}
