//! How a command ended, as a number for scripts.

/// How a command ended. The numbers are part of the contract with scripts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitCode {
    /// 0: it did what it was asked to do.
    Done,
    /// 1: it did not; the reason is on standard error.
    Failed,
    /// 2: the command line makes no sense.
    Usage,
    /// 2: there is something to do, where a flag asks for that answer.
    SomethingToDo,
    /// 3: settled, but not every workspace is as declared.
    NotAsDeclared,
    /// 4: the container engine cannot be reached.
    EngineUnreachable,
    /// 5: another controller holds the state directory.
    AlreadyRunning,
    /// Any: how a command in a container ended, or that it could not be run.
    Command(u8),
}

impl From<ExitCode> for std::process::ExitCode {
    fn from(code: ExitCode) -> Self {
        Self::from(match code {
            ExitCode::Done => 0,
            ExitCode::Failed => 1,
            ExitCode::Usage | ExitCode::SomethingToDo => 2,
            ExitCode::NotAsDeclared => 3,
            ExitCode::EngineUnreachable => 4,
            ExitCode::AlreadyRunning => 5,
            ExitCode::Command(code) => code,
        })
    }
}
