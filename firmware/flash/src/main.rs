//! Firmware that validates a module and runs it, or does not: what it is larger by is the engine's.
//!
//! It is never run. The module is what it was given as words, so that nothing can be computed ahead.

#![no_std]
#![no_main]

extern crate alloc;

#[cfg_attr(feature = "inplace", path = "inplace.rs")]
#[cfg_attr(all(feature = "wasmi", not(feature = "inplace")), path = "wasmi.rs")]
mod engine;

use alloc::vec::Vec;

use firmware_boards::{command_line, say};

firmware_boards::entry!(main);

fn main() -> bool {
    let mut buffer = [0; 200];
    let module: Vec<u8> = command_line(&mut buffer).bytes().collect();
    let result = engine::run(module.leak());
    say!("result={result:?}");
    result.is_some()
}
