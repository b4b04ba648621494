//! TCP: connections between sockets of this device.
//!
//! A connection is two endpoints that know each other; sending puts bytes into the buffer that the other side receives
//! from. A connection that a listener has no room for is made as soon as there is, whether or not its side asks.

use alloc::collections::VecDeque;
use core::mem;
use core::net::SocketAddr;
use core::task::Poll;

use thimble_abi::Errno;
use thimble_runtime::port::Protocol;

use super::address::Place;
use super::endpoint::{Endpoint, Incoming, Listener, Role, Slot, Stream};
use super::ring::Ring;
use super::stack::Stack;

/// How an attempt to connect went.
enum Attempt {
    Made,
    /// The listener has no room now.
    Full,
}

impl Stack {
    /// Makes an endpoint listen, or gives a listener another backlog.
    pub(super) fn listen(&mut self, slot: Slot, backlog: u32) -> Result<(), Errno> {
        // As Linux counts: a backlog of 0 still is one connection.
        let waiting_max = u16::try_from(backlog)
            .unwrap_or(u16::MAX)
            .saturating_add(1)
            .min(self.settings.backlog_max.max(1))
            .into();
        match &mut self.endpoint_mut(slot)?.role {
            Role::Idle => self.begin_to_listen(slot, waiting_max),
            Role::Listener(listener) => {
                reserve(&mut listener.waiting, waiting_max)?;
                listener.waiting_max = waiting_max;
                self.advance();
                Ok(())
            }
            Role::Datagrams(_) => Err(Errno::NotSupported),
            Role::Connecting { .. } | Role::Stream(_) => Err(Errno::Invalid),
        }
    }

    fn begin_to_listen(&mut self, slot: Slot, waiting_max: usize) -> Result<(), Errno> {
        let mut waiting = VecDeque::new();
        reserve(&mut waiting, waiting_max)?;
        self.bind_anywhere(slot)?;
        // Somebody else may have begun since it was bound.
        if self.has_conflict(slot)? {
            return Err(Errno::AddressInUse);
        }
        self.endpoint_mut(slot)?.role = Role::Listener(Listener {
            waiting_max,
            waiting,
        });
        Ok(())
    }

    /// Takes the connection that has waited longest.
    pub(super) fn accept(&mut self, slot: Slot) -> Poll<Result<Slot, Errno>> {
        let waiting = match &mut self.endpoint_mut(slot)?.role {
            Role::Listener(listener) => listener.waiting.pop_front(),
            Role::Datagrams(_) => return Poll::Ready(Err(Errno::NotSupported)),
            _ => return Poll::Ready(Err(Errno::Invalid)),
        };
        match waiting {
            Some(connection) => {
                self.advance();
                Poll::Ready(Ok(connection))
            }
            None => Poll::Pending,
        }
    }

    /// Connects a TCP endpoint.
    pub(super) fn connect(&mut self, slot: Slot, target: SocketAddr) -> Poll<Result<(), Errno>> {
        let endpoint = self.endpoint_mut(slot)?;
        match &mut endpoint.role {
            Role::Idle => {}
            Role::Connecting { failure, .. } => {
                let Some(failure) = failure.take() else {
                    return Poll::Pending;
                };
                endpoint.role = Role::Idle;
                return Poll::Ready(Err(failure));
            }
            Role::Stream(stream) if stream.is_unannounced => {
                stream.is_unannounced = false;
                return Poll::Ready(Ok(()));
            }
            _ => return Poll::Ready(Err(Errno::IsConnected)),
        }
        let target = Place::new(target, endpoint.ipv6)?.reached(Protocol::Tcp)?;
        match self.link(slot, target)? {
            Attempt::Made => Poll::Ready(Ok(())),
            Attempt::Full => {
                self.endpoint_mut(slot)?.role = Role::Connecting {
                    target,
                    failure: None,
                };
                Poll::Pending
            }
        }
    }

