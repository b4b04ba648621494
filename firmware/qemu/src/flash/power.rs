//! Losing power in the middle of a change of flash, so that tests can do it as often as they like.

use firmware_parts::Words;

use super::WORD_BYTES;
use crate::processor::medium::Medium;
use crate::semihosting;

/// QEMU's exit status then.
const STATUS: u32 = 99;

/// When power ends, and what that leaves behind.
pub(crate) struct PowerCut {
    /// Operations that still succeed.
    left: Option<u32>,
    random: u32,
}

impl PowerCut {
    /// What the words `cut=` and `seed=` ask for.
    pub(crate) fn of(words: Words) -> Self {
        Self {
            left: words.number("cut"),
            random: words.number("seed").unwrap_or(1).max(1),
        }
    }

    /// Counts so many operations. If power ends before all of them are done: how many still are.
    pub(super) fn ends_within(&mut self, operations: usize) -> Option<usize> {
        let left = self.left? as usize;
        if left < operations {
            return Some(left);
        }
        self.left = u32::try_from(left - operations).ok();
        None
    }

    /// Writes what is left of a word, and ends everything.
    pub(super) fn tear_word(&mut self, medium: &mut Medium, offset: usize, new: &[u8]) -> ! {
        let mut word = [0; WORD_BYTES];
        let old = medium.bytes().get(offset..).unwrap_or_default();
        let kind = self.next() % 4;
        for ((byte, old), new) in word.iter_mut().zip(old).zip(new) {
            *byte = match kind {
                0 => *old,
                1 => *new,
                // Of the bits that were to be cleared, some are.
                _ => old & (new | self.byte()),
            };
        }
        // Power is lost whether this works or not.
        let _ = medium.put(offset, &word);
        semihosting::exit(STATUS)
    }

    /// Erases what is left of a sector, and ends everything.
    pub(super) fn tear_sector(&mut self, medium: &mut Medium, offset: usize, bytes: usize) -> ! {
        let kind = self.next() % 4;
        let whole = self.next() as usize % bytes;
        for place in (offset..offset + bytes).step_by(WORD_BYTES) {
            let mut word = [0; WORD_BYTES];
            let old = medium.bytes().get(place..).unwrap_or_default();
            for (byte, old) in word.iter_mut().zip(old) {
                *byte = match kind {
                    0 => *old,
                    1 => 0xff,
                    // The first part is erased, the rest is not.
                    2 if place - offset < whole => 0xff,
                    2 => *old,
                    // Of the bits that were to be set, some are.
                    _ => old | self.byte(),
                };
            }
            // Power is lost whether this works or not.
            let _ = medium.put(place, &word);
        }
        semihosting::exit(STATUS)
    }

    fn byte(&mut self) -> u8 {
        let [byte, ..] = self.next().to_be_bytes();
        byte
    }

    /// Xorshift, Marsaglia 2003: the same seed tears the same way.
    fn next(&mut self) -> u32 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 17;
        self.random ^= self.random << 5;
        self.random
    }
}
