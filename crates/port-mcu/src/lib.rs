//! What a microcontroller gives to containers: flash, clock, randomness, pins, streams, and the loop that runs them.
//!
//! Builds and tests on any host. A chip's crate brings drivers that implement `embedded-storage`, `embedded-hal` and
//! `rand_core`; everything above them is here. One processor runs it: locks are tried and never waited for.
//!
//! Never: a wait on behalf of a guest, or an allocation that takes the device down.

#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod extents;
pub mod files;
pub mod flash;
pub mod heap;
pub mod images;
pub mod log;
pub mod machine;
pub mod network;
pub mod pins;
pub mod random;
pub mod records;
pub mod shared;
pub mod simulated;
pub mod store;
#[cfg(test)]
mod testing;
