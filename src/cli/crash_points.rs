//! Builds with the feature `crash-points` end themselves at a boundary that the environment names, as `kill -9` at exactly that
//! moment would. Tests walk all boundaries; other builds have none of this.
//!
//! | variable | |
//! |---|---|
//! | `WHARF_CRASH_AT` | a boundary, such as `disk.rename.before`; the process is aborted at the first one |
//! | `WHARF_CRASH_LOG` | a file that each boundary is appended to, one a line |

#[cfg(feature = "crash-points")]
pub use walking::{disk, engine, medium};

#[cfg(not(feature = "crash-points"))]
pub use plain::{disk, engine, medium};

#[cfg(not(feature = "crash-points"))]
mod plain {
    use std::sync::Arc;

    use crate::disk::Disk;
    use crate::engine::Engine;
    use crate::store::Medium;

    /// The engine as it is.
    pub fn engine<E: Engine>(engine: E) -> impl Engine {
        engine
    }

    /// The disk as it is.
    pub fn disk(disk: Arc<dyn Disk>) -> Arc<dyn Disk> {
        disk
    }

    /// The medium as it is.
    pub fn medium(medium: Arc<dyn Medium>) -> Arc<dyn Medium> {
        medium
    }
}

#[cfg(feature = "crash-points")]
mod walking {
    use std::fs::OpenOptions;
    use std::io::Write;
    use std::sync::{Arc, OnceLock};

    use crate::disk::Disk;
    use crate::engine::Engine;
    use crate::store::Medium;
    use crate::witness::{Boundary, Fate, Witness, WitnessedDisk, WitnessedEngine, WitnessedMedium};

    /// The engine, with each call a boundary.
    pub fn engine<E: Engine>(engine: E) -> impl Engine {
        WitnessedEngine::new(engine, points())
    }

    /// The disk, with each change a boundary.
    pub fn disk(disk: Arc<dyn Disk>) -> Arc<dyn Disk> {
        Arc::new(WitnessedDisk::new(disk, points()))
    }

    /// The medium, with each change a boundary.
    pub fn medium(medium: Arc<dyn Medium>) -> Arc<dyn Medium> {
        Arc::new(WitnessedMedium::new(medium, points()))
    }

    fn points() -> Arc<dyn Witness> {
        static POINTS: OnceLock<Arc<Points>> = OnceLock::new();
        let points = POINTS
            .get_or_init(|| Arc::new(Points { at: variable("WHARF_CRASH_AT"), log: variable("WHARF_CRASH_LOG") }));
        Arc::clone(points) as Arc<dyn Witness>
    }

    fn variable(name: &str) -> Option<String> {
        std::env::var(name).ok()
    }

    #[derive(Debug)]
    struct Points {
        at: Option<String>,
        log: Option<String>,
    }

    impl Witness for Points {
        fn crosses(&self, boundary: &Boundary<'_>) -> Fate {
            let name = boundary.to_string();
            if let Some(log) = &self.log {
                let file = OpenOptions::new().create(true).append(true).open(log);
                // The test that reads it misses what is missing.
                let _ = file.and_then(|mut file| file.write_all(format!("{name}\n").as_bytes()));
            }
            if self.at.as_ref() == Some(&name) {
                std::process::abort();
            }
            Fate::GoesOn
        }
    }
}
