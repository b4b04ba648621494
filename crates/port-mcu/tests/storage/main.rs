//! The flash store against a flash that loses power.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "everything here is a test and may stop at the first surprise"
)]

mod extents;
mod extents_cuts;
#[path = "../support/flash.rs"]
mod flash;
mod log;
mod log_churn;
mod log_cuts;
mod log_damage;
mod memory;