    /// Makes a connection to a listener, which it waits at then.
    fn link(&mut self, slot: Slot, target: Place) -> Result<Attempt, Errno> {
        let client = self.endpoint(slot)?;
        let (ip, bound) = (client.source(target.ip)?, client.local);
        let (has_room, listener) = self.listener(target).ok_or(Errno::ConnectionRefused)?;
        if !has_room {
            return Ok(Attempt::Full);
        }
        let bytes = usize::try_from(self.settings.stream_bytes.max(1)).unwrap_or(usize::MAX);
        self.room(bytes.saturating_mul(2))?;
        let (here, there) = (Ring::new(bytes)?, Ring::new(bytes)?);
        let port = match bound {
            Some(local) => local.port,
            None => self.free_port(Protocol::Tcp)?,
        };
        let local = Place { ip, port };
        let Endpoint { ipv6, sharing, .. } = *self.endpoint(listener)?;
        let server = self.insert(Endpoint {
            local: Some(target),
            sharing,
            role: Role::Stream(Stream::new(local, slot, there)),
            ..Endpoint::new(Protocol::Tcp, ipv6)
        })?;
        self.hold(bytes.saturating_mul(2));
        let client = self.endpoint_mut(slot)?;
        client.local = Some(local);
        client.role = Role::Stream(Stream::new(target, server, here));
        if let Role::Listener(listener) = &mut self.endpoint_mut(listener)?.role {
            listener.waiting.push_back(server);
        }
        self.notify(listener);
        Ok(Attempt::Made)
    }

    /// The listener of an address and whether it has room: the one that is bound most narrowly and, of several, one
    /// with room.
    fn listener(&self, target: Place) -> Option<(bool, Slot)> {
        let candidates = self.iter().filter_map(|(slot, endpoint)| {
            let Role::Listener(listener) = &endpoint.role else {
                return None;
            };
            let narrowness = endpoint.covers(target.ip)?;
            let has_room = listener.waiting.len() < listener.waiting_max;
            let is_there = endpoint.local?.port == target.port;
            is_there.then_some((narrowness, has_room, slot))
        });
        let (_, has_room, slot) =
            candidates.max_by_key(|(narrowness, has_room, _)| (*narrowness, *has_room))?;
        Some((has_room, slot))
    }

    /// Makes the connections that waited for room, where there is some now.
    fn advance(&mut self) {
        for slot in self.slots() {
            let target = match self.endpoint(slot).map(|endpoint| &endpoint.role) {
                Ok(Role::Connecting {
                    target,
                    failure: None,
                }) => *target,
                _ => continue,
            };
            let attempt = self.link(slot, target);
            let Ok(endpoint) = self.endpoint_mut(slot) else {
                continue;
            };
            match (attempt, &mut endpoint.role) {
                (Ok(Attempt::Made), Role::Stream(stream)) => stream.is_unannounced = true,
                (Err(errno), Role::Connecting { failure, .. }) => *failure = Some(errno),
                _ => continue,
            }
            self.notify(slot);
        }
    }

    /// Sends what there is room for.
    pub(super) fn send(&mut self, slot: Slot, bytes: &[u8]) -> Poll<Result<usize, Errno>> {
        let endpoint = self.endpoint_mut(slot)?;
        let stream = match &mut endpoint.role {
            Role::Stream(stream) => stream,
            Role::Connecting { failure: None, .. } => return Poll::Pending,
            _ => return Poll::Ready(Err(Errno::BrokenPipe)),
        };
        if stream.incoming == Incoming::Reset {
            stream.incoming = Incoming::ResetTold;
            return Poll::Ready(Err(Errno::ConnectionReset));
        }
        let peer = match stream.peer {
            Some(peer) if !stream.is_write_shut => peer,
            _ => return Poll::Ready(Err(Errno::BrokenPipe)),
        };
        let Role::Stream(there) = &mut self.endpoint_mut(peer)?.role else {
            return Poll::Ready(Err(Errno::BrokenPipe));
        };
        let count = there.received.write(bytes);
        if count == 0 && !bytes.is_empty() {
            return Poll::Pending;
        }
        self.notify(peer);
        Poll::Ready(Ok(count))
    }

