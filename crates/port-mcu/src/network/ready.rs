//! What a socket is ready for.

use core::task::Poll;

use thimble_abi::Errno;
use thimble_runtime::port::{Interest, Readiness};

use super::endpoint::{Datagrams, Incoming, Role, Slot, Stream};
use super::stack::Stack;

impl Stack {
    /// What an endpoint is ready for, if it is.
    pub(super) fn readiness(
        &self,
        slot: Slot,
        interest: Interest,
    ) -> Poll<Result<Readiness, Errno>> {
        let readiness = match (&self.endpoint(slot)?.role, interest) {
            (Role::Stream(stream), Interest::Read) => stream.readable(),
            (Role::Stream(stream), Interest::Write) => stream.writable(self.peer_room(stream)),
            (Role::Datagrams(datagrams), Interest::Read) => datagrams.readable(),
            (Role::Datagrams(_), Interest::Write) => {
                ready(u64::from(self.settings.datagram_bytes).max(1), false)
            }
            (Role::Listener(listener), Interest::Read) if !listener.waiting.is_empty() => {
                ready(1, false)
            }
            (Role::Listener(_) | Role::Connecting { failure: None, .. }, _) => None,
            (Role::Connecting { .. }, _) => ready(1, true),
            // As Linux has it: it fails at once.
            (Role::Idle, Interest::Read) => ready(0, true),
            (Role::Idle, Interest::Write) => ready(1, true),
        };
        readiness.map_or(Poll::Pending, |readiness| Poll::Ready(Ok(readiness)))
    }

    /// Bytes that can be sent.
    fn peer_room(&self, stream: &Stream) -> usize {
        let peer = stream.peer.and_then(|peer| self.endpoint(peer).ok());
        match peer.map(|peer| &peer.role) {
            Some(Role::Stream(peer)) => peer.received.room(),
            _ => 0,
        }
    }
}

impl Stream {
    fn readable(&self) -> Option<Readiness> {
        let hangup = self.incoming != Incoming::Open || self.is_read_shut;
        let bytes = count(self.received.len());
        (hangup || bytes > 0).then_some(Readiness { bytes, hangup })
    }

    fn writable(&self, room: usize) -> Option<Readiness> {
        let hangup = self.peer.is_none();
        if hangup || self.is_write_shut || room > 0 {
            ready(count(room).max(1), hangup)
        } else {
            None
        }
    }
}

impl Datagrams {
    fn readable(&self) -> Option<Readiness> {
        match self.queue.front() {
            Some(datagram) => ready(count(datagram.bytes.len()).max(1), self.is_read_shut),
            None if self.is_refused || self.is_read_shut => ready(1, self.is_read_shut),
            None => None,
        }
    }
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "what is ready stands beside what is not"
)]
const fn ready(bytes: u64, hangup: bool) -> Option<Readiness> {
    Some(Readiness { bytes, hangup })
}

fn count(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}
