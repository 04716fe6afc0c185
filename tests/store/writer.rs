//! A process that writes into a store, for others to kill or to watch.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use jiff::Timestamp;
use wharf::model::event::{EventReason, Occurrence};
use wharf::store::{Lock, Opened, Store};

use crate::support::{name, put, record};

const WRITER: &str = "WHARF_TEST_STORE_WRITER";
pub const WORKSPACES: u64 = 20;

/// Not a test of its own: what [`Writer`] runs in a child process. Writes pairs of records and events, and prints
/// each number once it was flushed.
#[test]
fn writer_process() {
    let Some(state_dir) = std::env::var_os(WRITER) else { return };
    let lock = Lock::acquire(Path::new(&state_dir), "the writing child").expect("the lock");
    let Opened { store, records, .. } = Store::open(&lock).expect("the store opens");
    let last = records.values().map(|record| record.generation).max().unwrap_or(0);
    for number in last + 1.. {
        let of = number % WORKSPACES;
        // The event first: the next run goes on behind the newest record, which so implies its event.
        let event = Occurrence::normal(EventReason::Accepted, format!("generation {number}"));
        store.append(&name(&format!("left-{of}")), event, Timestamp::now()).expect("logged");
        put(&store, &[record(&format!("left-{of}"), number), record(&format!("right-{of}"), number)]).expect("written");
        if number % 3 == 0 {
            store.flush().expect("flushed");
            writeln!(std::io::stdout(), "acknowledged {number}").expect("a reader");
        }
    }
}

/// A child process that writes, and is killed at the end of the test.
pub struct Writer {
    pub process: Child,
    lines: std::io::Lines<BufReader<std::process::ChildStdout>>,
}

impl Writer {
    pub fn start(state_dir: &Path) -> Self {
        let mut process = Command::new(std::env::current_exe().expect("this program"))
            .args(["--exact", "writer::writer_process", "--nocapture"])
            .env(WRITER, state_dir)
            .stdout(Stdio::piped())
            .spawn()
            .expect("the child starts");
        let lines = BufReader::new(process.stdout.take().expect("a pipe")).lines();
        Self { process, lines }
    }

    pub fn next_acknowledged(&mut self) -> Option<u64> {
        let line = self.lines.by_ref().map_while(Result::ok).find_map(|line| {
            // The test harness writes its own words in front of the first.
            line.split_once("acknowledged ").map(|(_, number)| number.to_owned())
        })?;
        line.parse().ok()
    }

    pub fn kill(&mut self) {
        self.process.kill().expect("the child is killed");
        self.process.wait().expect("the child ends");
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
