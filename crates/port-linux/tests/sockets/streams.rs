//! TCP.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use thimble_abi::Errno;
use thimble_port_linux::network::{ListenError, listen};
use thimble_runtime::Limits;
use thimble_runtime::port::Protocol;

use super::fixture::{ADDRESS, BUFFER, Device, LIST, OK, OUT};

#[test]
fn bytes_come_back() {
    for local in ["127.0.0.1:0", "[::1]:0"] {
        let device = Device::new();
        let mut server = device.guest(&["net.listen:tcp/*"]);
        let mut client = device.guest(&["net.connect:localhost:*"]);
        let (listener, address) = server.listener(local);
        assert_eq!(
            server.attempt("sock_accept", &[listener, 0, OUT.into()]),
            None
        );
        let socket = client.open(Protocol::Tcp, address.is_ipv6());
        assert_eq!(client.connect(socket, &address.to_string()), OK);
        let connection = server.accept(listener).unwrap();
        assert_eq!(client.send(socket, b"ping"), Ok(4));
        assert_eq!(
            server.receive(connection, 16, 1),
            Ok((b"ping".to_vec(), false)),
            "peek"
        );
        assert_eq!(
            server.receive(connection, 16, 0),
            Ok((b"ping".to_vec(), false))
        );
        assert_eq!(
            server.send_to(connection, b"pong", "127.0.0.1:1").is_ok(),
            !address.is_ipv6()
        );
        assert_eq!(server.send(connection, b"pong").map(|_| ()), Ok(()));
        assert_eq!(client.receive(socket, 4, 2).unwrap().0, b"pong");
        assert_eq!(
            client.call("sock_addr_remote", &[socket, ADDRESS.into()]),
            OK
        );
        assert_eq!(client.address_at(ADDRESS), address);
        assert_eq!(client.call("sock_close", &[socket]), OK);
        while server
            .receive(connection, 16, 0)
            .is_ok_and(|(bytes, _)| !bytes.is_empty())
        {}
        assert_eq!(server.call("sock_close", &[1]), Errno::NotSocket.number());
        assert_eq!(server.call("fd_close", &[connection]), OK);
    }
}

#[test]
fn a_guest_blocked_in_accept_can_be_dropped() {
    let device = Device::new();
    let mut server = device.guest(&["net.listen"]);
    let (listener, address) = server.listener("127.0.0.1:0");
    assert_eq!(
        server.attempt("sock_accept", &[listener, OUT.into()]),
        None,
        "the old signature"
    );
    drop(server);
    assert!(TcpStream::connect(address).is_err(), "its port is free");
}

#[test]
fn nonblocking_says_so() {
    let device = Device::new();
    let mut guest = device.guest(&["net"]);
    let (listener, address) = guest.listener("127.0.0.1:0");
    guest.nonblocking(listener);
    assert_eq!(guest.accept(listener), Err(Errno::Again.number()));
    let socket = guest.open(Protocol::Tcp, false);
    guest.nonblocking(socket);
    let begun = guest.connect(socket, &address.to_string());
    // Loopback may be done at once.
    assert!([OK, Errno::InProgress.number()].contains(&begun), "{begun}");
    if begun != OK {
        // Waits until it is writable: one subscription of type fd_write.
        guest.put(2048, &[0; 48]);
        guest.put(2056, &[2]);
        guest.put(2064, &u32::try_from(socket).unwrap().to_le_bytes());
        assert_eq!(guest.call("poll_oneoff", &[2048, 2560, 1, OUT.into()]), OK);
        assert_eq!(
            guest.connect(socket, &address.to_string()),
            Errno::IsConnected.number()
        );
    }
    assert_eq!(guest.receive(socket, 8, 0), Err(Errno::Again.number()));
    assert_eq!(guest.call("sock_accept", &[listener, 4, OUT.into()]), OK);
    let accepted = guest.number(OUT).into();
    assert_eq!(
        guest.receive(accepted, 8, 0),
        Err(Errno::Again.number()),
        "asked for when accepting"
    );
    assert_eq!(
        guest.call("sock_accept", &[listener, 1, OUT.into()]),
        Errno::Invalid.number()
    );
}

#[test]
fn nobody_there() {
    let device = Device::new();
    let mut guest = device.guest(&["net.connect"]);
    // A port that was free a moment ago.
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let socket = guest.open(Protocol::Tcp, false);
    assert_eq!(
        guest.connect(socket, &format!("127.0.0.1:{port}")),
        Errno::ConnectionRefused.number()
    );
    assert_eq!(guest.send(socket, b"x"), Err(Errno::BrokenPipe.number()));
    assert_eq!(
        guest.call("sock_addr_remote", &[socket, ADDRESS.into()]),
        Errno::NotConnected.number()
    );
    let six = guest.open(Protocol::Tcp, true);
    assert_eq!(
        guest.connect(six, "127.0.0.1:1"),
        Errno::AddressFamilyNotSupported.number()
    );
    assert_eq!(
        guest.bind(six, "127.0.0.1:0"),
        Errno::AddressFamilyNotSupported.number()
    );
}

