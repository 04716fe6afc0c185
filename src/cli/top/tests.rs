//! Screens as text, and what keys make of them.

use std::sync::Arc;

use jiff::Timestamp;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier};
use serde_json::{Value, json};

use super::draw::draw;
use super::row::Sort;
use super::state::{Key, News, Reaction, State};
use crate::api::WorkspaceView;
use crate::cli::statuses::Choice;
use crate::model::event::{Event, EventReason, EventRecord, Occurrence};
use crate::model::metrics::{Metric, MetricSeries, Point, Series, Tier, Usage};
use crate::model::statistics::Summary;
use crate::model::time::Time;

/// Noon, and so many seconds after it.
fn time(second: i64) -> Time {
    Time::from(Timestamp::from_second(1_769_860_800 + second).expect("a time"))
}

fn usage(cpu: f64, memory: u64, second: i64) -> Usage {
    let usage = json!({
        "time": time(second), "cpuPercent": cpu, "memoryBytes": memory << 20, "memoryLimitBytes": 512 << 20,
        "networkRxBytes": 0, "networkTxBytes": 0, "blockReadBytes": 0, "blockWriteBytes": 0,
        "networkRxRate": cpu * 1024.0, "networkTxRate": 0.0, "blockReadRate": 0.0, "blockWriteRate": cpu, "pids": 3,
    });
    serde_json::from_value(usage).expect("a reading")
}

fn view(name: &str, team: &str, usage: Option<Usage>) -> Arc<WorkspaceView> {
    let running = usage.is_some();
    let container: Value = json!({
        "id": "0", "name": name, "image": "dev", "imageId": "1", "state": if running { "running" } else { "exited" },
        "restarts": 0, "startedAt": time(-3600 * 5),
    });
    let ready = json!({"type": "Ready", "status": if running { "True" } else { "False" }, "reason": "Running",
        "message": "", "observedGeneration": 1, "lastTransitionTime": time(-90)});
    let document = json!({
        "apiVersion": "wharf/v1", "kind": "WorkspaceStatus",
        "metadata": {"name": name, "generation": 1, "labels": {"team": team}, "manifest": format!("{name}.yaml")},
        "status": {"phase": if running { "Active" } else { "Inactive" }, "observedGeneration": 1,
            "summary": "as declared", "conditions": [ready], "container": container},
    });
    Arc::new(WorkspaceView { document: serde_json::from_value(document).expect("a status"), usage })
}

fn event(sequence: u64, name: &str, occurrence: Occurrence, second: i64) -> News {
    let record = EventRecord::of(occurrence, time(second));
    News::Event(Arc::new(Event::of(Some(sequence), Some(&name.parse().expect("a name")), record)))
}

/// Three workspaces, of which one rests.
fn workspaces() -> News {
    let views = vec![
        view("api", "payments", Some(usage(12.5, 100, -1))),
        view("build", "tools", Some(usage(250.0, 40, -1))),
        view("docs", "tools", None),
    ];
    let summary = Summary {
        workspaces: 3,
        ready: 2,
        alerting: 1,
        cpu_percent: 262.5,
        memory_bytes: 140 << 20,
        ..Summary::default()
    };
    News::Workspaces(views, summary)
}

fn state() -> State {
    let mut state = State::new(Choice::default(), Sort::Cpu, false, time(0));
    state.take(workspaces(), time(0));
    let point = |at: i32| (time(i64::from(at) * 10 - 301).timestamp().as_second(), f64::from(at));
    state.take(News::Course("api".to_owned(), (0..30).map(point).collect()), time(0));
    state.take(event(7, "api", Occurrence::normal(EventReason::Started, "container started"), -12), time(0));
    state.take(event(8, "docs", Occurrence::warning(EventReason::Died, "exit\u{1b} code 1"), -3), time(0));
    state
}

fn screen(state: &State, width: u16, height: u16) -> String {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).expect("a terminal");
    terminal.draw(|frame| draw(state, false, frame.buffer_mut())).expect("drawn");
    let lines = terminal.backend().to_string();
    crate::cli::output::lines(lines.lines().map(|line| line.trim_matches('"').trim_end().to_owned()))
}

fn names(state: &State) -> Vec<&str> {
    state.visible().iter().map(|row| row.name()).collect()
}

fn press(state: &mut State, keys: &str) {
    for key in keys.chars() {
        assert_eq!(state.press(Key::Char(key)), Reaction::Nothing, "{key}");
    }
}

#[test]
fn everything_is_on_a_usual_screen() {
    let expected = "\
wharf   3 workspaces, 2 ready, 1 alerting   CPU 2.62 cores   MEM 140MiB   NET 0B/s in, 0B/s out
by cpu
NAME    PHASE     CPU %  MEM / LIMIT    NET RX/TX    BLOCK R/W   PIDS  UPTIME  CPU, 5 MIN
build   Active      250     40M/512M       250K/0        0/250      3      5h                      █
api     Active     12.5    100M/512M      12.5K/0       0/12.5      3      5h  ▁▁▁▂▂▃▃▄▄▄▅▅▆▆▆▇▇████
docs    Inactive      -            -            -            -      -       -




EVENTS ─────────────────────────────────────────────────────────────────────────────────────────────
12s    Started           api: container started
3s     Died              docs: exit\\u{1b} code 1

q quit   ↑↓ choose   Enter details   / filter   s sort   r reverse
";
    assert_eq!(screen(&state(), 100, 15), expected);
}

