//! The daemon.

pub mod bridge;
pub mod telemetry;
