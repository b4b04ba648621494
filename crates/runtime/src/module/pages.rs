//! How large a linear memory is, and where behind it a guest finds Ocre's messages.

use alloc::format;
use core::ops::Range;

use thimble_abi::env;

use super::{ModuleError, PAGE_BYTES};

/// Bytes that 32-bit offsets can reach.
const REACHABLE_BYTES: u64 = 1 << 32;

/// The size of a linear memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pages {
    /// Bytes of one page, a power of two.
    pub page_bytes: u64,
    /// Pages it begins with.
    pub initial: u64,
    /// Pages it may have at most, if the module says so.
    pub maximum: Option<u64>,
}

/// The room for messages behind a memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppHeap {
    /// Where it is.
    pub range: Range<u32>,
    /// Pages that the memory begins with more, of its own size.
    pub pages: u64,
}

impl Pages {
    /// The room for messages, if so much more is within reach: a page of the usual size, and in a memory with smaller
    /// pages, whose guest counts bytes, what it asks for or just what one message needs.
    #[must_use]
    pub fn app_heap(self, wanted_bytes: Option<u32>) -> Option<AppHeap> {
        let begin = self.initial.saturating_mul(self.page_bytes);
        let (start, bytes, room) = if self.page_bytes < PAGE_BYTES {
            let start = begin.checked_next_multiple_of(u64::from(env::APP_HEAP_ALIGNMENT))?;
            let bytes = wanted_bytes.unwrap_or(env::APP_HEAP_SMALL_BYTES);
            (start, bytes, u64::from(bytes))
        } else {
            (begin, env::APP_HEAP_BYTES, self.page_bytes)
        };
        let end = start.checked_add(room)?;
        let pages = end.checked_sub(begin)?.div_ceil(self.page_bytes);
        if self.initial.checked_add(pages)? > self.most() {
            return None;
        }
        let start = u32::try_from(start).ok()?;
        Some(AppHeap {
            range: start..start.checked_add(bytes)?,
            pages,
        })
    }

    /// Begins and may end with `extra` pages more, as far as they are within reach.
    #[must_use]
    pub fn with(self, extra: u64) -> Self {
        // A maximum out of reach is not made right: that is for the engine to refuse.
        let grow = |pages: u64| pages.saturating_add(extra).min(self.most().max(pages));
        Self {
            initial: self.initial.saturating_add(extra),
            maximum: self.maximum.map(grow),
            ..self
        }
    }

    /// The most pages that can be reached.
    fn most(self) -> u64 {
        REACHABLE_BYTES
            .checked_div(self.page_bytes)
            .unwrap_or(0)
            .min(u64::from(u32::MAX))
    }
}

/// What a section of the name [`env::APP_HEAP_SECTION`] asks for, in bytes.
///
/// # Errors
/// [`ModuleError::Malformed`], with the offset of the section's content.
pub fn app_heap_bytes(content: &[u8], offset: usize) -> Result<u32, ModuleError> {
    let bytes = content.try_into().map(u32::from_le_bytes);
    bytes.map_err(|_| ModuleError::Malformed {
        reason: format!("`{}` is no number of four bytes", env::APP_HEAP_SECTION),
        offset,
    })
}
