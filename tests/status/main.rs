//! What a status says in which situation: readable cases (`*.txt`). The summary and the conditions are what users read, so
//! that every text is reviewed here.
//!
//! Besides the facts of a situation, a case may say:
//!
//! ```text
//! never accepted                              # no valid manifest has been seen
//! refused Invalid box.yaml:3:9: …             # the present manifest is not in force
//! engine not asked | engine silent: … | not looked at
//! progress pulling image debian:12: 3 of 50 MiB
//! failed start container wharf-box: …         # the last failure
//! deletion held PruneHeld …                   # or SourceLost, PolicyDenied
//! alert cpu above 90%
//! ```

#[path = "../common/mod.rs"]
mod common;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use common::{cases, given::Given, given::now};
use wharf::model::Uid;
use wharf::model::spec::ThresholdMetric;
use wharf::model::status::{
    Alert, Condition, ConditionStatus, ConditionType, ErrorClass, LastError, Reason, Requested, RetryStatus,
    StatusMetadata, WorkspaceStatus,
};
use wharf::plan::{Acceptance, Goal, Reach, Retry, View, plan, status};

#[test]
fn cases_come_to_the_expected_statuses() {
    cases::check("status", 25, cases::updates(), |case| {
        let (given, rest) = Given::parse(&case.given)?;
        let mut told = Told::of(&given);
        for line in &rest {
            told.take(line)?;
        }
        Ok(vec![("status", text(&told.status(&given, &[])))])
    });
}

#[test]
fn a_condition_keeps_its_time_until_its_answer_changes() {
    let lines = ["spec image=debian:12".to_owned(), "wharf-box running fits".to_owned()];
    let (given, _) = Given::parse(&lines).expect("a case");
    let told = Told::of(&given);
    let earlier: jiff::Timestamp = "2025-12-31T00:00:00Z".parse().expect("a time");
    let condition = |kind, status| Condition {
        kind,
        status,
        reason: Reason::Progressing,
        message: "before".to_owned(),
        observed_generation: 1,
        last_transition_time: earlier.into(),
    };
    let previous = [
        condition(ConditionType::Ready, ConditionStatus::True),
        condition(ConditionType::Reconciled, ConditionStatus::False),
    ];
    let status = told.status(&given, &previous).status;
    let time = |kind| status.condition(kind).expect("every type is present").last_transition_time;
    assert_eq!(time(ConditionType::Ready), earlier.into(), "same answer, though for another reason");
    assert_eq!(time(ConditionType::Reconciled), now().into(), "another answer");
    assert_eq!(time(ConditionType::Held), now().into(), "first answer");
}

#[test]
fn equal_views_give_equal_documents() {
    let lines = ["spec image=debian:12".to_owned(), "wharf-box exited(1) fits".to_owned()];
    let (given, _) = Given::parse(&lines).expect("a case");
    let told = Told::of(&given);
    let first = told.status(&given, &[]);
    let second = told.status(&given, &first.status.conditions);
    assert_eq!(first, second);
}

/// What a status is made from besides the situation.
struct Told {
    accepted_before: bool,
    acceptance: Acceptance,
    reach: Reach,
    looked_at: bool,
    progress: Option<String>,
    held: Option<(Reason, String)>,
    retry: Option<RetryStatus>,
    requested: Option<Requested>,
    alerts: Vec<Alert>,
}

impl Told {
    fn of(given: &Given) -> Self {
        let deleted = matches!(given.goal, Goal::Delete { .. });
        Self {
            accepted_before: true,
            acceptance: if deleted { Acceptance::Deleted } else { Acceptance::Valid },
            reach: Reach::Answers,
            looked_at: true,
            progress: None,
            held: None,
            retry: None,
            requested: given.asked.state.then(|| Requested {
                state: Some(given.subject.workspace.spec.state),
                restart: given.asked.restart,
                time: now().into(),
            }),
            alerts: Vec::new(),
        }
    }

    fn take(&mut self, line: &str) -> Result<(), String> {
        match line {
            "never accepted" => (self.accepted_before, self.looked_at) = (false, false),
            "engine not asked" => (self.reach, self.looked_at) = (Reach::NotAsked, false),
            "not looked at" => self.looked_at = false,
            _ => {
                if let Some(why) = line.strip_prefix("refused ") {
                    let (reason, message) = reason_and_message(why)?;
                    self.acceptance = Acceptance::Refused(reason, message);
                } else if let Some(why) = line.strip_prefix("engine silent: ") {
                    self.reach = Reach::Silent(why.to_owned());
                } else if let Some(progress) = line.strip_prefix("progress ") {
                    self.progress = Some(progress.to_owned());
                } else if let Some(error) = line.strip_prefix("failed ") {
                    self.retry = Some(failure(error));
                } else if let Some(level) = line.strip_prefix("alert cpu above ") {
                    let since = now().into();
                    self.alerts.push(Alert { metric: ThresholdMetric::Cpu, above: level.to_owned(), since });
                } else if let Some(why) = line.strip_prefix("deletion held ") {
                    self.held = Some(reason_and_message(why)?);
                } else {
                    return Err(format!("not understood: {line}"));
                }
            }
        }
        Ok(())
    }

    fn status(&self, given: &Given, previous: &[Condition]) -> WorkspaceStatus {
        let plan = plan(&given.situation());
        let retry = self.retry.clone().map(|retry| RetryStatus {
            next_attempt_time: match given.retry {
                Retry::At(time) => Some(time.into()),
                Retry::Due | Retry::WhenManifestChanges => None,
            },
            ..retry
        });
        status(&View {
            metadata: StatusMetadata {
                name: "box".to_owned(),
                uid: Some(Uid::new("01TEST")),
                generation: 2,
                labels: BTreeMap::new(),
                manifest: "box.yaml".to_owned(),
                creation_timestamp: None,
            },
            workspace: self.accepted_before.then_some(&*given.subject.workspace),
            acceptance: &self.acceptance,
            reach: &self.reach,
            last_known: None,
            observed: self.looked_at.then_some(&given.observed),
            plan: self.looked_at.then_some(&plan),
            progress: self.progress.as_deref(),
            held: self.held.as_ref(),
            retry,
            restarts: 0,
            last_action: None,
            requested: self.requested.as_ref(),
            metrics: None,
            alerts: &self.alerts,
            previous,
            events: Vec::new(),
            now: now(),
        })
    }
}

fn failure(error: &str) -> RetryStatus {
    RetryStatus {
        attempts: 2,
        next_attempt_time: None,
        last_error: LastError { class: ErrorClass::Engine, message: error.to_owned(), time: now().into() },
    }
}

fn reason_and_message(text: &str) -> Result<(Reason, String), String> {
    let (reason, message) = text.split_once(' ').ok_or("a reason and a message")?;
    let reason = serde_json::from_value(reason.into()).map_err(|error| error.to_string())?;
    Ok((reason, message.to_owned()))
}

/// Phase, summary and conditions, one line each.
fn text(document: &WorkspaceStatus) -> String {
    let status = &document.status;
    let mut out = format!("{:?}: {}\n", status.phase, status.summary);
    for condition in &status.conditions {
        let Condition { kind, status, reason, message, .. } = condition;
        let message = if message.is_empty() { String::new() } else { format!(": {message}") };
        let _ = writeln!(out, "{kind:?}={status:?} {reason}{message}");
    }
    if let Some(container) = &status.container {
        let _ = writeln!(out, "about {} {}", container.name, container.state);
    }
    out
}
