//! A small allocator over a part of a guest's memory. What it knows lies outside, so the guest cannot
//! harm it whatever it writes there.

use core::ops::Range;

use crate::sorted::Sorted;

/// Blocks begin at multiples of this.
const ALIGNMENT: u32 = 8;

/// Hands out offsets into a guest's memory.
#[derive(Debug)]
pub(super) struct Heap {
    range: Range<u32>,
    /// Blocks in use: where each begins and ends.
    blocks: Sorted<u32, u32>,
}

impl Heap {
    pub(super) fn new(range: Range<u32>) -> Self {
        // Offset 0 is NULL to a guest, so no block may begin there.
        let start = range.start.max(ALIGNMENT).next_multiple_of(ALIGNMENT);
        Self {
            range: start..range.end,
            blocks: Sorted::new(),
        }
    }

    /// Whether blocks of these sizes fit when nothing else is in use.
    pub(super) fn could_fit(&self, sizes: &[u32]) -> bool {
        let needed = sizes
            .iter()
            .try_fold(0u32, |sum, size| sum.checked_add(rounded(*size)?));
        needed.is_some_and(|needed| needed <= self.range.end.saturating_sub(self.range.start))
    }

    /// Takes a block from the first gap that is large enough.
    pub(super) fn allocate(&mut self, size: u32) -> Option<u32> {
        let size = rounded(size)?;
        let mut start = self.range.start;
        for (block, end) in self.blocks.iter() {
            if block.saturating_sub(start) >= size {
                break;
            }
            start = *end;
        }
        let end = start
            .checked_add(size)
            .filter(|end| *end <= self.range.end)?;
        self.blocks.insert(start, end);
        Some(start)
    }

    /// Gives a block back; false if none in use begins there.
    pub(super) fn free(&mut self, offset: u32) -> bool {
        self.blocks.remove(&offset).is_some()
    }

    /// Whether a block in use begins there.
    pub(super) fn is_used(&self, offset: u32) -> bool {
        self.blocks.contains(&offset)
    }
}

fn rounded(size: u32) -> Option<u32> {
    size.max(1).checked_next_multiple_of(ALIGNMENT)
}
