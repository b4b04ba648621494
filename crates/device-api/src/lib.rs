//! What operators and the daemon say to each other: HTTP and JSON over a Unix socket.
//!
//! The paths are described in `spec/openapi/device.json`. Times are RFC 3339 with nanoseconds, durations milliseconds
//! (`_ms`) or nanoseconds (`_ns`), sizes bytes. Requests are read strictly: a field that is not known is an error.
//! Answers may get more fields; whoever reads them skips what it does not know.
//!
//! # Invariants
//!
//! Types only, and a [`client`]. Nothing here decides: whatever is said is checked by the daemon.

#![forbid(unsafe_code)]

pub mod app;
pub mod bus;
pub mod client;
pub mod container;
pub mod device;
pub mod event;
pub mod fleet;
pub mod log;
pub mod problem;
pub mod record;
pub mod spec;
pub mod stats;

pub use app::{AppSpec, AppStatus, Change, ChangeKind, Plan};
pub use bus::{BusMessage, BusStatus, Publish, Published};
pub use client::{Client, ClientError};
pub use container::{Container, Created, Health, HealthStatus, ImageIdentity, State};
pub use device::{Device, LoadedImage, PullProgress, PullRequest, Volume};
pub use event::{Event, EventKind};
pub use fleet::{FleetDeployment, FleetEnrol, FleetLink, FleetStatus};
pub use log::{LogLine, LogSource};
pub use problem::{Problem, ProblemKind};
pub use record::{EndReason, ExitRecord};
pub use spec::{
    BusSpec, ContainerSpec, Dependency, DependencyCondition, HealthAction, HealthSpec, LimitsSpec,
    LogSpec, Mount, MountKind, QueuePolicy, Update,
};
pub use stats::Stats;

/// The version of the interface, and the first part of every path.
pub const API_VERSION: &str = "v1";

/// Bytes of a request's JSON at most.
pub const BODY_BYTES_MAX: usize = 1 << 20;

/// A moment, as RFC 3339 writes it.
pub type Timestamp = jiff::Timestamp;
