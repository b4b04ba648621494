//! UDP: datagrams between sockets of this device.
//!
//! A datagram is lost when its receiver has no room, as on any network.

use alloc::vec::Vec;
use core::net::{Ipv6Addr, SocketAddr};
use core::task::Poll;

use thimble_abi::Errno;
use thimble_runtime::port::{Group, Protocol, Received};

use super::address::{self, Kind, Place};
use super::endpoint::{Datagram, Datagrams, Endpoint, Narrowness, Role, Slot};
use super::stack::Stack;

impl Stack {
    /// Makes an address the only one that a socket talks to.
    pub(super) fn associate(&mut self, slot: Slot, target: SocketAddr) -> Result<(), Errno> {
        let endpoint = self.endpoint(slot)?;
        let target = Place::new(target, endpoint.ipv6)?.reached(Protocol::Udp)?;
        let source = endpoint.source(target.ip)?;
        let local = self.bind_anywhere(slot)?;
        let endpoint = self.endpoint_mut(slot)?;
        if address::kind(local.ip) == Kind::Unspecified {
            let port = local.port;
            endpoint.local = Some(Place { ip: source, port });
        }
        endpoint.datagrams()?.remote = Some(target);
        Ok(())
    }

    /// Sends a datagram.
    ///
    /// Without `to_self`, a socket does not hear what it sends to a group that it is in.
    pub(super) fn send_datagram(
        &mut self,
        slot: Slot,
        bytes: &[u8],
        target: Option<SocketAddr>,
        to_self: bool,
    ) -> Result<usize, Errno> {
        let bytes_max = self.datagram_bytes();
        let endpoint = self.endpoint_mut(slot)?;
        let ipv6 = endpoint.ipv6;
        let datagrams = endpoint.datagrams()?;
        if datagrams.is_write_shut {
            return Err(Errno::BrokenPipe);
        }
        datagrams.hear_refusal()?;
        let remote = datagrams.remote;
        let target = match target {
            Some(target) => Place::new(target, ipv6)?,
            None => remote.ok_or(Errno::DestinationAddressRequired)?,
        };
        let target = target.reached(Protocol::Udp)?;
        if target.port == 0 {
            return Err(Errno::Invalid);
        }
        if bytes.len() > bytes_max {
            return Err(Errno::MessageTooLong);
        }
        let ip = endpoint.source(target.ip)?;
        let port = self.bind_anywhere(slot)?.port;
        let sender = Place { ip, port };
        if address::kind(target.ip) == Kind::Group {
            self.send_to_group(slot, sender, bytes, target, to_self);
        } else if let Some(receiver) = self.receiver(sender, target) {
            self.deliver(receiver, sender, bytes);
        } else if remote == Some(target) {
            self.endpoint_mut(slot)?.datagrams()?.is_refused = true;
        }
        Ok(bytes.len())
    }

    fn send_to_group(
        &mut self,
        slot: Slot,
        sender: Place,
        bytes: &[u8],
        target: Place,
        to_self: bool,
    ) {
        for member in self.slots() {
            let is_member = self.endpoint(member).is_ok_and(|endpoint| {
                endpoint.hears(sender, target).is_some() && endpoint.is_in(target.ip)
            });
            if is_member && (to_self || member != slot) {
                self.deliver(member, sender, bytes);
            }
        }
    }

    /// Who gets what is sent to an address: who is bound to it most narrowly.
    fn receiver(&self, sender: Place, target: Place) -> Option<Slot> {
        let candidates = self
            .iter()
            .filter_map(|(slot, endpoint)| Some((endpoint.hears(sender, target)?, slot)));
        let (_, slot) = candidates.max_by_key(|(narrowness, _)| *narrowness)?;
        Some(slot)
    }

    /// Puts a datagram into a socket's queue, if there is room.
    fn deliver(&mut self, slot: Slot, sender: Place, bytes: &[u8]) {
        let (bytes_max, count_max) = (self.datagram_bytes(), self.settings.datagrams_max);
        let has_room = self.room(bytes.len()).is_ok();
        let Ok(datagrams) = self.endpoint_mut(slot).and_then(Endpoint::datagrams) else {
            return;
        };
        let queue_bytes = datagrams.queue_bytes.saturating_add(bytes.len());
        let is_full = datagrams.queue.len() >= usize::from(count_max) || queue_bytes > bytes_max;
        let mut copy = Vec::new();
        if !has_room
            || is_full
            || datagrams.queue.try_reserve(1).is_err()
            || copy.try_reserve_exact(bytes.len()).is_err()
        {
            return;
        }
        copy.extend_from_slice(bytes);
        datagrams.queue.push_back(Datagram {
            sender,
            bytes: copy,
        });
        datagrams.queue_bytes = queue_bytes;
        self.hold(bytes.len());
        self.notify(slot);
    }

