//! The buffer that holds a guest's values and frames.

use alloc::alloc::{alloc_zeroed, dealloc};
use core::alloc::Layout;
use core::ptr::NonNull;
use core::slice;

/// Slots of 64 bits, as many as its maker gave.
pub(crate) struct Stack {
    start: NonNull<u64>,
    slots: usize,
}

// SAFETY: it owns its allocation, and a machine that is moved to another thread takes it along.
unsafe impl Send for Stack {}

impl Stack {
    /// A stack of so many bytes, if there is room.
    pub(crate) fn new(bytes: usize) -> Option<Self> {
        let slots = bytes / size_of::<u64>();
        let layout = Self::layout(slots)?;
        // SAFETY: the layout's size is not 0, which `layout` checked.
        let start = unsafe { alloc_zeroed(layout) };
        Some(Self {
            start: NonNull::new(start.cast())?,
            slots,
        })
    }

    fn layout(slots: usize) -> Option<Layout> {
        Layout::array::<u64>(slots)
            .ok()
            .filter(|layout| layout.size() > 0)
    }

    pub(super) const fn start(&self) -> *mut u64 {
        self.start.as_ptr()
    }

    pub(super) const fn end(&self) -> *mut u64 {
        // SAFETY: one behind the last slot of the allocation.
        unsafe { self.start.as_ptr().add(self.slots) }
    }

    /// The slots up to a height.
    pub(super) fn results(&self, height: usize) -> &[u64] {
        // SAFETY: no more than there are, and all were zero from the start.
        unsafe { slice::from_raw_parts(self.start.as_ptr(), height.min(self.slots)) }
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        if let Some(layout) = Self::layout(self.slots) {
            // SAFETY: allocated with this layout, and nobody has it any more.
            unsafe { dealloc(self.start.as_ptr().cast(), layout) };
        }
    }
}
