//! The log, with all that libraries say.

use std::io::Write;
use std::sync::{Arc, Mutex};

use tracing::subscriber::DefaultGuard;
use tracing::{Level, Metadata};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, filter};

/// What the program keeps out of its log whatever is asked for (`TALKATIVE` in `src/cli/logging.rs`).
const TALKATIVE: [&str; 2] = ["hyper_util", "reqwest"];

/// Everything that this thread logs.
#[derive(Clone, Default)]
pub struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    /// Until the guard is dropped.
    pub fn capture(&self) -> DefaultGuard {
        let fits = filter::filter_fn(|metadata: &Metadata<'_>| {
            let library = metadata.target().split("::").next().unwrap_or_default();
            !(TALKATIVE.contains(&library) && *metadata.level() > Level::WARN)
        });
        let layer = tracing_subscriber::fmt::layer().with_writer(self.clone()).with_ansi(false).with_filter(fits);
        tracing_subscriber::registry().with(layer).set_default()
    }

    pub fn lines(&self) -> Vec<String> {
        String::from_utf8_lossy(&self.0.lock().expect("the log")).lines().map(str::to_owned).collect()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("the log").write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}
