//! How a worker ended: a closed list, for the log and for `/metrics`.

use std::fmt;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

/// What the dynamic linker exits with when a plugin misses a name.
const SYMBOL_LOOKUP: i32 = 127;

/// Why a worker is no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Death {
    /// It kept a call past its deadline and was killed for it.
    Deadline,
    /// It ended before it could work: most often libslurm does not understand slurm.conf.
    Start,
    /// A plugin of libslurm's missed a name and the dynamic linker ended the process.
    SymbolLookup,
    /// A signal that the gateway did not send.
    Signal(i32),
    /// It ended by itself, with this code.
    Exit(i32),
    /// It wrote something else than an outcome, or could not be listened to.
    Garbled,
}

impl Death {
    /// Of a process that ended by itself; `worked` when it had said that it is ready.
    pub(super) fn of(status: ExitStatus, worked: bool) -> Self {
        match (status.code(), status.signal()) {
            (_, Some(signal)) => Self::Signal(signal),
            // Whatever it was, the next start would end so too: it is not tried in a tight loop.
            (Some(_), _) if !worked => Self::Start,
            (Some(SYMBOL_LOOKUP), _) => Self::SymbolLookup,
            (code, _) => Self::Exit(code.unwrap_or_default()),
        }
    }

    /// The label in `/metrics`.
    pub(super) const fn reason(self) -> &'static str {
        match self {
            Self::Deadline => "deadline",
            Self::Start => "start",
            Self::SymbolLookup => "symbol_lookup",
            Self::Signal(_) => "signal",
            Self::Exit(_) => "exit",
            Self::Garbled => "garbled",
        }
    }
}

impl fmt::Display for Death {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Deadline => write!(f, "it kept a call past its deadline and was killed"),
            Self::Start => write!(f, "it ended before it could work"),
            Self::SymbolLookup => write!(f, "a plugin of libslurm's missed a name (exit 127)"),
            Self::Signal(signal) => write!(f, "it was ended by signal {signal}"),
            Self::Exit(code) => write!(f, "it ended with exit code {code}"),
            Self::Garbled => write!(f, "it could not be understood and was killed"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_are_told_apart() {
        let exited = |code: i32, worked| Death::of(ExitStatus::from_raw(code << 8), worked);
        assert_eq!(exited(127, true), Death::SymbolLookup);
        assert_eq!(exited(1, false), Death::Start);
        assert_eq!(exited(127, false), Death::Start);
        assert_eq!(exited(1, true), Death::Exit(1));
        assert_eq!(Death::of(ExitStatus::from_raw(9), true), Death::Signal(9));
        assert_eq!(Death::of(ExitStatus::from_raw(9), false), Death::Signal(9));
    }
}
