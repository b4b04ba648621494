//! Reading a log: a snapshot of its files and of what is in memory, line by line, in little memory.
//!
//! Files are held open, so that rotation takes nothing away from a reader. They may hold anything: a line that is no
//! record is told as it is, one that is too long is cut, and a file that became shorter just ends.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use jiff::Timestamp;

use super::files::Extent;
use super::ring::{Place, Ring, length};
use super::{LINE_BYTES_CEILING, LogLine, Query, Source, record};

/// Bytes read at a time.
const BLOCK_BYTES: usize = 16 * 1024;

/// The longest line of a file that is told in full.
const RECORD_BYTES_MAX: usize = LINE_BYTES_CEILING as usize + record::FRAME_BYTES_MAX;

/// What a log is made of, the oldest first.
#[derive(Debug)]
enum Part {
    File { file: File, from: u64, to: u64 },
    Memory(Vec<u8>),
    Lost(u64),
}

impl Part {
    fn range(&self) -> (u64, u64) {
        match self {
            Self::File { from, to, .. } => (*from, *to),
            Self::Memory(bytes) => (0, length(bytes)),
            Self::Lost(_) => (0, 0),
        }
    }

    /// Reads bytes that are within the range; 0 is the end.
    fn read(&self, at: u64, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::File { file, .. } => loop {
                match file.read_at(buffer, at) {
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    result => return result,
                }
            },
            Self::Memory(bytes) => {
                let at = usize::try_from(at).unwrap_or(usize::MAX);
                let mut rest = bytes.get(at..).unwrap_or_default();
                io::Read::read(&mut rest, buffer)
            }
            Self::Lost(_) => Ok(0),
        }
    }
}

/// The parts of a log that a reader reads.
#[derive(Debug, Default)]
pub(super) struct Parts {
    parts: Vec<Part>,
    /// Where what was added last ends, if that is known.
    end: Option<Place>,
    /// What could not be opened.
    error: Option<io::Error>,
}

impl Parts {
    /// Parts that continue at this place.
    pub(super) fn since(place: Place) -> Self {
        Self {
            end: Some(place),
            ..Self::default()
        }
    }

    /// Adds some of each file, or what was wrong with them.
    pub(super) fn files(&mut self, extents: io::Result<Vec<Extent>>) {
        let extents = extents.unwrap_or_else(|error| {
            self.error = Some(error);
            Vec::new()
        });
        for extent in extents {
            if let Some(start) = extent.start {
                self.gap(start);
            }
            self.end = extent.end;
            let Extent { file, from, to, .. } = extent;
            self.parts.push(Part::File { file, from, to });
        }
    }

    /// Says where what was added so far ends.
    pub(super) fn ends(&mut self, place: Place) {
        self.end = Some(place);
    }

    /// Adds what a ring holds behind what was added so far.
    pub(super) fn ring(&mut self, ring: &Ring) {
        let end = self.end.unwrap_or_else(|| ring.start());
        if ring.end().offset <= end.offset {
            return;
        }
        let start = if end.offset < ring.start().offset {
            ring.start()
        } else {
            end
        };
        self.memory(ring.copy(start.offset, ring.end().offset), start);
    }

    /// Adds bytes that begin at a place, and tells what is missing before them.
    pub(super) fn memory(&mut self, bytes: Vec<u8>, start: Place) {
        self.gap(start);
        self.end = Some(start.after(&bytes));
        self.parts.push(Part::Memory(bytes));
    }

    /// Tells what is missing before a place.
    fn gap(&mut self, place: Place) {
        let end = self.end.unwrap_or(place);
        if place.lines > end.lines {
            self.parts.push(Part::Lost(place.lines - end.lines));
        }
    }
}

/// The lines of a log, from the oldest to the newest.
#[derive(Debug)]
pub struct Lines {
    parts: Vec<Part>,
    /// The part being read, where in it, and where it ends.
    part: usize,
    at: u64,
    to: u64,
    /// What was read and is not told yet begins at `told`; `looked` bytes of it hold no line feed.
    buffer: Vec<u8>,
    told: usize,
    looked: usize,
    /// Whether the rest of a line that was too long is still to come.
    overlong: bool,
    since: Option<Timestamp>,
    until: Option<Timestamp>,
    /// Lines to pass over before the first that is told.
    skip: u64,
    before: Timestamp,
    now: Timestamp,
    /// What could not be opened.
    error: Option<io::Error>,
}

