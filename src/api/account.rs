//! Who asked for what that changes something, and what came of it.

use std::fmt;
use std::sync::Arc;

use super::call::{Call, Door};
use super::table::{Method, Outcome as Answered};

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caller {
    /// A process, over the unix socket.
    Socket {
        /// Its user.
        uid: u32,
        /// Its id, where the system tells.
        pid: Option<i32>,
    },
    /// Somebody who has the token, over loopback.
    Token,
    /// A forge that has the secret of a source.
    Forge,
}

impl fmt::Display for Caller {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Socket { uid, pid: Some(pid) } => write!(formatter, "api uid={uid} pid={pid}"),
            Self::Socket { uid, pid: None } => write!(formatter, "api uid={uid}"),
            Self::Token => formatter.write_str("api token"),
            Self::Forge => formatter.write_str("api push"),
        }
    }
}

/// A request that was to change something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requested<'a> {
    /// Who asked.
    pub caller: Caller,
    /// `operationId` of what was asked for, such as `stopWorkspace`.
    pub operation: &'static str,
    /// About which workspace, as it was asked for.
    pub workspace: Option<&'a str>,
    /// About which source, as it was asked for.
    pub source: Option<&'a str>,
    /// What is not said by that, such as which batch it became.
    pub detail: Option<&'a str>,
    /// What came of it.
    pub outcome: Outcome<'a>,
}

/// What came of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome<'a> {
    /// It is recorded.
    Accepted,
    /// It is not, for this reason.
    Refused(&'a str),
    /// Nobody waits for the answer any more. It may be carried on.
    Abandoned,
}

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
