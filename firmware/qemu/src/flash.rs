//! NOR flash: strict about what flash cannot do, and able to lose power in the middle of it.

mod power;

use embedded_storage::nor_flash::{
    ErrorType, NorFlash, NorFlashError, NorFlashErrorKind, ReadNorFlash, check_erase, check_read,
    check_write,
};
use firmware_parts::{MappedFlash, StartedBy, Words};

use crate::processor::medium::Medium;
use crate::semihosting::Refused;

pub(crate) use power::PowerCut;

/// Bytes of flash, unless a word says otherwise.
const FLASH_BYTES: u32 = 2 * 1024 * 1024;
const WORD_BYTES: usize = 4;
const SECTOR_BYTES: usize = 4096;
/// What is written at once while a sector is erased; it is on the stack.
const CHUNK_BYTES: usize = 256;

/// The board's flash.
pub struct Flash {
    medium: Medium,
    power: PowerCut,
    written_words: u64,
    erased_sectors: u64,
}

/// Why flash did not do it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FlashError {
    /// An offset or a length is not what flash does.
    Range(NorFlashErrorKind),
    /// A bit would have to become 1, which only erasing does. Nothing was written.
    NotErased {
        /// The word that it is in.
        offset: u32,
    },
    /// The medium failed.
    Medium,
}

impl NorFlashError for FlashError {
    fn kind(&self) -> NorFlashErrorKind {
        match self {
            Self::Range(kind) => *kind,
            _ => NorFlashErrorKind::Other,
        }
    }
}

impl From<NorFlashErrorKind> for FlashError {
    fn from(kind: NorFlashErrorKind) -> Self {
        Self::Range(kind)
    }
}

impl From<Refused> for FlashError {
    fn from(_: Refused) -> Self {
        Self::Medium
    }
}

impl Flash {
    /// The flash that the words describe.
    pub(crate) fn begin(words: Words, power: PowerCut, started_by: StartedBy) -> Self {
        let bytes = words.bytes("flash_size").unwrap_or(FLASH_BYTES);
        let whole = bytes - bytes % u32::try_from(SECTOR_BYTES).unwrap_or(1);
        Self {
            medium: Medium::begin(words, whole, started_by),
            power,
            written_words: 0,
            erased_sectors: 0,
        }
    }

    /// Words written and sectors erased since the start: what `cut=` counts.
    #[must_use]
    pub fn operations(&self) -> u64 {
        self.written_words + self.erased_sectors
    }

    /// Sectors erased since the start.
    #[must_use]
    pub fn erased_sectors(&self) -> u64 {
        self.erased_sectors
    }

    fn erase_sector(&mut self, offset: usize) -> Result<(), FlashError> {
        if self.power.ends_within(1).is_some() {
            self.power
                .tear_sector(&mut self.medium, offset, SECTOR_BYTES);
        }
        for begin in (offset..offset + SECTOR_BYTES).step_by(CHUNK_BYTES) {
            self.medium.put(begin, &[0xff; CHUNK_BYTES])?;
        }
        self.erased_sectors += 1;
        Ok(())
    }
}

impl ErrorType for Flash {
    type Error = FlashError;
}

impl ReadNorFlash for Flash {
    const READ_SIZE: usize = 1;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), FlashError> {
        check_read(self, offset, bytes.len())?;
        let begin = offset as usize;
        let found = self
            .medium
            .bytes()
            .get(begin..begin + bytes.len())
            .ok_or(NorFlashErrorKind::OutOfBounds)?;
        bytes.copy_from_slice(found);
        Ok(())
    }

    fn capacity(&self) -> usize {
        self.medium.bytes().len()
    }
}

impl NorFlash for Flash {
    const WRITE_SIZE: usize = WORD_BYTES;
    const ERASE_SIZE: usize = SECTOR_BYTES;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), FlashError> {
        check_erase(self, from, to)?;
        for offset in (from as usize..to as usize).step_by(SECTOR_BYTES) {
            self.erase_sector(offset)?;
        }
        Ok(())
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), FlashError> {
        check_write(self, offset, bytes.len())?;
        let begin = offset as usize;
        let old = self
            .medium
            .bytes()
            .get(begin..begin + bytes.len())
            .ok_or(NorFlashErrorKind::OutOfBounds)?;
        let wrong = old
            .iter()
            .zip(bytes)
            .position(|(old, new)| new & !old != 0)
            .and_then(|index| u32::try_from(index - index % WORD_BYTES).ok());
        if let Some(index) = wrong {
            return Err(FlashError::NotErased {
                offset: offset + index,
            });
        }
        let words = bytes.len() / WORD_BYTES;
        if let Some(whole) = self.power.ends_within(words) {
            let (first, torn) = bytes.split_at(whole * WORD_BYTES);
            self.medium.put(begin, first)?;
            self.power
                .tear_word(&mut self.medium, begin + first.len(), torn);
        }
        self.medium.put(begin, bytes)?;
        self.written_words += words as u64;
        Ok(())
    }
}

impl MappedFlash for Flash {
    fn address(&self) -> usize {
        self.medium.address()
    }
}
