//! `wharf plan`: what the controller would do, and why. Changes nothing.

use std::collections::BTreeMap;

use clap::Args;
use serde::Serialize;

use super::config::{self, Behaviour};
use super::controller::{ControllerArgs, EngineKind, excluded};
use super::error::CliError;
use super::exit::ExitCode;
use super::output::{self, ReportFormat};
use super::printer::Printer;
use super::text::plain;
use crate::controller::{Options, Preview, WorkspacePreview, preview};
use crate::engine::Engine;
use crate::model::nearest::nearest;
use crate::source::Directory;
use crate::store::Store;

/// The arguments of `wharf plan`.
#[derive(Clone, Debug, Args)]
pub struct PlanArgs {
    /// What to plan for.
    #[command(flatten)]
    pub controller: ControllerArgs,

    /// Only these workspaces
    #[arg(value_name = "NAME")]
    pub names: Vec<String>,

    /// Exit with 2 when there is something to do
    #[arg(long)]
    pub exit_code: bool,

    /// The form of the result
    #[arg(short, long, value_enum, value_name = "FORM", default_value_t = ReportFormat::Text)]
    pub output: ReportFormat,
}

/// One workspace, for programs.
#[derive(Debug, Serialize)]
struct Row {
    workspace: String,
    steps: Vec<RowStep>,
    #[serde(skip_serializing_if = "Option::is_none")]
    waiting: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    held: Option<String>,
}

#[derive(Debug, Serialize)]
struct RowStep {
    action: String,
    cause: String,
}

/// Prints one line a step, or says that there is nothing to do.
pub fn run(args: &PlanArgs, printer: &mut Printer) -> Result<ExitCode, CliError> {
    let configured = config::settings(&args.controller, &Behaviour::default())?;
    config::directory(&configured)?;
    let options = configured.options()?;
    let runtime = tokio::runtime::Runtime::new().map_err(CliError::Runtime)?;
    let mut preview = match args.controller.engine {
        EngineKind::Docker => {
            let engine = configured.docker()?;
            runtime.block_on(look(engine, options))?
        }
        EngineKind::Simulated => runtime.block_on(async { look(ControllerArgs::simulated(), options).await })?,
    };
    choose(&mut preview, args)?;
    printer.result(&text(&preview, args.output)?)?;
    if !preview.has_steps() && args.output == ReportFormat::Text {
        printer.note("nothing to do");
    }
    Ok(if args.exit_code && preview.has_steps() { ExitCode::SomethingToDo } else { ExitCode::Done })
}

async fn look<E: Engine>(engine: E, options: Options) -> Result<Preview, CliError> {
    let records = Store::read_copy(&options.state_dir)?.unwrap_or_default();
    let reading = Directory::new(&options.source, excluded(&options)).scan();
    Ok(preview(engine, records, reading, options).await?)
}

/// Leaves out what was not asked for.
fn choose(preview: &mut Preview, args: &PlanArgs) -> Result<(), CliError> {
    if args.names.is_empty() {
        return Ok(());
    }
    let known: Vec<&str> = preview.workspaces.iter().map(|it| it.name.as_str()).collect();
    let unknown: Vec<String> = args.names.iter().filter(|name| !known.contains(&name.as_str())).cloned().collect();
    if let Some(first) = unknown.first() {
        let nearest = nearest(first, known.iter().copied()).map(str::to_owned);
        let directory = args.controller.origin.dir.clone().unwrap_or_default();
        return Err(CliError::UnknownWorkspace { names: unknown, directory, nearest });
    }
    preview.workspaces.retain(|it| args.names.iter().any(|name| name == it.name.as_str()));
    preview.orphans.clear();
    preview.refused.clear();
    Ok(())
}

fn text(preview: &Preview, form: ReportFormat) -> Result<String, CliError> {
    let rows = || preview.workspaces.iter().map(row).collect::<Vec<_>>();
    match form {
        ReportFormat::Text => Ok(output::lines(preview.to_string().lines().map(|line| plain(line).into_owned()))),
        ReportFormat::Json => output::json(&BTreeMap::from([("workspaces", rows())])),
        ReportFormat::Yaml => output::yaml(&BTreeMap::from([("workspaces", rows())])),
    }
}

fn row(workspace: &WorkspacePreview) -> Row {
    let WorkspacePreview { name, plan, note } = workspace;
    let steps =
        plan.steps.iter().map(|step| RowStep { action: step.action.to_string(), cause: step.cause.to_string() });
    Row {
        workspace: name.to_string(),
        steps: steps.collect(),
        waiting: plan.blocked.as_ref().map(ToString::to_string),
        held: plan.hold.as_ref().map(ToString::to_string).or_else(|| note.clone()),
    }
}
