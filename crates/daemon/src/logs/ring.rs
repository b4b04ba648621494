//! The last lines of a log in memory, as the bytes that the files hold.

use std::collections::VecDeque;

use super::record;

/// A place in everything a log has written since the process started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Place {
    /// Bytes before it.
    pub(super) offset: u64,
    /// Lines before it.
    pub(super) lines: u64,
}

impl Place {
    /// The place behind these bytes.
    pub(super) fn after(self, bytes: &[u8]) -> Self {
        Self {
            offset: self.offset.saturating_add(length(bytes)),
            lines: self.lines.saturating_add(record::count(bytes)),
        }
    }
}

/// The number of bytes.
pub(super) fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

/// The most recent whole lines, and where they are in the log.
#[derive(Debug, Default)]
pub(super) struct Ring {
    bytes: VecDeque<u8>,
    start: Place,
    end: Place,
}

impl Ring {
    /// Where the log ends.
    pub(super) fn end(&self) -> Place {
        self.end
    }

    /// Where the oldest line in memory begins.
    pub(super) fn start(&self) -> Place {
        self.start
    }

    /// Appends whole lines, and forgets old ones to keep at most so many bytes.
    pub(super) fn push(&mut self, lines: &[u8], bytes_max: usize) {
        let end = self.end.after(lines);
        let kept = if lines.len() > bytes_max {
            self.clear();
            last_lines(lines, bytes_max)
        } else {
            self.shrink(bytes_max.saturating_sub(lines.len()));
            lines
        };
        if self.bytes.is_empty() {
            let forgotten = lines.get(..lines.len().saturating_sub(kept.len()));
            self.start = self.end.after(forgotten.unwrap_or_default());
        }
        let needed = self.bytes.len().saturating_add(kept.len());
        if needed > self.bytes.capacity() {
            let grown = self.bytes.capacity().saturating_mul(2).min(bytes_max);
            let more = grown.max(needed).saturating_sub(self.bytes.len());
            self.bytes.reserve_exact(more);
        }
        self.bytes.extend(kept);
        self.end = end;
    }

    /// Forgets old lines until at most so many bytes are left.
    pub(super) fn shrink(&mut self, bytes_max: usize) {
        let excess = self.bytes.len().saturating_sub(bytes_max);
        if excess == 0 {
            return;
        }
        let rest = self.bytes.iter().skip(excess - 1);
        let more = rest.take_while(|&&byte| byte != b'\n').count();
        let forgotten: Vec<u8> = self
            .bytes
            .drain(..excess.saturating_add(more).min(self.bytes.len()))
            .collect();
        self.start = self.start.after(&forgotten);
    }

    /// Forgets every line, and gives the memory back.
    pub(super) fn clear(&mut self) {
        self.bytes = VecDeque::new();
        self.start = self.end;
    }

    /// The bytes from one place to another, as far as they are in memory.
    pub(super) fn copy(&self, from: u64, to: u64) -> Vec<u8> {
        let index = |offset: u64| {
            let index = usize::try_from(offset.saturating_sub(self.start.offset));
            index.unwrap_or(usize::MAX).min(self.bytes.len())
        };
        let (from, to) = (index(from), index(to));
        self.bytes.range(from..to.max(from)).copied().collect()
    }
}

/// As many whole lines from the end as fit.
fn last_lines(lines: &[u8], bytes_max: usize) -> &[u8] {
    let excess = lines.len().saturating_sub(bytes_max);
    let Some(before) = excess.checked_sub(1) else {
        return lines;
    };
    let rest = lines.get(before..).unwrap_or_default();
    let end = rest.iter().position(|&byte| byte == b'\n');
    end.and_then(|end| rest.get(end + 1..)).unwrap_or_default()
}
