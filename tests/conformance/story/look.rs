//! How a container looks: what decisions depend on, in the notation of the cases in `tests/plan`.

use wharf::engine::{Change, ContainerDetail, ContainerSummary, EngineEvent};
use wharf::model::status::ContainerState;

/// A container in a few words; of its networks those that the bench made by their names in the story.
pub fn look(seen: &ContainerDetail, prefix: &str) -> String {
    let code = seen.exit_code.map(|code| format!("({code})")).unwrap_or_default();
    let mut words = vec![format!("{}{code}", seen.state)];
    words.extend(seen.health.map(|health| format!("{health:?}").to_lowercase()));
    let facts = [
        (seen.oom_killed, "oom"),
        (seen.engine_restarts, "engine-restarts"),
        (!seen.error.is_empty(), "with-an-error"),
    ];
    words.extend(facts.into_iter().filter(|(is_so, _)| *is_so).map(|(_, word)| word.to_owned()));
    words.extend(seen.limits.memory.map(|memory| format!("memory={memory}")));
    let networks: Vec<&str> = seen.networks.iter().map(|name| name.strip_prefix(prefix).unwrap_or(name)).collect();
    if networks != ["none"] {
        words.push(format!("networks={}", networks.join(",")));
    }
    words.join(" ")
}

/// A list and an inspection of one container must tell the same, as the controller's inventory takes it.
pub fn agree(row: &ContainerSummary, seen: &ContainerDetail) -> bool {
    let health = seen.health.filter(|_| seen.state == ContainerState::Running);
    (&row.name, row.state, row.health, &row.networks) == (&seen.name, seen.state, health, &seen.networks)
}

/// Times of events and of containers are compared to find out what an event is news of: an end is told after it, and a
/// start after it and after the end before.
pub fn assert_in_order(event: &EngineEvent, seen: &ContainerDetail) {
    let up = matches!(seen.state, ContainerState::Running | ContainerState::Paused);
    let before: Vec<_> = match event.change {
        Change::Started if up => vec![seen.started_at, seen.finished_at],
        Change::Died if !up => vec![seen.started_at, seen.finished_at],
        _ => Vec::new(),
    };
    for time in before.into_iter().flatten() {
        assert!(time <= event.time, "{:?} at {} of {seen:#?}", event.change, event.time);
    }
}
