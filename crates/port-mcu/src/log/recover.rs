//! Finds out what is on flash: at the start, and whenever flash failed.

use crate::flash::{FlashError, index as length_of, span};
use crate::records::RecordsError;

use super::block::{BlockHeader, Found};
use super::frame::{FRAME_HEADER_BYTES, Frame, KEY_BYTES_MAX, Kind};
use super::index;
use super::report::Recovered;
use super::{Head, Log};

/// What a block holds.
#[derive(Clone, Copy, Debug, Default)]
struct Scan {
    /// Where the last group that counts ends, from the block's beginning.
    end: u32,
    /// What is behind reads as erased.
    clean: bool,
    /// Groups that do not count.
    ignored: u32,
    /// The latest release.
    release: Option<u32>,
    /// Something was written that is no copy.
    original: bool,
}

/// What to do with the groups of a block.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Take {
    /// Look at them.
    Nothing,
    /// Put them into the index.
    Records,
}

impl Log {
    /// Reads everything anew.
    pub(super) fn recover(&mut self) -> Result<Recovered, RecordsError> {
        let mut recovered = Recovered::default();
        self.stale = true;
        self.index.offsets.clear();
        self.live_bytes = 0;
        self.head = None;
        self.first = 1;
        let newest = self.survey(&mut recovered);
        if let Some((block, header)) = newest {
            recovered.found = true;
            let voided = self.settle_head(block, header)?;
            recovered.collection_repeated = voided;
            self.read_blocks(voided, &mut recovered)?;
            if header.first == header.sequence && header.sequence > 1 {
                // If it cannot be done now, it is tried the next time.
                recovered.blocks_erased = self.erase_others(block).unwrap_or_default();
            }
        }
        recovered.records = span(self.index.offsets.len());
        self.stale = false;
        Ok(recovered)
    }

    /// Looks at the headers of all blocks; the one with the highest number.
    fn survey(&mut self, recovered: &mut Recovered) -> Option<(u32, BlockHeader)> {
        let mut newest: Option<(u32, BlockHeader)> = None;
        for block in 0..self.layout.blocks {
            match BlockHeader::read(&self.region, self.layout, block) {
                Found::Header(header) => {
                    if newest.is_none_or(|(_, other)| header.sequence > other.sequence) {
                        newest = Some((block, header));
                    }
                }
                Found::Foreign(version) => recovered.foreign_version = Some(version),
                Found::Damaged if newest.is_none() => recovered.blocks_damaged += 1,
                Found::Blank | Found::Damaged => {}
            }
        }
        self.count_erasures();
        newest
    }

    /// Finds out which block is written and which are void. A head that was begun when it was the last free block, and
    /// that never released another one, holds nothing but copies, and is given up: whether it is.
    fn settle_head(&mut self, block: u32, header: BlockHeader) -> Result<bool, RecordsError> {
        let scan = self.scan(block, header.sequence, Take::Nothing)?;
        let oldest = (header.sequence + 1)
            .saturating_sub(self.layout.blocks)
            .max(1);
        self.first = header.first.max(oldest);
        if let Some(release) = scan.release {
            self.first = self.first.max(release.min(header.sequence));
        }
        self.head = Some(Head {
            block,
            sequence: header.sequence,
            next: self.layout.block_bytes,
        });
        if self.free_blocks() > 0 {
            return Ok(false);
        }
        if scan.original {
            // The release was there before, and is damaged now.
            self.first += 1;
            return Ok(false);
        }
        self.head = Some(Head {
            block: self.layout.before(block, 1),
            sequence: header.sequence - 1,
            next: self.layout.block_bytes,
        });
        Ok(true)
    }

    /// Reads all blocks that count, the oldest first.
    fn read_blocks(&mut self, closed: bool, recovered: &mut Recovered) -> Result<(), RecordsError> {
        let Some(head) = self.head else {
            return Ok(());
        };
        recovered.blocks_damaged = 0;
        for sequence in self.first..=head.sequence {
            let block = self.layout.before(head.block, head.sequence - sequence);
            match BlockHeader::read(&self.region, self.layout, block) {
                Found::Header(header) if header.sequence == sequence => {}
                _ => {
                    recovered.blocks_damaged += 1;
                    continue;
                }
            }
            let scan = self.scan(block, sequence, Take::Records)?;
            recovered.groups_ignored += scan.ignored;
            recovered.blocks_incomplete += u32::from(!scan.clean);
            let usable = scan.clean && !closed && self.spoiled != Some(sequence);
            if sequence == head.sequence && usable {
                // The unit behind the last frame may have been written to in vain.
                self.head = Some(Head {
                    next: scan.end + self.layout.unit,
                    ..head
                });
            }
        }
        Ok(())
    }

