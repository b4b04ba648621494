//! Tests of the device's own network: each behaviour, as guests would see it on Linux.

extern crate std;

mod bind;
mod datagram;
mod limits;
mod model;
mod stream;
mod wait;

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::task::Wake;
use alloc::vec::Vec;
use core::net::SocketAddr;
use core::sync::atomic::{AtomicUsize, Ordering};
use core::task::{Context, Poll, Waker};

use thimble_abi::Errno;
use thimble_runtime::port::{Interest, Network as _, Protocol, Readiness, Received, Socket};

use super::{LocalNetwork, LocalSettings, LocalUsage};

/// Few of everything, so that tests come to the ends.
const SETTINGS: LocalSettings = LocalSettings {
    sockets_max: 8,
    stream_bytes: 8,
    backlog_max: 2,
    datagram_bytes: 8,
    datagrams_max: 3,
    groups_max: 2,
    buffer_bytes_max: 64,
};

fn network() -> LocalNetwork {
    LocalNetwork::new(SETTINGS)
}

/// Counts how often it was called.
#[derive(Default)]
struct Bell(AtomicUsize);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Bell {
    fn rings(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn open(network: &LocalNetwork, protocol: Protocol, ipv6: bool) -> Box<dyn Socket> {
    network.socket(protocol, ipv6).unwrap()
}

fn tcp(network: &LocalNetwork) -> Box<dyn Socket> {
    open(network, Protocol::Tcp, false)
}

/// A socket that is bound.
fn bound(network: &LocalNetwork, protocol: Protocol, local: &str) -> Box<dyn Socket> {
    let local = address(local);
    let mut socket = open(network, protocol, local.is_ipv6());
    socket.bind(local).unwrap();
    socket
}

fn udp(network: &LocalNetwork, local: &str) -> Box<dyn Socket> {
    bound(network, Protocol::Udp, local)
}

fn listener(network: &LocalNetwork, local: &str) -> Box<dyn Socket> {
    let mut socket = bound(network, Protocol::Tcp, local);
    socket.listen(1).unwrap();
    socket
}

/// A socket that is connected.
fn connected(network: &LocalNetwork, to: SocketAddr) -> Box<dyn Socket> {
    let mut client = tcp(network);
    assert_eq!(connect(&mut *client, to), Poll::Ready(Ok(())));
    client
}

/// Two ends of a connection.
fn pair(network: &LocalNetwork) -> (Box<dyn Socket>, Box<dyn Socket>) {
    let mut from = listener(network, "127.0.0.1:0");
    let one = connected(network, from.local_address().unwrap());
    let other = accept(&mut *from).unwrap();
    (one, other)
}

fn context() -> Context<'static> {
    Context::from_waker(Waker::noop())
}

fn connect(socket: &mut dyn Socket, to: SocketAddr) -> Poll<Result<(), Errno>> {
    socket.poll_connect(&mut context(), to)
}

/// A connection, or why there is none; [`Errno::Again`] if it would wait.
fn accept(socket: &mut dyn Socket) -> Result<Box<dyn Socket>, Errno> {
    match socket.poll_accept(&mut context()) {
        Poll::Ready(answer) => answer,
        Poll::Pending => Err(Errno::Again),
    }
}

fn send(socket: &mut dyn Socket, bytes: &[u8]) -> Poll<Result<usize, Errno>> {
    socket.poll_send(&mut context(), bytes, None)
}

fn send_to(socket: &mut dyn Socket, bytes: &[u8], to: SocketAddr) -> Result<usize, Errno> {
    match socket.poll_send(&mut context(), bytes, Some(to)) {
        Poll::Ready(answer) => answer,
        Poll::Pending => panic!("no datagram waits"),
    }
}

/// What there is to receive, at most so many bytes.
fn receive(socket: &mut dyn Socket, bytes_max: usize) -> Poll<Result<Vec<u8>, Errno>> {
    let mut buffer = alloc::vec![0; bytes_max];
    let answer = socket.poll_receive(&mut context(), &mut buffer, false);
    answer.map_ok(|Received { bytes, .. }| buffer[..bytes].to_vec())
}

fn received(bytes: &[u8]) -> Poll<Result<Vec<u8>, Errno>> {
    Poll::Ready(Ok(bytes.to_vec()))
}

fn ready(socket: &mut dyn Socket, interest: Interest) -> Option<Readiness> {
    match socket.poll_ready(&mut context(), interest) {
        Poll::Ready(answer) => Some(answer.unwrap()),
        Poll::Pending => None,
    }
}

fn is_unused(network: &LocalNetwork) {
    let unused = LocalUsage {
        sockets: 0,
        buffer_bytes: 0,
    };
    assert_eq!(network.usage(), Some(unused));
}
