//! One socket.

use std::io;
use std::mem;
use std::net::SocketAddr;
use std::os::fd::{AsFd, OwnedFd};
use std::task::{Context, Poll};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{Errno as Os, retry_on_intr};
use rustix::net::{RecvFlags, SendFlags, SocketFlags, accept_with, recv, recvfrom, send, sendto};
use socket2::{Domain, Protocol as Transport, SockAddr, Socket as RawSocket, Type};
use thimble_abi::Errno;
use thimble_runtime::port::{Interest, Protocol, Readiness, Received, Socket, SocketOption};

use crate::errno::{from_io, from_rustix};
use crate::reactor::{Reactor, Registration};

use super::options;

/// Connections that may wait to be accepted; the kernel has a bound of its own.
const BACKLOG_MAX: u32 = 4096;

/// A socket of the kernel.
pub(super) struct LinuxSocket {
    /// Made when it first waits. Stands before the socket, so that it is dropped before the socket is closed.
    registration: Option<Registration>,
    raw: RawSocket,
    reactor: Reactor,
    protocol: Protocol,
    ipv6: bool,
    connecting: bool,
    /// Whether the guest decided itself about taking over addresses.
    reuse_chosen: bool,
    /// Kept here: the kernel's own lingering would block the thread that closes the socket.
    linger_seconds: Option<u32>,
}

impl LinuxSocket {
    /// Opens a socket.
    pub(super) fn open(reactor: &Reactor, protocol: Protocol, ipv6: bool) -> io::Result<Self> {
        let domain = if ipv6 { Domain::IPV6 } else { Domain::IPV4 };
        let (kind, transport) = match protocol {
            Protocol::Tcp => (Type::STREAM, Transport::TCP),
            Protocol::Udp => (Type::DGRAM, Transport::UDP),
        };
        let raw = RawSocket::new(domain, kind.nonblocking().cloexec(), Some(transport))?;
        Ok(Self {
            registration: None,
            raw,
            reactor: reactor.clone(),
            protocol,
            ipv6,
            connecting: false,
            reuse_chosen: false,
            linger_seconds: None,
        })
    }

    /// Gives it a local address.
    pub(super) fn bind_to(&self, address: SocketAddr) -> io::Result<()> {
        if self.protocol == Protocol::Tcp && !self.reuse_chosen {
            // Without it, a container that is restarted could not listen again for a minute.
            self.raw.set_reuse_address(true)?;
        }
        self.raw.bind(&SockAddr::from(address))
    }

    /// Makes it listen.
    pub(super) fn listen_for(&self, backlog: u32) -> io::Result<()> {
        self.raw
            .listen(i32::try_from(backlog.min(BACKLOG_MAX)).unwrap_or(i32::MAX))
    }

    fn accepted(&self, descriptor: OwnedFd) -> Self {
        Self {
            registration: None,
            raw: RawSocket::from(descriptor),
            reactor: self.reactor.clone(),
            protocol: self.protocol,
            ipv6: self.ipv6,
            connecting: false,
            reuse_chosen: true,
            linger_seconds: self.linger_seconds,
        }
    }

    /// Asks the reactor to wake the caller.
    fn wait<T>(&mut self, context: &Context<'_>, interest: Interest) -> Poll<Result<T, Errno>> {
        let registration = match self.registration.take() {
            Some(registration) => registration,
            None => match self.reactor.register(self.raw.as_fd()) {
                Ok(registration) => registration,
                Err(error) => return Poll::Ready(Err(from_io(&error))),
            },
        };
        let armed = self
            .registration
            .insert(registration)
            .arm(interest, context.waker());
        match armed {
            Ok(()) => Poll::Pending,
            Err(error) => Poll::Ready(Err(from_io(&error))),
        }
    }

