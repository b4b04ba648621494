//! [`Records`] in flash: a log that keeps what it was told whenever the power goes.
//!
//! Changes are appended, block after block, round and round. A group of changes counts when its last frame is whole. What
//! is live is found through an index in memory; what is not is dropped when its block, the oldest, is to be used again
//! (`collect`). Opening reads all of it (`recover`), and believes nothing that its checksum does not vouch for.
//!
//! Invariants: a word is written once between erasures; nothing is appended behind bytes that a power cut may have left;
//! at rest one block is free, so that there is always a way to go on, and removing is always possible.

mod block;
mod collect;
mod frame;
mod index;
mod recover;
mod report;
mod shared;
mod write;

use alloc::vec::Vec;
use core::fmt;

use crate::flash::{FlashError, Region, span};
use crate::records::{Change, Records, RecordsError, RecordsRoom};

use block::Layout;
use frame::KEY_BYTES_MAX;
use index::Index;

pub use report::Recovered;
pub use shared::SharedLog;

/// How a log is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogSettings {
    /// Bytes of a block: several of those that flash erases together, or one. A record has at most a quarter of one,
    /// changes that happen together at most all of one.
    pub block_bytes: Option<u32>,
    /// Records at most: each takes four bytes of memory.
    pub records_max: u32,
}

impl Default for LogSettings {
    fn default() -> Self {
        Self {
            block_bytes: None,
            records_max: 512,
        }
    }
}

/// Why a log could not be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OpenError {
    /// The region has fewer than three blocks, or blocks that are not between 256 bytes and 64 KiB or not whole.
    Layout,
    /// There is no memory for the index.
    NoMemory,
    /// Flash failed.
    Device,
}

impl fmt::Display for OpenError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Layout => {
                "a log needs at least 3 blocks of 256 to 65536 bytes, each of them whole units that flash erases"
            }
            Self::NoMemory => "there is no memory for the index of records",
            Self::Device => "flash failed",
        })
    }
}

impl core::error::Error for OpenError {}

/// The log.
pub struct Log {
    region: Region,
    layout: Layout,
    records_max: u32,
    index: Index,
    /// Bytes that the frames of live records take.
    live_bytes: u32,
    /// The block that is written; none in a log that nothing was written to.
    head: Option<Head>,
    /// The first number of a block that counts.
    first: u32,
    erasures_min: u32,
    erasures_max: u32,
    /// The number of a block that did not take what was written: nothing more goes there.
    spoiled: Option<u32>,
    /// What is in memory may not be what is on flash, because flash failed.
    stale: bool,
}

/// The block that is written.
#[derive(Clone, Copy, Debug)]
struct Head {
    block: u32,
    sequence: u32,
    /// Where the next frame goes, from the block's beginning.
    next: u32,
}

impl Log {
    /// Opens what is in a region, whatever it is, and tells what was found. A region without a log becomes an empty one
    /// when the first record is written.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open(region: Region, settings: &LogSettings) -> Result<(Self, Recovered), OpenError> {
        let layout = Layout::new(&region, settings.block_bytes).ok_or(OpenError::Layout)?;
        let mut log = Self {
            region,
            layout,
            records_max: settings.records_max,
            index: Index::default(),
            live_bytes: 0,
            head: None,
            first: 1,
            erasures_min: 0,
            erasures_max: 0,
            spoiled: None,
            stale: true,
        };
        let recovered = log.recover().map_err(|error| match error {
            RecordsError::NoMemory => OpenError::NoMemory,
            _ => OpenError::Device,
        })?;
        Ok((log, recovered))
    }

    /// Forgets everything: a reset to what left the factory. Cut short, it has not happened, or ends when the log is
    /// opened again. What was kept is erased, not only forgotten.
    ///
    /// # Errors
    /// [`RecordsError::Device`]; it may or may not have happened.
    pub fn format(&mut self) -> Result<(), RecordsError> {
        self.stale = true;
        let (block, sequence) = self.head.map_or((0, 1), |head| {
            (self.layout.following(head.block), head.sequence + 1)
        });
        self.begin_block(block, sequence, sequence)?;
        self.erase_others(block)?;
        self.recover()?;
        Ok(())
    }

    /// Sees to it that memory tells what flash holds.
    fn refresh(&mut self) -> Result<(), RecordsError> {
        if self.stale {
            self.recover()?;
        }
        Ok(())
    }

    /// Blocks that hold nothing that counts.
    fn free_blocks(&self) -> u32 {
        let used = self
            .head
            .map_or(0, |head| head.sequence.saturating_sub(self.first) + 1);
        self.layout.blocks.saturating_sub(used)
    }

    fn find(&self, key: &[u8]) -> Result<Option<u32>, RecordsError> {
        let place = self.index.find(&self.region, key)?;
        Ok(place.ok().and_then(|place| self.index.at(place)))
    }
}

impl From<FlashError> for RecordsError {
    fn from(_: FlashError) -> Self {
        Self::Device
    }
}

impl Records for Log {
    fn record_bytes_max(&self) -> usize {
        crate::flash::index(self.layout.record_bytes_max())
    }

    fn read(
        &mut self,
        key: &[u8],
        offset: usize,
        buffer: &mut [u8],
    ) -> Result<Option<usize>, RecordsError> {
        self.refresh()?;
        let Some(at) = self.find(key)? else {
            return Ok(None);
        };
        Ok(Some(index::read_value(&self.region, at, offset, buffer)?))
    }

    fn apply(&mut self, changes: &[Change<'_>]) -> Result<(), RecordsError> {
        self.refresh()?;
        self.write_group(changes)
    }

    fn next(
        &mut self,
        prefix: &[u8],
        after: &[u8],
        key: &mut Vec<u8>,
    ) -> Result<Option<usize>, RecordsError> {
        self.refresh()?;
        let place = if after < prefix {
            self.index
                .find(&self.region, prefix)?
                .unwrap_or_else(|place| place)
        } else {
            self.index
                .find(&self.region, after)?
                .map_or_else(|place| place, |place| place + 1)
        };
        let Some(at) = self.index.at(place) else {
            return Ok(None);
        };
        let mut buffer = [0; KEY_BYTES_MAX];
        let found = index::read_key(&self.region, at, &mut buffer)?;
        if !found.starts_with(prefix) {
            return Ok(None);
        }
        key.clear();
        key.try_reserve(found.len())
            .map_err(|_| RecordsError::NoMemory)?;
        key.extend_from_slice(found);
        let (_, value_bytes) = index::value(&self.region, at)?;
        Ok(Some(value_bytes))
    }

    fn room(&self) -> RecordsRoom {
        RecordsRoom {
            used_bytes: self.live_bytes,
            total_bytes: self.layout.capacity_bytes(),
            records: span(self.index.offsets.len()),
            records_max: self.records_max,
            erasures_max: self.erasures_max,
            erasures_min: self.erasures_min,
        }
    }
}
