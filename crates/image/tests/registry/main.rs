//! The machines that talk to registries: answers in, requests out.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may stop at the first surprise"
)]

mod harness;
mod pulls;
mod pushes;
