//! The daemon.

pub mod logs;
