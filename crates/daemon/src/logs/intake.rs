//! What was handed over and is not a line yet: chunks of bytes with their time and source, in one bounded buffer.
//!
//! Taking bytes is a copy and nothing else; lines are made where nobody waits for them.

use std::task::Waker;

use super::Source;

/// What a container may hand over before it has to wait for the writer.
pub(super) const PENDING_BYTES_MAX: usize = 64 * 1024;

/// Kept free of the guest's output, so that a flood does not take away what the runtime says of it.
pub(super) const RUNTIME_BYTES: usize = 4 * 1024;

/// Tasks that wait for room; one more wakes the oldest, which then asks again.
const WAKERS_MAX: usize = 8;

/// Time, length and kind.
const HEADER_BYTES: usize = 8 + 4 + 1;

/// What a chunk is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Bytes of a stream; lines may begin and end in other chunks.
    Text(Source),
    /// Whole lines, each with its line feed.
    Lines(Source),
    /// The end of a run: what is unfinished now never will be finished.
    End,
}

impl Kind {
    fn byte(self) -> u8 {
        match self {
            Self::Text(Source::Stdout) => 0,
            Self::Text(Source::Stderr) => 1,
            Self::Lines(Source::Stdout) => 2,
            Self::Lines(Source::Stderr) => 3,
            Self::End => 4,
        }
    }

    fn of(byte: u8) -> Self {
        match byte {
            0 => Self::Text(Source::Stdout),
            1 => Self::Text(Source::Stderr),
            2 => Self::Lines(Source::Stdout),
            3 => Self::Lines(Source::Stderr),
            _ => Self::End,
        }
    }
}

/// A chunk: where its bytes are in the buffer it was read from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Chunk {
    pub(super) kind: Kind,
    pub(super) at_nanos: i64,
    pub(super) start: usize,
    pub(super) end: usize,
}

impl Chunk {
    /// Reads the chunk that begins here, if there is one.
    pub(super) fn read(buffer: &[u8], at: usize) -> Option<Self> {
        let (time, rest) = buffer.get(at..)?.split_first_chunk()?;
        let (length, rest) = rest.split_first_chunk()?;
        let start = at.checked_add(HEADER_BYTES)?;
        let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
        Some(Self {
            kind: Kind::of(*rest.first()?),
            at_nanos: i64::from_le_bytes(*time),
            start,
            end: start.checked_add(length)?.min(buffer.len()),
        })
    }
}

/// Bytes that wait for the writer, and who waits for room.
#[derive(Debug, Default)]
pub(super) struct Intake {
    bytes: Vec<u8>,
    /// Where the header of the last chunk is, and what that chunk is.
    last: Option<(usize, Kind)>,
    wakers: Vec<Waker>,
}

impl Intake {
    /// Whether nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// How many bytes of a stream would be taken now.
    pub(super) fn room(&self) -> usize {
        PENDING_BYTES_MAX.saturating_sub(self.bytes.len() + HEADER_BYTES)
    }

    /// Takes some bytes of a stream, and says how many.
    pub(super) fn text(&mut self, at_nanos: i64, source: Source, text: &[u8]) -> usize {
        let taken = text.get(..self.room().min(text.len())).unwrap_or_default();
        if !taken.is_empty() && !self.joined(source, taken) {
            self.chunk(at_nanos, Kind::Text(source), taken);
        }
        taken.len()
    }

    /// Takes lines of the runtime as a whole, or returns false.
    pub(super) fn lines(&mut self, at_nanos: i64, source: Source, text: &str) -> bool {
        let needed = HEADER_BYTES + text.len() + 1;
        let limit = PENDING_BYTES_MAX + RUNTIME_BYTES;
        if self.bytes.len().saturating_add(needed) > limit {
            return false;
        }
        self.chunk(at_nanos, Kind::Lines(source), text.as_bytes());
        self.extend_last(b"\n");
        true
    }

    /// Notes the end of a run; always, and only once in a row. Returns whether it was noted now.
    pub(super) fn end(&mut self, at_nanos: i64) -> bool {
        let again = self.last.is_some_and(|(_, kind)| kind == Kind::End);
        if !again {
            self.chunk(at_nanos, Kind::End, &[]);
        }
        !again
    }

    /// Hands over everything, and goes on with this empty buffer.
    pub(super) fn take(&mut self, mut spare: Vec<u8>) -> (Vec<u8>, Vec<Waker>) {
        if self.bytes.is_empty() {
            spare = Vec::new();
        }
        spare.clear();
        self.last = None;
        (
            std::mem::replace(&mut self.bytes, spare),
            std::mem::take(&mut self.wakers),
        )
    }

    /// Gives the memory back, when nothing waits.
    pub(super) fn release(&mut self) {
        if self.bytes.is_empty() {
            self.bytes = Vec::new();
        }
    }

    /// Those who wait for room, to be woken.
    pub(super) fn waiting(&mut self) -> Vec<Waker> {
        std::mem::take(&mut self.wakers)
    }

    /// Remembers who waits for room.
    pub(super) fn wait(&mut self, waker: &Waker) {
        self.wakers.retain(|known| !known.will_wake(waker));
        if self.wakers.len() >= WAKERS_MAX {
            self.wakers.remove(0).wake();
        }
        self.wakers.push(waker.clone());
    }

    /// Whether the bytes could be added to the last chunk, as part of the same line.
    fn joined(&mut self, source: Source, bytes: &[u8]) -> bool {
        let same = self
            .last
            .is_some_and(|(_, kind)| kind == Kind::Text(source));
        let joins = same && self.bytes.last().is_some_and(|&byte| byte != b'\n');
        if joins {
            self.extend_last(bytes);
        }
        joins
    }

    fn chunk(&mut self, at_nanos: i64, kind: Kind, bytes: &[u8]) {
        self.reserve(HEADER_BYTES + bytes.len() + 1);
        self.last = Some((self.bytes.len(), kind));
        self.bytes.extend_from_slice(&at_nanos.to_le_bytes());
        self.bytes.extend_from_slice(&0_u32.to_le_bytes());
        self.bytes.push(kind.byte());
        self.extend_last(bytes);
    }

    fn extend_last(&mut self, bytes: &[u8]) {
        self.reserve(bytes.len());
        self.bytes.extend_from_slice(bytes);
        let Some((header, _)) = self.last else {
            return;
        };
        let length = self.bytes.len().saturating_sub(header + HEADER_BYTES);
        let length = u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes();
        if let Some(field) = self.bytes.get_mut(header + 8..header + 12) {
            field.copy_from_slice(&length);
        }
    }

    /// Makes room by doubling, but not beyond the limit.
    fn reserve(&mut self, more: usize) {
        let needed = self.bytes.len().saturating_add(more);
        if needed > self.bytes.capacity() {
            let doubled = self.bytes.capacity().saturating_mul(2);
            let grown = doubled.min(PENDING_BYTES_MAX + RUNTIME_BYTES).max(needed);
            self.bytes.reserve_exact(grown - self.bytes.len());
        }
    }
}