    /// Turns the kernel's answer into the port's, waiting if it would have to.
    fn settle<T>(
        &mut self,
        context: &Context<'_>,
        interest: Interest,
        answer: Result<T, Os>,
    ) -> Poll<Result<T, Errno>> {
        match answer {
            Ok(value) => Poll::Ready(Ok(value)),
            // A first send with TCP Fast Open says that the connection is in progress.
            Err(Os::AGAIN | Os::INPROGRESS) => self.wait(context, interest),
            Err(error) => Poll::Ready(Err(from_rustix(error))),
        }
    }

    fn receive(&self, buffer: &mut [u8], flags: RecvFlags) -> Result<Received, Os> {
        match self.protocol {
            Protocol::Tcp => {
                let (bytes, _) = retry_on_intr(|| recv(&self.raw, &mut *buffer, flags))?;
                Ok(Received {
                    bytes,
                    truncated: false,
                    sender: None,
                })
            }
            Protocol::Udp => {
                let flags = flags | RecvFlags::TRUNC;
                let (bytes, whole, sender) =
                    retry_on_intr(|| recvfrom(&self.raw, &mut *buffer, flags))?;
                let sender = sender.and_then(|sender| SocketAddr::try_from(sender).ok());
                Ok(Received {
                    bytes,
                    truncated: whole > bytes,
                    sender,
                })
            }
        }
    }

    /// What it is ready for now, if it is.
    fn readiness(&self, interest: Interest) -> Result<Option<Readiness>, Os> {
        let gone = PollFlags::HUP | PollFlags::ERR;
        let (events, ready) = match interest {
            Interest::Read => (
                PollFlags::IN | PollFlags::RDHUP,
                PollFlags::IN | PollFlags::RDHUP | gone,
            ),
            Interest::Write => (PollFlags::OUT, PollFlags::OUT | gone),
        };
        let mut asked = [PollFd::new(&self.raw, events)];
        let now = Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        retry_on_intr(|| poll(&mut asked, Some(&now)))?;
        let [answer] = &asked;
        let answer = answer.revents();
        if !answer.intersects(ready) {
            return Ok(None);
        }
        let hangup = answer.intersects(PollFlags::HUP | PollFlags::RDHUP);
        let bytes = match interest {
            // A listener has no bytes but a connection.
            Interest::Read => rustix::io::ioctl_fionread(&self.raw).unwrap_or(1),
            Interest::Write => 1,
        };
        let at_end = self.protocol == Protocol::Tcp && hangup;
        Ok(Some(Readiness {
            bytes: if at_end { bytes } else { bytes.max(1) },
            hangup,
        }))
    }
}

impl Socket for LinuxSocket {
    fn protocol(&self) -> Protocol {
        self.protocol
    }

    fn is_ipv6(&self) -> bool {
        self.ipv6
    }

    fn bind(&mut self, address: SocketAddr) -> Result<(), Errno> {
        self.bind_to(address).map_err(|error| from_io(&error))
    }

    fn listen(&mut self, backlog: u32) -> Result<(), Errno> {
        self.listen_for(backlog).map_err(|error| from_io(&error))
    }

    fn poll_connect(
        &mut self,
        context: &mut Context<'_>,
        address: SocketAddr,
    ) -> Poll<Result<(), Errno>> {
        if !self.connecting {
            match retry_on_intr(|| rustix::net::connect(&self.raw, &address)) {
                Ok(()) => return Poll::Ready(Ok(())),
                Err(Os::INPROGRESS) => self.connecting = true,
                Err(error) => return Poll::Ready(Err(from_rustix(error))),
            }
            return self.wait(context, Interest::Write);
        }
        let failure = match self.raw.take_error() {
            Ok(None) if self.raw.peer_addr().is_ok() => {
                // Linux tells success once: unasked, it would tell the next connect, which is to hear `isconn`.
                let _ = rustix::net::connect(&self.raw, &address);
                None
            }
            Ok(None) => match self.readiness(Interest::Write) {
                // Neither connected nor on the way: the connection was lost before anybody asked.
                Ok(Some(_)) => Some(Errno::ConnectionReset),
                Ok(None) => return self.wait(context, Interest::Write),
                Err(error) => Some(from_rustix(error)),
            },
            Ok(Some(error)) | Err(error) => Some(from_io(&error)),
        };
        self.connecting = false;
        Poll::Ready(failure.map_or(Ok(()), Err))
    }

