//! Containers apart from any engine or operating system: configuration, grants, limits, life cycle,
//! scheduling, the bus, and everything a guest may call.
//!
//! # Shape
//!
//! An [`engine::Engine`] runs one guest for one slice. Ports ([`port`]) give files, sockets, clock and
//! pins as values that can be polled and never block. [`host`] carries out the guest's calls over the
//! ports. [`kernel::Kernel`] holds every container's state, decides who runs next and for how long, and
//! is driven by a program or a port that owns the threads.
//!
//! # Invariants
//!
//! Pure: no clock, file, thread or log of its own; time is an argument, effects are calls on a port.
//! Nothing that a guest, an image or an operator hands in can make it panic.

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod bus;
pub mod config;
pub mod engine;
pub mod grant;
pub mod host;
pub mod kernel;
pub mod lifecycle;
pub mod limits;
pub mod memory;
pub mod module;
pub mod port;
pub mod record;
mod seldom;
mod sorted;
pub mod time;

pub use config::{ContainerConfig, ContainerId, ContainerUpdate};
pub use limits::Limits;
pub use time::Instant;
