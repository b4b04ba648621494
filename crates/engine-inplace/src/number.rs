//! Arithmetic as WebAssembly defines it where Rust's operators differ.

pub(crate) mod float;
pub(crate) mod integer;
