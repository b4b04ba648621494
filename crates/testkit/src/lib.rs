//! What tests share. Never a dependency of anything that ships.
//!
//! [`ports`] is a device for tests. [`engine_conformance`] holds the checks that every engine must pass, and the scripted
//! host they use. [`registry`] is a real registry of images, [`blobs`] a store of them in memory,
//! [`mosquitto`] a real MQTT broker, [`postgres`] a real database. [`random`] gives numbers
//! that a seed repeats, [`serial_device`] a device behind a serial line.

#![expect(
    clippy::panic,
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "everything here runs inside a test and may stop at the first surprise"
)]

pub mod blobs;
pub mod engine_conformance;
pub mod guests;
pub mod mosquitto;
pub mod ports;
pub mod postgres;
pub mod qemu;
pub mod random;
pub mod registry;
pub mod serial_device;