#[test]
fn timeouts_are_deadlines() {
    let device = Device::new();
    let mut guest = device.guest(&["net"]);
    let (listener, _) = guest.listener("127.0.0.1:0");
    assert_eq!(
        guest.call("sock_set_recv_timeout", &[listener, 50_000_000]),
        OK
    );
    assert_eq!(
        guest.call("sock_get_recv_timeout", &[listener, OUT.into()]),
        OK
    );
    assert_eq!(guest.number(OUT), 50_000_000);
    assert_eq!(
        guest.attempt("sock_accept", &[listener, 0, OUT.into()]),
        None
    );
    assert!(guest.state.wait_until().is_some());
    device.pass(Duration::from_secs(49));
    assert_eq!(
        guest.attempt("sock_accept", &[listener, 0, OUT.into()]),
        None
    );
    device.pass(Duration::from_secs(1));
    assert_eq!(guest.accept(listener), Err(Errno::Again.number()));
    assert_eq!(
        guest.attempt("sock_accept", &[listener, 0, OUT.into()]),
        None,
        "a new call, a new deadline"
    );
}

/// A connection between a guest and a test.
fn connected<'d>(device: &'d Device) -> (super::fixture::Guest<'d>, u64, TcpStream) {
    let mut guest = device.guest(&["net.connect:127.0.0.1"]);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let socket = guest.open(Protocol::Tcp, false);
    assert_eq!(
        guest.connect(socket, &listener.local_addr().unwrap().to_string()),
        OK
    );
    let (stream, _) = listener.accept().unwrap();
    (guest, socket, stream)
}

#[test]
fn waiting_for_all_keeps_what_came() {
    let device = Device::new();
    let (mut guest, socket, mut stream) = connected(&device);
    let arguments = guest.receive_arguments(socket, 6, 2);
    stream.write_all(b"abc").unwrap();
    loop {
        assert_eq!(guest.attempt("sock_recv", &arguments), None);
        if guest.bytes(BUFFER, 3) == b"abc" {
            break;
        }
        guest.sleep();
    }
    stream.write_all(b"defg").unwrap();
    assert_eq!(guest.call("sock_recv", &arguments), OK);
    assert_eq!(
        (guest.number(OUT), guest.bytes(BUFFER, 6)),
        (6, &b"abcdef"[..])
    );
    drop(stream);
    assert_eq!(
        guest.receive(socket, 6, 2).unwrap().0,
        b"g",
        "the end comes first"
    );
}

#[test]
fn a_blocking_send_sends_all_once() {
    let device = Device::new();
    let (mut guest, socket, mut stream) = connected(&device);
    guest.memory = vec![0; 32 << 20];
    for (index, byte) in guest.memory.iter_mut().enumerate().skip(4096) {
        *byte = (index % 251).try_into().unwrap();
    }
    let len: u32 = 16 << 20;
    guest.put(LIST, &4096_u32.to_le_bytes());
    guest.put(LIST + 4, &len.to_le_bytes());
    guest.put(LIST + 8, &5000_u32.to_le_bytes());
    guest.put(LIST + 12, &100_u32.to_le_bytes());
    let mut expected = guest.bytes(4096, len).to_vec();
    expected.extend(guest.bytes(5000, 100));
    let reader = std::thread::spawn(move || {
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).unwrap();
        bytes
    });
    assert_eq!(
        guest.call("fd_write", &[socket, LIST.into(), 2, OUT.into()]),
        OK
    );
    assert_eq!(guest.number(OUT), len + 100);
    assert_eq!(guest.call("sock_shutdown", &[socket, 2]), OK);
    assert!(reader.join().unwrap() == expected);
    assert_eq!(
        guest.call("sock_shutdown", &[socket, 4]),
        Errno::Invalid.number()
    );
}

#[test]
fn sockets_are_limited() {
    let device = Device::new();
    let limits = Limits {
        sockets: 2,
        ..Limits::default()
    };
    let mut guest = device.guest_with(&["net.listen:tcp/*"], limits, Vec::new());
    let (listener, address) = guest.listener("127.0.0.1:0");
    let socket = guest.open(Protocol::Udp, false);
    let mut peer = TcpStream::connect(address).unwrap();
    let arguments = [u64::from(u32::MAX), 0, 1, OUT.into()];
    assert_eq!(
        guest.call("sock_open", &arguments),
        Errno::TooManyOpenFiles.number()
    );
    assert_eq!(
        guest.accept(listener),
        Err(Errno::TooManyOpenFiles.number())
    );
    assert_eq!(device.traces().len(), 1, "told once");
    assert_eq!(guest.call("sock_close", &[socket]), OK);
    let connection = guest.accept(listener).unwrap();
    peer.write_all(b"still there").unwrap();
    assert_eq!(guest.receive(connection, 5, 0).unwrap().0, b"still");
}

#[test]
fn an_operators_listener_needs_no_grant() {
    let device = Device::new();
    let socket = listen("tcp/127.0.0.1:0", &device.reactor).unwrap();
    let address: SocketAddr = socket.local_address().unwrap();
    let mut guest = device.guest_with(&[], Limits::default(), vec![socket]);
    let mut peer = TcpStream::connect(address).unwrap();
    let connection = guest.accept(3).unwrap();
    peer.write_all(b"hello").unwrap();
    assert_eq!(guest.receive(connection, 16, 0).unwrap().0, b"hello");
    for wrong in [
        "8080",
        "tcp",
        "tcp/",
        "tcp/99999",
        "sctp/1",
        "tcp/host:80",
        "tcp/::1:80",
    ] {
        assert!(
            matches!(
                listen(wrong, &device.reactor),
                Err(ListenError::Form { .. })
            ),
            "{wrong}"
        );
    }
    let taken = listen(&format!("tcp/{address}"), &device.reactor)
        .err()
        .unwrap();
    assert_eq!(taken.to_string(), format!("cannot listen on tcp/{address}"));
    assert!(
        listen("tcp/[::1]:0", &device.reactor)
            .unwrap()
            .local_address()
            .unwrap()
            .port()
            > 0
    );
}
