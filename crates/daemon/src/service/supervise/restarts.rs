//! Whether and when the daemon is started again: a decision without side effects.

use std::io;
use std::time::Duration;

use rustix::process::WaitStatus;

/// The wait before the second restart in a row; the first is at once.
const WAIT_MIN: Duration = Duration::from_millis(100);
/// The longest wait; each is twice the one before.
const WAIT_MAX: Duration = Duration::from_secs(10);
/// A daemon that has lived for so long is well, and the count begins anew.
const WELL: Duration = Duration::from_secs(60);
/// What shells add to the number of the signal that killed.
const KILLED: u8 = 128;

/// How the child ended.
#[derive(Debug)]
pub(super) enum End {
    /// By itself.
    Code {
        code: u8,
        /// Whether it had been asked to end.
        asked: bool,
    },
    /// By a signal.
    Signal { signal: i32, asked: bool },
    /// It never began.
    NotStarted(io::Error),
}

impl End {
    pub(super) fn of(status: WaitStatus, asked: bool) -> Self {
        match (status.exit_status(), status.terminating_signal()) {
            (Some(code), _) => Self::Code {
                code: u8::try_from(code).unwrap_or(u8::MAX),
                asked,
            },
            (None, signal) => Self::Signal {
                signal: signal.unwrap_or_default(),
                asked,
            },
        }
    }
}

/// What to do next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// End with this code.
    End(u8),
    /// Start it again.
    Start { after: Duration },
}

/// Counts restarts.
#[derive(Debug, Default)]
pub(super) struct Restarts {
    /// Whether any start went well.
    ready: bool,
    /// The next wait. `None`: the next restart is at once.
    wait: Option<Duration>,
}

impl Restarts {
    pub(super) fn was_ready(&self) -> bool {
        self.ready
    }

    /// Decides, knowing how it ended, whether it had been ready, and how long it lived.
    pub(super) fn next(&mut self, end: &End, ready: bool, lived: Duration) -> Next {
        self.ready |= ready;
        let (code, asked) = match end {
            End::Code { code, asked } => (*code, *asked),
            End::Signal { signal, asked } => (
                KILLED.saturating_add(u8::try_from(*signal).unwrap_or_default()),
                *asked,
            ),
            End::NotStarted(_) => (1, false),
        };
        if code == 0 || asked || !self.ready {
            return Next::End(code);
        }
        if ready && lived >= WELL {
            self.wait = None;
        }
        let after = self.wait.unwrap_or_default();
        self.wait = Some(after.saturating_mul(2).clamp(WAIT_MIN, WAIT_MAX));
        Next::Start { after }
    }
}

#[cfg(test)]
mod tests;
