//! How a record stands on flash.
//!
//! ```text
//! mark 1 | key bytes 1 | value bytes 2 | check of these 2 | checksum 4 | key | value | 0xff up to a whole unit
//! ```
//!
//! Numbers are little-endian. The check is the lower half of a CRC-32 over the first four bytes, the checksum a CRC-32 over
//! these, key and value; both begin with the number of the block, so that what an earlier use of the block left behind
//! never counts. Frames of one group lie one behind the other; the last one's mark says so, and none counts without it.

use crc::{CRC_32_ISO_HDLC, Crc, Digest, NoTable};

use crate::flash::{FlashError, Region, index, span};

/// Bytes before the key.
pub(super) const FRAME_HEADER_BYTES: u32 = 10;
/// Bytes of a key at most.
pub(super) const KEY_BYTES_MAX: usize = 255;
/// The bit of a mark that ends a group. A mark is never 0xff, which is how erased flash reads.
const LAST: u8 = 0x80;
/// Bytes read at once.
pub(super) const CHUNK_BYTES: usize = 64;

static CRC: Crc<u32, NoTable> = Crc::<u32, NoTable>::new(&CRC_32_ISO_HDLC);

/// A checksum under way.
pub(super) type Sum = Digest<'static, u32, NoTable>;

/// Begins a checksum.
pub(super) fn sum() -> Sum {
    CRC.digest()
}

/// What a frame says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A key has this value.
    Put,
    /// A key has no value.
    Delete,
    /// A key has this value, as an older block says too.
    Copy,
    /// Blocks before the one whose number is the value do not count.
    Release,
}

impl Kind {
    fn mark(self) -> u8 {
        match self {
            Self::Put => 0x11,
            Self::Delete => 0x22,
            Self::Copy => 0x33,
            Self::Release => 0x44,
        }
    }

    /// What a mark says.
    pub(super) fn of_mark(mark: u8) -> Option<Self> {
        [Self::Put, Self::Delete, Self::Copy, Self::Release]
            .into_iter()
            .find(|kind| kind.mark() == mark & !LAST)
    }
}

/// What stands before a key and a value.
#[derive(Clone, Copy, Debug)]
pub(super) struct Header {
    /// What it says.
    pub(super) kind: Kind,
    /// Whether its group ends with it.
    pub(super) last: bool,
    /// Bytes of the key.
    pub(super) key_bytes: u8,
    /// Bytes of the value.
    pub(super) value_bytes: u16,
}

impl Header {
    /// Bytes of key and value.
    pub(super) fn content_bytes(self) -> u32 {
        u32::from(self.key_bytes) + u32::from(self.value_bytes)
    }

    /// Bytes that the frame takes.
    pub(super) fn frame_bytes(self, unit: u32) -> u32 {
        frame_bytes(self.content_bytes(), unit)
    }

    fn lead(self) -> [u8; 4] {
        let last = if self.last { LAST } else { 0 };
        let [low, high] = self.value_bytes.to_le_bytes();
        [self.kind.mark() | last, self.key_bytes, low, high]
    }

    /// The checksum of a frame in a block of this number, before key and value were added to it.
    pub(super) fn begin_sum(self, sequence: u32) -> Sum {
        let mut sum = sum();
        sum.update(&sequence.to_le_bytes());
        sum.update(&self.lead());
        sum
    }

    /// The header as it stands on flash.
    pub(super) fn encode(self, sequence: u32, checksum: u32) -> [u8; 10] {
        let [mark, key_bytes, low, high] = self.lead();
        let [check_low, check_high, ..] = self.begin_sum(sequence).finalize().to_le_bytes();
        let [first, second, third, fourth] = checksum.to_le_bytes();
        [
            mark, key_bytes, low, high, check_low, check_high, first, second, third, fourth,
        ]
    }

