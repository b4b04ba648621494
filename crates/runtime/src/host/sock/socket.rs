//! A socket as a descriptor holds it.

use alloc::boxed::Box;
use core::net::SocketAddr;
use core::time::Duration;

use crate::port::Socket;

use super::Binding;

/// An open socket.
pub(in crate::host) struct OpenSocket {
    /// The socket.
    pub(in crate::host) socket: Box<dyn Socket>,
    /// Whether it listens.
    pub(in crate::host) listening: bool,
    /// The address of a connect that is under way.
    pub(in crate::host) connecting: Option<SocketAddr>,
    /// Whether it was connected.
    pub(in crate::host) connected: bool,
    /// How long a receive or accept waits, `None` for without end.
    pub(in crate::host) receive_timeout: Option<Duration>,
    /// How long a send or connect waits, `None` for without end.
    pub(in crate::host) send_timeout: Option<Duration>,
    /// What it was bound to, and whom it may answer.
    pub(in crate::host) binding: Binding,
}

impl OpenSocket {
    /// One that nothing was done with.
    pub(in crate::host) fn new(socket: Box<dyn Socket>) -> Self {
        Self {
            socket,
            listening: false,
            connecting: None,
            connected: false,
            receive_timeout: None,
            send_timeout: None,
            binding: Binding::default(),
        }
    }
}