    /// Reads the frames of a block.
    fn scan(&mut self, block: u32, sequence: u32, take: Take) -> Result<Scan, RecordsError> {
        let start = self.layout.block_at(block);
        let end = start + self.layout.block_bytes;
        let mut at = start + self.layout.header_bytes();
        let mut scan = Scan {
            end: at - start,
            clean: true,
            ..Scan::default()
        };
        let mut group = None;
        let mut whole = true;
        while at + FRAME_HEADER_BYTES <= end {
            if group.is_none() {
                match self.skip_blank(at, end) {
                    Ok(Some(next)) => at = next,
                    Ok(None) => return Ok(scan),
                    Err(_) => break,
                }
            }
            let Some(frame) = self.frame(at, end, sequence) else {
                break;
            };
            whole &= self.examine(&frame, sequence, &mut scan);
            let begin = *group.get_or_insert(at);
            at += frame.header.frame_bytes(self.layout.unit);
            if !frame.header.last {
                continue;
            }
            group = None;
            if whole && take == Take::Records {
                self.absorb(begin, at)?;
            }
            scan.ignored += u32::from(!whole);
            scan.clean &= whole;
            scan.end = at - start;
            whole = true;
        }
        let unfinished = group.is_some() || at + FRAME_HEADER_BYTES <= end;
        scan.ignored += u32::from(unfinished);
        scan.clean &= !unfinished;
        Ok(scan)
    }

    /// The frame at an offset, if there is one that ends before `end`.
    fn frame(&self, at: u32, end: u32, sequence: u32) -> Option<Frame> {
        Frame::read(&self.region, at, sequence)
            .ok()
            .flatten()
            .filter(|frame| at + frame.header.frame_bytes(self.layout.unit) <= end)
    }

    /// Whether a frame is whole; what it says about its block.
    fn examine(&self, frame: &Frame, sequence: u32, scan: &mut Scan) -> bool {
        let mut value = [0; 4];
        let mut seen = 0;
        let whole = frame.verify(&self.region, sequence, &mut |piece| {
            for (to, from) in value.iter_mut().skip(seen).zip(piece) {
                *to = *from;
            }
            seen += piece.len();
        });
        if !matches!(whole, Ok(true)) {
            return false;
        }
        match frame.header.kind {
            Kind::Release if seen == value.len() => {
                scan.release = scan.release.max(Some(u32::from_le_bytes(value)));
            }
            Kind::Put | Kind::Delete => scan.original = true,
            Kind::Copy | Kind::Release => {}
        }
        true
    }

    /// The first unit from `at` on that does not read as erased.
    fn skip_blank(&self, at: u32, end: u32) -> Result<Option<u32>, FlashError> {
        let mut buffer = [0; 64];
        let mut from = at;
        while from < end {
            let length = length_of(end - from).min(buffer.len());
            let piece = buffer.get_mut(..length).unwrap_or_default();
            self.region.read(from, piece)?;
            if let Some(place) = piece.iter().position(|byte| *byte != 0xff) {
                let found = from + span(place);
                return Ok(Some(found - (found - at) % self.layout.unit));
            }
            from += span(length);
        }
        Ok(None)
    }

    /// Puts the frames of a group that is whole into the index.
    pub(super) fn absorb(&mut self, begin: u32, end: u32) -> Result<(), RecordsError> {
        let mut at = begin;
        while at < end {
            let mut buffer = [0; KEY_BYTES_MAX];
            let mut lead = [0];
            self.region.read(at, &mut lead)?;
            let [mark] = lead;
            let key = index::read_key(&self.region, at, &mut buffer)?;
            let bytes = self.frame_bytes_at(at)?;
            match Kind::of_mark(mark) {
                Some(Kind::Put | Kind::Copy) => self.set(key, at, bytes)?,
                Some(Kind::Delete) => self.unset(key)?,
                Some(Kind::Release) | None => {}
            }
            at += bytes;
        }
        Ok(())
    }

    fn set(&mut self, key: &[u8], at: u32, bytes: u32) -> Result<(), RecordsError> {
        match self.index.find(&self.region, key)? {
            Ok(place) => {
                let before = self.index.at(place).unwrap_or(at);
                self.live_bytes = self.live_bytes.saturating_sub(self.frame_bytes_at(before)?);
                if let Some(offset) = self.index.offsets.get_mut(place) {
                    *offset = at;
                }
            }
            Err(place) => {
                self.index.reserve(1)?;
                self.index.offsets.insert(place, at);
            }
        }
        self.live_bytes += bytes;
        Ok(())
    }

    fn unset(&mut self, key: &[u8]) -> Result<(), RecordsError> {
        if let Ok(place) = self.index.find(&self.region, key)? {
            let at = self.index.offsets.remove(place);
            self.live_bytes = self.live_bytes.saturating_sub(self.frame_bytes_at(at)?);
        }
        Ok(())
    }
}
