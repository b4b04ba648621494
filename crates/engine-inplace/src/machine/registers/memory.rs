//! Linear memory. Every access is checked against its length.

use thimble_runtime::engine::TrapKind;

use super::Registers;

impl Registers {
    /// Where an access of so many bytes begins, if all of it is within the memory.
    #[inline(always)]
    pub(super) fn address(
        &self,
        base: u32,
        offset: u32,
        bytes: usize,
    ) -> Result<*mut u8, TrapKind> {
        let start = u64::from(base) + u64::from(offset);
        if start + bytes as u64 > self.memory_bytes as u64 {
            return Err(TrapKind::MemoryOutOfBounds);
        }
        // SAFETY: within the memory, which was just checked; so it fits into a `usize`, too.
        #[expect(clippy::cast_possible_truncation, reason = "less than `memory_bytes`")]
        Ok(unsafe { self.memory.add(start as usize) })
    }

    #[inline(always)]
    pub(in crate::machine) fn load<T: Copy>(&self, base: u32, offset: u32) -> Result<T, TrapKind> {
        let place = self.address(base, offset, size_of::<T>())?;
        // SAFETY: as many bytes are there; every pattern of bits is a value of the numbers it is used with.
        Ok(unsafe { place.cast::<T>().read_unaligned() })
    }

    #[inline(always)]
    pub(in crate::machine) fn store<T: Copy>(
        &mut self,
        base: u32,
        offset: u32,
        value: T,
    ) -> Result<(), TrapKind> {
        let place = self.address(base, offset, size_of::<T>())?;
        // SAFETY: as many bytes are there.
        unsafe { place.cast::<T>().write_unaligned(value) };
        Ok(())
    }
}
