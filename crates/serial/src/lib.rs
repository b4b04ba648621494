//! What an operator and a microcontroller say to each other over a serial line: requests, replies, and the frames that
//! carry them beside the text of a console.
//!
//! Pure: no I/O and no clock. Both ends ship at different times, so a published message never changes meaning; a new one
//! gets a new number. Bytes from the line are hostile until a constructor here has accepted them.

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod codec;
pub mod frame;
pub mod link;
pub mod message;
pub mod shell;

pub use codec::{DecodeError, EncodeError};
pub use link::{ClientEvent, ClientLink, ServerEvent, ServerLink};
pub use message::{
    ContainerStatus, Declaration, DeviceStatus, FaultReport, HealthStatus, ImageStatus,
    LimitOverrides, LogEntry, LogStream, Policy, Refusal, RefusalKind, Reply, Request, RunEnd,
    RunState, Space, StorageStatus,
};
pub use shell::Shell;
