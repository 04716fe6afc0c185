//! `wharf top`, on a terminal and without one.

use std::process::{Child, Command};
use std::sync::atomic::{AtomicU16, Ordering};

use crate::fixture::Source;
use crate::live::{Live, manifest};
use crate::support::terminal::Terminal;
use crate::support::world::{eventually, until};

/// The screen before a terminal. It has a session of its own: so that nothing is asked of the developer's terminal.
fn start(live: &Live, terminal: &Terminal, arguments: &[&str]) -> Child {
    let mut command = Command::new("setsid");
    command.arg(env!("CARGO_BIN_EXE_wharf")).arg("top").args(arguments);
    terminal.start(command.env_clear().env("TERM", "xterm").current_dir(live.source.path()))
}

fn ended(child: &mut Child) -> Option<i32> {
    eventually("it ends", || child.try_wait().expect("a child")).code()
}

const CLEARED: &str = "\u{1b}[2J";

/// So that no size is that of before.
static NEXT_SIZE: AtomicU16 = AtomicU16::new(0);

/// Waits until a text is on the screen. Only what differs is written, and of another size everything does: so the size is
/// changed with each look. Words in the plain style may be written one by one.
fn until_shown(terminal: &Terminal, text: &str) {
    let mut looked = 0;
    until(&format!("{text:?} is shown"), || {
        let screen = terminal.screen();
        let cleared = screen.matches(CLEARED).count();
        if cleared >= looked {
            looked = cleared + 1;
            terminal.resize(100 + NEXT_SIZE.fetch_add(1, Ordering::Relaxed) % 10, 24);
        }
        screen.rsplit(CLEARED).next().is_some_and(|last| last.contains(text))
    });
}

#[test]
fn a_person_sees_what_changes_and_gets_the_terminal_back() {
    let mut live = Live::with(&["api", "db"]);
    let terminal = Terminal::new(100, 24);
    let mut top = start(&live, &terminal, &["--sort", "name"]);
    for text in ["wharf   2 workspaces, 2 ready", "by name", "EVENTS"] {
        until_shown(&terminal, text);
    }
    assert!(terminal.screen().contains("\u{1b}[38;5;"), "there are colours");
    assert!(!terminal.is_as_usual(), "keys are the screen's");
    live.source.write("frontend.yaml", &manifest("frontend"));
    until_shown(&terminal, "wharf   3 workspaces, 3 ready");
    until_shown(&terminal, "frontend:");
    terminal.type_in("/front\r");
    until_shown(&terminal, "1 of 3 pass the filter `front`");
    terminal.type_in("\r");
    for text in ["Esc back", "UpToDate", "COURSE"] {
        until_shown(&terminal, text);
    }

    live.stop();
    until_shown(&terminal, "controller away for");
    live.start();
    until_shown(&terminal, "controller is back");
    terminal.type_in("q");
    assert_eq!(ended(&mut top), Some(0));
    assert!(terminal.is_as_usual());
    assert!(terminal.screen().contains("\u{1b}[?1049l"), "the other screen is left");
}

#[test]
fn a_signal_and_a_size_do_no_harm() {
    let live = Live::with(&["api"]);
    let terminal = Terminal::new(100, 24);
    let mut top = start(&live, &terminal, &["--no-color"]);
    until_shown(&terminal, "EVENTS");
    // It looks at the size each second, and clears the screen when it is another one.
    let cleared = || terminal.screen().matches(CLEARED).count();
    for (columns, rows) in [(3, 1), (1, 5), (80, 10)] {
        let before = cleared();
        terminal.resize(columns, rows);
        until("it has the other size", || cleared() > before);
    }
    let kill = Command::new("kill").args(["-TERM", &top.id().to_string()]).status().expect("it ran");
    assert!(kill.success());
    assert_eq!(ended(&mut top), Some(143));
    assert!(terminal.is_as_usual());
    assert!(!terminal.screen().contains("\u{1b}[38;"), "there are no colours");
}

#[test]
fn without_a_terminal_one_table_is_printed() {
    let live = Live::with(&["api", "db", "web"]);
    for arguments in [&["top"][..], &["top", "--once"]] {
        let got = live.run(arguments);
        assert_eq!((got.code, got.stderr.as_str()), (0, ""), "{got:?}");
        let lines: Vec<_> = got.stdout.lines().collect();
        assert!(lines[0].starts_with("NAME   PHASE    CPU %   MEM / LIMIT"), "{}", got.stdout);
        assert_eq!(lines.len(), 4, "{}", got.stdout);
        assert!(
            lines[1..].iter().all(|line| line.contains("   Active   ") && line.contains("/512MiB   ")),
            "{lines:?}"
        );
    }
    let names = |arguments: &[&str]| -> Vec<String> {
        let stdout = live.run(arguments).stdout;
        stdout.lines().skip(1).filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect()
    };
    assert_eq!(names(&["top", "--sort", "name"]), ["api", "db", "web"]);
    assert_eq!(names(&["top", "--sort", "name", "--reverse"]), ["web", "db", "api"]);
    assert_eq!(names(&["top", "-l", "team=dbs"]), ["db"]);
    assert_eq!(names(&["top", "web", "api", "--sort", "name"]), ["api", "web"]);
}

#[test]
fn without_a_controller_that_is_said() {
    let got = Source::with_two().run(&["top"]);
    assert_eq!((got.code, got.stdout.as_str()), (1, ""));
    assert!(got.stderr.contains("no controller answers") && got.stderr.contains("help: "), "{}", got.stderr);
}
