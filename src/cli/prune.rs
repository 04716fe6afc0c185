//! `wharf prune`: shows deletions that are held, and confirms them.

use std::collections::{BTreeMap, BTreeSet};

use clap::Args;

use super::accounts;
use super::error::CliError;
use super::exit::ExitCode;
use super::output;
use super::printer::Printer;
use super::statuses::{Choice, Location};
use super::text::counted;
use crate::audit::{Outcome, What};
use crate::disk::Host;
use crate::model::Name;
use crate::model::nearest::nearest;
use crate::model::status::{ConditionType, Reason, WorkspaceStatus};
use crate::status_file::StatusFiles;
use crate::store::{Record, Store, confirm};

/// The arguments of `wharf prune`.
#[derive(Clone, Debug, Args)]
pub struct PruneArgs {
    /// Let the controller delete the workspaces that are shown
    #[arg(long)]
    pub confirm: bool,

    /// Which workspaces: all whose deletion is held, where none are named.
    #[command(flatten)]
    pub choice: Choice,

    /// Where to look.
    #[command(flatten)]
    pub location: Location,
}

/// Shows what is held and why; with `--confirm`, records that it may be deleted.
pub fn run(args: &PruneArgs, printer: &mut Printer) -> Result<ExitCode, CliError> {
    let Location { state_dir, .. } = &args.location;
    if state_dir.is_none() {
        args.location.require_source()?;
    }
    let records = Store::read_copy(&args.location.state_dir())?.unwrap_or_default();
    all_known(args, &records)?;
    let held = held(args, &records);
    if held.is_empty() {
        printer.note("no deletion is held");
        return Ok(ExitCode::Done);
    }
    printer.result(&output::lines(held.keys().map(Name::to_string)))?;
    note_reasons(&held, printer);
    if args.confirm {
        confirm(&Host, &args.location.state_dir(), &held.keys().cloned().collect())?;
        let audit_log = accounts::of(&args.location.state_dir(), printer);
        for name in held.keys() {
            audit_log.tell(accounts::deed("prune", What::Request, "confirmDeletion", Outcome::Accepted).about(name));
        }
        audit_log.finish();
        let count = counted(held.len(), "deletion");
        printer.note(&format!("{count} confirmed; the controller acts on it within seconds, or when it is started"));
    } else {
        printer.note("the manifests of these workspaces are gone; `wharf prune --confirm` deletes the workspaces too");
    }
    Ok(ExitCode::Done)
}

fn all_known(args: &PruneArgs, records: &BTreeMap<Name, Record>) -> Result<(), CliError> {
    let known = || records.keys().map(Name::as_str);
    let names = args.choice.names.iter().filter(|name| !known().any(|known| known == *name));
    let names: Vec<String> = names.cloned().collect();
    let Some(first) = names.first() else { return Ok(()) };
    let nearest = nearest(first, known()).map(str::to_owned);
    Err(CliError::UnknownWorkspace { names, directory: args.location.state_dir(), nearest })
}

/// The chosen workspaces whose deletion is held, each with the reason.
///
/// The controller's memory decides, since the directory in which a status file stood may be gone with the manifest. It is
/// on the disk half a second after a decision, the status file at once, so what only the latter says counts, too.
fn held(args: &PruneArgs, records: &BTreeMap<Name, Record>) -> BTreeMap<Name, String> {
    let Location { dir, status_dir, .. } = &args.location;
    let found = StatusFiles::new(dir, status_dir.as_deref()).read_all().unwrap_or_default();
    let told: BTreeMap<String, String> = found
        .into_iter()
        .filter_map(|found| found.status.ok())
        .filter_map(|status| Some((status.metadata.name.clone(), held_by_status(&status)?)))
        .collect();
    let chosen = records.iter().filter(|(name, record)| {
        args.choice.selects(name.as_str(), &record.workspace.metadata.labels) && record.deletion.is_none()
    });
    let reason = |name: &Name, record: &Record| record.held.clone().or_else(|| told.get(name.as_str()).cloned());
    chosen.filter_map(|(name, record)| Some((name.clone(), reason(name, record)?))).collect()
}

fn held_by_status(status: &WorkspaceStatus) -> Option<String> {
    let held = status.status.condition(ConditionType::Held)?;
    (held.reason == Reason::PruneHeld).then(|| held.message.clone())
}

/// Most often all are held for one reason.
fn note_reasons(held: &BTreeMap<Name, String>, printer: &Printer) {
    let reasons: BTreeSet<&String> = held.values().collect();
    for reason in &reasons {
        let names = held.iter().filter(|(_, its)| its == reason).map(|(name, _)| name.as_str());
        let which = if reasons.len() == 1 { String::new() } else { names.collect::<Vec<_>>().join(", ") + " " };
        printer.note(&format!("{which}held: {reason}"));
    }
}
