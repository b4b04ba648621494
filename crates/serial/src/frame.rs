//! Frames beside console text on one line.
//!
//! A frame is `0x00`, the COBS encoding of its body, `0x00`. The body is a kind (1 byte), a sequence number (4 bytes, the least
//! first), a message, and the CRC-32 (ISO-HDLC) of all that (4 bytes, the least first). Text never contains `0x00`. More
//! zeros than needed do no harm.

mod decoder;

use alloc::vec::Vec;

use crc::{CRC_32_ISO_HDLC, Crc, NoTable};

pub use decoder::{Decoder, Received, Text};

/// Bytes of a body beside its message.
pub const OVERHEAD_BYTES: u32 = 9;

/// A frame that stays without a next byte for longer than this was cut off.
pub const GAP_MS_MAX: u64 = 500;

/// Bytes of the kind and the sequence number.
const HEAD_BYTES: usize = 5;

/// Bytes of a full block of COBS.
const COBS_BLOCK_BYTES: usize = 254;

/// Bit by bit: a table would take more flash than the time is worth at the speed of a serial line.
const CRC: Crc<u32, NoTable> = Crc::<u32, NoTable>::new(&CRC_32_ISO_HDLC);

/// What a frame is for. Its byte is a control character that nobody types, and what tells a frame from text after a zero
/// that was noise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It carries a request.
    Request,
    /// It carries the reply to the request with the same sequence number.
    Reply,
    /// The device has the request with this sequence number, or one before it, and has not done it yet.
    Working,
}

impl Kind {
    const fn byte(self) -> u8 {
        match self {
            Self::Request => 0x11,
            Self::Reply => 0x12,
            Self::Working => 0x13,
        }
    }

    const fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            0x11 => Some(Self::Request),
            0x12 => Some(Self::Reply),
            0x13 => Some(Self::Working),
            _ => None,
        }
    }
}

/// A frame that was received whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// What it is for.
    pub kind: Kind,
    /// Which request it is about.
    pub sequence: u32,
    /// The encoded message.
    pub message: &'a [u8],
}

/// Where the body of a frame is written whose message has so many bytes at most: what COBS adds to it fits before it, so that
/// it is encoded where it lies.
const fn body_start(message_bytes_max: u32) -> usize {
    let body_bytes = message_bytes_max.saturating_add(OVERHEAD_BYTES) as usize;
    // The first zero, the first code, and one code more for every full block.
    2 + body_bytes / COBS_BLOCK_BYTES
}

/// Bytes of a buffer for frames whose messages have so many bytes at most.
pub(crate) const fn buffer_bytes(message_bytes_max: u32) -> usize {
    let body_bytes = message_bytes_max.saturating_add(OVERHEAD_BYTES) as usize;
    body_start(message_bytes_max)
        .saturating_add(body_bytes)
        .saturating_add(1)
}

/// Begins a frame over what `out` holds; a message of so many bytes at most is to be appended, and then the frame finished.
pub(crate) fn begin(kind: Kind, sequence: u32, message_bytes_max: u32, out: &mut Vec<u8>) {
    out.clear();
    out.resize(body_start(message_bytes_max), 0);
    out.push(kind.byte());
    out.extend_from_slice(&sequence.to_le_bytes());
}

/// Makes a frame of what was begun with the same limit, in place.
pub(crate) fn finish(message_bytes_max: u32, out: &mut Vec<u8>) {
    let start = body_start(message_bytes_max);
    let sum = CRC.checksum(out.get(start..).unwrap_or_default());
    out.extend_from_slice(&sum.to_le_bytes());
    encode_in_place(out, start);
}

/// Encodes what lies behind `start` as COBS between two zeros, from the buffer's beginning on.
///
/// What is written never gets ahead of what was read: it begins two bytes into the buffer, and has one byte more than was
/// read for every block that is full. `start` has room for those.
fn encode_in_place(bytes: &mut Vec<u8>, start: usize) {
    let put = |bytes: &mut Vec<u8>, at: usize, byte: u8| {
        if let Some(place) = bytes.get_mut(at) {
            *place = byte;
        }
    };
    let end = bytes.len();
    // The last zero.
    bytes.push(0);
    put(bytes, 0, 0);
    let (mut code, mut code_at, mut written) = (1_u8, 1, 2);
    for read in start..end {
        let byte = bytes.get(read).copied().unwrap_or_default();
        if byte != 0 {
            put(bytes, written, byte);
            written += 1;
            code = code.saturating_add(1);
        }
        if byte == 0 || code == u8::MAX {
            put(bytes, code_at, code);
            (code, code_at) = (1, written);
            written += 1;
        }
    }
    put(bytes, code_at, code);
    put(bytes, written, 0);
    bytes.truncate(written + 1);
}

/// Writes a whole frame over what `out` holds.
pub fn encode(kind: Kind, sequence: u32, message: &[u8], out: &mut Vec<u8>) {
    let message_bytes = u32::try_from(message.len()).unwrap_or(u32::MAX);
    begin(kind, sequence, message_bytes, out);
    out.extend_from_slice(message);
    finish(message_bytes, out);
}

/// Parses the body of a frame.
fn parse(body: &[u8]) -> Option<Frame<'_>> {
    let (checked, sum) = body.split_last_chunk::<4>()?;
    if CRC.checksum(checked) != u32::from_le_bytes(*sum) {
        return None;
    }
    let (head, message) = checked.split_first_chunk::<HEAD_BYTES>()?;
    let [kind, sequence @ ..] = *head;
    Some(Frame {
        kind: Kind::from_byte(kind)?,
        sequence: u32::from_le_bytes(sequence),
        message,
    })
}
