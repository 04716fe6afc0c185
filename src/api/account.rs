//! Who asked for what that changes something, and what came of it.

use std::sync::Arc;

use super::call::{Call, Door};
use super::requested::{Caller, Outcome, Requested};
use super::table::{Method, Outcome as Answered};

/// What an answer does not say in its form of HTTP.
#[derive(Clone)]
pub struct Detail(pub String);

/// A request that changes something, from when its handler begins until it is known what came of it.
pub struct Account(Option<Open>);

struct Open {
    door: Arc<Door>,
    caller: Caller,
    operation: &'static str,
    workspace: Option<String>,
    source: Option<String>,
}

impl Account {
    /// Of a request that was let in and makes sense; nothing of one that only reads.
    pub fn of(call: &Call) -> Self {
        let route = call.route();
        if route.method == Method::Get {
            return Self(None);
        }
        let caller = if route.signed { Some(Caller::Forge) } else { call.parts.extensions.get().copied() };
        let text = |name| call.text(name).map(str::to_owned);
        Self(caller.map(|caller| Open {
            door: Arc::clone(&call.door),
            caller,
            operation: route.id,
            workspace: text("name"),
            source: text("source"),
        }))
    }

    /// Tells what came of it.
    pub fn end(mut self, answered: &Answered) {
        let Some(open) = self.0.take() else { return };
        match answered {
            Ok(response) => {
                let detail = response.extensions().get::<Detail>().map(|Detail(text)| text.as_str());
                open.tell(Outcome::Accepted, detail);
            }
            // Whoever likes can send what is not signed, and must not fill the account.
            Err(_) if open.caller == Caller::Forge => {}
            Err(refused) => open.tell(Outcome::Refused(refused.reason()), None),
        }
    }
}

/// Who asked went away, or the handler panicked.
impl Drop for Account {
    fn drop(&mut self) {
        if let Some(open) = self.0.take() {
            open.tell(Outcome::Abandoned, None);
        }
    }
}

impl Open {
    fn tell(&self, outcome: Outcome<'_>, detail: Option<&str>) {
        let Self { door, caller, operation, workspace, source } = self;
        door.control.requested(&Requested {
            caller: *caller,
            operation,
            workspace: workspace.as_deref(),
            source: source.as_deref(),
            detail,
            outcome,
        });
    }
}
