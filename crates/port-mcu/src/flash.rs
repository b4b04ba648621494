//! Flash: what is asked of a chip, and parts of it that are used on their own.
//!
//! A chip's driver implements [`NorFlash`]. [`SharedFlash`] forgets its type, so that what stands above is compiled once,
//! and [`Region`] is a part of it, counted from zero. No word is ever written twice without an erasure between: flash
//! with error correction does not allow it.

mod driver;

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::fmt;
use core::ops::Range;
use core::ptr::NonNull;

use embedded_storage::nor_flash::NorFlash;

use crate::machine::Lock;

use driver::{Driver, InPlace, Plain};

/// The largest unit of writing that is supported.
pub const WRITE_BYTES_MAX: u32 = 32;

/// Flash whose bytes can be read where they lie.
///
/// # Safety
/// From the address that [`Mapped::base`] returns, as many bytes as [`ReadNorFlash::capacity`] says can be read for as
/// long as the program runs. They change only through the driver, and when one of its calls has returned, they read as
/// it left them: caches are its business.
///
/// [`ReadNorFlash::capacity`]: embedded_storage::nor_flash::ReadNorFlash::capacity
pub unsafe trait Mapped {
    /// Where offset zero lies.
    fn base(&self) -> NonNull<u8>;
}

/// How a flash is divided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Geometry {
    /// Bytes in all.
    pub capacity_bytes: u32,
    /// Bytes that are erased together.
    pub block_bytes: u32,
    /// Bytes that are written together.
    pub write_bytes: u32,
}

/// Why flash could not be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FlashError {
    /// It is in use further up the stack.
    Busy,
    /// The range lies outside, or is not a whole number of units.
    OutOfRange,
    /// The driver failed.
    Device,
}

impl fmt::Display for FlashError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Busy => "flash is in use",
            Self::OutOfRange => "the range is not within flash, or not whole units of it",
            Self::Device => "flash failed",
        })
    }
}

impl core::error::Error for FlashError {}

/// A flash that several regions share.
#[derive(Clone)]
pub struct SharedFlash {
    driver: Arc<Lock<Box<dyn Driver>>>,
    geometry: Geometry,
}

impl SharedFlash {
    /// Shares a flash that is read through its driver.
    #[must_use]
    pub fn new<F: NorFlash + Send + 'static>(flash: F) -> Self {
        Self::share(Box::new(Plain(flash)))
    }

    /// Shares a flash that can also be read where it lies.
    #[must_use]
    pub fn mapped<F: NorFlash + Mapped + Send + 'static>(flash: F) -> Self {
        Self::share(Box::new(InPlace(Plain(flash))))
    }

    fn share(driver: Box<dyn Driver>) -> Self {
        let geometry = driver.geometry();
        Self {
            driver: Arc::new(Lock::new(driver)),
            geometry,
        }
    }

    /// How it is divided.
    #[must_use]
    pub fn geometry(&self) -> Geometry {
        self.geometry
    }

    /// A part of it: whole blocks.
    ///
    /// # Errors
    /// [`FlashError::OutOfRange`].
    pub fn region(&self, range: Range<u32>) -> Result<Region, FlashError> {
        let Geometry {
            capacity_bytes,
            block_bytes,
            write_bytes,
        } = self.geometry;
        let whole = |offset: u32| offset.checked_rem(block_bytes) == Some(0);
        if range.start >= range.end
            || range.end > capacity_bytes
            || !whole(range.start)
            || !whole(range.end)
            || !(1..=WRITE_BYTES_MAX).contains(&write_bytes)
            || !write_bytes.is_power_of_two()
            || !block_bytes.is_multiple_of(write_bytes)
        {
            return Err(FlashError::OutOfRange);
        }
        Ok(Region {
            flash: self.clone(),
            start: range.start,
            length_bytes: range.end - range.start,
        })
    }
}

/// A part of a flash. Offsets count from its beginning.
#[derive(Clone)]
pub struct Region {
    flash: SharedFlash,
    start: u32,
    length_bytes: u32,
}

impl Region {
    /// Bytes that it has.
    #[must_use]
    pub fn length_bytes(&self) -> u32 {
        self.length_bytes
    }

