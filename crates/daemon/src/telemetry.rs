//! Figures of the device for those who watch it: Prometheus asks for them, a collector is sent them (OTLP). Off
//! unless the operator asks.
//!
//! # Invariants
//!
//! Nothing is counted here and nothing is kept between two times: whoever asks gets the figures of that moment,
//! and a device that nobody watches pays nothing.

mod exposition;
mod http;
pub mod otlp;
#[cfg(test)]
mod tests;

use crate::bridge::BridgeStatus;

pub use exposition::{CONTENT_TYPE, prometheus};
pub use http::{CONNECTIONS_MAX, serve};

/// Figures of one container.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ContainerFigures {
    /// Its name.
    pub name: String,
    /// The app it belongs to.
    pub app: Option<String>,
    /// The image it was made from.
    pub image: String,
    /// Its state, as the API names it.
    pub state: &'static str,
    /// Its health, as the API names it.
    pub health: &'static str,
    /// How often it was restarted.
    pub restarts: u64,
    /// Processor time it has used.
    pub cpu_seconds: f64,
    /// Linear memory it has.
    pub memory_bytes: u64,
    /// The most it has had.
    pub memory_bytes_max: u64,
    /// The most it may have.
    pub memory_limit_bytes: u64,
    /// Slices it has run.
    pub slices: u64,
    /// Bytes in its volumes and its store.
    pub storage_bytes: u64,
    /// Messages that entered its queue.
    pub bus_delivered: u64,
    /// Messages that gave way to newer ones.
    pub bus_dropped: u64,
    /// Messages that its queue refused.
    pub bus_refused: u64,
    /// Messages that wait for it.
    pub bus_waiting: u64,
    /// Bytes of output it has written.
    pub log_bytes: u64,
    /// What of its output was dropped, in the log's own unit.
    pub log_dropped: u64,
    /// How it last ended.
    pub last_exit_code: Option<i32>,
}

/// Figures of the device.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DeviceFigures {
    /// Its containers.
    pub containers: Vec<ContainerFigures>,
    /// How long the daemon has run.
    pub uptime_seconds: f64,
    /// The daemon's version.
    pub version: String,
    /// Messages the bus retains.
    pub bus_retained_messages: u64,
    /// Bytes of the messages the bus retains.
    pub bus_retained_bytes: u64,
    /// Its bridges by name.
    pub bridges: Vec<(String, BridgeStatus)>,
    /// Resident memory of the daemon.
    pub process_resident_bytes: u64,
    /// Processor time of the daemon.
    pub process_cpu_seconds: f64,
    /// Open descriptors of the daemon.
    pub open_fds: u64,
}

/// Gives the figures of the moment; without waiting, for the control thread asks.
pub trait Figures: Send + Sync {
    /// The figures of now.
    fn figures(&self) -> DeviceFigures;
}
