//! Guests' network calls over real loopback sockets: what works, what is refused, and what no input breaks.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

mod access;
mod datagrams;
mod fixture;
mod names;
mod options;
mod pointers;
mod streams;
