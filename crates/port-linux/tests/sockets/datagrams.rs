//! UDP.

use std::net::UdpSocket;

use thimble_abi::Errno;
use thimble_runtime::port::Protocol;

use super::fixture::{BUFFER, Device, LIST, OK, OUT};

#[test]
fn datagrams_are_whole_or_cut() {
    for local in ["127.0.0.1:0", "[::1]:0"] {
        let device = Device::new();
        let mut guest = device.guest(&["net.listen:udp/0"]);
        let socket = guest.open(Protocol::Udp, local.starts_with('['));
        assert_eq!(guest.bind(socket, local), OK);
        let peer = UdpSocket::bind(local).unwrap();
        let address = guest.local(socket);
        peer.send_to(b"0123456789", address).unwrap();
        peer.send_to(b"", address).unwrap();
        peer.send_to(b"split over two", address).unwrap();
        assert_eq!(
            guest.receive(socket, 4, 1),
            Ok((b"0123".to_vec(), true)),
            "peek"
        );
        assert_eq!(guest.receive(socket, 4, 0), Ok((b"0123".to_vec(), true)));
        assert_eq!(
            guest.receive_from(socket, 4),
            Ok((Vec::new(), peer.local_addr().unwrap()))
        );
        guest.put(LIST, &BUFFER.to_le_bytes());
        guest.put(LIST + 4, &5_u32.to_le_bytes());
        guest.put(LIST + 8, &(BUFFER + 100).to_le_bytes());
        guest.put(LIST + 12, &50_u32.to_le_bytes());
        let arguments = [socket, LIST.into(), 2, 0, OUT.into(), u64::from(OUT) + 4];
        assert_eq!(guest.call("sock_recv", &arguments), OK);
        assert_eq!(
            (guest.bytes(BUFFER, 5), guest.bytes(BUFFER + 100, 9)),
            (&b"split"[..], &b" over two"[..])
        );
    }
}

#[test]
fn who_sends_to_a_granted_port_gets_an_answer() {
    let device = Device::new();
    let mut guest = device.guest(&["net.listen:udp/*"]);
    let socket = guest.open(Protocol::Udp, false);
    assert_eq!(guest.bind(socket, "127.0.0.1:0"), OK);
    let peer = UdpSocket::bind("127.0.0.1:0").unwrap();
    let to = peer.local_addr().unwrap().to_string();
    assert_eq!(
        guest.send_to(socket, b"unasked", &to),
        Err(Errno::Access.number())
    );
    assert_eq!(device.traces(), [format!("net.connect:udp/{to}")]);
    peer.send_to(b"question", guest.local(socket)).unwrap();
    assert_eq!(guest.receive_from(socket, 16).unwrap().0, b"question");
    assert_eq!(guest.send_to(socket, b"answer", &to), Ok(6));
    let mut bytes = [0; 16];
    assert_eq!(peer.recv(&mut bytes).unwrap(), 6);
}

#[test]
fn sending_needs_no_grant_to_listen() {
    let device = Device::new();
    let peer = UdpSocket::bind("127.0.0.1:0").unwrap();
    let to = peer.local_addr().unwrap().to_string();
    let mut guest = device.guest(&[&format!("net.connect:udp/{to}")]);
    let socket = guest.open(Protocol::Udp, false);
    assert_eq!(guest.send_to(socket, b"one", &to), Ok(3));
    assert_eq!(
        guest.send(socket, b"nowhere"),
        Err(Errno::DestinationAddressRequired.number())
    );
    assert_eq!(guest.connect(socket, &to), OK);
    assert_eq!(guest.send(socket, b"two"), Ok(3));
    // Rust's standard library binds every UDP socket.
    let other = guest.open(Protocol::Udp, false);
    assert_eq!(guest.bind(other, "0.0.0.0:0"), OK);
    assert_eq!(guest.send_to(other, b"three", &to), Ok(5));
    assert_eq!(guest.bind(other, "0.0.0.0:5683"), Errno::Access.number());
    // Whoever is not granted a port must not answer on one that the device chose.
    peer.send_to(b"x", ("127.0.0.1", guest.local(other).port()))
        .unwrap();
    let stranger = UdpSocket::bind("127.0.0.1:0").unwrap();
    stranger
        .send_to(b"y", ("127.0.0.1", guest.local(other).port()))
        .unwrap();
    assert_eq!(guest.receive_from(other, 8).unwrap().0, b"x");
    assert_eq!(guest.receive_from(other, 8).unwrap().0, b"y");
    let stranger = stranger.local_addr().unwrap().to_string();
    assert_eq!(
        guest.send_to(other, b"no", &stranger),
        Err(Errno::Access.number())
    );
}
