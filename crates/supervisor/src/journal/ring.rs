//! The end of what a container wrote, in memory.
//!
//! A position counts all bytes that were ever written, kept or not. Entries lie one after the other, each with a head of
//! its own; the oldest ones make room for what is new.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use thimble_serial::{LogEntry, LogStream};

/// Bytes of an entry's head: stream and length in two, the time in five.
const HEAD_BYTES: usize = 7;
/// What comes within this time of a piece of a line belongs to it.
const JOINED_WITHIN_MS: u64 = 200;
/// Bytes of an entry at most, as its head can tell.
const LENGTH_MAX: usize = (1 << 14) - 1;

/// Keeps the last bytes that were written.
pub(crate) struct Ring {
    bytes: VecDeque<u8>,
    capacity: usize,
    /// The position behind what was written last.
    end: u64,
    /// Bytes of entries that are kept.
    kept: usize,
    last: Option<Last>,
}

/// The entry that was written last.
#[derive(Clone, Copy)]
struct Last {
    head: Head,
    /// Its line goes on.
    is_open: bool,
}

#[derive(Clone, Copy)]
struct Head {
    stream: LogStream,
    length: usize,
    at_ms: u64,
}

/// A part of what was written.
pub(crate) struct Part {
    /// What was written, oldest first.
    pub(crate) entries: Vec<LogEntry>,
    /// The position behind it.
    pub(crate) next: u64,
    /// Bytes that are lost before it.
    pub(crate) lost_bytes: u64,
    /// Nothing was written behind it.
    pub(crate) is_end: bool,
}

impl Ring {
    /// A ring that keeps about so many bytes. It takes no memory until something is written.
    pub(crate) fn new(capacity_bytes: u32) -> Self {
        Self {
            bytes: VecDeque::new(),
            capacity: usize::try_from(capacity_bytes).unwrap_or(0),
            end: 0,
            kept: 0,
            last: None,
        }
    }

    /// Keeps more or less from now on; what was kept is lost if there is a change.
    pub(crate) fn set_capacity(&mut self, capacity_bytes: u32) {
        let capacity = usize::try_from(capacity_bytes).unwrap_or(0);
        if capacity != self.capacity {
            self.bytes = VecDeque::new();
            self.capacity = capacity;
            self.kept = 0;
            self.last = None;
        }
    }

    /// Bytes of an entry at most: the oldest one that must go is never all there is.
    fn entry_bytes_max(&self) -> usize {
        (self.capacity / 4)
            .saturating_sub(HEAD_BYTES)
            .min(LENGTH_MAX)
    }

    /// Keeps what was written. Takes time only for the bytes that are written and those that are kept.
    pub(crate) fn push(&mut self, stream: LogStream, at_ms: u64, written: &[u8]) {
        self.end = self
            .end
            .saturating_add(u64::try_from(written.len()).unwrap_or(u64::MAX));
        let most = self.entry_bytes_max();
        if written.is_empty() || !self.has_memory() || most == 0 {
            if !written.is_empty() {
                self.forget_all();
            }
            return;
        }
        // What does not fit at all need not be tried.
        let fits = written.len().saturating_sub(self.capacity);
        let mut rest = written.get(fits..).unwrap_or_default();
        if fits > 0 {
            self.forget_all();
        }
        while !rest.is_empty() {
            let joined = self.room_in_last(stream, at_ms, most).min(rest.len());
            let length = if joined > 0 {
                joined
            } else {
                most.min(rest.len())
            };
            let (piece, behind) = rest.split_at(length);
            self.keep(stream, at_ms, piece, joined > 0);
            rest = behind;
        }
    }

    #[cfg(test)]
    pub(crate) fn bytes_taken(&self) -> usize {
        self.bytes.len()
    }

    fn has_memory(&mut self) -> bool {
        self.bytes.capacity() >= self.capacity
            || self.bytes.try_reserve_exact(self.capacity).is_ok()
    }

    fn forget_all(&mut self) {
        self.bytes.clear();
        self.kept = 0;
        self.last = None;
    }

    /// Bytes that can still be added to the entry that was written last.
    fn room_in_last(&self, stream: LogStream, at_ms: u64, most: usize) -> usize {
        self.last.map_or(0, |last| {
            let is_same = last.is_open
                && last.head.stream == stream
                && at_ms.saturating_sub(last.head.at_ms) <= JOINED_WITHIN_MS;
            if is_same {
                most.saturating_sub(last.head.length)
            } else {
                0
            }
        })
    }

