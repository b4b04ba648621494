//! Simulations of whole devices: the real firmware, hours of its time, and power that goes at any moment.
//!
//! Everything follows from a seed, but for the moment at which the host looks.

mod boot;
pub mod cuts;
pub mod guests;
pub mod hours;
mod model;

pub use boot::{Begun, begin};