impl Lines {
    /// Everything in these parts; what was lost is told with this time.
    pub(super) fn new(parts: Parts, now: Timestamp) -> Self {
        let mut lines = Self {
            parts: parts.parts,
            part: 0,
            at: 0,
            to: 0,
            buffer: Vec::new(),
            told: 0,
            looked: 0,
            overlong: false,
            since: None,
            until: None,
            skip: 0,
            before: Timestamp::UNIX_EPOCH,
            now,
            error: parts.error,
        };
        lines.start(0);
        lines
    }

    /// What a query asks of these parts.
    pub(super) fn select(parts: Parts, query: &Query, now: Timestamp) -> Self {
        let mut lines = Self::new(parts, now);
        let Some(tail) = query.tail else {
            lines.since = query.since;
            lines.until = query.until;
            return lines;
        };
        if query.since.is_none() && query.until.is_none() {
            lines.seek_tail(tail);
            return lines;
        }
        // Where the tail begins is known once all is read: read twice rather than keep it.
        lines.since = query.since;
        lines.until = query.until;
        let mut count = 0_u64;
        while let Some(line) = lines.advance() {
            count += u64::from(line.is_ok());
        }
        lines.start(0);
        lines.before = Timestamp::UNIX_EPOCH;
        lines.since = query.since;
        lines.skip = count.saturating_sub(u64::try_from(tail).unwrap_or(u64::MAX));
        lines
    }

    /// When this began.
    pub(super) fn now(&self) -> Timestamp {
        self.now
    }

    /// Whether no file is read any more.
    pub(super) fn is_in_memory(&self) -> bool {
        let rest = self.parts.get(self.part..).unwrap_or_default();
        !rest.iter().any(|part| matches!(part, Part::File { .. }))
    }

    /// Begins a part anew.
    fn start(&mut self, part: usize) {
        self.part = part;
        let range = self.parts.get(part).map(Part::range);
        (self.at, self.to) = range.unwrap_or_default();
        self.buffer.clear();
        self.told = 0;
        self.looked = 0;
        self.overlong = false;
    }

    /// Moves to where the last so many lines begin.
    fn seek_tail(&mut self, tail: usize) {
        let mut left = tail;
        let mut start = (self.parts.len(), 0);
        for (index, part) in self.parts.iter().enumerate().rev() {
            if left == 0 {
                break;
            }
            let at = match part {
                Part::Lost(_) => {
                    left -= 1;
                    0
                }
                part => tail_start(part, &mut left),
            };
            start = (index, at);
        }
        self.start(start.0);
        self.at = self.at.max(start.1);
    }

    /// The next line that the query's times let through.
    fn advance(&mut self) -> Option<io::Result<LogLine>> {
        loop {
            let line = match self.next_line()? {
                Ok(line) => line,
                Err(error) => return Some(Err(error)),
            };
            self.before = line.at;
            if self.since.is_some_and(|since| line.at < since) {
                continue;
            }
            // The clock may jump back: what follows was written later, whatever its time says.
            self.since = None;
            if self.until.is_none_or(|until| line.at <= until) {
                return Some(Ok(line));
            }
        }
    }

    /// The next line of any part.
    fn next_line(&mut self) -> Option<io::Result<LogLine>> {
        loop {
            if let Part::Lost(count) = self.parts.get(self.part)? {
                let line = lost(*count, self.now);
                self.start(self.part + 1);
                return Some(Ok(line));
            }
            match self.next_bytes() {
                Ok(Some((start, end, cut))) => {
                    let bytes = self.buffer.get(start..end).unwrap_or_default();
                    if let Some(mut line) = record::parse(bytes, self.before) {
                        line.partial |= cut;
                        return Some(Ok(line));
                    }
                }
                Ok(None) => self.start(self.part + 1),
                Err(error) => {
                    self.start(self.part + 1);
                    return Some(Err(error));
                }
            }
        }
    }

