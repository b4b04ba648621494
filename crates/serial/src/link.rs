//! Requests and replies over a line that may lose, damage and double what it carries.
//!
//! One request at a time, each with a number of its own. The client repeats a request until its reply is there; the device
//! carries a request out once, and answers a repeated one from memory. Neither reads a clock: the time is an argument.

mod client;
mod server;
mod shorten;

pub use client::{ClientEvent, ClientLink, DEVICE_BYTES_MIN, LinkError, Step, Timing};
pub use server::{ServerEvent, ServerLink};
