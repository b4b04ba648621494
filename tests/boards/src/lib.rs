//! A board that QEMU plays, operated over its serial line as anybody operates one: the real firmware, the real protocol.
//!
//! Tests, measurements and simulations of whole devices stand on this.

pub mod guests;
pub mod image;
pub mod rig;
pub mod sim;

pub use image::Packed;
pub use rig::{NotUp, Outcome, Rig, Setup};
pub use thimble_testkit::qemu::{Board, Time};
