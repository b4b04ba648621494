//! Between what operators read and write and what the store keeps: conversions, and the rules that names and values obey.

pub mod containers;
pub mod deployment;
pub mod device;
pub mod expected;
mod logs;
pub mod names;
pub mod pin;
pub mod tenant;
pub mod version;

pub use logs::LogsTold;

use thimble_hub_api::Timestamp;

/// A time of the store, as operators read it. What no calendar has becomes the beginning of time.
#[must_use]
pub fn timestamp(ms: i64) -> Timestamp {
    Timestamp::from_millisecond(ms).unwrap_or(Timestamp::UNIX_EPOCH)
}
