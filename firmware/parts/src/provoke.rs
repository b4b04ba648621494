//! Ways to end a run badly, for those who test what happens then.

use core::hint::black_box;

use crate::processor;

/// Executes an instruction that no processor knows.
pub fn fault() {
    processor::invalid_instruction();
}

/// Calls itself until the stack is full.
pub fn stack_overflow() -> u32 {
    deeper(black_box(0))
}

#[inline(never)]
fn deeper(depth: u32) -> u32 {
    let bytes = black_box([depth; 64]);
    if black_box(depth) == u32::MAX {
        return 0;
    }
    let found = deeper(depth.wrapping_add(1));
    found.wrapping_add(black_box(&bytes).iter().sum::<u32>())
}

/// Never gives the processor back, so that a watchdog bites.
pub fn hang() -> ! {
    loop {
        core::hint::spin_loop();
    }
}
