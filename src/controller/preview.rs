//! What a controller would do, without doing it: the controller itself, stopped before it acts.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::core::Core;
use super::intake::Slot;
use super::options::Options;
use super::{Input, inbox, pass};
use crate::engine::{Engine, EngineError};
use crate::model::Name;
use crate::plan::{Action, Plan};
use crate::source::Reading;
use crate::status_file::StatusFiles;
use crate::store::{Batch, Record, Scratch, Store, StoreError};

/// What would be done about all workspaces.
#[derive(Debug, Default)]
pub struct Preview {
    /// By workspace, those with nothing to do included.
    pub workspaces: Vec<WorkspacePreview>,
    /// Containers of this instance that belong to no workspace.
    pub orphans: Vec<String>,
    /// Documents that are not in force: their file, and why.
    pub refused: Vec<(String, String)>,
}

/// What would be done about one workspace.
#[derive(Debug)]
pub struct WorkspacePreview {
    /// The workspace.
    pub name: Name,
    /// The steps, and what is in the way of more.
    pub plan: Plan,
    /// Why its manifest is not in force or its deletion is held.
    pub note: Option<String>,
}

/// Why a preview could not be made.
#[derive(Debug, thiserror::Error)]
pub enum PreviewError {
    /// The engine did not answer.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The source cannot be read.
    #[error("{0}")]
    SourceLost(String),
    /// What is remembered cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Preview {
    /// Whether a controller would do anything.
    pub fn has_steps(&self) -> bool {
        self.workspaces.iter().any(|workspace| !workspace.plan.steps.is_empty())
    }
}

/// Works out what a controller with these options would do now, given what is remembered (see [`Store::read_copy`]).
///
/// Reads the engine and changes nothing on it, nor in the state directory.
pub async fn preview<E: Engine>(
    engine: E,
    records: BTreeMap<Name, Record>,
    reading: Reading,
    mut options: Options,
) -> Result<Preview, PreviewError> {
    // One reading is all there is to judge by.
    options.deletion_settle = Duration::ZERO;
    options.secrets.only_looks = true;
    if let Reading::Lost(why) = reading {
        return Err(PreviewError::SourceLost(why));
    }
    let Scratch { store, directory } = Store::scratch()?;
    let mut batch = Batch::default();
    for (name, record) in &records {
        batch.put(name, record);
    }
    store.apply(&batch)?;
    let status_files = StatusFiles::new(directory.path(), Some(directory.path()));
    let mut core = Core::new(engine, store, status_files, options, CancellationToken::new())?;
    let asked_at = Instant::now();
    let (list, local) = inbox::ask(&core.tools, true).await?;
    core.engine_answers(list, local, asked_at);
    core.take_in(Input::Reading(reading));
    let preview = look_at_all(&core).await?;
    core.publisher.finish().await;
    Ok(preview)
}

async fn look_at_all<E: Engine>(core: &Core<E>) -> Result<Preview, PreviewError> {
    let mut preview = Preview { orphans: core.orphan_names(), ..Preview::default() };
    for (file, slots) in &core.files {
        let refused = slots.iter().filter_map(|slot| match slot {
            Slot::Refused { message, .. } => Some((file.clone(), message.clone())),
            Slot::Workspace(_) => None,
        });
        preview.refused.extend(refused);
    }
    let jobs = core.entries.keys().filter_map(|name| core.job(name));
    let looks = jobs.map(async |job| {
        let decision = pass::look_and_decide(&job, &core.tools, &mut core.tools.place()).await?;
        Ok::<_, EngineError>((job.name, decision.plan))
    });
    let mut plans: BTreeMap<Name, Plan> = futures_util::future::try_join_all(looks).await?.into_iter().collect();
    let mut networks = Vec::new();
    for (name, entry) in &core.entries {
        let mut plan = plans.remove(name).unwrap_or_default();
        plan.steps.retain(|step| is_first(&step.action, &mut networks));
        let refusal = entry.refused.as_ref().or(entry.held.as_ref()).map(|(_, message)| message.clone());
        preview.workspaces.push(WorkspacePreview { name: name.clone(), plan, note: refusal });
    }
    Ok(preview)
}

/// A network that several workspaces need is made for the first of them.
fn is_first(action: &Action, networks: &mut Vec<String>) -> bool {
    let Action::EnsureNetwork(network) = action else { return true };
    let first = !networks.contains(&network.name);
    networks.push(network.name.clone());
    first
}

/// One line a step, a wait, a hold, a refusal; nothing for workspaces that are as declared.
impl fmt::Display for Preview {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for WorkspacePreview { name, plan, note } in &self.workspaces {
            for line in plan.to_string().lines().chain(note.iter().flat_map(|note| note.lines())) {
                writeln!(formatter, "{name}: {line}")?;
            }
        }
        for (file, message) in &self.refused {
            for line in message.lines() {
                writeln!(formatter, "{file}: not in force: {line}")?;
            }
        }
        for orphan in &self.orphans {
            writeln!(formatter, "orphan: {orphan} belongs to no declared workspace and is left as it is")?;
        }
        Ok(())
    }
}