    fn poll_accept(&mut self, context: &mut Context<'_>) -> Poll<Result<Box<dyn Socket>, Errno>> {
        loop {
            match accept_with(&self.raw, SocketFlags::NONBLOCK | SocketFlags::CLOEXEC) {
                Ok(descriptor) => return Poll::Ready(Ok(Box::new(self.accepted(descriptor)))),
                // The one that was lost says nothing about the next one.
                Err(Os::INTR | Os::CONNABORTED) => {}
                Err(error) => return self.settle(context, Interest::Read, Err(error)),
            }
        }
    }

    fn poll_receive(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut [u8],
        peek: bool,
    ) -> Poll<Result<Received, Errno>> {
        let flags = if peek {
            RecvFlags::PEEK
        } else {
            RecvFlags::empty()
        };
        let answer = self.receive(buffer, flags);
        self.settle(context, Interest::Read, answer)
    }

    fn poll_send(
        &mut self,
        context: &mut Context<'_>,
        bytes: &[u8],
        address: Option<SocketAddr>,
    ) -> Poll<Result<usize, Errno>> {
        let flags = SendFlags::NOSIGNAL;
        let answer = match address {
            Some(address) if self.protocol == Protocol::Udp => {
                retry_on_intr(|| sendto(&self.raw, bytes, flags, &address))
            }
            _ => retry_on_intr(|| send(&self.raw, bytes, flags)),
        };
        self.settle(context, Interest::Write, answer)
    }

    fn poll_ready(
        &mut self,
        context: &mut Context<'_>,
        interest: Interest,
    ) -> Poll<Result<Readiness, Errno>> {
        match self.readiness(interest) {
            Ok(Some(readiness)) => Poll::Ready(Ok(readiness)),
            Ok(None) => self.wait(context, interest),
            Err(error) => Poll::Ready(Err(from_rustix(error))),
        }
    }

    fn local_address(&self) -> Result<SocketAddr, Errno> {
        let address = self.raw.local_addr().map_err(|error| from_io(&error))?;
        address.as_socket().ok_or(Errno::AddressFamilyNotSupported)
    }

    fn remote_address(&self) -> Result<SocketAddr, Errno> {
        let address = self.raw.peer_addr().map_err(|error| from_io(&error))?;
        address.as_socket().ok_or(Errno::NotConnected)
    }

    fn shutdown(&mut self, read: bool, write: bool) -> Result<(), Errno> {
        let how = match (read, write) {
            (true, true) => std::net::Shutdown::Both,
            (true, false) => std::net::Shutdown::Read,
            (false, true) => std::net::Shutdown::Write,
            (false, false) => return Err(Errno::Invalid),
        };
        self.raw.shutdown(how).map_err(|error| from_io(&error))
    }

    fn set_option(&mut self, option: SocketOption) -> Result<(), Errno> {
        match option {
            SocketOption::LingerSeconds(seconds) => {
                let reset = (seconds == Some(0)).then_some(std::time::Duration::ZERO);
                self.raw
                    .set_linger(reset)
                    .map_err(|error| from_io(&error))?;
                self.linger_seconds = seconds;
                Ok(())
            }
            option => {
                options::set(&self.raw, self.ipv6, option)?;
                self.reuse_chosen |= mem::discriminant(&option)
                    == mem::discriminant(&SocketOption::ReuseAddress(true));
                Ok(())
            }
        }
    }

    fn option(&self, kind: SocketOption) -> Result<SocketOption, Errno> {
        match kind {
            SocketOption::LingerSeconds(_) => Ok(SocketOption::LingerSeconds(self.linger_seconds)),
            kind => options::read(&self.raw, self.ipv6, kind),
        }
    }
}
