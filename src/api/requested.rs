//! What was asked for that changes something, as it is accounted for.

use std::fmt;

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
