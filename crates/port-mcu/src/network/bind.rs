//! Local addresses: who may have which, and which the device gives.

use core::net::SocketAddr;

use thimble_abi::Errno;
use thimble_runtime::port::Protocol;

use super::address::{self, Kind, Place};
use super::endpoint::{Endpoint, Slot};
use super::stack::{PORT_FIRST, Stack};

impl Stack {
    /// Gives an endpoint a local address.
    ///
    /// # Errors
    /// [`Errno::Invalid`] if it has one, [`Errno::AddressNotAvailable`] if it is not the device's,
    /// [`Errno::AddressInUse`] if somebody else has it.
    pub(super) fn bind(&mut self, slot: Slot, local: SocketAddr) -> Result<(), Errno> {
        let endpoint = self.endpoint(slot)?;
        let local = Place::new(local, endpoint.ipv6)?;
        let is_of_others = endpoint.ipv6 && endpoint.sharing.ipv6_only;
        if endpoint.local.is_some() || (is_of_others && address::is_ipv4(local.ip)) {
            return Err(Errno::Invalid);
        }
        match (address::kind(local.ip), endpoint.protocol) {
            (Kind::Loopback | Kind::Unspecified, _) | (Kind::Group, Protocol::Udp) => {}
            (Kind::Group | Kind::Foreign, _) => return Err(Errno::AddressNotAvailable),
        }
        let port = match local.port {
            0 => self.free_port(endpoint.protocol)?,
            port => port,
        };
        self.endpoint_mut(slot)?.local = Some(Place { port, ..local });
        if self.has_conflict(slot)? {
            self.endpoint_mut(slot)?.local = None;
            return Err(Errno::AddressInUse);
        }
        Ok(())
    }

    /// Gives an endpoint a port of all addresses, if it has none.
    ///
    /// # Errors
    /// [`Errno::AddressInUse`] when all ports are in use.
    pub(super) fn bind_anywhere(&mut self, slot: Slot) -> Result<Place, Errno> {
        let endpoint = self.endpoint(slot)?;
        if let Some(local) = endpoint.local {
            return Ok(local);
        }
        let ip = address::unspecified(!endpoint.ipv6);
        let port = self.free_port(endpoint.protocol)?;
        let local = Place { ip, port };
        self.endpoint_mut(slot)?.local = Some(local);
        Ok(local)
    }

    /// A port that nobody has.
    ///
    /// # Errors
    /// [`Errno::AddressInUse`] when there is none.
    pub(super) fn free_port(&mut self, protocol: Protocol) -> Result<u16, Errno> {
        for _ in PORT_FIRST..=u16::MAX {
            let port = self.port_next;
            self.port_next = port.checked_add(1).unwrap_or(PORT_FIRST);
            let has_it = |endpoint: &Endpoint| {
                endpoint.protocol == protocol
                    && endpoint.local.is_some_and(|local| local.port == port)
            };
            if !self.iter().any(|(_, endpoint)| has_it(endpoint)) {
                return Ok(port);
            }
        }
        Err(Errno::AddressInUse)
    }

    /// Whether another endpoint keeps this one from the address that it has.
    ///
    /// # Errors
    /// [`Errno::BadDescriptor`] if there is no such endpoint.
    pub(super) fn has_conflict(&self, slot: Slot) -> Result<bool, Errno> {
        let own = self.endpoint(slot)?;
        let mut others = self.iter().filter(|(other, _)| *other != slot);
        Ok(others.any(|(_, other)| overlap(own, other) && !share(own, other)))
    }
}

fn overlap(one: &Endpoint, other: &Endpoint) -> bool {
    let (Some(here), Some(there)) = (one.local, other.local) else {
        return false;
    };
    one.protocol == other.protocol
        && here.port == there.port
        && (one.covers(there.ip).is_some() || other.covers(here.ip).is_some())
}

/// As Linux has it: what another one listens on is shared by [`super::endpoint::Sharing::reuse_port`] alone.
fn share(one: &Endpoint, other: &Endpoint) -> bool {
    let (own, others) = (one.sharing, other.sharing);
    (own.reuse_port && others.reuse_port)
        || (own.reuse_address && others.reuse_address && !other.is_listening())
}
