//! Hears from the runtime what happens to containers, and notes it in their journals.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;

use thimble_runtime::config::ContainerId;
use thimble_runtime::kernel::Usage;
use thimble_runtime::port::Observer;
use thimble_runtime::record::{ExitRecord, Trace};
use thimble_serial::LogStream;

use crate::journal::{Journal, Shared};

/// Tells the supervisor.
pub(crate) struct Teller(pub(crate) Arc<Shared>);

const LEVELS: [&str; 5] = ["error", "warning", "info", "debug", "trace"];

impl Observer for Teller {
    fn trace(&self, container: ContainerId, trace: Trace<'_>) {
        let Some(journal) = self.0.journal(container) else {
            return;
        };
        match trace {
            Trace::Refused { grant } => {
                journal.line(format_args!("refused {grant}; grant it with --allow {grant}"));
            }
            Trace::Log { level, message } => {
                let level = LEVELS.get(usize::from(level)).copied().unwrap_or("trace");
                write_line(&journal, &[level, ": ", message, "\n"]);
            }
            Trace::Health { status, message } => {
                let now = self.0.now();
                journal.look(|heard| {
                    Journal::set_health_message(heard, message);
                    heard.health.reported(status, now);
                });
                self.0.tell_news();
            }
            Trace::UpdateAnswered {
                is_allowed, reason, ..
            } => {
                let answer = if is_allowed { "yes" } else { "not now" };
                journal.line(format_args!("asked for an update, it said {answer}: {reason}"));
            }
            Trace::MemoryRefused {
                wanted_bytes,
                limit_bytes,
            } => journal.line(format_args!(
                "refused {wanted_bytes} bytes of memory, the limit is {limit_bytes}; raise it with --memory"
            )),
            Trace::LimitReached { limit } => {
                journal.line(format_args!("reached its limit of {limit}"));
            }
            _ => {}
        }
    }

    fn ended(&self, container: ContainerId, record: &ExitRecord, _: Usage) {
        if let Some(journal) = self.0.journal(container) {
            journal.look(|heard| heard.ended = Some(Box::new(record.clone())));
            self.0.tell_news();
        }
    }
}

/// Writes a line in one piece, if there is memory for that.
fn write_line(journal: &Journal, pieces: &[&str]) {
    let mut line = String::new();
    let length = pieces.iter().map(|piece| piece.len()).sum();
    if line.try_reserve_exact(length).is_ok() {
        line.extend(pieces.iter().copied());
        journal.write(LogStream::Guest, line.as_bytes());
    } else {
        for piece in pieces {
            journal.write(LogStream::Guest, piece.as_bytes());
        }
    }
}
