//! Scenarios by chance. A seed draws which kinds of trouble there are at all, because faults that hide each other find less than
//! a few of a kind that meet often.

use wharf::model::random::Random;

use crate::scenario::{
    CallFault, Deed, EventFault, Extra, Happening, Loss, Operation, Request, Scenario, Spec, State, Stranger, Way, What,
};

/// Workspaces are called by these names; each may depend on those before it.
const NAMES: [&str; 5] = ["a", "b", "c", "d", "e"];

/// How long things happen, in milliseconds.
const LENGTH: u64 = 12_000;

/// The scenario of a seed.
pub fn scenario(seed: u64) -> Scenario {
    Generator::new(seed).scenario(seed)
}

struct Generator {
    random: Random,
    names: usize,
    kinds: Vec<Kind>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Edit,
    Trouble,
    Source,
    Person,
    Stranger,
    Call,
    Event,
    Engine,
    Process,
    Disk,
    Clock,
}

const KINDS: [Kind; 11] = [
    Kind::Edit,
    Kind::Trouble,
    Kind::Source,
    Kind::Person,
    Kind::Stranger,
    Kind::Call,
    Kind::Event,
    Kind::Engine,
    Kind::Process,
    Kind::Disk,
    Kind::Clock,
];

impl Generator {
    fn new(seed: u64) -> Self {
        let mut random = Random::new(seed, 11);
        let names = 1 + number(random.below(10).min(random.below(5)));
        let mut kinds: Vec<Kind> = KINDS.into_iter().filter(|_| random.below(3) == 0).collect();
        kinds.push(Kind::Edit);
        Self { random, names, kinds }
    }

    fn scenario(mut self, seed: u64) -> Scenario {
        let mut happenings = Vec::new();
        for name in &NAMES[..self.names] {
            let what = What::Declare { name: (*name).to_owned(), spec: self.spec(name, true), way: Way::Renamed };
            happenings.push(Happening { at: 0, what });
        }
        let count = 3 + self.random.below(7);
        for _ in 0..count {
            let at = self.random.below(LENGTH);
            happenings.extend(self.happening(at));
        }
        let requests = requests(seed, &NAMES[..self.names], &happenings);
        happenings.extend(requests);
        happenings.sort_by_key(|happening| happening.at);
        let latency = self.pick(&[0, 20, 20, 100]);
        Scenario { seed, latency, happenings }
    }

    fn pick<T: Clone>(&mut self, choices: &[T]) -> T {
        let index = number(self.random.below(choices.len() as u64));
        choices[index].clone()
    }

    fn name(&mut self) -> String {
        self.pick(&NAMES[..self.names]).to_owned()
    }

    fn spec(&mut self, name: &str, is_first: bool) -> Spec {
        use State::{Archived, Running, Stopped};
        let earlier: Vec<&str> = NAMES.into_iter().filter(|other| *other < name).collect();
        let depends = !earlier.is_empty() && self.random.below(4) == 0;
        let states = if is_first { vec![Running] } else { vec![Running, Running, Running, Stopped, Archived] };
        Spec {
            image: self.pick(&[1, 1, 2]),
            state: self.pick(&states),
            memory: self.pick(&[None, None, Some(128), Some(256)]),
            depends_on: depends.then(|| self.pick(&earlier).to_owned()),
            extra: self.pick(&[
                Extra::Nothing,
                Extra::NoNetwork,
                Extra::NoNetwork,
                Extra::Group,
                Extra::HealthCheck,
                Extra::Volume,
                Extra::Secret,
                Extra::Project,
                Extra::IgnoresStop,
            ]),
        }
    }

    /// Something, and what ends it where it does not end by itself.
    fn happening(&mut self, at: u64) -> Vec<Happening> {
        let kind = self.pick(&self.kinds.clone());
        let later = at + 200 + self.random.below(6000);
        let one = |what| vec![Happening { at, what }];
        let until = |what, end| vec![Happening { at, what }, Happening { at: later, what: end }];
        match kind {
            Kind::Edit => one(self.edit()),
            Kind::Trouble => self.trouble(at, later),
            Kind::Source => {
                let how = self.pick(&[Loss::Missing, Loss::Empty, Loss::Forbidden, Loss::InputOutputError]);
                // An empty source that no scan ever saw is for the tests of the scan.
                let later = if how == Loss::Empty { later.max(at + 3000) } else { later };
                let restore = Happening { at: later, what: What::RestoreSource };
                vec![Happening { at, what: What::LoseSource { how } }, restore]
            }
            Kind::Person => one(What::Person { name: self.name(), deed: self.deed() }),
            Kind::Stranger => {
                let kind = self.pick(&[Stranger::HoldsName, Stranger::OtherLife, Stranger::OtherInstance]);
                one(What::Stranger { name: self.name(), kind })
            }
            Kind::Call => one(self.call_fault()),
            Kind::Event => {
                let fault = self.pick(&[
                    EventFault::Drop,
                    EventFault::Duplicate,
                    EventFault::Late,
                    EventFault::Swap,
                    EventFault::End,
                    EventFault::Garbage,
                ]);
                one(What::Events { fault, times: self.pick(&[1, 1, 3, 1000]) })
            }
            Kind::Engine => {
                let end = self.pick(&[What::StopEngine, What::KillEngine]);
                until(end, What::StartEngine)
            }
            Kind::Process if self.random.below(5) == 0 => one(What::Restart),
            Kind::Process => {
                let after = self.random.below(60);
                one(What::Crash { after, survive: number(self.random.below(8)) })
            }
            Kind::Disk => match self.random.below(4) {
                0 => one(What::DamageStore),
                _ => until(What::FillDisk, What::FreeDisk),
            },
            Kind::Clock => one(What::JumpClock { seconds: self.pick(&[-86_400, -60, 60, 86_400]) }),
        }
    }