#[test]
fn no_size_is_too_small() {
    let mut alone = state();
    assert_eq!(alone.press(Key::Enter), Reaction::Show("build".to_owned()));
    for state in [state(), alone] {
        for (width, height) in (1..40).flat_map(|width| (1..20).map(move |height| (width, height))) {
            let lines = screen(&state, width, height);
            assert!(lines.starts_with(&"wharf   3"[..usize::from(width.min(5))]), "{width} x {height}: {lines}");
        }
        draw(&state, true, &mut Buffer::empty(Rect::ZERO));
    }
}

#[test]
fn colours_are_there_only_where_they_are_welcome() {
    let colours = |welcome| {
        let mut terminal = Terminal::new(TestBackend::new(100, 15)).expect("a terminal");
        terminal.draw(|frame| draw(&state(), welcome, frame.buffer_mut())).expect("drawn");
        let buffer = terminal.backend().buffer().clone();
        assert!(buffer.content.iter().any(|cell| cell.modifier.contains(Modifier::REVERSED)), "what is selected shows");
        buffer.content.iter().filter(|cell| cell.fg != Color::Reset || cell.bg != Color::Reset).count()
    };
    assert!(colours(true) > 0);
    assert_eq!(colours(false), 0);
}

#[test]
fn rows_are_sorted_by_every_column_and_back() {
    let mut state = state();
    assert_eq!(names(&state), ["build", "api", "docs"]);
    press(&mut state, "s");
    assert_eq!((state.sort, names(&state)), (Sort::Memory, vec!["api", "build", "docs"]));
    press(&mut state, "r");
    assert_eq!(names(&state), ["docs", "build", "api"]);
    let before = state.sort;
    let mut seen = vec![before];
    loop {
        press(&mut state, "s");
        if state.sort == before {
            break;
        }
        seen.push(state.sort);
    }
    assert_eq!(seen.len(), 8);
}

#[test]
fn a_filter_is_a_part_of_a_name_or_a_selector() {
    let mut state = state();
    press(&mut state, "/ui");
    assert_eq!(names(&state).len(), 3, "nothing is filtered while it is typed");
    assert!(screen(&state, 80, 15).ends_with("filter: ui_\n"));
    state.press(Key::Enter);
    assert_eq!(names(&state), ["build"]);
    assert!(screen(&state, 80, 15).contains("; 1 of 3 pass the filter `ui`\n"));

    press(&mut state, "/");
    state.press(Key::Backspace);
    state.press(Key::Backspace);
    press(&mut state, "team=tools,!");
    state.press(Key::Enter);
    assert!(screen(&state, 120, 15).contains("filter: team=tools,!_   `!` is not a label requirement"));
    state.press(Key::Backspace);
    state.press(Key::Backspace);
    state.press(Key::Enter);
    assert_eq!(names(&state), ["build", "docs"]);
    state.press(Key::Escape);
    assert_eq!(names(&state).len(), 3);

    press(&mut state, "/nothing-like-it");
    state.press(Key::Enter);
    assert!(screen(&state, 80, 15).contains("no workspace passes the filter; Esc shows all\n"));
}

#[test]
fn the_selection_stays_with_its_workspace() {
    let mut state = state();
    let selected = |state: &State| {
        let visible = state.visible();
        state.selected(&visible).map(|at| visible[at].name().to_owned())
    };
    assert_eq!(selected(&state).as_deref(), Some("build"));
    press(&mut state, "j");
    assert_eq!(selected(&state).as_deref(), Some("api"));
    press(&mut state, "s");
    assert_eq!(selected(&state).as_deref(), Some("api"), "although it is in another place");
    state.press(Key::End);
    assert_eq!(selected(&state).as_deref(), Some("docs"));
    state.take(News::Workspaces(vec![view("api", "x", None)], Summary::default()), time(1));
    assert_eq!(selected(&state).as_deref(), Some("api"), "where the one was that is gone");
    state.press(Key::Up);
    state.take(News::Workspaces(Vec::new(), Summary::default()), time(2));
    assert_eq!((selected(&state), state.press(Key::Enter)), (None, Reaction::Nothing));
    state.press(Key::Down);
    assert!(screen(&state, 80, 15).contains("no workspaces\n"));
}

#[test]
fn a_long_list_is_scrolled_to_what_is_selected() {
    let mut state = State::new(Choice::default(), Sort::Name, false, time(0));
    let views = (0..50).map(|at| view(&format!("ws-{at:02}"), "x", None)).collect();
    state.take(News::Workspaces(views, Summary::default()), time(0));
    assert!(screen(&state, 80, 10).contains("ws-00") && !screen(&state, 80, 10).contains("ws-20"));
    state.press(Key::PageDown);
    state.press(Key::PageDown);
    let shown = screen(&state, 80, 10);
    assert!(shown.contains("ws-20") && !shown.contains("ws-00"), "{shown}");
    state.press(Key::End);
    assert!(screen(&state, 80, 10).contains("ws-49\n") || screen(&state, 80, 10).contains("ws-49 "));
}

