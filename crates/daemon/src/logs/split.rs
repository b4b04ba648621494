//! Lines out of what was handed over: chunks go in, records come out.

use super::Source;
use super::intake::{Chunk, Kind};
use super::record::Stamps;

/// Splits chunks at line feeds, and joins lines that came in pieces.
#[derive(Debug, Default)]
pub(super) struct Splitter {
    taken: Vec<u8>,
    /// Where the next chunk begins.
    next: usize,
    chunk: Option<Chunk>,
    /// Lines of the two streams whose end has not come.
    unfinished: [Vec<u8>; 2],
    stamps: Stamps,
}

/// Why no more records were made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stopped {
    /// Everything that was handed over is used up.
    Empty,
    /// There are enough bytes for one batch.
    Full,
    /// A run ended here.
    End,
}

impl Splitter {
    /// Whether there is nothing left to make records of, apart from unfinished lines.
    pub(super) fn is_empty(&self) -> bool {
        self.chunk.is_none() && self.next >= self.taken.len()
    }

    /// Whether a line of a stream is unfinished.
    pub(super) fn is_unfinished(&self) -> bool {
        self.unfinished.iter().any(|line| !line.is_empty())
    }

    /// Takes more chunks, when it is empty, and hands back the buffer of the last ones.
    pub(super) fn refill(&mut self, taken: Vec<u8>) {
        self.taken = taken;
        self.next = 0;
        self.chunk = None;
    }

    /// Gives away the used buffer, to be filled again.
    pub(super) fn spare(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.taken)
    }

    /// Writes one record of the runtime.
    pub(super) fn notice(&mut self, at_nanos: i64, text: &str, out: &mut Vec<u8>) {
        let text = [text.as_bytes(), &[]];
        self.stamps
            .record(at_nanos, Source::Stderr, false, text, out);
    }

    /// Makes records until there are so many bytes, or no more chunks, or a run ended.
    pub(super) fn split(
        &mut self,
        line_bytes_max: usize,
        batch_bytes: usize,
        out: &mut Vec<u8>,
    ) -> Stopped {
        while out.len() < batch_bytes {
            let Some(chunk) = self.chunk.take().or_else(|| self.advance()) else {
                return Stopped::Empty;
            };
            let source = match chunk.kind {
                Kind::Text(source) | Kind::Lines(source) => source,
                Kind::End => {
                    self.finish(chunk.at_nanos, out);
                    return Stopped::End;
                }
            };
            let start = self.step(chunk, source, line_bytes_max, out);
            if start < chunk.end {
                self.chunk = Some(Chunk { start, ..chunk });
            }
        }
        Stopped::Full
    }

    fn advance(&mut self) -> Option<Chunk> {
        let chunk = Chunk::read(&self.taken, self.next)?;
        self.next = chunk.end;
        Some(chunk)
    }

    /// Uses up some of a chunk for at most one record; returns where the rest begins.
    fn step(
        &mut self,
        chunk: Chunk,
        source: Source,
        line_bytes_max: usize,
        out: &mut Vec<u8>,
    ) -> usize {
        let held = match chunk.kind {
            Kind::Text(Source::Stdout) => std::mem::take(&mut self.unfinished[0]),
            Kind::Text(Source::Stderr) => std::mem::take(&mut self.unfinished[1]),
            Kind::Lines(_) | Kind::End => Vec::new(),
        };
        let rest = self.taken.get(chunk.start..chunk.end).unwrap_or_default();
        let room = line_bytes_max.saturating_sub(held.len());
        // One byte more than fits, for the line feed may be that byte.
        let window = rest.get(..rest.len().min(room + 1)).unwrap_or_default();
        if let Some(length) = window.iter().position(|&byte| byte == b'\n') {
            let text = [held.as_slice(), rest.get(..length).unwrap_or_default()];
            self.stamps.record(chunk.at_nanos, source, false, text, out);
            return chunk.start + length + 1;
        }
        if rest.len() <= room {
            let mut held = held;
            held.extend_from_slice(rest);
            self.unfinished[usize::from(source == Source::Stderr)] = held;
            return chunk.end;
        }
        let length = cut(rest, room, held.is_empty());
        let text = [held.as_slice(), rest.get(..length).unwrap_or_default()];
        self.stamps.record(chunk.at_nanos, source, true, text, out);
        chunk.start + length
    }

    /// Ends the lines that were left unfinished.
    fn finish(&mut self, at_nanos: i64, out: &mut Vec<u8>) {
        let [stdout, stderr] = std::mem::take(&mut self.unfinished);
        for (source, line) in [(Source::Stdout, stdout), (Source::Stderr, stderr)] {
            if !line.is_empty() {
                self.stamps
                    .record(at_nanos, source, false, [&line, &[]], out);
            }
        }
    }
}

/// Where to cut text that is longer than the room: not within a character, if it is UTF-8.
fn cut(text: &[u8], room: usize, first: bool) -> usize {
    let continues = |at: usize| text.get(at).is_some_and(|byte| byte & 0xc0 == 0x80);
    let near = (room.saturating_sub(3)..=room).rev();
    let at = near.into_iter().find(|&at| !continues(at)).unwrap_or(room);
    if at == 0 && first { room.max(1) } else { at }
}