    fn edit(&mut self) -> What {
        match self.random.below(8) {
            0 => What::Withdraw { names: vec![self.name()] },
            1 => What::Move { name: self.name() },
            _ => {
                let name = self.name();
                let spec = self.spec(&name, false);
                What::Declare { name, spec, way: self.pick(&[Way::Renamed, Way::InPlace, Way::Slowly]) }
            }
        }
    }

    fn trouble(&mut self, at: u64, later: u64) -> Vec<Happening> {
        let name = self.name();
        let one = |what| vec![Happening { at, what }];
        match self.random.below(6) {
            0 => vec![
                Happening { at, what: What::Hide { name: name.clone() } },
                Happening { at: later, what: What::Show { name } },
            ],
            1 => one(What::Copy { name }),
            2 => one(What::Withdraw { names: NAMES[..self.names].iter().map(|name| (*name).to_owned()).collect() }),
            3 => one(What::Confirm),
            _ => {
                // What does not say the name of a workspace cannot declare it, so all but the empty one do.
                let texts =
                    [format!("nonsense about {name}"), format!("metadata: {{name: {name}"), format!("{name}: &x [*x]")];
                let text = if self.random.below(4) == 0 { String::new() } else { self.pick(&texts) };
                one(What::Damage { name, text })
            }
        }
    }

    fn deed(&mut self) -> Deed {
        self.pick(&[
            Deed::Kill,
            Deed::Stop,
            Deed::Start,
            Deed::Pause,
            Deed::Unpause,
            Deed::Rename,
            Deed::Remove,
            Deed::Remove,
            Deed::Update,
            Deed::Exit,
            Deed::RunOutOfMemory,
            Deed::LetEngineRestart,
            Deed::Disconnect,
            Deed::RemoveNetwork,
            Deed::RemoveImages,
            Deed::Unhealthy,
        ])
    }

    fn call_fault(&mut self) -> What {
        let operation = self.pick(&[
            None,
            Some(Operation::List),
            Some(Operation::List),
            Some(Operation::Inspect),
            Some(Operation::Create),
            Some(Operation::Start),
            Some(Operation::Stop),
            Some(Operation::Rename),
            Some(Operation::Update),
            Some(Operation::Remove),
            Some(Operation::Pull),
            Some(Operation::EnsureNetwork),
        ]);
        let fault = self.pick(&[
            CallFault::Unavailable,
            CallFault::Refused,
            CallFault::LostReply,
            CallFault::LostReply,
            CallFault::Late,
            CallFault::TooLate,
            CallFault::Hang,
        ]);
        let fault =
            if operation == Some(Operation::List) && self.random.below(2) == 0 { CallFault::Stale } else { fault };
        What::Call { operation, fault }
    }
}

/// What is asked of the controller, in every third seed: drawn by itself, so that everything else stays as it is without it. Half of it
/// is asked close to something that goes wrong.
fn requests(seed: u64, names: &[&str], happenings: &[Happening]) -> Vec<Happening> {
    let mut random = Random::new(seed, 29);
    if random.below(3) != 0 {
        return Vec::new();
    }
    let count = 1 + random.below(5);
    let mut draw = || {
        let name = names[number(random.below(names.len() as u64))].to_owned();
        let request = match random.below(12) {
            0 | 1 => Request::Start,
            2..=4 => Request::Stop,
            5..=7 => Request::Restart,
            8 => Request::RestartAgain,
            9 => Request::Sync,
            10 => Request::SyncAll,
            _ => Request::Resume,
        };
        let request = if random.below(10) == 0 { Request::Delete } else { request };
        let near = happenings[number(random.below(happenings.len() as u64))].at;
        let at = match random.below(4) {
            0 => near.saturating_sub(random.below(100)),
            1 => near + random.below(1500),
            _ => random.below(LENGTH),
        };
        Happening { at, what: What::Ask { name, request } }
    };
    (0..count).map(|_| draw()).collect()
}

/// Numbers here are small.
fn number(drawn: u64) -> usize {
    usize::try_from(drawn).expect("a small number")
}
