//! The lines that were entered, in a buffer that does not grow.

use alloc::string::String;

/// Bytes of all lines together.
const BYTES_MAX: usize = 512;

/// The last lines.
#[derive(Debug, Default)]
pub(super) struct History {
    /// The oldest first, each with a line feed behind it.
    lines: String,
}

impl History {
    /// Adds a line, and forgets the oldest ones if there is no room.
    pub(super) fn add(&mut self, line: &str) {
        let bytes = line.len().saturating_add(1);
        if line.is_empty() || bytes > BYTES_MAX || self.line(0) == Some(line) {
            return;
        }
        if self.lines.capacity() == 0 && self.lines.try_reserve_exact(BYTES_MAX).is_err() {
            return;
        }
        while self.lines.len().saturating_add(bytes) > BYTES_MAX {
            let Some(end) = self.lines.find('\n') else {
                return;
            };
            self.lines.drain(..=end);
        }
        self.lines.push_str(line);
        self.lines.push('\n');
    }

    /// A line, 0 is the last.
    pub(super) fn line(&self, back: usize) -> Option<&str> {
        self.lines.lines().rev().nth(back)
    }
}
