//! A stage that remembers what it was told.

use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use wharf::engine::Limits;
use wharf::model::metrics::Usage;
use wharf::model::spec::Threshold;
use wharf::model::{Name, Uid};
use wharf::monitor::{Round, Stage, Target};

/// Targets that a test changes, and all that was measured of them.
#[derive(Default)]
pub struct Told {
    pub targets: Mutex<Vec<Target>>,
    rounds: Mutex<Vec<Round>>,
}

impl Stage for Told {
    fn targets(&self) -> Vec<Target> {
        self.targets.lock().expect("not poisoned").clone()
    }

    fn measured(&self, round: Round) {
        self.rounds.lock().expect("not poisoned").push(round);
    }
}

impl Told {
    pub fn of(targets: Vec<Target>) -> Arc<Self> {
        Arc::new(Self { targets: Mutex::new(targets), rounds: Mutex::default() })
    }

    /// Changes the target of this name.
    pub fn change(&self, name: &str, change: impl FnOnce(&mut Target)) {
        let mut targets = self.targets.lock().expect("not poisoned");
        change(targets.iter_mut().find(|target| target.name.as_str() == name).expect("known"));
    }

    /// All readings of a workspace, oldest first.
    pub fn readings(&self, name: &str) -> Vec<Usage> {
        let rounds = self.rounds.lock().expect("not poisoned");
        let all = rounds.iter().flat_map(|round| &round.readings).filter(|(of, _)| of.as_str() == name);
        all.map(|(_, usage)| usage.clone()).collect()
    }

    /// All changes of alerts, as `name metric raised` and so on.
    pub fn alerts(&self) -> Vec<String> {
        let rounds = self.rounds.lock().expect("not poisoned");
        let word = |raised: bool| if raised { "raised" } else { "cleared" };
        let all = rounds.iter().flat_map(|round| &round.alerts);
        all.map(|(name, alert)| format!("{name} {} {}", alert.metric, word(alert.raised))).collect()
    }
}

/// A workspace in a container.
pub fn target(name: &str, container: &str) -> Target {
    Target {
        name: name.parse::<Name>().expect("a name"),
        uid: Uid::new(format!("uid-{name}")),
        container: container.to_owned(),
        started_at: Some(Timestamp::UNIX_EPOCH),
        interval: None,
        thresholds: Vec::new(),
        limits: Limits::default(),
        project: None,
        raised: Vec::new(),
    }
}

/// A threshold as a manifest has it.
pub fn threshold(text: &str) -> Threshold {
    wharf::yaml::from_str(text).expect("a threshold").remove(0)
}
