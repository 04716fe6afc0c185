//! What a simulated container does once it runs: for ever, for a while, or not at all; and how its health goes.

use std::time::Duration;

use crate::engine::{ContainerSpec, OutputStream};
use crate::model::spec::HealthCheck;
use crate::model::status::Health;

/// The exit code of a process that was killed: 128 + SIGKILL.
pub(super) const KILLED: i64 = 137;

/// The exit code that the engine makes up for a process whose end nobody saw.
pub(super) const LOST: i64 = 255;

/// The exit code that the engine makes up when a container that had ended well cannot be started again.
pub(super) const NOT_STARTED: i64 = 128;

/// What a container's main process does.
///
/// Derived from the container's command, so that manifests show something on `--engine simulated`: `true`, `false`,
/// `exit N`, `sleep N` and `echo WORDS` (also as `sh -c "echo done >&2; sleep 2; exit 3"`) do what they say, a program under
/// `/nonexistent` fails to start, and anything else runs for ever. Tests can set another one for a workspace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Behaviour {
    /// How long it runs, and with which code it exits; `None`: for ever.
    pub ends: Option<(Duration, i64)>,
    /// How long it takes to end after the stop signal; `None`: it ignores the signal, as most programs do that run as process 1.
    pub obeys_stop: Option<Duration>,
    /// Whether a health check succeeds.
    pub healthy: bool,
    /// Why it cannot be started at all.
    pub refuses_start: Option<String>,
    /// The lines that it writes, each with the time after its start, in this order.
    pub says: Vec<Line>,
}

/// A line that a process writes: how long after its start, where to, and the text without its end.
pub type Line = (Duration, OutputStream, String);

impl Default for Behaviour {
    /// Runs for ever, healthy, and ends at once when told to.
    fn default() -> Self {
        Self { ends: None, obeys_stop: Some(Duration::ZERO), healthy: true, refuses_start: None, says: Vec::new() }
    }
}

impl Behaviour {
    /// Exits by itself.
    pub fn exits(after: Duration, code: i64) -> Self {
        Self { ends: Some((after, code)), ..Self::default() }
    }

    /// Runs until it is killed.
    pub fn ignores_stop() -> Self {
        Self { obeys_stop: None, ..Self::default() }
    }

    /// Fails its health check.
    pub fn unhealthy() -> Self {
        Self { healthy: false, ..Self::default() }
    }

    /// How it ends when it is told to, and killed unless it obeys.
    pub(super) fn code_when_told(&self) -> i64 {
        if self.obeys_stop.is_some() { 0 } else { KILLED }
    }

    /// Can not be started, with the engine's words.
    pub fn cannot_start(message: impl Into<String>) -> Self {
        Self { refuses_start: Some(message.into()), ..Self::default() }
    }

    /// What the command of a container does.
    pub(super) fn of(spec: &ContainerSpec) -> Self {
        let words: Vec<&str> = spec.command.iter().chain(&spec.args).map(String::as_str).collect();
        let Course { ends, obeys, says } = Course::of(&words);
        let missing = words.first().filter(|program| program.starts_with("/nonexistent"));
        let healthy = spec.health_check.as_ref().is_none_or(|check| {
            let words: Vec<&str> = check.command.iter().map(String::as_str).collect();
            !matches!(Course::of(&words).ends, Some((_, code)) if code != 0)
        });
        let refuses_start = missing.map(|program| {
            format!(
                "OCI runtime create failed: exec: \"{program}\": stat {program}: no such file or directory: unknown"
            )
        });
        Self { ends, obeys_stop: obeys.then_some(Duration::ZERO), healthy, refuses_start, says }
    }

    /// When after the start (or the end of a pause) the health check decides, and how. Probes run at multiples of the
    /// interval; failures before the end of the start period do not count.
    pub(super) fn verdict(&self, check: &HealthCheck) -> (Duration, Health) {
        let interval = check.interval.duration().max(Duration::from_secs(1));
        if self.healthy {
            return (interval, Health::Healthy);
        }
        let before = check.start_period.duration().as_nanos().div_ceil(interval.as_nanos()).max(1);
        let first_counted = u32::try_from(before).unwrap_or(u32::MAX);
        let probes = first_counted.saturating_add(check.retries.saturating_sub(1));
        (interval.saturating_mul(probes), Health::Unhealthy)
    }
}

/// What a command does.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Course {
    /// When it ends and with which code; `None`: never.
    pub(super) ends: Option<(Duration, i64)>,
    /// Whether it ends on the stop signal.
    obeys: bool,
    /// What it writes.
    pub(super) says: Vec<Line>,
}

