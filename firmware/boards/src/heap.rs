//! The heap: what is left of the memory. It knows how much of it is in use, and the most that ever was.
//!
//! Firmware has one thread and no interrupts, so nothing is locked.

use core::alloc::{GlobalAlloc, Layout};
use core::cell::UnsafeCell;
use core::ptr;

use linked_list_allocator::Heap;

struct Counted(UnsafeCell<State>);

struct State {
    heap: Heap,
    peak: usize,
}

// SAFETY: there is one thread, and no handler of interrupts that allocates.
unsafe impl Sync for Counted {}

#[global_allocator]
static HEAP: Counted = Counted(UnsafeCell::new(State {
    heap: Heap::empty(),
    peak: 0,
}));

unsafe extern "C" {
    static mut __heap_start: u8;
    static mut __heap_end: u8;
}

fn state() -> &'static mut State {
    // SAFETY: one thread, and nobody keeps the reference while another is made: every use ends in this module.
    unsafe { &mut *HEAP.0.get() }
}

/// Gives the heap its memory.
pub(crate) fn begin() {
    let start = &raw mut __heap_start;
    let length = (&raw mut __heap_end) as usize - start as usize;
    // SAFETY: the linker script leaves this memory to the heap, and it is given once.
    unsafe { state().heap.init(start, length) };
}

/// Bytes in use, whole blocks.
pub fn in_use_bytes() -> usize {
    state().heap.used()
}

/// The most bytes that were in use since [`reset_peak`].
pub fn peak_bytes() -> usize {
    state().peak
}

/// Forgets the peak, and gives what is in use.
pub fn reset_peak() -> usize {
    let state = state();
    state.peak = state.heap.used();
    state.peak
}

// SAFETY: the allocator behind it keeps the contract.
unsafe impl GlobalAlloc for Counted {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let state = state();
        let Ok(block) = state.heap.allocate_first_fit(layout) else {
            return ptr::null_mut();
        };
        state.peak = state.peak.max(state.heap.used());
        block.as_ptr()
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        if let Some(block) = ptr::NonNull::new(block) {
            // SAFETY: the caller says that it is a block of this allocator with this layout.
            unsafe { state().heap.deallocate(block, layout) };
        }
    }
}