    /// Receives a datagram.
    pub(super) fn receive_datagram(
        &mut self,
        slot: Slot,
        buffer: &mut [u8],
        peek: bool,
    ) -> Poll<Result<Received, Errno>> {
        let endpoint = self.endpoint_mut(slot)?;
        let ipv6 = endpoint.ipv6;
        let datagrams = endpoint.datagrams()?;
        datagrams.hear_refusal()?;
        let Some(Datagram { sender, bytes }) = datagrams.queue.front() else {
            if datagrams.is_read_shut {
                return Poll::Ready(Ok(Received {
                    bytes: 0,
                    truncated: false,
                    sender: None,
                }));
            }
            return Poll::Pending;
        };
        for (place, byte) in buffer.iter_mut().zip(bytes) {
            *place = *byte;
        }
        let whole = bytes.len();
        let received = Received {
            bytes: whole.min(buffer.len()),
            truncated: whole > buffer.len(),
            sender: Some(sender.told(ipv6)),
        };
        if !peek {
            datagrams.queue.pop_front();
            datagrams.queue_bytes -= whole;
            self.release(whole);
        }
        Poll::Ready(Ok(received))
    }

    /// Joins a group.
    pub(super) fn join(&mut self, slot: Slot, group: Group) -> Result<(), Errno> {
        let groups_max = usize::from(self.settings.groups_max);
        let ip = group_on_this_device(group)?;
        let groups = &mut self.endpoint_mut(slot)?.datagrams()?.groups;
        if groups.contains(&ip) {
            return Err(Errno::AddressInUse);
        }
        if groups.len() >= groups_max || groups.try_reserve_exact(1).is_err() {
            return Err(Errno::NoBufferSpace);
        }
        groups.push(ip);
        Ok(())
    }

    /// Leaves a group.
    pub(super) fn leave(&mut self, slot: Slot, group: Group) -> Result<(), Errno> {
        let ip = group_on_this_device(group)?;
        let groups = &mut self.endpoint_mut(slot)?.datagrams()?.groups;
        let joined = groups.iter().position(|joined| *joined == ip);
        groups.swap_remove(joined.ok_or(Errno::AddressNotAvailable)?);
        Ok(())
    }

    fn datagram_bytes(&self) -> usize {
        usize::try_from(self.settings.datagram_bytes).unwrap_or(usize::MAX)
    }
}

impl Endpoint {
    /// What only UDP has.
    ///
    /// # Errors
    /// [`Errno::NoProtocolOption`] for TCP.
    fn datagrams(&mut self) -> Result<&mut Datagrams, Errno> {
        match &mut self.role {
            Role::Datagrams(datagrams) => Ok(datagrams),
            _ => Err(Errno::NoProtocolOption),
        }
    }

    /// Whether a datagram is for it; one that talks to the sender alone goes before the others.
    fn hears(&self, sender: Place, target: Place) -> Option<(bool, Narrowness)> {
        let Role::Datagrams(datagrams) = &self.role else {
            return None;
        };
        let is_there = self.local?.port == target.port;
        let is_heard = datagrams.remote.is_none_or(|remote| remote == sender);
        let narrowness = self.covers(target.ip)?;
        (is_there && is_heard).then_some((datagrams.remote.is_some(), narrowness))
    }

    fn is_in(&self, group: Ipv6Addr) -> bool {
        matches!(&self.role, Role::Datagrams(datagrams) if datagrams.groups.contains(&group))
    }
}

impl Datagrams {
    /// Fails once after nobody was there to get what was sent.
    fn hear_refusal(&mut self) -> Result<(), Errno> {
        if core::mem::take(&mut self.is_refused) {
            Err(Errno::ConnectionRefused)
        } else {
            Ok(())
        }
    }
}

/// The address of a group, if its interface is this device's only one.
fn group_on_this_device(group: Group) -> Result<Ipv6Addr, Errno> {
    let (ip, is_here) = match group {
        Group::V4(group, interface) => (
            group.to_ipv6_mapped(),
            interface.is_unspecified() || interface.is_loopback(),
        ),
        Group::V6(group, interface) => (group, interface <= 1),
    };
    match (address::kind(ip), is_here) {
        (Kind::Loopback | Kind::Unspecified | Kind::Foreign, _) => Err(Errno::Invalid),
        (Kind::Group, false) => Err(Errno::NoDevice),
        (Kind::Group, true) => Ok(ip),
    }
}
