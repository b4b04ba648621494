//! WASI preview 1, call by call, on real folders and pipes and without an engine.

#![allow(
    clippy::cast_possible_truncation,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test may stop at the first surprise, and its numbers are small"
)]

mod escape;
mod files;
mod fixture;
mod listing;
mod paths;
mod pointers;
mod process;
mod streams;
