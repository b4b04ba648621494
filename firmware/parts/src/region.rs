//! A part of a chip's flash: the firmware lies in the rest.

use embedded_storage::nor_flash::{
    ErrorType, NorFlash, NorFlashError, NorFlashErrorKind, ReadNorFlash, check_erase, check_read,
    check_write,
};

use crate::MappedFlash;

/// From an offset of a chip's flash, so many bytes. Nothing outside can be read or written through it.
pub struct Region<Flash> {
    flash: Flash,
    offset: u32,
    bytes: u32,
    address: usize,
}

/// Why a region did not do it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RegionError<Error> {
    /// An offset or a length is not what flash does, or outside of the region.
    Range(NorFlashErrorKind),
    /// The chip's flash failed.
    Flash(Error),
}

impl<Error: NorFlashError> NorFlashError for RegionError<Error> {
    fn kind(&self) -> NorFlashErrorKind {
        match self {
            Self::Range(kind) => *kind,
            Self::Flash(error) => error.kind(),
        }
    }
}

impl<Flash> Region<Flash> {
    /// A region of `bytes` from `offset` of the flash, which the processor sees at `address`.
    pub const fn new(flash: Flash, offset: u32, bytes: u32, address: usize) -> Self {
        Self {
            flash,
            offset,
            bytes,
            address,
        }
    }
}

impl<Flash: NorFlash> ErrorType for Region<Flash> {
    type Error = RegionError<Flash::Error>;
}

impl<Flash: NorFlash> ReadNorFlash for Region<Flash> {
    const READ_SIZE: usize = Flash::READ_SIZE;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), Self::Error> {
        check_read(self, offset, bytes.len()).map_err(RegionError::Range)?;
        self.flash
            .read(self.offset + offset, bytes)
            .map_err(RegionError::Flash)
    }

    fn capacity(&self) -> usize {
        self.bytes as usize
    }
}

impl<Flash: NorFlash> NorFlash for Region<Flash> {
    const WRITE_SIZE: usize = Flash::WRITE_SIZE;
    const ERASE_SIZE: usize = Flash::ERASE_SIZE;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), Self::Error> {
        check_erase(self, from, to).map_err(RegionError::Range)?;
        self.flash
            .erase(self.offset + from, self.offset + to)
            .map_err(RegionError::Flash)
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), Self::Error> {
        check_write(self, offset, bytes.len()).map_err(RegionError::Range)?;
        self.flash
            .write(self.offset + offset, bytes)
            .map_err(RegionError::Flash)
    }
}

impl<Flash: NorFlash> MappedFlash for Region<Flash> {
    fn address(&self) -> usize {
        self.address
    }
}
