//! The terminal: taken, drawn upon, listened to, and given back.

use std::io;
use std::time::Duration;

use jiff::Timestamp;
use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

use super::draw::draw;
use super::feed;
use super::state::{Key, News, Reaction, State};
use crate::api::client::Client;
use crate::cli::error::CliError;
use crate::cli::exit::ExitCode;
use crate::model::time::Time;

/// How often ages are drawn anew.
const CLOCK: Duration = Duration::from_secs(1);

/// How soon a thread that waits for keys notices that nobody wants them.
const LOOK_UP: Duration = Duration::from_millis(100);

/// Shows what the controller tells until somebody has seen enough, or this process is told to end.
///
/// `colours`: whether they are welcome; `every`: how often to ask for everything.
pub async fn show(client: Client, mut state: State, colours: bool, every: Duration) -> Result<ExitCode, CliError> {
    // First the signals: one that comes in between must not leave the terminal taken.
    let mut signals = Signals::new().map_err(CliError::Runtime)?;
    let mut screen = Screen::take().map_err(CliError::Runtime)?;
    let (tell, mut news) = mpsc::channel(256);
    let (show, shown) = watch::channel(None);
    let (press, mut inputs) = mpsc::channel(16);
    let mut feeds = JoinSet::new();
    feeds.spawn(feed::poll(client.clone(), every, shown, tell.clone()));
    feeds.spawn(feed::follow(client, tell));
    let keyboard = std::thread::spawn(move || read_keys(&press));
    let mut clock = interval(CLOCK);
    clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let end = loop {
        screen.draw(&state, colours)?;
        tokio::select! {
            biased;
            code = signals.ended() => break ExitCode::Command(code),
            input = inputs.recv() => match input {
                Some(Input::Key(key)) => match state.press(key) {
                    Reaction::Quit => break ExitCode::Done,
                    Reaction::Show(name) => { let _ = show.send(Some(name)); }
                    Reaction::Hide => { let _ = show.send(None); }
                    Reaction::Nothing => {}
                },
                Some(Input::Resized) => {}
                // The terminal is gone.
                None => break ExitCode::Failed,
            },
            told = news.recv() => take_all(&mut state, told, &mut news),
            ended = feeds.join_next() => {
                // They go on until they are told to end: this is a defect, and its message is worth more than the screen.
                drop(screen);
                if let Some(Err(error)) = ended && error.is_panic() {
                    std::panic::resume_unwind(error.into_panic());
                }
                return Ok(ExitCode::Failed);
            }
            _ = clock.tick() => state.now = now(),
        }
    };
    drop(inputs);
    drop(screen);
    // It looks up soon; until then it would take the first key of the next program.
    let _ = keyboard.join();
    Ok(end)
}

/// Takes everything that has come, so that it is drawn once.
fn take_all(state: &mut State, first: Option<News>, news: &mut mpsc::Receiver<News>) {
    let mut next = first;
    while let Some(told) = next {
        state.take(told, now());
        next = news.try_recv().ok();
    }
}

/// The time.
pub fn now() -> Time {
    Time::from(Timestamp::now())
}

/// The terminal, given back when dropped. A panic gives it back before it says anything.
struct Screen(DefaultTerminal);

impl Screen {
    fn take() -> io::Result<Self> {
        match ratatui::try_init() {
            Ok(terminal) => Ok(Self(terminal)),
            Err(error) => {
                ratatui::restore();
                Err(error)
            }
        }
    }

    fn draw(&mut self, state: &State, colours: bool) -> Result<(), CliError> {
        let drawn = self.0.draw(|frame| draw(state, colours, frame.buffer_mut()));
        drawn.map(|_| ()).map_err(|source| CliError::Output { source })
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // Fails only when the terminal is gone: then there is nothing to give back, and nobody to tell.
        let _ = self.0.show_cursor();
        let _ = ratatui::try_restore();
    }
}

/// The signals that end this process. Keys make none while the terminal is taken.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hang_up: Signal,
}

impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    /// The exit code is that of a process that the signal ends.
    async fn ended(&mut self) -> u8 {
        tokio::select! {
            _ = self.interrupt.recv() => 130,
            _ = self.terminate.recv() => 143,
            _ = self.hang_up.recv() => 129,
        }
    }
}

/// What comes from the terminal.
enum Input {
    Key(Key),
    Resized,
}

/// Reads keys until nobody wants them any more.
fn read_keys(press: &mpsc::Sender<Input>) {
    while !press.is_closed() {
        let input = match event::poll(LOOK_UP).and_then(|ready| ready.then(event::read).transpose()) {
            Ok(Some(Event::Key(event))) => key(event).map(Input::Key),
            Ok(Some(Event::Resize(..))) => Some(Input::Resized),
            Ok(_) => None,
            Err(_) => return,
        };
        if let Some(input) = input
            && press.blocking_send(input).is_err()
        {
            return;
        }
    }
}

fn key(event: KeyEvent) -> Option<Key> {
    if event.kind == KeyEventKind::Release {
        return None;
    }
    Some(match event.code {
        KeyCode::Char('c' | 'd') if event.modifiers.contains(KeyModifiers::CONTROL) => Key::Interrupt,
        KeyCode::Char(c) if event.modifiers.difference(KeyModifiers::SHIFT).is_empty() => Key::Char(c),
        KeyCode::Up => Key::Up,
        KeyCode::Down => Key::Down,
        KeyCode::PageUp => Key::PageUp,
        KeyCode::PageDown => Key::PageDown,
        KeyCode::Home => Key::Home,
        KeyCode::End => Key::End,
        KeyCode::Enter => Key::Enter,
        KeyCode::Esc => Key::Escape,
        KeyCode::Backspace => Key::Backspace,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    /// Set for the run of this program that is to panic.
    const PANIC: &str = "WHARF_TEST_PANICS";

    #[test]
    fn a_panic_gives_the_terminal_back_before_it_is_told() {
        if std::env::var_os(PANIC).is_some() {
            let _screen = Screen::take().expect("a terminal");
            panic!("a defect");
        }
        let program = std::env::current_exe().expect("this program");
        let line = format!("{} --nocapture a_panic_gives_the_terminal_back; stty", program.display());
        let output = Command::new("script")
            .args(["--quiet", "--command", &line, "/dev/null"])
            .env(PANIC, "1")
            .stdin(Stdio::null())
            .output()
            .expect("`script` of util-linux is installed");
        let screen = String::from_utf8_lossy(&output.stdout).into_owned();
        let at = |text: &str| screen.find(text).unwrap_or_else(|| panic!("no {text:?} in {screen:?}"));
        let (taken, given_back, told) = (at("\u{1b}[?1049h"), at("\u{1b}[?1049l"), at("a defect"));
        assert!(taken < given_back && given_back < told, "{screen:?}");
        assert!(at("speed") > told && !screen.contains("-icanon") && !screen.contains("-echo\r"), "{screen:?}");
    }

    #[test]
    fn keys_are_what_people_press() {
        let pressed = |code, modifiers| key(KeyEvent::new(code, modifiers));
        assert_eq!(pressed(KeyCode::Char('c'), KeyModifiers::CONTROL), Some(Key::Interrupt));
        assert_eq!(pressed(KeyCode::Char('G'), KeyModifiers::SHIFT), Some(Key::Char('G')));
        assert_eq!(pressed(KeyCode::Char('x'), KeyModifiers::ALT), None);
        assert_eq!(pressed(KeyCode::F(1), KeyModifiers::NONE), None);
    }
}