#[test]
fn one_workspace_is_shown_alone_until_it_is_gone() {
    let mut state = state();
    assert_eq!(state.press(Key::Enter), Reaction::Show("build".to_owned()));
    assert!(screen(&state, 90, 24).contains("asking for the history of the last minutes"));
    let points = (0..60).map(|at| {
        let value = f64::from(at);
        let time = time(i64::from(at) * 60 - 3600);
        Point { time, min: value, mean: value, max: value, last: value, count: 6 }
    });
    let metrics = vec![MetricSeries { metric: Metric::Cpu, unit: Metric::Cpu.unit(), points: points.collect() }];
    let series = Series { from: time(-3600), to: time(0), step_seconds: 60, tier: Tier::Minute, metrics };
    state.take(News::Series("api".to_owned(), Err("of another".to_owned())), time(0));
    state.take(News::Series("build".to_owned(), Ok(series)), time(0));
    state.take(event(9, "build", Occurrence::normal(EventReason::Ready, "is ready"), -1), time(0));
    let expected = "\
wharf   3 workspaces, 2 ready, 1 alerting   CPU 2.62 cores   MEM 140MiB   NET 0B/s in, 0B/
by cpu
build
Active: as declared
CPU 250%   MEM 40MiB/512MiB   NET 250K/0   BLOCK 0/250   PIDS 3   UP 5h

TYPE    STATUS   REASON    AGE   MESSAGE
Ready   True     Running   90s   -

METRIC   COURSE                                                 MIN   MEAN    MAX   LAST
cpu      ▁▁▁▁▁▁▁▂▂▂▂▂▂▃▃▃▃▃▃▃▄▄▄▄▄▄▅▅▅▅▅▅▆▆▆▆▆▆▆▇▇▇▇▇▇███████   0%    29.5%   59%   59%

EVENTS
1s     Ready             build: is ready


Esc back   q quit
";
    assert_eq!(screen(&state, 90, 17), expected);
    state.take(News::Workspaces(Vec::new(), Summary::default()), time(1));
    assert!(screen(&state, 90, 17).contains("\nworkspace build is gone\n"));
    assert_eq!(state.press(Key::Escape), Reaction::Hide);
    assert!(state.details.is_none());
}

#[test]
fn a_controller_that_is_away_is_said_until_it_is_back() {
    let mut state = state();
    state.take(News::Away("no controller answers on wharf.sock".to_owned()), time(1));
    state.take(News::Away("no controller answers on wharf.sock".to_owned()), time(6));
    let text = "controller away for 5s, trying again: no controller answers on wharf.sock\n";
    assert!(screen(&state, 80, 15).contains(text));
    assert_eq!(names(&state).len(), 3, "what was known stays");
    state.take(workspaces(), time(7));
    assert!(screen(&state, 80, 15).contains("by cpu   the controller is back\n"));
    state.take(workspaces(), time(17));
    assert!(screen(&state, 80, 15).contains("\nby cpu\n"));
}

#[test]
fn readings_and_events_are_taken_as_they_come() {
    let mut state = state();
    let measured = |second| {
        let usage = usage(400.0, 300, second);
        News::Event(Arc::new(Event::measured(&"api".parse().expect("a name"), usage)))
    };
    state.take(measured(5), time(5));
    assert_eq!(names(&state), ["api", "build", "docs"]);
    assert!(screen(&state, 100, 15).contains("api     Active      400    300M/512M"));
    assert_eq!(state.course("api").last(), Some(&(time(5).timestamp().as_second(), 400.0)));
    state.take(measured(400), time(400));
    assert_eq!(state.course("api").len(), 1, "what is older than five minutes is forgotten");
    let shown = state.events.len();
    assert_eq!(shown, 2, "readings are no news for people");
    state.take(event(8, "docs", Occurrence::warning(EventReason::Died, "again"), 1), time(6));
    assert_eq!(state.events.len(), shown, "what was told before the connection broke is not told again");
    for sequence in 10..500 {
        state.take(event(sequence, "api", Occurrence::normal(EventReason::Ready, "ready"), 1), time(6));
    }
    assert_eq!(state.events.len(), 200);
}

#[test]
fn keys_that_end_it_end_it_everywhere() {
    let mut state = state();
    assert_eq!(state.press(Key::Char('q')), Reaction::Quit);
    press(&mut state, "/q");
    assert_eq!(state.press(Key::Interrupt), Reaction::Quit);
    state.press(Key::Escape);
    state.press(Key::Enter);
    assert_eq!(state.press(Key::Char('q')), Reaction::Quit);
}

#[test]
fn only_what_was_chosen_is_shown() {
    let choice = Choice { names: vec!["docs".to_owned(), "api".to_owned()], selector: None };
    let mut state = State::new(choice, Sort::Name, false, time(0));
    state.take(workspaces(), time(0));
    assert_eq!(names(&state), ["api", "docs"]);
}
