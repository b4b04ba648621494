//! A device without a network.

use alloc::boxed::Box;

use thimble_abi::Errno;
use thimble_runtime::port::{Lookup, Network, Protocol, Socket};

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
