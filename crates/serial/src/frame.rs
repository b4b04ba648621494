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

/// The most bytes of a frame whose body has so many.
pub(crate) const fn frame_bytes_max(body_bytes: usize) -> usize {
    cobs::max_encoding_length(body_bytes).saturating_add(2)
}

/// Begins a body; the message is to be appended, and then the body finished.
pub(crate) fn begin(kind: Kind, sequence: u32, body: &mut Vec<u8>) {
    body.clear();
    body.push(kind.byte());
    body.extend_from_slice(&sequence.to_le_bytes());
}

/// Finishes a body, and writes its frame over what `out` holds.
pub(crate) fn finish(body: &mut Vec<u8>, out: &mut Vec<u8>) {
    let sum = CRC.checksum(body);
    body.extend_from_slice(&sum.to_le_bytes());
    out.clear();
    out.resize(frame_bytes_max(body.len()), 0);
    // It fits: that is how long it can get.
    let length = cobs::try_encode_including_sentinels(body, out).unwrap_or_default();
    out.truncate(length);
}

/// Writes a whole frame over what `out` holds.
pub fn encode(kind: Kind, sequence: u32, message: &[u8], out: &mut Vec<u8>) {
    let mut body = Vec::new();
    begin(kind, sequence, &mut body);
    body.extend_from_slice(message);
    finish(&mut body, out);
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
