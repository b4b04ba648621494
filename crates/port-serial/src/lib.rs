//! Talks to a microcontroller over a serial port or a socket.
//!
//! [`Client`] sends requests and waits for their replies; everything about repeating, frames and messages is in
//! `thimble-serial`. What the device's console says beside is handed to whoever wants it. Blocking, one thread, no globals.

mod address;
mod client;
mod error;
mod follow;
mod install;
mod line;

pub use address::{Address, AddressError};
pub use client::{BAUD_DEFAULT, Client, Settings, TextSink};
pub use error::{Heard, SerialError};
pub use follow::{Watcher, Wish};
pub use install::Package;
pub use line::Line;
