//! What engines are measured with, the same for all of them: `benches/guests/mcu`.
//!
//! The kernels' native code is linked by the firmware, which also says what is printed.

#![no_std]

mod measure;
mod native;
mod wasi;

pub use measure::{Engine, Installed, Refused, measure};
pub use wasi::Wasi;

/// The kernels, as a module.
pub static KERNELS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/kernels.wasm"));
/// A program that uses a libc.
pub static BIG: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/big.wasm"));

/// A kernel.
#[derive(Clone, Copy)]
pub struct Kernel {
    /// Its name, without `b_`.
    pub name: &'static str,
    /// How much it does.
    pub amount: u32,
    /// How much it does where it is only to be seen that it runs.
    pub smoke_amount: u32,
    /// Its native code.
    pub native: fn(u32) -> u32,
}

const fn kernel(
    name: &'static str,
    amount: u32,
    smoke_amount: u32,
    native: fn(u32) -> u32,
) -> Kernel {
    Kernel {
        name,
        amount,
        smoke_amount,
        native,
    }
}

/// The kernels; the last two do nothing but call the host, and the same without the call.
pub const ALL: [Kernel; 12] = [
    kernel("fib", 22, 8, native::fib),
    kernel("sieve", 3, 1, native::sieve),
    kernel("matmul", 4, 1, native::matmul),
    kernel("crc", 4, 1, native::crc),
    kernel("sha", 16, 1, native::sha),
    kernel("qsort", 4, 1, native::qsort),
    kernel("nbody32", 400, 2, native::nbody32),
    kernel("nbody64", 100, 2, native::nbody64),
    kernel("indirect", 20_000, 50, native::indirect),
    kernel("i64mix", 10_000, 50, native::i64mix),
    kernel("host", 10_000, 50, native::host),
    kernel("loop", 10_000, 50, native::lone_loop),
];

/// What the kernels call: `env.host_add`, in every engine and natively.
#[must_use]
pub const fn host_add(value: u32) -> u32 {
    value.wrapping_add(1)
}