    /// Bytes that are erased together.
    #[must_use]
    pub fn block_bytes(&self) -> u32 {
        self.flash.geometry.block_bytes
    }

    /// Bytes that are written together: a power of two, at most [`WRITE_BYTES_MAX`].
    #[must_use]
    pub fn write_bytes(&self) -> u32 {
        self.flash.geometry.write_bytes
    }

    /// Reads any bytes.
    ///
    /// # Errors
    /// [`FlashError`].
    pub fn read(&self, offset: u32, buffer: &mut [u8]) -> Result<(), FlashError> {
        let place = self.place(offset, buffer.len())?;
        self.with(|driver| driver.read(place, buffer))
    }

    /// Writes whole units that were erased and not written since.
    ///
    /// # Errors
    /// [`FlashError`].
    pub fn write(&self, offset: u32, bytes: &[u8]) -> Result<(), FlashError> {
        let place = self.place(offset, bytes.len())?;
        self.with(|driver| driver.write(place, bytes))
    }

    /// Erases whole blocks, one after the other.
    ///
    /// # Errors
    /// [`FlashError`].
    pub fn erase(&self, range: Range<u32>) -> Result<(), FlashError> {
        let length = range.end.saturating_sub(range.start);
        let block_bytes = self.block_bytes();
        if !range.start.is_multiple_of(block_bytes) || !length.is_multiple_of(block_bytes) {
            return Err(FlashError::OutOfRange);
        }
        let start = self.place(range.start, index(length))?;
        for block in 0..length / block_bytes {
            let from = start + block * block_bytes;
            self.with(|driver| driver.erase(from, from + block_bytes))?;
        }
        Ok(())
    }

    /// Whether all bytes of a range read as erased.
    ///
    /// # Errors
    /// [`FlashError`].
    pub fn is_blank(&self, range: Range<u32>) -> Result<bool, FlashError> {
        let mut buffer = [0; 64];
        let mut at = range.start;
        while at < range.end {
            let length = index(range.end - at).min(buffer.len());
            let Some(part) = buffer.get_mut(..length) else {
                break;
            };
            self.read(at, part)?;
            if part.iter().any(|byte| *byte != 0xff) {
                return Ok(false);
            }
            at += span(length);
        }
        Ok(true)
    }

    /// Bytes where they lie, if the flash is mapped.
    ///
    /// # Errors
    /// [`FlashError`].
    ///
    /// # Safety
    /// Nobody reads what is returned after any of its bytes have been written or erased.
    pub unsafe fn in_place(
        &self,
        offset: u32,
        length_bytes: u32,
    ) -> Result<&'static [u8], FlashError> {
        let length = index(length_bytes);
        let place = index(self.place(offset, length)?);
        let base = self.with(|driver| driver.base().ok_or(FlashError::Device))?;
        // SAFETY: the place lies within the flash, all of which can be read from its base (`Mapped`).
        let first = unsafe { base.add(place) };
        // SAFETY: so does the whole range; nobody reads it once it has changed, as the caller promises.
        Ok(unsafe { core::slice::from_raw_parts(first.as_ptr(), length) })
    }

    fn with<R>(
        &self,
        use_driver: impl FnOnce(&mut dyn Driver) -> Result<R, FlashError>,
    ) -> Result<R, FlashError> {
        let mut driver = self.flash.driver.take().map_err(|_| FlashError::Busy)?;
        use_driver(&mut **driver)
    }

    /// Where a range of the region lies in flash.
    fn place(&self, offset: u32, length: usize) -> Result<u32, FlashError> {
        let length = u32::try_from(length).map_err(|_| FlashError::OutOfRange)?;
        let end = offset.checked_add(length).ok_or(FlashError::OutOfRange)?;
        if end > self.length_bytes {
            return Err(FlashError::OutOfRange);
        }
        Ok(self.start + offset)
    }
}

/// A number of bytes of flash, to index memory with. No processor that has flash has smaller addresses.
pub(crate) fn index(bytes: u32) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

/// The length of a buffer, to count bytes of flash with. What does not fit lies outside of every region.
pub(crate) fn span(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}
