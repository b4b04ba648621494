//! A container's socket.

use alloc::boxed::Box;
use core::net::SocketAddr;
use core::task::{Context, Poll};

use thimble_abi::Errno;
use thimble_runtime::port::{Interest, Protocol, Readiness, Received, Socket, SocketOption};

use super::address::{self, Place};
use super::endpoint::{Endpoint, Role, Slot};
use super::local::Shared;
use super::options::Options;
use super::stack::Stack;

/// A socket of the device's own network. Its endpoint is open for as long as it lives.
pub(super) struct LocalSocket {
    pub(super) stack: Shared,
    pub(super) slot: Slot,
    pub(super) protocol: Protocol,
    pub(super) ipv6: bool,
    pub(super) options: Options,
}

impl LocalSocket {
    /// Tries an operation, and waits for its endpoint if it has to.
    fn poll<T>(
        &self,
        context: &Context<'_>,
        operation: impl FnOnce(&mut Stack) -> Poll<Result<T, Errno>>,
    ) -> Poll<Result<T, Errno>> {
        self.stack.with(|stack| {
            let answer = operation(stack);
            if answer.is_pending() {
                stack.wait(self.slot, context.waker());
            }
            answer
        })?
    }

    fn endpoint<T>(
        &self,
        look: impl FnOnce(&mut Endpoint) -> Result<T, Errno>,
    ) -> Result<T, Errno> {
        self.stack
            .with(|stack| look(stack.endpoint_mut(self.slot)?))?
    }
}

impl Socket for LocalSocket {
    fn protocol(&self) -> Protocol {
        self.protocol
    }

    fn is_ipv6(&self) -> bool {
        self.ipv6
    }

    fn bind(&mut self, address: SocketAddr) -> Result<(), Errno> {
        self.stack.with(|stack| stack.bind(self.slot, address))?
    }

    fn listen(&mut self, backlog: u32) -> Result<(), Errno> {
        self.stack.with(|stack| stack.listen(self.slot, backlog))?
    }

    fn poll_connect(
        &mut self,
        context: &mut Context<'_>,
        address: SocketAddr,
    ) -> Poll<Result<(), Errno>> {
        self.poll(context, |stack| match self.protocol {
            Protocol::Tcp => stack.connect(self.slot, address),
            Protocol::Udp => Poll::Ready(stack.associate(self.slot, address)),
        })
    }

    fn poll_accept(&mut self, context: &mut Context<'_>) -> Poll<Result<Box<dyn Socket>, Errno>> {
        let accepted = self.poll(context, |stack| stack.accept(self.slot));
        accepted.map_ok(|slot| -> Box<dyn Socket> {
            Box::new(Self {
                stack: self.stack.clone(),
                slot,
                protocol: self.protocol,
                ipv6: self.ipv6,
                options: self.options.clone(),
            })
        })
    }

    fn poll_receive(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut [u8],
        peek: bool,
    ) -> Poll<Result<Received, Errno>> {
        self.poll(context, |stack| match self.protocol {
            Protocol::Tcp => stack
                .receive(self.slot, buffer, peek)
                .map_ok(|bytes| Received {
                    bytes,
                    truncated: false,
                    sender: None,
                }),
            Protocol::Udp => stack.receive_datagram(self.slot, buffer, peek),
        })
    }

    fn poll_send(
        &mut self,
        context: &mut Context<'_>,
        bytes: &[u8],
        address: Option<SocketAddr>,
    ) -> Poll<Result<usize, Errno>> {
        self.poll(context, |stack| match self.protocol {
            Protocol::Tcp => stack.send(self.slot, bytes),
            Protocol::Udp => {
                let to_self = self.options.hears_itself(self.ipv6);
                Poll::Ready(stack.send_datagram(self.slot, bytes, address, to_self))
            }
        })
    }

    fn poll_ready(
        &mut self,
        context: &mut Context<'_>,
        interest: Interest,
    ) -> Poll<Result<Readiness, Errno>> {
        self.poll(context, |stack| stack.readiness(self.slot, interest))
    }

    fn local_address(&self) -> Result<SocketAddr, Errno> {
        let local = self.endpoint(|endpoint| Ok(endpoint.local))?;
        let unbound = Place {
            ip: address::unspecified(!self.ipv6),
            port: 0,
        };
        Ok(local.unwrap_or(unbound).told(self.ipv6))
    }

    fn remote_address(&self) -> Result<SocketAddr, Errno> {
        let remote = self.endpoint(|endpoint| {
            let remote = match &endpoint.role {
                Role::Stream(stream) if !stream.is_reset() => Some(stream.remote),
                Role::Datagrams(datagrams) => datagrams.remote,
                _ => None,
            };
            remote.ok_or(Errno::NotConnected)
        })?;
        Ok(remote.told(self.ipv6))
    }

    fn shutdown(&mut self, read: bool, write: bool) -> Result<(), Errno> {
        if !read && !write {
            return Err(Errno::Invalid);
        }
        self.stack
            .with(|stack| stack.shut_down(self.slot, read, write))?
    }

    fn set_option(&mut self, option: SocketOption) -> Result<(), Errno> {
        match option {
            SocketOption::ReuseAddress(on) => self.endpoint(|endpoint| {
                endpoint.sharing.reuse_address = on;
                Ok(())
            }),
            SocketOption::ReusePort(on) => self.endpoint(|endpoint| {
                endpoint.sharing.reuse_port = on;
                Ok(())
            }),
            SocketOption::Ipv6Only(on) if self.ipv6 => self.endpoint(|endpoint| {
                if endpoint.local.is_some() {
                    return Err(Errno::Invalid);
                }
                endpoint.sharing.ipv6_only = on;
                Ok(())
            }),
            SocketOption::JoinGroup(group) => {
                self.stack.with(|stack| stack.join(self.slot, group))?
            }
            SocketOption::LeaveGroup(group) => {
                self.stack.with(|stack| stack.leave(self.slot, group))?
            }
            option => self.options.set(self.protocol, self.ipv6, option),
        }
    }

    fn option(&self, kind: SocketOption) -> Result<SocketOption, Errno> {
        let sharing = self.endpoint(|endpoint| Ok(endpoint.sharing))?;
        match kind {
            SocketOption::ReuseAddress(_) => Ok(SocketOption::ReuseAddress(sharing.reuse_address)),
            SocketOption::ReusePort(_) => Ok(SocketOption::ReusePort(sharing.reuse_port)),
            SocketOption::Ipv6Only(_) if self.ipv6 => Ok(SocketOption::Ipv6Only(sharing.ipv6_only)),
            kind => self.options.read(self.protocol, self.ipv6, kind),
        }
    }
}

impl Drop for LocalSocket {
    fn drop(&mut self) {
        let reset = self.options.resets_on_close();
        // What is left is dropped here, where nothing is locked: its waker may own other sockets.
        drop(self.stack.with(|stack| stack.close(self.slot, reset)));
    }
}
