//! Network of a Linux device: sockets, name look-up, and listeners that an operator opens.
//!
//! Every socket is nonblocking and closed on exec. A socket asks the kernel first and the reactor only
//! when it would have to wait.

mod fast_open;
mod listen;
mod names;
mod options;
mod resolver;
mod socket;

use thimble_abi::Errno;
use thimble_runtime::port::{Lookup, Network, Protocol, Socket};

use crate::reactor::Reactor;

pub use listen::{ListenError, listen};
pub use names::Names;

use resolver::Resolver;
use socket::LinuxSocket;

/// The kernel's network, and the name servers of `/etc/resolv.conf`.
pub struct LinuxNetwork {
    reactor: Reactor,
    resolver: Resolver,
}

impl LinuxNetwork {
    /// A network whose sockets wait in this reactor.
    #[must_use]
    pub fn new(reactor: Reactor) -> Self {
        Self {
            reactor,
            resolver: Resolver::default(),
        }
    }
}

impl Network for LinuxNetwork {
    fn socket(&self, protocol: Protocol, ipv6: bool) -> Result<Box<dyn Socket>, Errno> {
        match LinuxSocket::open(&self.reactor, protocol, ipv6) {
            Ok(socket) => Ok(Box::new(socket)),
            Err(error) => Err(crate::errno::from_io(&error)),
        }
    }

    fn lookup(&self, name: &str) -> Result<Box<dyn Lookup>, Errno> {
        self.resolver.lookup(name)
    }
}
