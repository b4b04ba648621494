//! What firmware finds on a board that QEMU plays: start-up, output and exit by semihosting, a heap that counts, and
//! a counter of executed instructions.
//!
//! The target chooses the board: `mps2-an386` for `thumbv7em`, `mps2-an505` for `thumbv8m.main`, `virt` for
//! `riscv32imac`. Start QEMU with `-icount shift=0`, or the counter means nothing.

#![no_std]

#[cfg_attr(target_arch = "arm", path = "arm.rs")]
#[cfg_attr(target_arch = "riscv32", path = "riscv.rs")]
mod processor;

mod console;
mod heap;
mod semihosting;
mod stack;

use core::panic::PanicInfo;

pub use console::{Console, command_line, exit};
pub use heap::{in_use_bytes, peak_bytes, reset_peak};
pub use processor::{COUNTER_STEP, instructions};
pub use stack::Depth;

/// Writes a line to QEMU's output.
#[macro_export]
macro_rules! say {
    ($($argument:tt)*) => {{
        use core::fmt::Write as _;
        // The console takes everything.
        let _ = writeln!($crate::Console, $($argument)*);
    }};
}

/// Makes a function the firmware's main one. It gives whether all went well.
#[macro_export]
macro_rules! entry {
    ($main:path) => {
        /// Where the start-up code goes on.
        #[unsafe(no_mangle)]
        extern "C" fn firmware_main() -> ! {
            $crate::begin();
            let main: fn() -> bool = $main;
            $crate::exit(main())
        }
    };
}

/// Prepares heap and counter; [`entry!`] calls it.
pub fn begin() {
    heap::begin();
    processor::begin();
}

/// Called by the start-up code's handler of faults.
#[unsafe(no_mangle)]
extern "C" fn firmware_fault(cause: usize, address: usize) -> ! {
    say!("fault cause={cause:#x} address={address:#x}");
    exit(false)
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    say!("{info}");
    exit(false)
}
