//! Keeps the containers of a microcontroller as they were declared.

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod programs;
