//! The bytes of code: the next one, and the numbers that they make.

use super::Registers;
use crate::slot::{Slot as _, low};

impl Registers {
    /// The next byte.
    #[inline(always)]
    pub(in crate::machine) fn u8(&mut self) -> u8 {
        debug_assert!(
            self.offset_of(self.code) < self.module_bytes,
            "beyond the code"
        );
        // SAFETY: within the function's code, which ends with an instruction that returns.
        let byte = unsafe { *self.code };
        // SAFETY: at most one behind the module.
        self.code = unsafe { self.code.add(1) };
        byte
    }

    /// The next unsigned number.
    #[inline(always)]
    pub(in crate::machine) fn u32(&mut self) -> u32 {
        let byte = self.u8();
        if byte < 0x80 {
            return byte.into();
        }
        low(self.long_number(byte).0)
    }

    /// The next signed number of 32 bits.
    #[inline(always)]
    pub(in crate::machine) fn i32(&mut self) -> i32 {
        i32::from_slot(self.i64().cast_unsigned())
    }

    /// The next signed number of 64 bits.
    #[inline(always)]
    pub(in crate::machine) fn i64(&mut self) -> i64 {
        let byte = self.u8();
        if byte < 0x80 {
            return i64::from((byte << 1).cast_signed() >> 1);
        }
        let (value, bits) = self.long_number(byte);
        let unused = 64_u32.saturating_sub(bits);
        (value << unused).cast_signed() >> unused
    }

    /// The rest of a number of several bytes, and how many bits they hold.
    #[inline(always)]
    pub(super) fn long_number(&mut self, first: u8) -> (u64, u32) {
        let (value, bits, code) = long_number(self.code, first);
        self.code = code;
        (value, bits)
    }

    /// Leaves out one number.
    #[inline(always)]
    pub(in crate::machine) fn skip_number(&mut self) {
        while self.u8() >= 0x80 {}
    }

    /// The next four bytes.
    #[inline(always)]
    pub(in crate::machine) fn word(&mut self) -> u32 {
        debug_assert!(
            self.offset_of(self.code) + 4 <= self.module_bytes,
            "beyond the code"
        );
        // SAFETY: the validator read four bytes here.
        let word = unsafe { self.code.cast::<u32>().read_unaligned() };
        // SAFETY: as above.
        self.code = unsafe { self.code.add(4) };
        u32::from_le(word)
    }

    pub(super) fn offset_of(&self, code: *const u8) -> usize {
        (code as usize).wrapping_sub(self.module as usize)
    }
}

/// Reads on where a number's first byte is not its last one. Apart from the registers: they are never lent.
#[inline(never)]
fn long_number(code: *const u8, first: u8) -> (u64, u32, *const u8) {
    let mut value = u64::from(first & 0x7f);
    let mut bits = 7;
    let mut code = code;
    loop {
        // SAFETY: the validator read a whole number here.
        let byte = unsafe { *code };
        // SAFETY: at most one behind it.
        code = unsafe { code.add(1) };
        value |= u64::from(byte & 0x7f) << bits;
        bits += 7;
        if byte < 0x80 {
            return (value, bits, code);
        }
    }
}
