//! Makes room: begins fresh blocks, and copies what is live out of the oldest one so that it can be used again.
//!
//! The oldest block is always the one that is freed: every block is erased as often as every other, what never changes
//! moves along, and nothing that removes a record outlives the record itself.
//!
//! Why it always works out. At rest at least one block is free. A block is filled with copies until the next one does not
//! fit, so the rest that is wasted is smaller than the largest frame. [`Layout::capacity_bytes`] is what fits into all
//! blocks but two that are filled that far: when the oldest blocks have been copied, two are free, one to write into and
//! one to keep. That holds before every group of changes, so there is room for any group of up to a whole block, and
//! for one that only removes in any case.
//!
//! A block that is begun when it is the last free one receives copies only, then a release of the oldest block, and only
//! then anything else. Cut short before the release, it is given up and begun again.
//!
//! [`Layout::capacity_bytes`]: super::block::Layout::capacity_bytes

use crate::records::RecordsError;

use super::block::{BlockHeader, Found};
use super::frame::{Frame, Header, Kind, Writer, read_pieces};
use super::{Head, Log};

/// How far copying came.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Copied {
    /// Nothing live is left in the block.
    All,
    /// The head is full.
    Some,
}

impl Log {
    /// Sees to it that a group of so many bytes fits into the head.
    pub(super) fn make_room(&mut self, bytes: u32) -> Result<(), RecordsError> {
        // Each turn frees a block or begins one, and after a whole round nothing is left to be gained.
        for _ in 0..self.layout.blocks * 3 {
            if self.fits(bytes) {
                return Ok(());
            }
            if self.free_blocks() >= 2 {
                self.begin_next()?;
            } else {
                self.free_oldest()?;
            }
        }
        Err(RecordsError::Full {
            needed_bytes: bytes,
            free_bytes: self.layout.capacity_bytes().saturating_sub(self.live_bytes),
        })
    }

    /// Whether a frame fits into the head, with room for a release behind it.
    fn fits(&self, bytes: u32) -> bool {
        let end = self.layout.block_bytes - self.layout.release_bytes();
        self.head
            .is_some_and(|head| head.next.saturating_add(bytes) <= end)
    }

    fn begin_next(&mut self) -> Result<(), RecordsError> {
        match self.head {
            Some(head) => self.begin_block(
                self.layout.following(head.block),
                head.sequence + 1,
                self.first,
            ),
            None => {
                // A log that ends here must not be found again under other settings.
                self.erase_others(0)?;
                self.begin_block(0, 1, 1)
            }
        }
    }

    /// Copies what is live out of the oldest block; at rest, it is the last but one that could be free.
    fn free_oldest(&mut self) -> Result<(), RecordsError> {
        let oldest = self.first;
        let Some(head) = self.head.filter(|head| head.sequence > oldest) else {
            return Err(RecordsError::Device);
        };
        let block = self.layout.before(head.block, head.sequence - oldest);
        if self.copy_live(block, oldest)? == Copied::All {
            // The next block's header will say so.
            self.first += 1;
            return Ok(());
        }
        self.begin_next()?;
        if self.copy_live(block, oldest)? != Copied::All {
            return Err(RecordsError::Device);
        }
        self.release(oldest + 1)
    }

    /// Says that blocks before this number do not count any more.
    fn release(&mut self, first: u32) -> Result<(), RecordsError> {
        let Some(head) = self.head else {
            return Err(RecordsError::Device);
        };
        let at = self.layout.block_at(head.block) + head.next;
        let bytes = self.write_frame(
            at,
            head.sequence,
            Kind::Release,
            true,
            [&[], &first.to_le_bytes()],
        )?;
        if !self.holds(at, at + bytes, head.sequence) {
            return Err(RecordsError::Device);
        }
        self.set_next(head.next + bytes);
        self.first = first;
        Ok(())
    }