    /// Receives what is there.
    pub(super) fn receive(
        &mut self,
        slot: Slot,
        buffer: &mut [u8],
        peek: bool,
    ) -> Poll<Result<usize, Errno>> {
        let endpoint = self.endpoint_mut(slot)?;
        let stream = match &mut endpoint.role {
            Role::Stream(stream) => stream,
            Role::Connecting { failure: None, .. } => return Poll::Pending,
            _ => return Poll::Ready(Err(Errno::NotConnected)),
        };
        if stream.received.is_empty() && !buffer.is_empty() {
            return match stream.incoming {
                Incoming::Reset => {
                    stream.incoming = Incoming::ResetTold;
                    Poll::Ready(Err(Errno::ConnectionReset))
                }
                Incoming::Open if !stream.is_read_shut => Poll::Pending,
                _ => Poll::Ready(Ok(0)),
            };
        }
        let count = stream.received.peek(buffer);
        if !peek {
            stream.received.skip(count);
            if let Some(peer) = stream.peer {
                self.notify(peer);
            }
        }
        Poll::Ready(Ok(count))
    }

    /// Ends a direction of a connection, or what has not become one.
    pub(super) fn shut_down(&mut self, slot: Slot, read: bool, write: bool) -> Result<(), Errno> {
        let endpoint = self.endpoint_mut(slot)?;
        match &mut endpoint.role {
            Role::Stream(stream) if !stream.is_reset() => {
                stream.is_read_shut |= read;
                stream.is_write_shut |= write;
                if let Some(peer) = stream.peer.filter(|_| write) {
                    self.end(peer, Incoming::Ended);
                }
            }
            Role::Listener(listener) if read => {
                let waiting = mem::take(&mut listener.waiting);
                endpoint.role = Role::Idle;
                self.stop_listening(waiting);
            }
            Role::Listener(_) => {}
            Role::Connecting { .. } => endpoint.role = Role::Idle,
            Role::Datagrams(datagrams) if datagrams.remote.is_some() => {
                datagrams.is_read_shut |= read;
                datagrams.is_write_shut |= write;
            }
            _ => return Err(Errno::NotConnected),
        }
        self.notify(slot);
        Ok(())
    }

    /// Resets the connections that waited at a listener that is no more, and tells those that waited for room.
    pub(super) fn stop_listening(&mut self, waiting: VecDeque<Slot>) {
        for slot in waiting {
            self.close(slot, true);
        }
        self.advance();
    }

    /// Tells one side of a connection that the other has gone.
    pub(super) fn hang_up(&mut self, slot: Slot, reset: bool) {
        if let Ok(endpoint) = self.endpoint_mut(slot)
            && let Role::Stream(stream) = &mut endpoint.role
        {
            stream.peer = None;
        }
        self.end(
            slot,
            if reset {
                Incoming::Reset
            } else {
                Incoming::Ended
            },
        );
    }

    fn end(&mut self, slot: Slot, how: Incoming) {
        if let Ok(endpoint) = self.endpoint_mut(slot)
            && let Role::Stream(stream) = &mut endpoint.role
        {
            // Only a reset says more than the end did.
            if stream.incoming == Incoming::Open || how == Incoming::Reset {
                stream.incoming = how;
            }
            self.notify(slot);
        }
    }
}

impl Stream {
    const fn new(remote: Place, peer: Slot, received: Ring) -> Self {
        Self {
            remote,
            peer: Some(peer),
            received,
            incoming: Incoming::Open,
            is_read_shut: false,
            is_write_shut: false,
            is_unannounced: false,
        }
    }

    pub(super) fn is_reset(&self) -> bool {
        matches!(self.incoming, Incoming::Reset | Incoming::ResetTold)
    }
}

/// Sees to it that a queue holds so many without asking for memory.
fn reserve<T>(queue: &mut VecDeque<T>, count: usize) -> Result<(), Errno> {
    let more = count.saturating_sub(queue.len());
    queue
        .try_reserve_exact(more)
        .map_err(|_| Errno::NoBufferSpace)
}
