//! One line of a log as bytes in a file: made, taken apart, counted.
//!
//! What a file holds may be anything: a line that is no record is told as it is, never refused.

use jiff::Timestamp;

use super::{LogLine, Source};

/// More than the time, the stream, the tag and the end of a line need.
pub(super) const FRAME_BYTES_MAX: usize = 48;

const NANOS_PER_SECOND: i64 = 1_000_000_000;

/// Writes times, and remembers the last second it wrote: most lines of a flood share it.
#[derive(Debug, Default)]
pub(super) struct Stamps {
    second: Option<i64>,
    text: String,
}

impl Stamps {
    /// Appends a time with nine digits after the point, which keeps names of equal length and order.
    fn append(&mut self, at_nanos: i64, out: &mut Vec<u8>) {
        let second = at_nanos.div_euclid(NANOS_PER_SECOND);
        if self.second != Some(second) {
            let at = Timestamp::from_second(second).unwrap_or_default();
            self.text = at.to_string();
            self.text.pop();
            self.second = Some(second);
        }
        out.extend_from_slice(self.text.as_bytes());
        out.push(b'.');
        let nanos = at_nanos.rem_euclid(NANOS_PER_SECOND);
        let mut unit = NANOS_PER_SECOND / 10;
        while unit > 0 {
            let digit = u8::try_from(nanos / unit % 10).unwrap_or(0);
            out.push(b'0' + digit);
            unit /= 10;
        }
        out.push(b'Z');
    }

    /// Appends a record. The text, which comes in two pieces, holds no line feed.
    pub(super) fn record(
        &mut self,
        at_nanos: i64,
        source: Source,
        partial: bool,
        text: [&[u8]; 2],
        out: &mut Vec<u8>,
    ) {
        self.append(at_nanos, out);
        out.extend_from_slice(match (source, partial) {
            (Source::Stdout, false) => b" stdout F ",
            (Source::Stdout, true) => b" stdout P ",
            (Source::Stderr, false) => b" stderr F ",
            (Source::Stderr, true) => b" stderr P ",
        });
        for piece in text {
            out.extend_from_slice(piece);
        }
        out.push(b'\n');
    }
}

/// Reads one line of a file, without its line feed; `before` is the time of the line before it.
///
/// Returns nothing for an empty line, which is what the repair of a torn file may leave.
pub(super) fn parse(bytes: &[u8], before: Timestamp) -> Option<LogLine> {
    let bytes = without_holes(bytes);
    if bytes.is_empty() {
        return None;
    }
    Some(parse_record(bytes).unwrap_or_else(|| LogLine {
        at: before,
        source: Source::Stdout,
        text: String::from_utf8_lossy(bytes).into_owned(),
        partial: true,
    }))
}

fn parse_record(bytes: &[u8]) -> Option<LogLine> {
    let mut fields = bytes.splitn(4, |&byte| byte == b' ');
    let at = str::from_utf8(fields.next()?).ok()?.parse().ok()?;
    let source = match fields.next()? {
        b"stdout" => Source::Stdout,
        b"stderr" => Source::Stderr,
        _ => return None,
    };
    // Kubernetes reserves further tags behind colons.
    let partial = match fields.next()?.split(|&byte| byte == b':').next()? {
        b"F" => false,
        b"P" => true,
        _ => return None,
    };
    Some(LogLine {
        at,
        source,
        text: String::from_utf8_lossy(fields.next()?).into_owned(),
        partial,
    })
}

/// The line without the zeros that a file system puts where a power cut lost data.
fn without_holes(bytes: &[u8]) -> &[u8] {
    let start = bytes.iter().position(|&byte| byte != 0);
    start
        .and_then(|start| bytes.get(start..))
        .unwrap_or_default()
}

/// The number of whole lines in these bytes.
pub(super) fn count(bytes: &[u8]) -> u64 {
    let lines = bytes.iter().filter(|&&byte| byte == b'\n').count();
    u64::try_from(lines).unwrap_or(u64::MAX)
}