    /// Reads a header; `None` if it is none.
    fn decode(bytes: [u8; 10], sequence: u32) -> Option<(Self, u32)> {
        let [
            mark,
            key_bytes,
            low,
            high,
            check_low,
            check_high,
            checksum @ ..,
        ] = bytes;
        let header = Self {
            kind: Kind::of_mark(mark)?,
            last: mark & LAST != 0,
            key_bytes,
            value_bytes: u16::from_le_bytes([low, high]),
        };
        let [first, second, ..] = header.begin_sum(sequence).finalize().to_le_bytes();
        ([first, second] == [check_low, check_high]).then(|| (header, u32::from_le_bytes(checksum)))
    }
}

/// Bytes that a frame of so many bytes of key and value takes.
pub(super) fn frame_bytes(content_bytes: u32, unit: u32) -> u32 {
    (FRAME_HEADER_BYTES.saturating_add(content_bytes)).next_multiple_of(unit)
}

/// A frame on flash.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame {
    /// Where it begins, from the beginning of the log.
    pub(super) at: u32,
    /// What it says.
    pub(super) header: Header,
    checksum: u32,
}

impl Frame {
    /// Reads the header at an offset, in a block of this number. `None` if there is none.
    pub(super) fn read(
        region: &Region,
        at: u32,
        sequence: u32,
    ) -> Result<Option<Self>, FlashError> {
        let mut bytes = [0; 10];
        region.read(at, &mut bytes)?;
        Ok(
            Header::decode(bytes, sequence).map(|(header, checksum)| Self {
                at,
                header,
                checksum,
            }),
        )
    }

    /// Where the key begins; the value follows.
    pub(super) fn key_at(&self) -> u32 {
        self.at + FRAME_HEADER_BYTES
    }

    /// Whether key and value are what was written. Gives them to `see` in pieces.
    pub(super) fn verify(
        &self,
        region: &Region,
        sequence: u32,
        see: &mut dyn FnMut(&[u8]),
    ) -> Result<bool, FlashError> {
        let mut sum = self.header.begin_sum(sequence);
        read_pieces(
            region,
            self.key_at(),
            self.header.content_bytes(),
            &mut |piece| {
                sum.update(piece);
                see(piece);
                Ok(())
            },
        )?;
        Ok(sum.finalize() == self.checksum)
    }
}

/// Reads so many bytes in pieces.
pub(super) fn read_pieces(
    region: &Region,
    at: u32,
    bytes: u32,
    see: &mut dyn FnMut(&[u8]) -> Result<(), FlashError>,
) -> Result<(), FlashError> {
    let mut buffer = [0; CHUNK_BYTES];
    let mut done = 0;
    while done < bytes {
        let length = index(bytes - done).min(CHUNK_BYTES);
        let piece = buffer.get_mut(..length).unwrap_or_default();
        region.read(at + done, piece)?;
        see(piece)?;
        done += span(length);
    }
    Ok(())
}

/// Writes bytes one behind the other, whole units at a time.
pub(super) struct Writer<'a> {
    region: &'a Region,
    at: u32,
    unit: u32,
    buffer: [u8; CHUNK_BYTES],
    filled: usize,
}

impl<'a> Writer<'a> {
    /// Begins at an offset, which is a whole unit.
    pub(super) fn new(region: &'a Region, at: u32, unit: u32) -> Self {
        Self {
            region,
            at,
            unit,
            buffer: [0xff; CHUNK_BYTES],
            filled: 0,
        }
    }

    /// Adds bytes.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<(), FlashError> {
        for byte in bytes {
            if let Some(place) = self.buffer.get_mut(self.filled) {
                *place = *byte;
                self.filled += 1;
            }
            if self.filled == CHUNK_BYTES {
                self.flush()?;
            }
        }
        Ok(())
    }

    /// Fills up the last unit.
    pub(super) fn finish(&mut self) -> Result<(), FlashError> {
        while !self.filled.is_multiple_of(index(self.unit)) {
            self.push(&[0xff])?;
        }
        self.flush()
    }

    fn flush(&mut self) -> Result<(), FlashError> {
        let whole = self.buffer.get(..self.filled).unwrap_or_default();
        if whole.is_empty() {
            return Ok(());
        }
        self.region.write(self.at, whole)?;
        self.at += span(whole.len());
        self.filled = 0;
        Ok(())
    }
}