    /// Where in the buffer the next line of the part is, without its line feed, and whether it was cut.
    fn next_bytes(&mut self) -> io::Result<Option<(usize, usize, bool)>> {
        loop {
            let unseen = self.buffer.get(self.looked..).unwrap_or_default();
            if let Some(length) = unseen.iter().position(|&byte| byte == b'\n') {
                let (start, end) = (self.told, self.looked + length);
                self.told = end + 1;
                self.looked = self.told;
                if std::mem::take(&mut self.overlong) {
                    continue;
                }
                return Ok(Some(self.line(start, end)));
            }
            self.looked = self.buffer.len();
            let unseen = self.buffer.get(self.told..).unwrap_or_default();
            // Zeros where a power cut left a hole are no part of the line.
            self.told += unseen.iter().take_while(|&&byte| byte == 0).count();
            if self.overlong {
                self.told = self.looked;
            } else if self.looked - self.told >= RECORD_BYTES_MAX {
                let start = self.told;
                self.overlong = true;
                self.told = self.looked;
                return Ok(Some(self.line(start, self.looked)));
            }
            if !self.read_more()? {
                let (start, end) = (self.told, self.buffer.len());
                self.told = end;
                let (start, end, cut) = self.line(start, end);
                let end = end - self.zeros_before(end);
                return Ok((start < end).then_some((start, end, cut)));
            }
        }
    }

    /// As much of a line as is told, and whether some was cut off.
    fn line(&self, start: usize, end: usize) -> (usize, usize, bool) {
        if end - start < RECORD_BYTES_MAX {
            return (start, end, false);
        }
        let end = start + RECORD_BYTES_MAX;
        (start, end - self.zeros_before(end), true)
    }

    /// How many zeros there are at the end of what a power cut may have left.
    fn zeros_before(&self, end: usize) -> usize {
        let bytes = self.buffer.get(..end).unwrap_or_default();
        bytes.iter().rev().take_while(|&&byte| byte == 0).count()
    }

    /// Reads a block behind what the buffer holds; returns false at the end of the part.
    fn read_more(&mut self) -> io::Result<bool> {
        self.buffer.drain(..self.told);
        self.looked -= self.told;
        self.told = 0;
        let left = usize::try_from(self.to.saturating_sub(self.at)).unwrap_or(usize::MAX);
        let filled = self.buffer.len();
        let Some(part) = self.parts.get(self.part).filter(|_| left > 0) else {
            return Ok(false);
        };
        self.buffer.resize(filled + left.min(BLOCK_BYTES), 0);
        let room = self.buffer.get_mut(filled..).unwrap_or_default();
        let read = part.read(self.at, room);
        let count = read.as_ref().map_or(0, |&count| count);
        self.buffer.truncate(filled + count);
        self.at += u64::try_from(count).unwrap_or(0);
        read.map(|count| count > 0)
    }
}

impl Iterator for Lines {
    type Item = io::Result<LogLine>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(error) = self.error.take() {
            return Some(Err(error));
        }
        while self.skip > 0 {
            // A file that cannot be read any more must not hide the rest.
            match self.advance()? {
                Ok(_) => self.skip -= 1,
                Err(error) => return Some(Err(error)),
            }
        }
        self.advance()
    }
}

/// Where in a part the last so many lines begin; takes off what was found.
fn tail_start(part: &Part, left: &mut usize) -> u64 {
    let (from, to) = part.range();
    let mut block = vec![0; BLOCK_BYTES];
    let mut end = to;
    // Whether the line that ends further back, and begins before here, has text.
    let mut text = false;
    while end > from {
        let size = usize::try_from(end - from).unwrap_or(usize::MAX);
        let size = size.min(BLOCK_BYTES);
        let begin = end - u64::try_from(size).unwrap_or(0);
        if !filled(part, begin, block.get_mut(..size).unwrap_or_default()) {
            // The lines before are told as an error by whoever reads on from here.
            return begin;
        }
        for (index, &byte) in block.iter().enumerate().take(size).rev() {
            if byte != b'\n' {
                text |= byte != 0;
                continue;
            }
            *left -= usize::from(std::mem::take(&mut text));
            if *left == 0 {
                return begin + u64::try_from(index).unwrap_or(0) + 1;
            }
        }
        end = begin;
    }
    *left -= usize::from(text);
    from
}

/// Fills the buffer from a place in the part, with zeros where a file has become shorter.
fn filled(part: &Part, at: u64, buffer: &mut [u8]) -> bool {
    buffer.fill(0);
    let mut done = 0;
    while let Some(rest) = buffer.get_mut(done..).filter(|rest| !rest.is_empty()) {
        match part.read(at + u64::try_from(done).unwrap_or(0), rest) {
            Ok(0) => return true,
            Ok(count) => done += count,
            Err(_) => return false,
        }
    }
    true
}

/// A line that says how many are missing.
fn lost(count: u64, at: Timestamp) -> LogLine {
    LogLine {
        at,
        source: Source::Stderr,
        text: super::lost_text(count, "they were overwritten before they were read"),
        partial: false,
    }
}
