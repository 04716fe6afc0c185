//! A terminal with a program before it, and a person's side of it.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::process::{Child, Command};
use std::sync::{Arc, Mutex};
use std::thread;

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, OutputModes, Winsize, tcgetattr, tcsetwinsize};

use super::world::until;

/// A terminal. What the program writes is collected.
pub struct Terminal {
    keyboard: File,
    screen: Arc<Mutex<String>>,
    device: File,
}

impl Terminal {
    /// Of this size.
    pub fn new(columns: u16, rows: u16) -> Self {
        let side: OwnedFd = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
        grantpt(&side).and_then(|()| unlockpt(&side)).expect("ours");
        let name = ptsname(&side, Vec::new()).expect("a name").into_string().expect("text");
        let device = File::options().read(true).write(true).open(name).expect("opened");
        let keyboard = File::from(side);
        let screen = Arc::new(Mutex::new(String::new()));
        let (mut output, seen) = (keyboard.try_clone().expect("cloned"), Arc::clone(&screen));
        // Ends when the last of the terminal is closed.
        thread::spawn(move || {
            let mut piece = [0; 4096];
            while let Ok(count @ 1..) = output.read(&mut piece) {
                seen.lock().expect("no panic").push_str(&String::from_utf8_lossy(&piece[..count]));
            }
        });
        let terminal = Self { keyboard, screen, device };
        terminal.resize(columns, rows);
        terminal
    }

    /// Starts a program before it.
    pub fn start(&self, command: &mut Command) -> Child {
        let side = || self.device.try_clone().expect("cloned");
        command.stdin(side()).stdout(side()).stderr(side()).spawn().expect("the program starts")
    }

    /// Makes it another size. No program is told: it is nobody's controlling terminal.
    pub fn resize(&self, columns: u16, rows: u16) {
        let size = Winsize { ws_col: columns, ws_row: rows, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&self.device, size).expect("resized");
    }

    /// Presses keys.
    pub fn type_in(&self, keys: &str) {
        (&self.keyboard).write_all(keys.as_bytes()).expect("typed");
    }

    /// What has been on the screen.
    pub fn screen(&self) -> String {
        self.screen.lock().expect("no panic").clone()
    }

    /// Waits until this has been on the screen.
    pub fn until(&self, text: &str) {
        until(&format!("{text:?} is on the screen"), || self.screen().contains(text));
    }

    /// Whether it edits lines, shows what is typed, makes signals of keys and ends lines, as a shell expects it.
    pub fn is_as_usual(&self) -> bool {
        let modes = tcgetattr(&self.device).expect("a terminal");
        modes.local_modes.contains(LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG)
            && modes.output_modes.contains(OutputModes::OPOST)
    }
}