    /// Copies live records out of a block into the head, as many as fit.
    fn copy_live(&mut self, block: u32, sequence: u32) -> Result<Copied, RecordsError> {
        let mut place = 0;
        while let Some(at) = self.index.at(place) {
            if self.layout.block_of(at) != block {
                place += 1;
                continue;
            }
            let bytes = self.frame_bytes_at(at)?;
            if !self.fits(bytes) {
                return Ok(Copied::Some);
            }
            if let Some(copy) = self.copy_frame(at, sequence)? {
                if let Some(offset) = self.index.offsets.get_mut(place) {
                    *offset = copy;
                }
                place += 1;
            } else {
                // It was whole when the log was opened, and is not any more.
                self.index.offsets.remove(place);
                self.live_bytes = self.live_bytes.saturating_sub(bytes);
            }
        }
        Ok(Copied::All)
    }

    /// Copies a frame to the head; where it is then, or nothing if it is damaged.
    fn copy_frame(&mut self, at: u32, sequence: u32) -> Result<Option<u32>, RecordsError> {
        let (Some(head), Some(frame)) = (self.head, Frame::read(&self.region, at, sequence)?)
        else {
            return Ok(None);
        };
        let header = Header {
            kind: Kind::Copy,
            last: true,
            ..frame.header
        };
        let mut sum = header.begin_sum(head.sequence);
        if !frame.verify(&self.region, sequence, &mut |piece| sum.update(piece))? {
            return Ok(None);
        }
        let copy = self.layout.block_at(head.block) + head.next;
        let mut writer = Writer::new(&self.region, copy, self.layout.unit);
        writer.push(&header.encode(head.sequence, sum.finalize()))?;
        read_pieces(
            &self.region,
            frame.key_at(),
            header.content_bytes(),
            &mut |piece| writer.push(piece),
        )?;
        writer.finish()?;
        let bytes = header.frame_bytes(self.layout.unit);
        if !self.holds(copy, copy + bytes, head.sequence) {
            return Err(RecordsError::Device);
        }
        self.set_next(head.next + bytes);
        Ok(Some(copy))
    }

    /// Erases a block and begins it.
    pub(super) fn begin_block(
        &mut self,
        block: u32,
        sequence: u32,
        first: u32,
    ) -> Result<(), RecordsError> {
        let erasures = match BlockHeader::read(&self.region, self.layout, block) {
            Found::Header(header) => header.erasures.saturating_add(1),
            // All blocks are erased equally often, so it is one of those that come before the next round.
            _ => self.erasures_max.max(1),
        };
        let header = BlockHeader {
            sequence,
            first,
            erasures,
        };
        self.erase_block(block)?;
        header.write(&self.region, self.layout, block)?;
        self.head = Some(Head {
            block,
            sequence,
            next: self.layout.header_bytes(),
        });
        self.first = first;
        self.spoiled = None;
        self.count_erasures();
        Ok(())
    }

    fn erase_block(&self, block: u32) -> Result<(), RecordsError> {
        let start = self.layout.block_at(block);
        self.region.erase(start..start + self.layout.block_bytes)?;
        Ok(())
    }

    /// Erases every block but one; how many were not blank.
    pub(super) fn erase_others(&mut self, kept: u32) -> Result<u32, RecordsError> {
        let mut erased = 0;
        for block in (0..self.layout.blocks).filter(|block| *block != kept) {
            let start = self.layout.block_at(block);
            let range = start..start + self.layout.block_bytes;
            if !matches!(self.region.is_blank(range), Ok(true)) {
                self.erase_block(block)?;
                erased += 1;
            }
        }
        Ok(erased)
    }

    /// Looks up how often blocks were erased.
    pub(super) fn count_erasures(&mut self) {
        let mut most = 0;
        let mut least = u32::MAX;
        let mut unknown = false;
        for block in 0..self.layout.blocks {
            match BlockHeader::read(&self.region, self.layout, block) {
                Found::Header(header) => {
                    most = most.max(header.erasures);
                    least = least.min(header.erasures);
                }
                _ => unknown = true,
            }
        }
        if unknown {
            least = least.min(most.saturating_sub(1));
        }
        self.erasures_max = most;
        self.erasures_min = least.min(most);
    }
}
