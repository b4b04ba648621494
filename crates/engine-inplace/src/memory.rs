//! A guest's linear memory: a buffer that the port gives.

use alloc::alloc::{alloc_zeroed, dealloc, realloc};
use alloc::boxed::Box;
use core::alloc::Layout;
use core::ptr::{self, NonNull};
use core::slice;

/// Where guests' memories come from.
pub trait Buffers: Send + Sync {
    /// A buffer of zeros, which may grow up to `most_bytes`; nothing if there is no room.
    fn buffer(&self, bytes: usize, most_bytes: usize) -> Option<Box<dyn Buffer>>;
}

/// The memory of one guest.
///
/// # Safety
/// The bytes stay where they are and as many as they are, whatever happens, until [`Buffer::grow`] is called or the
/// buffer is dropped: guests use their place between two calls of [`Buffer::bytes`].
pub unsafe trait Buffer: Send {
    /// All of it.
    fn bytes(&mut self) -> &mut [u8];

    /// Makes it this long, the new bytes zero. It never gets shorter. `false`, and no change, if there is no room.
    fn grow(&mut self, bytes: usize) -> bool;
}

/// Memory from the allocator, which moves when it grows.
#[derive(Clone, Copy, Debug, Default)]
pub struct HeapBuffers;

impl Buffers for HeapBuffers {
    fn buffer(&self, bytes: usize, _: usize) -> Option<Box<dyn Buffer>> {
        let mut buffer = HeapBuffer {
            start: NonNull::dangling(),
            length: 0,
        };
        buffer
            .grow(bytes)
            .then(|| Box::new(buffer) as Box<dyn Buffer>)
    }
}

/// So that every access of a guest can be aligned as the guest believes.
const ALIGNMENT: usize = 16;

/// An allocation of `length` bytes with [`ALIGNMENT`], none if it is 0.
struct HeapBuffer {
    start: NonNull<u8>,
    length: usize,
}

// SAFETY: it owns its allocation, and gives it out only by `&mut self`.
unsafe impl Send for HeapBuffer {}

impl HeapBuffer {
    fn layout(length: usize) -> Option<Layout> {
        Layout::from_size_align(length, ALIGNMENT).ok()
    }
}

// SAFETY: the allocation is touched by `grow` and `drop` only.
unsafe impl Buffer for HeapBuffer {
    fn bytes(&mut self) -> &mut [u8] {
        // SAFETY: as many bytes are allocated there and were initialized, or it is dangling and there are none.
        unsafe { slice::from_raw_parts_mut(self.start.as_ptr(), self.length) }
    }

    fn grow(&mut self, bytes: usize) -> bool {
        if bytes <= self.length {
            return bytes == self.length;
        }
        let Some(layout) = Self::layout(bytes) else {
            return false;
        };
        let start = match Self::layout(self.length).filter(|_| self.length > 0) {
            // SAFETY: the layout's size is not 0, since it is more than what there was.
            None => unsafe { alloc_zeroed(layout) },
            // SAFETY: allocated with this layout; the new size is not 0 and was checked with the alignment.
            Some(before) => unsafe { realloc(self.start.as_ptr(), before, bytes) },
        };
        let Some(start) = NonNull::new(start) else {
            return false;
        };
        if self.length > 0 {
            // SAFETY: still within the new allocation.
            let new = unsafe { start.as_ptr().add(self.length) };
            // SAFETY: from there to its end it is ours and nobody has looked at it.
            unsafe { ptr::write_bytes(new, 0, bytes - self.length) };
        }
        self.start = start;
        self.length = bytes;
        true
    }
}

impl Drop for HeapBuffer {
    fn drop(&mut self) {
        if let Some(layout) = Self::layout(self.length).filter(|_| self.length > 0) {
            // SAFETY: allocated with this layout, and nobody has it any more.
            unsafe { dealloc(self.start.as_ptr(), layout) };
        }
    }
}

/// A guest's memory and what it may become.
pub(crate) struct Memory {
    buffer: Option<Box<dyn Buffer>>,
    pub(crate) bytes: u64,
    page_bits: u8,
    pages_max: u32,
    /// What the container may have.
    pub(crate) limit_bytes: u64,
}

/// Why a memory did not grow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// Over what the module allows itself, or what there is.
    Module,
    /// Over the container's limit, with the bytes that it wanted.
    Limit(u64),
}

impl Memory {
    /// No memory at all.
    pub(crate) const fn none() -> Self {
        Self {
            buffer: None,
            bytes: 0,
            page_bits: 0,
            pages_max: 0,
            limit_bytes: 0,
        }
    }

    /// A memory with so many pages, if there is room.
    pub(crate) fn new(
        buffers: &dyn Buffers,
        pages: u32,
        pages_max: Option<u32>,
        page_bits: u32,
        limit_bytes: u64,
    ) -> Option<Self> {
        let page_bits = u8::try_from(page_bits).ok()?;
        let bytes = u64::from(pages) << page_bits;
        let all = u32::MAX
            .checked_shr(page_bits.into())
            .map_or(0, |all| all.saturating_add(u32::from(page_bits > 0)));
        let pages_max = pages_max.unwrap_or(all).min(all);
        let most = (u64::from(pages_max) << page_bits)
            .min(limit_bytes)
            .max(bytes);
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        let buffer = buffers.buffer(usize::try_from(bytes).ok()?, most)?;
        Some(Self {
            buffer: Some(buffer),
            bytes,
            page_bits,
            pages_max,
            limit_bytes,
        })
    }

    pub(crate) fn slice(&mut self) -> &mut [u8] {
        self.buffer
            .as_mut()
            .map_or(&mut [], |buffer| buffer.bytes())
    }

    /// The pages it has.
    pub(crate) fn pages(&self) -> u32 {
        u32::try_from(self.bytes >> self.page_bits).unwrap_or(u32::MAX)
    }

    /// Adds pages; how many there were.
    pub(crate) fn grow(&mut self, pages: u32) -> Result<u32, Refused> {
        let before = self.pages();
        if pages == 0 {
            return Ok(before);
        }
        let wanted = u64::from(before) + u64::from(pages);
        if wanted > self.pages_max.into() {
            return Err(Refused::Module);
        }
        let bytes = wanted << self.page_bits;
        if bytes > self.limit_bytes {
            return Err(Refused::Limit(bytes));
        }
        let length = usize::try_from(bytes).map_err(|_| Refused::Module)?;
        let buffer = self.buffer.as_mut().ok_or(Refused::Module)?;
        if !buffer.grow(length) {
            return Err(Refused::Module);
        }
        self.bytes = bytes;
        Ok(before)
    }
}
