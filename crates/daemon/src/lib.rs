//! The daemon: keeps containers in the state their operator declared, on a Linux device, with nobody's help.
//!
//! # Shape
//!
//! [`run()`] is the whole life of the process. Workers run containers (`thimble_port_linux::machine`); one control thread
//! serves the API and waits for what is due; what may wait for a disk is done on threads of its own. A program gives the
//! engine and the images ([`Program`], [`images::Images`]).
//!
//! # Invariants
//!
//! What was acknowledged is on the disk. Whatever a guest, a client or the disk does, the other containers run on.
//! Nothing ticks: who waits is woken.

mod api;
mod apps;
pub mod bridge;
mod container;
mod control;
mod device;
mod events;
mod figures;
mod files;
mod fleet;
mod identity;
pub mod images;
pub mod isolation;
pub mod logs;
mod observer;
mod operations;
pub mod record;
mod recover;
mod run;
pub mod service;
pub mod settings;
mod settle;
mod state;
mod suspects;
pub mod telemetry;
mod volumes;
mod wait;

pub use api::openapi;
pub use fleet::FleetSettings;
pub use images::{BlobSink, Hold, ImageFault, Images, OpenedImage};
pub use run::{DaemonError, Program, Setup, log_to_standard_error, run};
pub use settings::Settings;
