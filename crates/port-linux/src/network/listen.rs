//! Sockets that an operator opens for a container: it can use them without any grant.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use thimble_runtime::port::{Protocol, Socket};

use crate::reactor::Reactor;

use super::socket::LinuxSocket;

/// Connections that may wait to be accepted.
const BACKLOG: u32 = 128;

/// Why a socket could not be opened.
#[derive(Debug)]
#[non_exhaustive]
pub enum ListenError {
    /// The text is none of the forms.
    Form {
        /// The text.
        text: String,
    },
    /// The device does not give the address.
    Refused {
        /// What was asked for.
        protocol: Protocol,
        /// Where.
        address: SocketAddr,
        /// What the device says.
        source: io::Error,
    },
}

impl fmt::Display for ListenError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Form { text } => write!(
                formatter,
                "`{text}` is no address to listen on; write tcp/8080, tcp/127.0.0.1:8080, tcp/[::1]:8080 or udp/5683"
            ),
            Self::Refused {
                protocol, address, ..
            } => {
                write!(formatter, "cannot listen on {}/{address}", name(*protocol))
            }
        }
    }
}

impl std::error::Error for ListenError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Form { .. } => None,
            Self::Refused { source, .. } => Some(source),
        }
    }
}

/// Opens a listening TCP socket or a bound UDP socket: `tcp/8080` (every IPv4 address of the device),
/// `tcp/127.0.0.1:8080`, `tcp/[::]:8080` (every address), `udp/5683`. Port 0 lets the kernel choose;
/// [`Socket::local_address`] tells what it chose.
///
/// # Errors
/// [`ListenError`] when the text is wrong or the kernel refuses.
pub fn listen(text: &str, reactor: &Reactor) -> Result<Box<dyn Socket>, ListenError> {
    let (protocol, address) = parse(text).ok_or_else(|| ListenError::Form {
        text: text.to_owned(),
    })?;
    match open(protocol, address, reactor) {
        Ok(socket) => Ok(Box::new(socket)),
        Err(source) => Err(ListenError::Refused {
            protocol,
            address,
            source,
        }),
    }
}

fn parse(text: &str) -> Option<(Protocol, SocketAddr)> {
    let (protocol, place) = match text.split_once('/')? {
        ("tcp", place) => (Protocol::Tcp, place),
        ("udp", place) => (Protocol::Udp, place),
        _ => return None,
    };
    let address = match place.parse() {
        Ok(port) => SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), port),
        Err(_) => place.parse().ok()?,
    };
    Some((protocol, address))
}

fn open(protocol: Protocol, address: SocketAddr, reactor: &Reactor) -> io::Result<LinuxSocket> {
    let socket = LinuxSocket::open(reactor, protocol, address.is_ipv6())?;
    socket.bind_to(address)?;
    if protocol == Protocol::Tcp {
        socket.listen_for(BACKLOG)?;
    }
    Ok(socket)
}

const fn name(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Tcp => "tcp",
        Protocol::Udp => "udp",
    }
}
