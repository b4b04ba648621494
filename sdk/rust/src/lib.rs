//! Thimble's interface for guests: events, timers, pins, sensors, the message bus, the key-value store,
//! health and logs, and the little of WASI that a guest without a standard library needs.
//!
//! Invariants: `no_std`, no allocation, no dependency; all `unsafe` is in `host`. It never hides an error of the
//! host and never retries by itself.
//!
//! ```text
//! #![no_std]
//! #![no_main]
//! use thimble_guest::{entry, println};
//!
//! entry!(main);
//!
//! fn main() -> i32 {
//!     println!("Hello");
//!     0
//! }
//! ```

#![no_std]

mod bus;
mod console;
mod error;
mod event;
#[cfg(target_family = "wasm")]
mod host;
#[cfg(not(target_family = "wasm"))]
#[path = "host_absent.rs"]
mod host;
mod operator;
mod pins;
mod store;
mod system;
#[cfg(test)]
mod tests;
mod timer;

pub use bus::{Subscription, publish, publish_retained, subscribe};
pub use console::{Console, stderr, stdout};
pub use error::{Error, Result};
pub use event::{Event, Message, wait};
pub use operator::{Health, Level, answer_update, log, report_health, veto_updates};
pub use pins::{Pin, Sensor};
pub use store::{delete, get, set};
pub use system::{abi_version, environment, exit};
pub use timer::Timer;

/// Makes a function `fn() -> i32` the guest's start; its result is the exit code.
#[macro_export]
macro_rules! entry {
    ($main:path) => {
        /// What the runtime calls.
        #[unsafe(no_mangle)]
        pub extern "C" fn _start() {
            let code: i32 = $main();
            if code != 0 {
                $crate::exit(code);
            }
        }
    };
}

/// Prints a line to standard output.
#[macro_export]
macro_rules! println {
    () => { $crate::stdout().line(::core::format_args!("")) };
    ($($argument:tt)*) => { $crate::stdout().line(::core::format_args!($($argument)*)) };
}

/// Prints a line to standard error.
#[macro_export]
macro_rules! eprintln {
    () => { $crate::stderr().line(::core::format_args!("")) };
    ($($argument:tt)*) => { $crate::stderr().line(::core::format_args!($($argument)*)) };
}

#[cfg(target_family = "wasm")]
#[panic_handler]
fn panic(reason: &core::panic::PanicInfo<'_>) -> ! {
    stderr().line(format_args!("{reason}"));
    // A trap, so that the runtime records a failure with its place and not an exit code.
    core::arch::wasm32::unreachable()
}
