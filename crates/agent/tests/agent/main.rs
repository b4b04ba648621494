//! Agents on simulated devices: each path by itself, power cuts after any action, and random lives.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "everything here runs inside a test and may stop at the first surprise"
)]

mod hub;
mod life;
mod model;
mod offline;
mod support;
mod waiting;
