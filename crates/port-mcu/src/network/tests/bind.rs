//! Who may have which address.

use thimble_runtime::port::SocketOption;

use super::*;

#[test]
fn the_device_gives_ports_that_nobody_has() {
    let network = network();
    let taken = bound(&network, Protocol::Tcp, "127.0.0.1:49153");
    let ports: Vec<_> = (0..3)
        .map(|_| bound(&network, Protocol::Tcp, "127.0.0.1:0"))
        .collect();
    for (socket, port) in ports.iter().zip([49_152, 49_154, 49_155]) {
        assert_eq!(socket.local_address().unwrap().port(), port);
    }
    assert_eq!(taken.local_address(), Ok(address("127.0.0.1:49153")));
}

#[test]
fn a_foreign_address_is_not_available_and_an_own_one_is_given_once() {
    let network = network();
    let mut socket = tcp(&network);
    for (local, errno) in [
        ("10.0.0.1:80", Errno::AddressNotAvailable),
        ("224.0.0.1:80", Errno::AddressNotAvailable),
        ("[::1]:80", Errno::AddressFamilyNotSupported),
    ] {
        assert_eq!(socket.bind(address(local)), Err(errno), "{local}");
    }
    socket.bind(address("127.5.5.5:80")).unwrap();
    assert_eq!(socket.bind(address("127.0.0.1:81")), Err(Errno::Invalid));
}

/// Whether a second socket may be bound while a first one is.
fn both(protocol: Protocol, first: &str, second: &str, options: [&[SocketOption]; 2]) -> bool {
    let network = network();
    let bind = |local: &str, options: &[SocketOption]| {
        let local = address(local);
        let mut socket = open(&network, protocol, local.is_ipv6());
        for option in options {
            socket.set_option(*option).unwrap();
        }
        socket.bind(local).map(|()| socket)
    };
    let _first = bind(first, options[0]).unwrap();
    match bind(second, options[1]) {
        Ok(_) => true,
        Err(errno) => {
            assert_eq!(errno, Errno::AddressInUse);
            false
        }
    }
}

#[test]
fn addresses_that_overlap_are_in_use() {
    let only = [SocketOption::Ipv6Only(true)];
    for (first, second, may) in [
        ("127.0.0.1:80", "127.0.0.1:80", false),
        ("127.0.0.1:80", "127.0.0.2:80", true),
        ("127.0.0.1:80", "127.0.0.1:81", true),
        ("127.0.0.1:80", "0.0.0.0:80", false),
        ("0.0.0.0:80", "127.0.0.1:80", false),
        ("[::1]:80", "127.0.0.1:80", true),
        ("[::1]:80", "[::]:80", false),
        ("[::]:80", "127.0.0.1:80", false),
        ("127.0.0.1:80", "[::]:80", false),
        ("[::]:80", "0.0.0.0:80", false),
        ("[::ffff:127.0.0.1]:80", "127.0.0.1:80", false),
    ] {
        let options: [&[SocketOption]; 2] = [&[], &[]];
        let is = both(Protocol::Udp, first, second, options);
        assert_eq!(is, may, "{first} {second}");
    }
    let options: [&[SocketOption]; 2] = [&only, &[]];
    assert!(both(Protocol::Udp, "[::]:80", "0.0.0.0:80", options));
}

#[test]
fn a_port_is_shared_by_those_who_both_want_to() {
    let reuse = SocketOption::ReuseAddress(true);
    let alone = SocketOption::ReuseAddress(false);
    let shared = SocketOption::ReusePort(true);
    let cases: [(_, [&[SocketOption]; 2], bool); 7] = [
        (Protocol::Udp, [&[reuse], &[]], false),
        (Protocol::Udp, [&[reuse], &[reuse]], true),
        (Protocol::Udp, [&[shared], &[reuse]], false),
        (Protocol::Udp, [&[shared], &[shared]], true),
        (Protocol::Tcp, [&[], &[]], true),
        (Protocol::Tcp, [&[], &[alone]], false),
        (Protocol::Tcp, [&[alone, shared], &[shared]], true),
    ];
    for (protocol, options, may) in cases {
        let is = both(protocol, "127.0.0.1:80", "127.0.0.1:80", options);
        assert_eq!(is, may, "{protocol:?} {options:?}");
    }
}

