//! Looking on from the engine's side, past any proxy: what must never be, however short.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use serde_json::Value;
use wharf::model::labels;
use wharf::status_file::StatusFiles;

/// Between two looks.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// An engine that does not answer shows nothing; it is looked at again.
const PATIENCE: Duration = Duration::from_millis(500);

/// What was seen.
#[derive(Debug, Default)]
pub struct Seen {
    pub looks: usize,
    pub violations: Vec<String>,
    /// Two containers of one workspace and one spec: a violation unless the first cannot be used any more.
    pub twins: Vec<String>,
}

/// Looks until told to end.
pub struct Watch {
    ending: Arc<AtomicBool>,
    looking: Option<JoinHandle<Seen>>,
}

impl Watch {
    /// Looks at an engine and at the status files beside the manifests of a source.
    pub fn start(engine: PathBuf, source: PathBuf) -> Self {
        let ending = Arc::new(AtomicBool::new(false));
        let end = Arc::clone(&ending);
        let looking = thread::spawn(move || {
            let mut seen = Seen::default();
            while !end.load(Ordering::Relaxed) {
                look(&engine, &source, &mut seen);
                thread::sleep(LOOK_AGAIN);
            }
            seen
        });
        Self { ending, looking: Some(looking) }
    }

    /// What was seen until now; ends it.
    pub fn end(&mut self) -> Seen {
        self.ending.store(true, Ordering::Relaxed);
        self.looking.take().expect("ended once").join().expect("it looks on")
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.ending.store(true, Ordering::Relaxed);
    }
}

fn look(engine: &Path, source: &Path, seen: &mut Seen) {
    for found in StatusFiles::new(source, None).read_all().unwrap_or_default() {
        if let Err(error) = found.status {
            note(&mut seen.violations, format!("a status file does not parse: {error}"));
        }
    }
    let Some(Value::Array(containers)) = get(engine, "/containers/json?all=1") else { return };
    seen.looks += 1;
    let (mut running, mut twins) = (BTreeMap::<_, Vec<_>>::new(), BTreeMap::<_, Vec<_>>::new());
    for container in &containers {
        let label = |key: &str| container["Labels"][key].as_str().map(str::to_owned);
        let (Some(uid), Some(id)) = (label(labels::UID), container["Id"].as_str()) else { continue };
        match container["State"].as_str() {
            Some("running") => running.entry(uid.clone()).or_default().push(id.to_owned()),
            // On its way out, whoever sent it.
            Some("removing" | "dead") => continue,
            _ => {}
        }
        twins.entry((uid, label(labels::SPEC_HASH))).or_default().push(id.to_owned());
    }
    for (uid, ids) in running {
        // A list may be older than its answer by what has just been stopped.
        let run = |id: &&String| {
            get(engine, &format!("/containers/{id}/json")).is_some_and(|it| it["State"]["Running"] == true)
        };
        if ids.len() > 1 && ids.iter().filter(run).count() > 1 {
            note(&mut seen.violations, format!("two containers of {uid} run: {ids:?}"));
        }
    }
    for ((uid, _), ids) in twins.iter().filter(|(_, ids)| ids.len() > 1) {
        note(&mut seen.twins, format!("two containers of {uid} are of one spec: {ids:?}"));
    }
}

fn note(list: &mut Vec<String>, what: String) {
    if !list.contains(&what) {
        list.push(what);
    }
}

/// What the engine answers; `None` if it does not, or refuses.
pub fn get(engine: &Path, path: &str) -> Option<Value> {
    let mut stream = UnixStream::connect(engine).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    // The old version of the protocol, in which an answer is its body until the end.
    write!(stream, "GET {path} HTTP/1.0\r\n\r\n").ok()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).ok()?;
    let body = answer.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    answer.starts_with(b"HTTP/1.0 200").then(|| serde_json::from_slice(&answer[body..]).ok())?
}
