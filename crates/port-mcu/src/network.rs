//! Networks of a device: none, or one of its own between its containers.
//!
//! A firmware names the one that it wants; the other is not linked.

mod address;
mod bind;
mod datagram;
mod endpoint;
mod local;
mod names;
mod options;
mod ready;
mod ring;
mod socket;
mod stack;
mod stream;
#[cfg(test)]
mod tests;

use alloc::boxed::Box;

use thimble_abi::Errno;
use thimble_runtime::port::{Lookup, Network, Protocol, Socket};

pub use local::{LocalNetwork, LocalSettings, LocalUsage};

/// No network: every socket is refused.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoNetwork;

impl Network for NoNetwork {
    fn socket(&self, _: Protocol, _: bool) -> Result<Box<dyn Socket>, Errno> {
        Err(Errno::NotSupported)
    }

    fn lookup(&self, _: &str) -> Result<Box<dyn Lookup>, Errno> {
        Err(Errno::Again)
    }
}