#[test]
fn only_one_listens_unless_the_port_is_shared() {
    let network = network();
    let mut one = bound(&network, Protocol::Tcp, "127.0.0.1:80");
    let mut two = bound(&network, Protocol::Tcp, "127.0.0.1:80");
    one.listen(1).unwrap();
    assert_eq!(two.listen(1), Err(Errno::AddressInUse));
    assert_eq!(
        tcp(&network).bind(address("127.0.0.1:80")),
        Err(Errno::AddressInUse)
    );
    one.listen(0).unwrap();
    // Connections of a listener that ended do not keep its port, unless somebody wants it alone.
    let _client = connected(&network, address("127.0.0.1:80"));
    let _accepted = accept(&mut *one).unwrap();
    drop((one, two));
    let mut alone = tcp(&network);
    alone.set_option(SocketOption::ReuseAddress(false)).unwrap();
    let in_use = Err(Errno::AddressInUse);
    assert_eq!(alone.bind(address("127.0.0.1:80")), in_use);
    listener(&network, "127.0.0.1:80");
}

#[test]
fn listeners_that_share_a_port_share_its_connections() {
    let network = network();
    let [mut one, mut two] = [(); 2].map(|()| {
        let mut socket = tcp(&network);
        socket.set_option(SocketOption::ReusePort(true)).unwrap();
        socket.bind(address("127.0.0.1:81")).unwrap();
        socket
    });
    one.listen(0).unwrap();
    two.listen(0).unwrap();
    let _clients = [(); 2].map(|()| connected(&network, address("127.0.0.1:81")));
    assert!(accept(&mut *one).is_ok() && accept(&mut *two).is_ok());
}

#[test]
fn the_narrowest_listener_gets_a_connection_and_one_of_all_addresses_any() {
    let network = network();
    let mut all = listener(&network, "[::]:80");
    let at = [
        ("127.0.0.1:80", "[::ffff:127.0.0.1]:80"),
        ("[::1]:80", "[::1]:80"),
    ];
    for (to, told) in at {
        let to = address(to);
        let mut client = open(&network, Protocol::Tcp, to.is_ipv6());
        assert_eq!(connect(&mut *client, to), Poll::Ready(Ok(())));
        let accepted = accept(&mut *all).unwrap();
        assert_eq!(accepted.local_address(), Ok(address(told)));
        assert!(accepted.remote_address().unwrap().is_ipv6());
    }
    // An IPv6 socket may reach IPv4, unless it is not to.
    let mapped = address("[::ffff:127.0.0.1]:80");
    let mut client = open(&network, Protocol::Tcp, true);
    assert_eq!(connect(&mut *client, mapped), Poll::Ready(Ok(())));
    assert_eq!(client.remote_address(), Ok(mapped));
    let mut client = open(&network, Protocol::Tcp, true);
    client.set_option(SocketOption::Ipv6Only(true)).unwrap();
    let unreachable = Poll::Ready(Err(Errno::NetworkUnreachable));
    assert_eq!(connect(&mut *client, mapped), unreachable);
    assert_eq!(client.bind(mapped), Err(Errno::Invalid));
    drop(all);
    let mut all = listener(&network, "0.0.0.0:80");
    let mut narrow = listener(&network, "127.0.0.2:81");
    let _client = connected(&network, address("127.0.0.2:81"));
    assert!(accept(&mut *narrow).is_ok());
    assert_eq!(accept(&mut *all).err(), Some(Errno::Again));
}

#[test]
fn listening_binds_and_so_does_connecting() {
    let network = network();
    let mut from = tcp(&network);
    from.listen(1).unwrap();
    let at = from.local_address().unwrap();
    assert!(at.ip().is_unspecified() && at.port() >= 49_152);
    let mut client = bound(&network, Protocol::Tcp, "127.0.0.3:5000");
    assert_eq!(connect(&mut *client, at), Poll::Ready(Ok(())));
    let accepted = accept(&mut *from).unwrap();
    assert_eq!(accepted.remote_address(), Ok(address("127.0.0.3:5000")));
    assert_eq!(
        accepted.local_address().unwrap().ip(),
        address("127.0.0.1:0").ip()
    );
}