    fn keep(&mut self, stream: LogStream, at_ms: u64, piece: &[u8], is_joined: bool) {
        let needed = piece.len() + if is_joined { 0 } else { HEAD_BYTES };
        while self.bytes.len() + needed > self.capacity {
            self.forget_first();
        }
        let last = self.last.filter(|_| is_joined && !self.bytes.is_empty());
        let head = match last {
            Some(last) => {
                let head = Head {
                    length: last.head.length + piece.len(),
                    ..last.head
                };
                let place = self
                    .bytes
                    .len()
                    .saturating_sub(last.head.length + HEAD_BYTES);
                for (byte, value) in self.bytes.range_mut(place..).zip(head.bytes()) {
                    *byte = value;
                }
                head
            }
            None => {
                let head = Head {
                    stream,
                    length: piece.len(),
                    at_ms,
                };
                self.bytes.extend(head.bytes());
                head
            }
        };
        self.bytes.extend(piece);
        self.kept += piece.len();
        self.last = Some(Last {
            head,
            is_open: piece.last() != Some(&b'\n'),
        });
    }

    fn forget_first(&mut self) {
        let length = self.head_at(0).map_or(0, |head| head.length);
        let all = (HEAD_BYTES + length).min(self.bytes.len());
        self.bytes.drain(..all);
        self.kept = self.kept.saturating_sub(length);
        if self.bytes.is_empty() {
            self.last = None;
        }
    }

    fn head_at(&self, place: usize) -> Option<Head> {
        let mut bytes = [0; HEAD_BYTES];
        for (place, byte) in (place..).zip(&mut bytes) {
            *byte = *self.bytes.get(place)?;
        }
        Some(Head::of(bytes))
    }

    /// What was written from a position on, about `bytes_max` bytes of it. A position that was never reached is one of
    /// before the device's start, and stands for the beginning.
    pub(crate) fn read(&self, from: u64, bytes_max: usize) -> Part {
        /// What an entry takes beside its bytes, about.
        const ENTRY_BYTES: usize = 24;
        let first = self
            .end
            .saturating_sub(u64::try_from(self.kept).unwrap_or(u64::MAX));
        let from = if from > self.end { 0 } else { from };
        let lost_bytes = first.saturating_sub(from);
        let begin = from.max(first);
        let mut part = Part {
            entries: Vec::new(),
            next: begin,
            lost_bytes,
            is_end: true,
        };
        let (mut place, mut position, mut room) = (0, first, bytes_max);
        while let Some(head) = self.head_at(place) {
            let behind = position.saturating_add(u64::try_from(head.length).unwrap_or(0));
            let start = place + HEAD_BYTES;
            place = start + head.length;
            let skipped = begin.saturating_sub(position);
            position = behind;
            let skipped = usize::try_from(skipped).unwrap_or(usize::MAX);
            if skipped >= head.length {
                continue;
            }
            let length = head.length - skipped;
            let taken = length.min(room.saturating_sub(ENTRY_BYTES).max(1));
            let is_first = part.entries.is_empty();
            if !is_first && (taken < length || room <= ENTRY_BYTES)
                || !part.add(head, self.bytes.range(start + skipped..).take(taken))
            {
                part.is_end = false;
                break;
            }
            room = room.saturating_sub(ENTRY_BYTES + taken);
            if taken < length {
                part.is_end = false;
                break;
            }
        }
        part
    }
}

impl Part {
    /// Adds an entry, if there is memory for it.
    fn add<'a>(&mut self, head: Head, bytes: impl ExactSizeIterator<Item = &'a u8>) -> bool {
        let mut own = Vec::new();
        if own.try_reserve_exact(bytes.len()).is_err() || self.entries.try_reserve(1).is_err() {
            return false;
        }
        own.extend(bytes);
        self.next = self
            .next
            .saturating_add(u64::try_from(own.len()).unwrap_or(0));
        self.entries.push(LogEntry {
            stream: head.stream,
            at_ms: head.at_ms,
            bytes: own,
        });
        true
    }
}

impl Head {
    fn bytes(self) -> [u8; HEAD_BYTES] {
        let stream: u16 = match self.stream {
            LogStream::Output => 0,
            LogStream::Error => 1,
            LogStream::Guest => 2,
            LogStream::Device => 3,
            _ => 3,
        };
        let length = u16::try_from(self.length.min(LENGTH_MAX)).unwrap_or(0);
        let [low, high] = (stream << 14 | length).to_le_bytes();
        let [a, b, c, d, e, ..] = self.at_ms.to_le_bytes();
        [low, high, a, b, c, d, e]
    }

    fn of([low, high, a, b, c, d, e]: [u8; HEAD_BYTES]) -> Self {
        let first = u16::from_le_bytes([low, high]);
        Self {
            stream: match first >> 14 {
                0 => LogStream::Output,
                1 => LogStream::Error,
                2 => LogStream::Guest,
                _ => LogStream::Device,
            },
            length: usize::from(first) & LENGTH_MAX,
            at_ms: u64::from_le_bytes([a, b, c, d, e, 0, 0, 0]),
        }
    }
}
