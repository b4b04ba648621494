//! What the operator sees: health and log lines.

use crate::{Error, Result, host};

/// How this container is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// All is well.
    Healthy = 0,
    /// It works, with restrictions.
    Degraded = 1,
    /// It does not do its job.
    Failing = 2,
}

/// How much a log line matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Something failed.
    Error = 0,
    /// Something may fail.
    Warning = 1,
    /// Something worth knowing.
    Info = 2,
    /// For the developer.
    Debug = 3,
    /// Every step.
    Trace = 4,
}

/// Reports this container's health with a short reason.
///
/// # Errors
/// [`Error::INVALID`] if the message is too long.
pub fn report_health(status: Health, message: &str) -> Result<()> {
    Error::check(host::health_report(status as i32, message)).map(drop)
}

/// Writes a line to the container's log.
///
/// # Errors
/// [`Error::INVALID`] if the message is too long, [`Error::AGAIN`] over the log's limit.
pub fn log(level: Level, message: &str) -> Result<()> {
    Error::check(host::log(level as i32, message)).map(drop)
}

/// Asks to be asked before this container is replaced by another version ([`crate::Event::Update`]), or no longer, which
/// also lets an open question pass. Without it a container is replaced unasked.
///
/// # Errors
/// [`Error::NOT_SUPPORTED`] on a runtime that cannot ask.
pub fn veto_updates(on: bool) -> Result<()> {
    Error::check(host::update_veto(i32::from(on))).map(drop)
}

/// Answers [`crate::Event::Update`]: whether the container may be replaced now, and why not, for people.
///
/// # Errors
/// [`Error::NOT_FOUND`] if that question is not open any more.
pub fn answer_update(id: u32, is_allowed: bool, reason: &str) -> Result<()> {
    let answer = host::update_answer(id.cast_signed(), i32::from(is_allowed), reason);
    Error::check(answer).map(drop)
}
