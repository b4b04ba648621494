//! How a log divides its flash, and what stands at the beginning of each block.
//!
//! Blocks are used in turn, round and round. The n-th block that is begun has the number n; so where a number lies says
//! where every other number lies.

use crate::flash::{FlashError, Region};

use super::frame::{self, FRAME_HEADER_BYTES, Writer};

/// The version of the format.
pub(super) const VERSION: u8 = 1;
/// What a block begins with.
const MAGIC: [u8; 4] = *b"Tlog";
/// Bytes of a header, without what fills up its last unit.
const HEADER_BYTES: usize = 28;
/// Numbers of blocks stay below this, so that counting on never overflows.
const SEQUENCE_MAX: u32 = u32::MAX / 2;
/// Blocks that a log needs: one that is written, one that is kept free, and one that holds what was there before.
const BLOCKS_MIN: u32 = 3;
/// Blocks that a header can count.
const BLOCKS_MAX: u32 = 0xffff;

/// How a log divides its flash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    /// Blocks.
    pub(super) blocks: u32,
    /// Bytes of each.
    pub(super) block_bytes: u32,
    /// Frames begin at multiples of this: what flash writes together, or 4 bytes.
    pub(super) unit: u32,
}

impl Layout {
    /// Divides a region into blocks of so many bytes, or of what flash erases together.
    pub(super) fn new(region: &Region, block_bytes: Option<u32>) -> Option<Self> {
        let block_bytes = block_bytes.unwrap_or(region.block_bytes());
        let layout = Self {
            blocks: region.length_bytes().checked_div(block_bytes)?,
            block_bytes,
            unit: region.write_bytes().max(4),
        };
        let sound = block_bytes.is_multiple_of(region.block_bytes())
            && (BLOCKS_MIN..=BLOCKS_MAX).contains(&layout.blocks)
            && (256..=0x1_0000).contains(&block_bytes);
        sound.then_some(layout)
    }

    /// Where a block's frames begin, from its own beginning.
    pub(super) fn header_bytes(self) -> u32 {
        u32::try_from(HEADER_BYTES)
            .unwrap_or(u32::MAX)
            .next_multiple_of(self.unit)
    }

    /// What is kept free at a block's end for a release.
    pub(super) fn release_bytes(self) -> u32 {
        frame::frame_bytes(4, self.unit)
    }

    /// Bytes of a fresh block that records can take.
    pub(super) fn payload_bytes(self) -> u32 {
        self.block_bytes - self.header_bytes() - self.release_bytes()
    }

    /// Bytes that the frame of one record can have.
    pub(super) fn frame_bytes_max(self) -> u32 {
        let quarter = self.payload_bytes() / 4;
        quarter - quarter % self.unit
    }

    /// Bytes of a key and its value together at most.
    pub(super) fn record_bytes_max(self) -> u32 {
        self.frame_bytes_max() - FRAME_HEADER_BYTES
    }

    /// Bytes that live records can take. See `collect` for why it always works out.
    pub(super) fn capacity_bytes(self) -> u32 {
        let filled = self.payload_bytes() - self.frame_bytes_max() + self.unit;
        (self.blocks - 2) * filled - self.unit
    }

    /// Where a block begins.
    pub(super) fn block_at(self, block: u32) -> u32 {
        block * self.block_bytes
    }

    /// The block in which an offset lies.
    pub(super) fn block_of(self, at: u32) -> u32 {
        at / self.block_bytes
    }

    /// The block that is used after this one.
    pub(super) fn following(self, block: u32) -> u32 {
        (block + 1) % self.blocks
    }

    /// The block that was begun so many blocks before this one.
    pub(super) fn before(self, block: u32, distance: u32) -> u32 {
        (block + self.blocks - distance % self.blocks) % self.blocks
    }
}

/// What stands at the beginning of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BlockHeader {
    /// Its number.
    pub(super) sequence: u32,
    /// The first number that counts: what is older is void.
    pub(super) first: u32,
    /// How often the block was erased.
    pub(super) erasures: u32,
}

/// What was found at the beginning of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// A header.
    Header(BlockHeader),
    /// The header of another version of the format.
    Foreign(u8),
    /// Erased flash.
    Blank,
    /// Something else.
    Damaged,
}

impl BlockHeader {
    fn encode(self, layout: Layout, block: u32) -> [u8; HEADER_BYTES] {
        let mut bytes = [0xff; HEADER_BYTES];
        let [unit, ..] = layout.unit.to_le_bytes();
        let [block_bytes_log2, ..] = layout.block_bytes.trailing_zeros().to_le_bytes();
        let words = [
            u32::from_le_bytes(MAGIC),
            u32::from_le_bytes([VERSION, unit, block_bytes_log2, 0]),
            layout.blocks << 16 | block,
            self.sequence,
            self.first,
            self.erasures,
        ];
        for (place, word) in bytes.chunks_exact_mut(4).zip(words) {
            place.copy_from_slice(&word.to_le_bytes());
        }
        let mut sum = frame::sum();
        let (checked, checksum) = bytes.split_at_mut(HEADER_BYTES - 4);
        sum.update(checked);
        sum.update(&layout.block_bytes.to_le_bytes());
        checksum.copy_from_slice(&sum.finalize().to_le_bytes());
        bytes
    }

    /// Reads what stands at the beginning of a block.
    pub(super) fn read(region: &Region, layout: Layout, block: u32) -> Found {
        let mut bytes = [0; HEADER_BYTES];
        if region.read(layout.block_at(block), &mut bytes).is_err() {
            return Found::Damaged;
        }
        if bytes.iter().all(|byte| *byte == 0xff) {
            return Found::Blank;
        }
        let number = |from: usize| {
            let mut number = [0; 4];
            for (to, from) in number.iter_mut().zip(bytes.iter().skip(from)) {
                *to = *from;
            }
            u32::from_le_bytes(number)
        };
        let header = Self {
            sequence: number(12),
            first: number(16),
            erasures: number(20),
        };
        if bytes == header.encode(layout, block)
            && (1..SEQUENCE_MAX).contains(&header.sequence)
            && header.first <= header.sequence
        {
            return Found::Header(header);
        }
        match bytes {
            [a, b, c, d, version, ..] if [a, b, c, d] == MAGIC && version != VERSION => {
                Found::Foreign(version)
            }
            _ => Found::Damaged,
        }
    }

    /// Writes it into a block that was just erased.
    pub(super) fn write(
        self,
        region: &Region,
        layout: Layout,
        block: u32,
    ) -> Result<(), FlashError> {
        let mut writer = Writer::new(region, layout.block_at(block), layout.unit);
        writer.push(&self.encode(layout, block))?;
        writer.finish()?;
        if Self::read(region, layout, block) == Found::Header(self) {
            Ok(())
        } else {
            Err(FlashError::Device)
        }
    }
}
