//! One workspace on the screen, and how two of them are ordered. Pure.

use std::cmp::Ordering;
use std::sync::Arc;

use clap::ValueEnum;

use crate::api::WorkspaceView;
use crate::cli::text::{age, plain};
use crate::cli::units::short;
use crate::model::metrics::Usage;
use crate::model::status::ContainerState;
use crate::model::time::Time;

/// A workspace as it was told last.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// What is told of it.
    pub view: Arc<WorkspaceView>,
    /// What it uses, by the last reading. Absent while it does not run.
    pub usage: Option<Usage>,
}

/// What stays the same while a workspace changes. Two manifests that claim one name are two rows.
pub type Key = (String, String);

/// By what rows are ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Sort {
    /// From a to z
    Name,
    /// From Pending to Unknown
    Phase,
    /// Most processor time first
    Cpu,
    /// Most memory first
    Memory,
    /// Most traffic first
    Network,
    /// Most reading and writing first
    Block,
    /// Most processes and threads first
    Pids,
    /// Longest first
    Uptime,
}

impl Sort {
    /// The order after this one.
    pub fn next(self) -> Self {
        let all = Self::value_variants();
        let at = all.iter().position(|sort| *sort == self).unwrap_or_default();
        all[(at + 1) % all.len()]
    }

    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Phase => "phase",
            Self::Cpu => "cpu",
            Self::Memory => "memory",
            Self::Network => "network",
            Self::Block => "block",
            Self::Pids => "pids",
            Self::Uptime => "uptime",
        }
    }

    /// Which of two rows is first; equal ones are ordered by name.
    pub fn compare(self, one: &Row, other: &Row) -> Ordering {
        let most = |amount: fn(&Usage) -> f64| {
            let amount = |row: &Row| row.usage.as_ref().map_or(-1.0, amount);
            amount(other).total_cmp(&amount(one))
        };
        let order = match self {
            Self::Name => Ordering::Equal,
            Self::Phase => one.view.document.status.phase.cmp(&other.view.document.status.phase),
            Self::Cpu => most(|usage| usage.cpu_percent),
            Self::Memory => {
                other.usage.as_ref().map(|it| it.memory_bytes).cmp(&one.usage.as_ref().map(|it| it.memory_bytes))
            }
            Self::Network => most(|usage| usage.network_rx_rate + usage.network_tx_rate),
            Self::Block => most(|usage| usage.block_read_rate + usage.block_write_rate),
            Self::Pids => other.usage.as_ref().map(|it| it.pids).cmp(&one.usage.as_ref().map(|it| it.pids)),
            // What does not run is last.
            Self::Uptime => {
                let start = |row: &Row| row.started_at().map_or((true, None), |start| (false, Some(start)));
                start(one).cmp(&start(other))
            }
        };
        order.then_with(|| one.key().cmp(&other.key()))
    }
}

impl Row {
    /// From what the API tells.
    pub fn new(view: Arc<WorkspaceView>) -> Self {
        let usage = view.usage.clone();
        Self { view, usage }
    }

    /// What it is known by.
    pub fn key(&self) -> Key {
        let metadata = &self.view.document.metadata;
        (metadata.name.clone(), metadata.manifest.clone())
    }

    /// Its name, as the manifest has it.
    pub fn name(&self) -> &str {
        &self.view.document.metadata.name
    }

    /// When its present run began.
    pub fn started_at(&self) -> Option<Time> {
        let container = self.view.document.status.container.as_ref()?;
        container.started_at.filter(|_| matches!(container.state, ContainerState::Running | ContainerState::Paused))
    }

    /// One of its fields as text; `bytes` writes amounts. What is not known is `-`.
    pub fn text(&self, field: Sort, now: Time, bytes: fn(f64) -> String) -> String {
        let used = |text: &dyn Fn(&Usage) -> String| self.usage.as_ref().map(text);
        let pair = |one: f64, other: f64| format!("{}/{}", bytes(one), bytes(other));
        let text = match field {
            Sort::Name => Some(plain(self.name()).into_owned()),
            Sort::Phase => Some(format!("{:?}", self.view.document.status.phase)),
            Sort::Cpu => used(&|usage| short(usage.cpu_percent)),
            Sort::Memory => used(&|usage| memory(usage, bytes)),
            Sort::Network => used(&|usage| pair(usage.network_rx_rate, usage.network_tx_rate)),
            Sort::Block => used(&|usage| pair(usage.block_read_rate, usage.block_write_rate)),
            Sort::Pids => used(&|usage| usage.pids.to_string()),
            Sort::Uptime => self.started_at().map(|start| age(start, now)),
        };
        text.unwrap_or_else(|| "-".to_owned())
    }
}

#[expect(clippy::cast_precision_loss, reason = "no machine has more memory than 52 bits can count")]
fn memory(usage: &Usage, bytes: fn(f64) -> String) -> String {
    let limit = usage.memory_limit_bytes.map_or_else(|| "-".to_owned(), |limit| bytes(limit as f64));
    format!("{}/{limit}", bytes(usage.memory_bytes as f64))
}
