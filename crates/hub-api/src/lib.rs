//! What operators and the hub say to each other: HTTPS and JSON.
//!
//! The paths are described in `spec/openapi/hub.json`. Times are RFC 3339, durations seconds (`_s`) or milliseconds (`_ms`),
//! sizes bytes, ids UUIDs (RFC 9562). Requests are read strictly: a field that is not known is an error. Answers may get
//! more fields; whoever reads them skips what it does not know.
//!
//! # Invariants
//!
//! Types only, and a [`client`]. Nothing here decides: whatever is said is checked by the hub.

#![forbid(unsafe_code)]

pub mod app;
pub mod audit;
pub mod client;
pub mod deployment;
pub mod device;
pub mod document;
pub mod enrolment;
pub mod identity;
pub mod page;
pub mod problem;
pub mod rollout;
pub mod secret;
pub mod simulation;
pub mod status;
pub mod webhook;

pub use client::{Client, ClientError};
pub use document::Document;
pub use page::Page;
pub use problem::{Problem, ProblemKind};

/// The version of the interface, and the first part of every path.
pub const API_VERSION: &str = "v1";

/// Bytes of a request's JSON at most.
pub const BODY_BYTES_MAX: usize = 1 << 20;

/// Bytes of a CSV of expected devices at most: some 100,000 lines.
pub const CSV_BYTES_MAX: usize = 16 << 20;

/// A moment, as RFC 3339 writes it.
pub type Timestamp = jiff::Timestamp;

/// Whether a value is what it would be if it were left out.
pub(crate) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
