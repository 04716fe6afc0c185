//! What the event log says: of changes that somebody else made, of containers that ended, of what was done.

use super::job::Job;
use crate::engine::ContainerDetail;
use crate::model::event::{EventReason, Occurrence};
use crate::model::spec::DesiredState;
use crate::model::status::ContainerState;
use crate::plan::{Action, Cause, Step};

/// A step that undoes what somebody else did; `None` for any other.
pub(super) fn drift(step: &Step, job: &Job) -> Option<Occurrence> {
    let difference = match &step.cause {
        // Told when it is seen, which may be long before the restart is due.
        cause if cause.is_death() => return None,
        cause if cause.is_drift() => cause.to_string(),
        // What was as declared, and the manifest is the same.
        Cause::Declared(DesiredState::Stopped) if job.before.was_as_declared => "runs, declared Stopped".to_owned(),
        Cause::Declared(DesiredState::Archived) if job.before.was_as_declared => "exists, declared Archived".to_owned(),
        cause @ (Cause::NoContainer | Cause::Limits { .. } | Cause::LimitLifted) if job.before.was_as_declared => {
            cause.to_string()
        }
        _ => return None,
    };
    let subject = step.action.target().map_or_else(String::new, |target| format!("container {target}: "));
    Some(Occurrence::warning(EventReason::Drift, format!("{subject}{difference}")))
}

/// A container that ended, or became unhealthy.
pub(super) fn died(container: &ContainerDetail) -> Occurrence {
    let cause = match container.state {
        ContainerState::Exited => {
            Cause::Exited { code: container.exit_code.unwrap_or_default(), oom_killed: container.oom_killed }
        }
        _ => Cause::Unhealthy,
    };
    Occurrence::warning(EventReason::Died, format!("container {}: {cause}", container.name))
}

/// A step that was carried out.
pub(super) fn done(step: &Step) -> Occurrence {
    let reason = match &step.action {
        Action::Pull(_) => EventReason::Pulled,
        Action::EnsureNetwork(_) => EventReason::NetworkCreated,
        Action::Create(_) => EventReason::Created,
        Action::Start(_) => EventReason::Started,
        Action::Stop(..) => EventReason::Stopped,
        Action::Unpause(_) => EventReason::Unpaused,
        Action::Rename(..) => EventReason::Renamed,
        Action::Update(..) | Action::WriteSecrets => EventReason::Updated,
        Action::Remove(_) | Action::RemoveVolume(_) | Action::RemoveNetwork(_) => EventReason::Removed,
    };
    Occurrence::normal(reason, step.to_string())
}
