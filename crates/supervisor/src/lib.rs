//! Keeps the containers of a microcontroller as they were declared: what the daemon is on Linux.
//!
//! [`Supervisor::handle`] carries out what an operator asks for, [`Supervisor::poll`] what happens by itself, and
//! [`Supervisor::step`] runs the containers. Firmware calls them one after the other, and waits between them.
//!
//! # Invariants
//!
//! What was acknowledged is in the records, changed in one piece: after a power cut at any moment the device has what
//! it had before a request or what it has after it. What is to run runs again after a reset, without anybody's help.
//! Nothing that an operator, an image, a guest or a worn flash says makes it panic; what is damaged is told and left
//! out, and the rest runs.
//!
//! Never: a declaration in memory that could be read from flash, a wait, or a write for each slip of a container that
//! fails again and again (ADR 20).

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod batch;
mod catalog;
mod container;
mod denied;
mod device;
mod entries;
mod identity;
mod journal;
mod keys;
mod limits;
mod observer;
mod operations;
mod parts;
pub mod programs;
mod records;
mod recover;
mod run_end;
mod saved;
mod settle;
mod status;
mod supervisor;

pub use parts::{DeviceFacts, Parts, Settings, SharedRecords, Tap, Volumes};
pub use supervisor::{Next, Supervisor};
