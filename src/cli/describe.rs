//! `wharf describe`: everything about one workspace.

use std::path::Path;

use clap::Args;
use jiff::Timestamp;

use super::error::CliError;
use super::exit::ExitCode;
use super::get::phase_tone;
use super::output::{self, Format};
use super::page::Page;
use super::printer::{Printer, Tone};
use super::statuses::{Choice, Location};
use super::table::{Cell, Table};
use super::text::age;
use super::{advice, declared, events};
use crate::model::status::{ConditionStatus, ConditionType, ContainerStatus, Status};
use crate::model::time::Time;
use crate::model::{Uid, WorkspaceStatus};

/// The arguments of `wharf describe`.
#[derive(Clone, Debug, Args)]
#[group(id = "which", required = true, args = ["names", "selector"])]
pub struct DescribeArgs {
    /// Which workspaces.
    #[command(flatten)]
    pub choice: Choice,

    /// The form of the result
    #[arg(short, long, value_enum, value_name = "FORM", default_value_t = Format::Table)]
    pub output: Format,

    /// Where to look.
    #[command(flatten)]
    pub location: Location,
}

/// Prints everything about the chosen workspaces.
pub fn run(args: &DescribeArgs, printer: &mut Printer) -> Result<ExitCode, CliError> {
    let chosen = args.location.read_or_say_why(&args.choice, printer)?;
    let now = Time::from(Timestamp::now());
    let text = if args.output.is_for_people() {
        let page = |status| page(status, args.location.manifests(), now, printer.colours());
        let pages: Vec<_> = chosen.workspaces.iter().map(page).collect();
        pages.join("\n\n")
    } else {
        output::documents(args.output, &chosen.workspaces, args.choice.names.len() == 1)?
    };
    printer.result(&text)?;
    chosen.verdict()
}

fn page(workspace: &WorkspaceStatus, source: Option<&Path>, now: Time, colours: bool) -> String {
    let mut page = Page::new(colours);
    identity(&mut page, workspace, now);
    state(&mut page, workspace, now);
    match source.map(|source| declared::spec(workspace, source)) {
        Some(Ok(spec)) => page.text("Spec", &spec),
        Some(Err(why)) => page.heading("Spec", &why.to_string()),
        None => {
            let manifest = &workspace.metadata.manifest;
            page.heading("Spec", &format!("in {manifest}; `wharf get sources` says where its source is"));
        }
    }
    page.table("Conditions", &conditions(&workspace.status, now));
    match &workspace.status.container {
        Some(container) => container_fields(&mut page, container, now),
        None => page.heading("Container", "none"),
    }
    match workspace.status.events.as_slice() {
        [] => page.heading("Events", "none"),
        events => page.table("Events", &events::table_of_one(events, now)),
    }
    page.finish()
}

fn identity(page: &mut Page, workspace: &WorkspaceStatus, now: Time) {
    let metadata = &workspace.metadata;
    let observed = workspace.status.observed_generation;
    page.field("Name", [&metadata.name]);
    page.field("UID", metadata.uid.iter().map(Uid::as_str));
    page.field("Labels", metadata.labels.iter().map(|(key, value)| format!("{key}={value}")));
    page.field("Manifest", [&metadata.manifest]);
    page.field("Generation", [format!("{} (this status is about {observed})", metadata.generation)]);
    page.field("Created", metadata.creation_timestamp.map(|time| ago(time, now)));
}

fn state(page: &mut Page, workspace: &WorkspaceStatus, now: Time) {
    let status = &workspace.status;
    page.gap();
    page.toned_field("Phase", [format!("{:?}", status.phase)], Some(phase_tone(status.phase)));
    page.field("Summary", [&status.summary]);
    let why = advice::why(status);
    page.field("Why", if why.is_empty() { vec!["everything is as declared".to_owned()] } else { why });
    page.field("Next", advice::next(workspace, now));
    if let Some(retry) = &status.retry {
        let error = &retry.last_error;
        page.field("Failures", [format!("{} in a row", retry.attempts)]);
        page.field("Last error", [format!("{:?}: {}", error.class, error.message), ago(error.time, now)]);
    }
    if let Some(last) = &status.last_action {
        let outcome = format!("{:?} {}", last.result, ago(last.time, now));
        page.field("Last action", [last.action.clone(), format!("because {}", last.cause), outcome]);
    }
}

/// The answers to the questions about a workspace, one a row.
pub fn conditions(status: &Status, now: Time) -> Table {
    let mut table = Table::new(vec!["TYPE", "STATUS", "REASON", "AGE", "MESSAGE"]);
    for condition in &status.conditions {
        let is_trouble = matches!(condition.kind, ConditionType::Held | ConditionType::Alerting);
        let wished = (condition.status == ConditionStatus::True) != is_trouble;
        table.push(vec![
            Cell::new(format!("{:?}", condition.kind)),
            Cell::new(format!("{:?}", condition.status)).toned(if wished { Tone::Good } else { Tone::Attention }),
            Cell::new(condition.reason.to_string()),
            Cell::new(age(condition.last_transition_time, now)),
            Cell::new(&condition.message),
        ]);
    }
    table
}

fn container_fields(page: &mut Page, container: &ContainerStatus, now: Time) {
    page.heading("Container", "");
    page.field("  Name", [&container.name]);
    page.field("  ID", [&container.id]);
    page.field("  Image", [&container.image]);
    page.field("  Image ID", [&container.image_id]);
    page.field("  State", [container.state.as_str()]);
    if let Some(health) = container.health {
        page.field("  Health", [format!("{health:?}").to_lowercase()]);
    }
    if let Some(code) = container.exit_code {
        let killed = if container.oom_killed { " (ended by the kernel for want of memory)" } else { "" };
        page.field("  Exit code", [format!("{code}{killed}")]);
    }
    page.field("  Started", container.started_at.map(|time| ago(time, now)));
    page.field("  Restarts", [container.restarts.to_string()]);
    page.field("  IP", container.ip.iter());
    page.field("  Ports", container.ports.iter());
}

fn ago(time: Time, now: Time) -> String {
    format!("{time} ({} ago)", age(time, now))
}
