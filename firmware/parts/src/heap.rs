//! The heap: what is left of the memory. It knows how much of it is in use, and the most that ever was.
//!
//! First fit in the order of addresses, with freed blocks joined at once, and no header: that keeps fragmentation low
//! for as long as a device runs, and an allocation costs what it asks for, in steps of 8 bytes. Interrupts are off
//! while it searches, since a handler may drop the last handle of something.
//!
//! What is large is refused before it takes the last of it ([`is_too_much`]): whoever asks for much can be told so, and
//! what is small goes on.

use core::alloc::{GlobalAlloc, Layout};
use core::cell::RefCell;
use core::ops::Range;
use core::ptr::{self, NonNull};

use critical_section::Mutex;
use linked_list_allocator::Heap;
use thimble_port_mcu::heap::is_too_much;

struct Counted(Mutex<RefCell<State>>);

struct State {
    heap: Heap,
    peak_bytes: usize,
    refused: u32,
}

#[global_allocator]
static HEAP: Counted = Counted(Mutex::new(RefCell::new(State {
    heap: Heap::empty(),
    peak_bytes: 0,
    refused: 0,
})));

/// How the heap is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HeapUse {
    /// Bytes in use, whole blocks.
    pub used_bytes: usize,
    /// The most that were in use since [`reset_peak`].
    pub peak_bytes: usize,
    /// Bytes in all.
    pub total_bytes: usize,
    /// Allocations that were refused since the start.
    pub refused: u32,
}

/// Gives the heap its memory.
///
/// # Safety
/// It is called once, and nobody uses the memory.
pub(crate) unsafe fn begin(memory: Range<usize>) {
    let bytes = memory.end.saturating_sub(memory.start);
    with(|state| {
        // SAFETY: the caller says that the memory is free and that this happens once.
        unsafe { state.heap.init(memory.start as *mut u8, bytes) };
    });
}

fn with<T>(use_state: impl FnOnce(&mut State) -> T) -> T {
    critical_section::with(|section| use_state(&mut HEAP.0.borrow_ref_mut(section)))
}

/// How the heap is now.
#[must_use]
pub fn usage() -> HeapUse {
    with(|state| HeapUse {
        used_bytes: state.heap.used(),
        peak_bytes: state.peak_bytes,
        total_bytes: state.heap.size(),
        refused: state.refused,
    })
}

/// Forgets the peak, and gives the bytes in use.
pub fn reset_peak() -> usize {
    with(|state| {
        state.peak_bytes = state.heap.used();
        state.peak_bytes
    })
}

// SAFETY: the allocator behind it keeps the contract, and is used by one caller at a time.
unsafe impl GlobalAlloc for Counted {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        with(|state| {
            let (used_bytes, total_bytes) = (state.heap.used(), state.heap.size());
            let block = match is_too_much(layout.size(), used_bytes, total_bytes) {
                true => Err(()),
                false => state.heap.allocate_first_fit(layout),
            };
            let Ok(block) = block else {
                state.refused = state.refused.wrapping_add(1);
                return ptr::null_mut();
            };
            state.peak_bytes = state.peak_bytes.max(state.heap.used());
            block.as_ptr()
        })
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        let Some(block) = NonNull::new(block) else {
            return;
        };
        with(|state| {
            // SAFETY: the caller says that it is a block of this allocator with this layout.
            unsafe { state.heap.deallocate(block, layout) };
        });
    }
}
