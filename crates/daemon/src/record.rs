//! How a run ended, as it is told and kept.

use thimble_device_api::{EndReason, ExitRecord, Timestamp};
use thimble_runtime::engine::Trap;
use thimble_runtime::module::Module;
use thimble_runtime::record::{End, ExitRecord as RuntimeRecord};

/// Frames of a backtrace that are kept.
const FRAMES_MAX: usize = 32;

/// The exit code of what could not be started, as docker has it.
const CANNOT_START: i32 = 126;
/// The exit code of what ended because the device or the daemon did.
const INTERRUPTED: i32 = 137;

/// A runtime's record. `module` names places in backtraces; without it they have none.
pub(crate) fn of_run(record: &RuntimeRecord, module: Option<&Module>) -> ExitRecord {
    let (reason, detail, backtrace) = match &record.end {
        End::Exited(_) => (EndReason::Exited, String::new(), Vec::new()),
        End::Trapped(trap) => (
            EndReason::Trapped,
            trap.to_string(),
            backtrace(module, trap),
        ),
        End::Stopped => (EndReason::Stopped, String::new(), Vec::new()),
        End::TimedOut => (EndReason::TimedOut, String::new(), Vec::new()),
        _ => (EndReason::Killed, String::new(), Vec::new()),
    };
    ExitRecord {
        reason,
        exit_code: record.end.exit_code(),
        detail,
        backtrace,
        started_at: moment(record.started_nanos),
        ended_at: moment(record.ended_nanos),
        cpu_ns: u64::try_from(record.cpu.as_nanos()).unwrap_or(u64::MAX),
        memory_bytes_max: record.memory_bytes_max,
        memory_refused: record.memory_refused,
        last_output: record.last_output.clone(),
    }
}

/// An end without a run.
pub(crate) fn without_run(
    reason: EndReason,
    detail: String,
    started_at: Option<Timestamp>,
) -> ExitRecord {
    let now = Timestamp::now();
    ExitRecord {
        reason,
        exit_code: match reason {
            EndReason::CannotStart => CANNOT_START,
            _ => INTERRUPTED,
        },
        detail,
        backtrace: Vec::new(),
        started_at: started_at.unwrap_or(now),
        ended_at: now,
        cpu_ns: 0,
        memory_bytes_max: 0,
        memory_refused: false,
        last_output: String::new(),
    }
}

/// The lines of a backtrace, innermost first.
#[must_use]
pub fn backtrace(module: Option<&Module>, trap: &Trap) -> Vec<String> {
    let mut lines: Vec<String> = trap
        .backtrace
        .iter()
        .take(FRAMES_MAX)
        .map(|frame| {
            let name = frame
                .name
                .as_deref()
                .map_or_else(|| "<unnamed>".to_owned(), printable);
            let place = module
                .zip(frame.module_offset)
                .map(|(module, offset)| format!(" at 0x{:x}", module.original_offset(offset)));
            format!(
                "{name} (function {}){}",
                frame.function,
                place.unwrap_or_default()
            )
        })
        .collect();
    if trap.backtrace.len() > FRAMES_MAX {
        lines.push(format!("… {} more", trap.backtrace.len() - FRAMES_MAX));
    }
    lines
}

/// A guest's text without control characters, so that it cannot move a terminal's cursor.
#[must_use]
pub fn printable(text: &str) -> String {
    text.chars()
        .map(|c| {
            if c.is_control() && c != '\t' {
                '\u{fffd}'
            } else {
                c
            }
        })
        .collect()
}

fn moment(nanos: u64) -> Timestamp {
    Timestamp::from_nanosecond(i128::from(nanos)).unwrap_or(Timestamp::UNIX_EPOCH)
}
