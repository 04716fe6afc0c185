//! The terminal of this process, lent to a command in a container.

use std::io::{IsTerminal, Stdin, stdin, stdout};
use std::os::fd::AsFd;

use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr};

use crate::engine::TerminalSize;

/// A terminal whose keys all go to somebody else, until this is dropped: also when something panics.
#[derive(Debug)]
pub struct RawTerminal<T: AsFd> {
    terminal: T,
    before: Termios,
}

impl RawTerminal<Stdin> {
    /// Lends out the terminal at standard input.
    pub fn enter() -> std::io::Result<Self> {
        Self::lend(stdin())
    }
}

impl<T: AsFd> RawTerminal<T> {
    fn lend(terminal: T) -> std::io::Result<Self> {
        let before = tcgetattr(&terminal)?;
        let mut raw = before.clone();
        raw.make_raw();
        tcsetattr(&terminal, OptionalActions::Now, &raw)?;
        Ok(Self { terminal, before })
    }
}

impl<T: AsFd> Drop for RawTerminal<T> {
    fn drop(&mut self) {
        // Fails only when the terminal is gone: then there is nothing to restore.
        let _ = tcsetattr(&self.terminal, OptionalActions::Now, &self.before);
    }
}

/// The size of this process's terminal; `None` where there is none, or it does not know.
pub fn size() -> Option<TerminalSize> {
    let size = tcgetwinsize(stdout()).or_else(|_| tcgetwinsize(stdin())).ok()?;
    Some(TerminalSize { columns: size.ws_col, rows: size.ws_row }).filter(|size| size.columns > 0 && size.rows > 0)
}

/// Whether standard input is a terminal.
pub fn at_input() -> bool {
    stdin().is_terminal()
}

/// Whether a person sits before this process: standard input and standard output are terminals.
pub fn at_both() -> bool {
    at_input() && stdout().is_terminal()
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
    use rustix::termios::LocalModes;

    use super::*;

    #[test]
    fn a_terminal_is_given_back_when_something_panics() {
        let other_side = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
        grantpt(&other_side).and_then(|()| unlockpt(&other_side)).expect("ours");
        let name = ptsname(&other_side, Vec::new()).expect("a name").into_string().expect("text");
        let terminal = File::options().read(true).write(true).open(name).expect("opened");
        let edits_lines = || tcgetattr(&terminal).expect("a terminal").local_modes.contains(LocalModes::ICANON);
        assert!(edits_lines());
        let end = catch_unwind(AssertUnwindSafe(|| {
            let _lent = RawTerminal::lend(&terminal).expect("lent");
            assert!(!edits_lines());
            panic!("a defect");
        }));
        assert!(end.is_err());
        assert!(edits_lines());
    }
}
