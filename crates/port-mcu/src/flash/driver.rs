//! A chip's driver behind a pointer: the one place that is compiled anew for each.

use core::ptr::NonNull;

use embedded_storage::nor_flash::NorFlash;

use super::{FlashError, Geometry, Mapped, index, span};

/// Bytes of the buffer through which drivers read that cannot read any byte.
const BOUNCE_BYTES: usize = 64;

/// A flash, whatever its type.
pub(super) trait Driver: Send {
    /// How it is divided.
    fn geometry(&self) -> Geometry;
    /// Reads any bytes.
    fn read(&mut self, offset: u32, buffer: &mut [u8]) -> Result<(), FlashError>;
    /// Writes whole units.
    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), FlashError>;
    /// Erases whole blocks.
    fn erase(&mut self, from: u32, to: u32) -> Result<(), FlashError>;
    /// Where it lies in memory, as [`Mapped`] promises.
    fn base(&self) -> Option<NonNull<u8>>;
}

/// A flash that is read through its driver.
pub(super) struct Plain<F>(pub(super) F);

impl<F: NorFlash + Send> Driver for Plain<F> {
    fn geometry(&self) -> Geometry {
        Geometry {
            capacity_bytes: span(self.0.capacity()),
            block_bytes: span(F::ERASE_SIZE),
            write_bytes: span(F::WRITE_SIZE),
        }
    }

    fn read(&mut self, offset: u32, buffer: &mut [u8]) -> Result<(), FlashError> {
        if F::READ_SIZE <= 1 {
            return self.0.read(offset, buffer).map_err(device);
        }
        let mut bounce = [0; BOUNCE_BYTES];
        let unit = span(F::READ_SIZE);
        let mut done = 0;
        while done < buffer.len() {
            let at = offset + span(done);
            let aligned = at - at % unit;
            let skipped = index(at - aligned);
            let wanted = (skipped + buffer.len() - done)
                .next_multiple_of(F::READ_SIZE)
                .min(BOUNCE_BYTES - BOUNCE_BYTES % F::READ_SIZE);
            let whole = bounce.get_mut(..wanted).ok_or(FlashError::Device)?;
            self.0.read(aligned, whole).map_err(device)?;
            let source = whole.get(skipped..).unwrap_or_default();
            let target = buffer.get_mut(done..).unwrap_or_default();
            let length = source.len().min(target.len());
            if length == 0 {
                return Err(FlashError::Device);
            }
            for (to, from) in target.iter_mut().zip(source) {
                *to = *from;
            }
            done += length;
        }
        Ok(())
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), FlashError> {
        self.0.write(offset, bytes).map_err(device)
    }

    fn erase(&mut self, from: u32, to: u32) -> Result<(), FlashError> {
        self.0.erase(from, to).map_err(device)
    }

    fn base(&self) -> Option<NonNull<u8>> {
        None
    }
}

/// A flash that can be read where it lies.
pub(super) struct InPlace<F>(pub(super) Plain<F>);

impl<F: NorFlash + Mapped + Send> Driver for InPlace<F> {
    fn geometry(&self) -> Geometry {
        self.0.geometry()
    }

    fn read(&mut self, offset: u32, buffer: &mut [u8]) -> Result<(), FlashError> {
        self.0.read(offset, buffer)
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), FlashError> {
        self.0.write(offset, bytes)
    }

    fn erase(&mut self, from: u32, to: u32) -> Result<(), FlashError> {
        self.0.erase(from, to)
    }

    fn base(&self) -> Option<NonNull<u8>> {
        Some(self.0.0.base())
    }
}

/// What the driver says is the chip's affair; that it failed is all that matters above.
fn device<E>(_: E) -> FlashError {
    FlashError::Device
}
