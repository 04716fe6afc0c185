//! Accounting for what commands do without a controller.

use std::path::Path;

use super::printer::Printer;
use crate::audit::{Audit, Deed, Outcome, What};

/// The audit log's name in the state directory.
pub const FILE: &str = "audit.log";

/// Where a command accounts for what it does: where the controller of the state directory does, if that is the usual place.
pub fn of(state_dir: &Path, printer: &mut Printer) -> Audit {
    let path = state_dir.join(FILE);
    if !path.is_file() {
        return Audit::none();
    }
    Audit::join(&path).unwrap_or_else(|error| {
        printer.warning(&format!("what is done is not accounted for: {error}"));
        Audit::none()
    })
}

/// Something that a command did, or tried.
pub fn deed(command: &str, what: What, deed: impl Into<String>, outcome: Outcome) -> Deed {
    let user = rustix::process::geteuid().as_raw();
    Deed::new(format!("cli {command} uid={user} pid={}", std::process::id()), what, deed, outcome)
}
