//! What a daemon that died has left for the next one.

use std::fmt;
use std::fs::{self, File};
use std::io::Read as _;
use std::path::Path;

use super::FILE;
use super::line::LINE_BYTES_MAX;
use crate::service::signals;

/// How the daemon before this one died.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CrashNote {
    /// What ended it.
    pub cause: Cause,
    /// The number of the container that the thread ran, if it ran one.
    pub container: Option<u64>,
}

/// What ended a daemon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    /// A signal.
    Signal(i32),
    /// A panic: where, and its message.
    Panic(String),
    /// A line that cannot be understood.
    Other(String),
}

impl fmt::Display for CrashNote {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.cause {
            Cause::Signal(signal) => {
                write!(formatter, "killed by {} ({signal})", signals::name(*signal))?;
            }
            Cause::Panic(words) => write!(formatter, "panicked {words}")?,
            Cause::Other(words) => write!(formatter, "died: {words}")?,
        }
        match self.container {
            Some(container) => write!(formatter, ", while it ran container {container}"),
            None => Ok(()),
        }
    }
}

/// Reads and removes what the daemon before this one has left. `None` if it did not die of itself.
///
/// Whoever cuts the power or kills it leaves nothing.
#[must_use]
pub fn take(state_folder: &Path) -> Option<CrashNote> {
    let path = state_folder.join(FILE);
    let mut bytes = Vec::new();
    let limit = u64::try_from(LINE_BYTES_MAX).ok()?;
    let read = File::open(&path).and_then(|file| file.take(limit).read_to_end(&mut bytes));
    // Nothing is lost if it stays: it is emptied before it is written again.
    let _ = fs::remove_file(&path);
    read.ok()?;
    let text = String::from_utf8_lossy(&bytes);
    let line = text.lines().next()?;
    Some(understand(line).unwrap_or_else(|| CrashNote {
        cause: Cause::Other(line.to_owned()),
        container: None,
    }))
}

fn understand(line: &str) -> Option<CrashNote> {
    let (what, rest) = line.split_once("container ")?;
    let (container, words) = match rest.split_once([' ', ':']) {
        Some((container, words)) => (container, words),
        None => (rest, ""),
    };
    let container = match container {
        "-" => None,
        number => Some(number.parse().ok()?),
    };
    let cause = match what.trim_end().split_once(' ') {
        None if what.trim_end() == "panic" => Cause::Panic(words.trim().to_owned()),
        Some(("signal", number)) => Cause::Signal(number.parse().ok()?),
        _ => return None,
    };
    Some(CrashNote { cause, container })
}

#[cfg(test)]
mod tests;