impl Course {
    pub(super) fn of(words: &[&str]) -> Self {
        let statements = statements(words);
        let (mut elapsed, mut code, mut sleeps, mut says) = (Duration::ZERO, 0, false, Vec::new());
        for statement in &statements {
            match (program(statement[0]), statement.get(1)) {
                ("true", _) => code = 0,
                ("false", _) => code = 1,
                ("echo", _) => {
                    code = 0;
                    let (stream, text) = echo(&statement[1..]);
                    says.push((elapsed, stream, text));
                }
                ("exit", status) => {
                    let status = status.and_then(|status| status.parse().ok()).unwrap_or(code);
                    return Self { ends: Some((elapsed, status)), obeys: true, says };
                }
                ("sleep", Some(length)) => {
                    sleeps = true;
                    code = 0;
                    let Some(length) = sleep_length(length) else { return Self { ends: None, obeys: false, says } };
                    elapsed = elapsed.saturating_add(length);
                }
                _ => return Self { ends: None, obeys: !sleeps, says },
            }
        }
        let ends = if statements.is_empty() { None } else { Some((elapsed, code)) };
        Self { ends, obeys: ends.is_none() || !sleeps, says }
    }

    /// Whether there is such a program on a simulated machine.
    pub(super) fn exists(program_path: &str) -> bool {
        ["true", "false", "echo", "sleep", "sh", "cat"].contains(&program(program_path))
    }
}

/// The commands of a script, or the only one, each with at least one word.
fn statements<'a>(words: &[&'a str]) -> Vec<Vec<&'a str>> {
    let mut statements: Vec<Vec<&str>> = match words {
        [shell, "-c", script, ..] if program(shell).ends_with("sh") => {
            script.split([';', '\n']).map(|statement| statement.split_whitespace().collect()).collect()
        }
        _ => vec![words.to_vec()],
    };
    statements.retain(|statement| !statement.is_empty());
    statements
}

/// The words of `echo`, and where they go.
fn echo(words: &[&str]) -> (OutputStream, String) {
    match words {
        [words @ .., ">&2"] => (OutputStream::Stderr, words.join(" ")),
        words => (OutputStream::Stdout, words.join(" ")),
    }
}

fn program(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// The length of `sleep N` in the forms of coreutils; `None` is for ever.
fn sleep_length(text: &str) -> Option<Duration> {
    let units = [("s", 1.0), ("m", 60.0), ("h", 3600.0), ("d", 86400.0), ("", 1.0)];
    let seconds = units.into_iter().find_map(|(suffix, scale)| {
        let number: f64 = text.strip_suffix(suffix)?.parse().ok()?;
        Some(number * scale)
    })?;
    Duration::try_from_secs_f64(seconds).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_do_what_they_say() {
        let seconds = Duration::from_secs;
        for (words, expected) in [
            (vec![], (None, true)),
            (vec!["/usr/bin/server", "--port", "80"], (None, true)),
            (vec!["/bin/true"], (Some((seconds(0), 0)), true)),
            (vec!["false"], (Some((seconds(0), 1)), true)),
            (vec!["sleep", "30"], (Some((seconds(30), 0)), false)),
            (vec!["/bin/sleep", "1m"], (Some((seconds(60), 0)), false)),
            (vec!["sleep", "infinity"], (None, false)),
            (vec!["/bin/sh", "-c", "sleep 2; exit 3"], (Some((seconds(2), 3)), true)),
            (vec!["sh", "-c", "exit 7"], (Some((seconds(0), 7)), true)),
            (vec!["sh", "-c", "sleep 1; ./serve"], (None, false)),
            (vec!["sh", "-c", " ; "], (None, true)),
        ] {
            let course = Course::of(&words);
            assert_eq!((course.ends, course.obeys), expected, "{words:?}");
        }
    }

    #[test]
    fn commands_say_what_they_say() {
        let course = Course::of(&["sh", "-c", "echo one two; sleep 2; echo three >&2; exit 3; echo four"]);
        let expected = [
            (Duration::ZERO, OutputStream::Stdout, "one two".to_owned()),
            (Duration::from_secs(2), OutputStream::Stderr, "three".to_owned()),
        ];
        assert_eq!((course.says, course.ends), (expected.to_vec(), Some((Duration::from_secs(2), 3))));
    }

    #[test]
    fn a_failing_check_decides_after_the_start_period_and_the_retries() {
        let check = HealthCheck {
            command: vec!["/bin/false".into()],
            interval: "10s".parse().expect("a period"),
            timeout: "2s".parse().expect("a period"),
            retries: 3,
            start_period: "25s".parse().expect("a period"),
        };
        assert_eq!(Behaviour::default().verdict(&check), (Duration::from_secs(10), Health::Healthy));
        // Probes at 10 s and 20 s do not count; those at 30 s, 40 s and 50 s do.
        assert_eq!(Behaviour::unhealthy().verdict(&check), (Duration::from_secs(50), Health::Unhealthy));
    }
}
