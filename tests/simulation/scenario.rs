//! A scenario: what happens to a controller and around it, and when. Data, so that it can be written down, made smaller and
//! played again.

use serde::{Deserialize, Serialize};

/// What happens, in the order of time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scenario {
    /// Decides IDs and how long each call takes.
    pub seed: u64,
    /// The longest time that an engine call takes by itself, in milliseconds.
    pub latency: u64,
    /// What happens.
    pub happenings: Vec<Happening>,
}

/// Something that happens at a time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Happening {
    /// Milliseconds since the beginning.
    pub at: u64,
    /// What.
    pub what: What,
}

/// What can happen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum What {
    /// A person writes a manifest.
    Declare { name: String, spec: Spec, way: Way },
    /// A person removes manifests, all at once.
    Withdraw { names: Vec<String> },
    /// A person breaks a manifest.
    Damage { name: String, text: String },
    /// A manifest cannot be read any more.
    Hide { name: String },
    /// It can be read again.
    Show { name: String },
    /// A person copies a manifest: two files claim one name.
    Copy { name: String },
    /// A person moves a manifest into another directory, or back.
    Move { name: String },
    /// The source goes away: unmounted, renamed, not permitted.
    LoseSource { how: Loss },
    /// It is back.
    RestoreSource,
    /// A person confirms the deletion of every workspace that is not declared.
    Confirm,
    /// A person does something to a workspace's container.
    Person { name: String, deed: Deed },
    /// Somebody asks the running controller for something; while none runs, nobody answers.
    Ask { name: String, request: Request },
    /// Somebody else's container appears.
    Stranger { name: String, kind: Stranger },
    /// Something goes wrong with the next call that fits.
    Call { operation: Option<Operation>, fault: CallFault },
    /// Something goes wrong with the next events.
    Events { fault: EventFault, times: u64 },
    /// The engine ends, its containers live on.
    StopEngine,
    /// The engine ends and all containers with it.
    KillEngine,
    /// The engine begins.
    StartEngine,
    /// The controller is killed when it crosses the so-manieth boundary from now on; so many of the writes that it had not made
    /// durable survive. It begins again soon.
    Crash { after: u64, survive: usize },
    /// The controller is told to end, and begins again.
    Restart,
    /// There is no space left for what Wharf writes.
    FillDisk,
    /// There is again.
    FreeDisk,
    /// The wall clock jumps.
    JumpClock { seconds: i64 },
    /// The controller is killed, and what the store holds cannot be read when it begins again.
    DamageStore,
}

/// What a manifest asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spec {
    pub image: u8,
    pub state: State,
    pub memory: Option<u64>,
    pub depends_on: Option<String>,
    pub extra: Extra,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum State {
    Running,
    Stopped,
    Archived,
}

/// One more thing that a manifest may ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Extra {
    Nothing,
    Group,
    NoNetwork,
    HealthCheck,
    Volume,
    Secret,
    Project,
    IgnoresStop,
}

/// How a file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Way {
    /// Another file takes its place.
    Renamed,
    /// It is truncated and written.
    InPlace,
    /// It is truncated, then half of it is written, then the rest, a tenth of a second each.
    Slowly,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Loss {
    Missing,
    Empty,
    Forbidden,
    InputOutputError,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Deed {
    Kill,
    Stop,
    Start,
    Pause,
    Unpause,
    Rename,
    Remove,
    Update,
    Exit,
    RunOutOfMemory,
    LetEngineRestart,
    Disconnect,
    RemoveNetwork,
    RemoveImages,
    Unhealthy,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Request {
    Start,
    Stop,
    Restart,
    /// The last restart of the workspace that was asked for, under the same ID.
    RestartAgain,
    Sync,
    /// Of all workspaces.
    SyncAll,
    Resume,
    /// Its manifest is removed, and the workspace with it.
    Delete,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stranger {
    /// It holds the name that the workspace's container wants.
    HoldsName,
    /// It carries our labels and another UID.
    OtherLife,
    /// It carries another instance's label and the same UID.
    OtherInstance,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Operation {
    List,
    Inspect,
    Create,
    Start,
    Stop,
    Rename,
    Update,
    Remove,
    Pull,
    EnsureNetwork,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CallFault {
    Unavailable,
    Refused,
    LostReply,
    Late,
    TooLate,
    Hang,
    Stale,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EventFault {
    Drop,
    Duplicate,
    Late,
    Swap,
    End,
    Garbage,
}

/// What a file of the secret holds: never to be found anywhere but on the engine.
pub const CANARY: &str = "canary-5up3rs3cr3t";

impl Spec {
    /// The manifest of a workspace.
    pub fn manifest(&self, name: &str) -> String {
        let memory = self.memory.map(|memory| format!(", resources: {{memory: {memory}Mi}}")).unwrap_or_default();
        let depends_on = self.depends_on.as_ref().map(|other| format!(", dependsOn: [{other}]")).unwrap_or_default();
        let extra = match self.extra {
            Extra::Nothing => "",
            Extra::Group => ", network: {mode: Group, group: g}",
            Extra::NoNetwork => ", network: {mode: None}",
            Extra::HealthCheck => ", healthCheck: {command: [/bin/true], interval: 1s}",
            Extra::Volume => ", volumes: [{name: cache, mountPath: /cache}], deleteVolumes: true",
            Extra::Secret => ", env: [{name: KEY, valueFrom: {file: /secrets/key}}]",
            Extra::Project => ", project: {path: /projects/one}",
            Extra::IgnoresStop => ", command: [sleep, infinity], stopGracePeriod: 2s",
        };
        // Failures are only those that pass, so no budget is to end them.
        let recovery = "recovery: {maxRetries: 1000, backoff: {initial: 1s, max: 4s}}";
        format!(
            "apiVersion: wharf/v1\nkind: Workspace\nmetadata: {{name: {name}}}\nspec: {{image: '{}', state: {:?}, {recovery}{memory}{depends_on}{extra}}}\n",
            self.image(),
            self.state
        )
    }

    /// The image it asks for.
    pub fn image(&self) -> String {
        format!("image:{}", self.image)
    }
}

impl Scenario {
    /// One line for the scenario, then one for each happening.
    pub fn to_text(&self) -> String {
        let head = Self { happenings: Vec::new(), ..*self };
        let line = |happening| serde_json::to_string(happening).expect("it has a JSON form");
        let mut lines = vec![serde_json::to_string(&head).expect("it has a JSON form")];
        lines.extend(self.happenings.iter().map(line));
        lines.join("\n") + "\n"
    }

    /// The inverse of [`Self::to_text`]; lines that begin with `#` say what the scenario is about.
    pub fn from_text(text: &str) -> Self {
        let mut lines = text.lines().filter(|line| !line.starts_with('#'));
        let head = lines.next().expect("a first line");
        let mut scenario: Self = serde_json::from_str(head).expect("the first line is a scenario");
        scenario.happenings = lines.map(|line| serde_json::from_str(line).expect("a happening")).collect();
        scenario
    }
}
