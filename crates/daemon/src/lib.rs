//! The daemon.

pub mod isolation;
pub mod service;
