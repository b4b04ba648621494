//! UDP, multicast, and what a socket keeps for its guest.

use thimble_runtime::port::{Group, SocketOption};

use super::*;

/// What there is to receive with its sender, at most so many bytes.
fn take(socket: &mut dyn Socket, bytes_max: usize) -> Option<(Vec<u8>, bool, SocketAddr)> {
    let mut buffer = alloc::vec![0; bytes_max];
    match socket.poll_receive(&mut context(), &mut buffer, false) {
        Poll::Ready(answer) => {
            let answer = answer.unwrap();
            buffer.truncate(answer.bytes);
            Some((buffer, answer.truncated, answer.sender.unwrap()))
        }
        Poll::Pending => None,
    }
}

#[test]
fn datagrams_keep_their_borders_and_tell_their_sender() {
    let network = network();
    for (first, second) in [("127.0.0.1:0", "127.0.0.1:0"), ("[::1]:0", "[::]:0")] {
        let (mut one, mut two) = (udp(&network, first), udp(&network, second));
        let (from, to) = (one.local_address().unwrap(), two.local_address().unwrap());
        assert_eq!(send_to(&mut *one, b"first", to), Ok(5));
        assert_eq!(send_to(&mut *one, b"", to), Ok(0));
        assert_eq!(send_to(&mut *one, b"2nd", to), Ok(3));
        let mut buffer = [0; 2];
        let looked = two.poll_receive(&mut context(), &mut buffer, true);
        assert!(matches!(
            looked,
            Poll::Ready(Ok(Received {
                bytes: 2,
                truncated: true,
                ..
            }))
        ));
        assert_eq!(ready(&mut *two, Interest::Read).unwrap().bytes, 5);
        assert_eq!(take(&mut *two, 9), Some((b"first".to_vec(), false, from)));
        assert_eq!(ready(&mut *two, Interest::Read).unwrap().bytes, 1);
        assert_eq!(take(&mut *two, 9), Some((Vec::new(), false, from)));
        assert_eq!(take(&mut *two, 2), Some((b"2n".to_vec(), true, from)));
        assert_eq!(take(&mut *two, 9), None);
        assert!(ready(&mut *two, Interest::Read).is_none());
        assert!(ready(&mut *two, Interest::Write).is_some());
    }
    is_unused(&network);
}

#[test]
fn a_sender_that_is_not_bound_gets_a_port() {
    let network = network();
    let mut one = open(&network, Protocol::Udp, false);
    let mut two = udp(&network, "0.0.0.0:53");
    assert_eq!(send_to(&mut *one, b"x", address("127.0.0.9:53")), Ok(1));
    let local = one.local_address().unwrap();
    assert!(local.ip().is_unspecified());
    let (_, _, sender) = take(&mut *two, 9).unwrap();
    assert_eq!(sender, SocketAddr::new([127, 0, 0, 1].into(), local.port()));
}

#[test]
fn a_connected_socket_talks_to_one_and_hears_that_nobody_is_there() {
    let network = network();
    let mut one = udp(&network, "0.0.0.0:0");
    let mut two = udp(&network, "127.0.0.1:0");
    let mut three = udp(&network, "127.0.0.1:0");
    let to = two.local_address().unwrap();
    let needed = Poll::Ready(Err(Errno::DestinationAddressRequired));
    assert_eq!(send(&mut *one, b"x"), needed);
    assert_eq!(one.shutdown(true, true), Err(Errno::NotConnected));
    assert_eq!(connect(&mut *one, to), Poll::Ready(Ok(())));
    assert_eq!(one.remote_address(), Ok(to));
    let from = one.local_address().unwrap();
    assert!(from.ip().is_loopback());
    assert_eq!(send(&mut *one, b"hi"), Poll::Ready(Ok(2)));
    assert_eq!(take(&mut *two, 9), Some((b"hi".to_vec(), false, from)));
    assert_eq!(send_to(&mut *three, b"foreign", from), Ok(7));
    assert_eq!(send_to(&mut *two, b"known", from), Ok(5));
    assert_eq!(take(&mut *one, 9), Some((b"known".to_vec(), false, to)));
    assert_eq!(take(&mut *one, 9), None);
    drop(two);
    assert_eq!(send(&mut *one, b"lost"), Poll::Ready(Ok(4)));
    assert!(ready(&mut *one, Interest::Read).is_some());
    let refused = Poll::Ready(Err(Errno::ConnectionRefused));
    assert_eq!(send(&mut *one, b"lost"), refused);
    assert_eq!(receive(&mut *one, 9), Poll::Pending);
    one.shutdown(true, true).unwrap();
    assert_eq!(receive(&mut *one, 9), received(b""));
    let broken = Poll::Ready(Err(Errno::BrokenPipe));
    assert_eq!(send(&mut *one, b"x"), broken);
}

#[test]
fn what_cannot_be_sent_is_refused_and_what_nobody_hears_is_lost() {
    let network = network();
    let mut one = udp(&network, "127.0.0.1:0");
    for (to, errno) in [
        ("10.0.0.1:9", Errno::NetworkUnreachable),
        ("255.255.255.255:9", Errno::NetworkUnreachable),
        ("127.0.0.1:0", Errno::Invalid),
        ("[::1]:9", Errno::AddressFamilyNotSupported),
    ] {
        assert_eq!(send_to(&mut *one, b"x", address(to)), Err(errno), "{to}");
    }
    let there = address("127.0.0.1:9");
    assert_eq!(send_to(&mut *one, b"lost", there), Ok(4));
    assert_eq!(
        send_to(&mut *one, b"012345678", there),
        Err(Errno::MessageTooLong)
    );
    assert_eq!(one.listen(1), Err(Errno::NotSupported));
    assert_eq!(accept(&mut *one).err(), Some(Errno::NotSupported));
    let unreachable = Poll::Ready(Err(Errno::NetworkUnreachable));
    assert_eq!(connect(&mut *one, address("10.0.0.1:9")), unreachable);
}

#[test]
fn members_of_a_group_hear_what_is_sent_to_it() {
    let network = network();
    let group = address("239.1.2.3:5000");
    let join = |socket: &mut dyn Socket| {
        let any = Group::V4([239, 1, 2, 3].into(), [0, 0, 0, 0].into());
        socket.set_option(SocketOption::JoinGroup(any))
    };
    let shared = || {
        let mut socket = open(&network, Protocol::Udp, false);
        socket.set_option(SocketOption::ReuseAddress(true)).unwrap();
        socket.bind(address("0.0.0.0:5000")).unwrap();
        socket
    };
    let (mut one, mut two, mut outside) = (shared(), shared(), shared());
    let mut to_group = open(&network, Protocol::Udp, false);
    to_group
        .set_option(SocketOption::ReuseAddress(true))
        .unwrap();
    to_group.bind(group).unwrap();
    for member in [&mut one, &mut two, &mut to_group] {
        join(&mut **member).unwrap();
    }
    assert_eq!(send_to(&mut *one, b"all", group), Ok(3));
    for member in [&mut one, &mut two, &mut to_group] {
        let sender = address("127.0.0.1:5000");
        assert_eq!(
            take(&mut **member, 9),
            Some((b"all".to_vec(), false, sender))
        );
    }
    assert_eq!(take(&mut *outside, 9), None);
    one.set_option(SocketOption::MulticastLoopV4(false))
        .unwrap();
    assert_eq!(send_to(&mut *one, b"others", group), Ok(6));
    assert_eq!(take(&mut *one, 9), None);
    assert!(take(&mut *two, 9).is_some());
    let any = Group::V4([239, 1, 2, 3].into(), [127, 0, 0, 1].into());
    two.set_option(SocketOption::LeaveGroup(any)).unwrap();
    assert_eq!(send_to(&mut *one, b"fewer", group), Ok(5));
    assert_eq!(take(&mut *two, 9), None);
}

#[test]
fn groups_are_of_this_device_and_joined_once() {
    let network = network();
    let mut socket = udp(&network, "127.0.0.1:0");
    let mut six = udp(&network, "[::1]:0");
    let four = |last, interface: [u8; 4]| Group::V4([224, 0, 0, last].into(), interface.into());
    let all = "ff02::1".parse().unwrap();
    let mut join = |group| socket.set_option(SocketOption::JoinGroup(group));
    assert_eq!(join(four(1, [10, 0, 0, 1])), Err(Errno::NoDevice));
    let plain = Group::V4([10, 0, 0, 1].into(), [0; 4].into());
    assert_eq!(join(plain), Err(Errno::Invalid));
    assert_eq!(join(four(1, [127, 0, 0, 1])), Ok(()));
    assert_eq!(join(four(1, [0; 4])), Err(Errno::AddressInUse));
    assert_eq!(join(four(2, [0; 4])), Ok(()));
    assert_eq!(join(four(3, [0; 4])), Err(Errno::NoBufferSpace));
    let leave = SocketOption::LeaveGroup(four(3, [0; 4]));
    assert_eq!(socket.set_option(leave), Err(Errno::AddressNotAvailable));
    let join = SocketOption::JoinGroup(Group::V6(all, 1));
    assert_eq!(six.set_option(join), Ok(()));
    let elsewhere = SocketOption::JoinGroup(Group::V6(all, 2));
    assert_eq!(six.set_option(elsewhere), Err(Errno::NoDevice));
    assert_eq!(tcp(&network).set_option(join), Err(Errno::NoProtocolOption));
}

#[test]
fn options_are_kept_where_a_socket_has_them() {
    let network = network();
    let mut four = tcp(&network);
    let mut six = open(&network, Protocol::Udp, true);
    for option in [
        SocketOption::Broadcast(true),
        SocketOption::KeepAlive(true),
        SocketOption::LingerSeconds(Some(3)),
        SocketOption::ReceiveBufferBytes(77),
        SocketOption::SendBufferBytes(78),
        SocketOption::ReuseAddress(false),
        SocketOption::ReusePort(true),
        SocketOption::TcpFastOpenConnect(true),
        SocketOption::TcpKeepIdleSeconds(9),
        SocketOption::TcpKeepIntervalSeconds(8),
        SocketOption::TcpNoDelay(true),
        SocketOption::TcpQuickAck(false),
        SocketOption::TimeToLive(7),
        SocketOption::MulticastTimeToLive(6),
        SocketOption::MulticastLoopV4(false),
    ] {
        assert_ne!(four.option(option), Ok(option));
        four.set_option(option).unwrap();
        assert_eq!(four.option(option), Ok(option));
    }
    for (option, errno) in [
        (SocketOption::Ipv6Only(true), Errno::NoProtocolOption),
        (SocketOption::MulticastLoopV6(true), Errno::NoProtocolOption),
        (SocketOption::TimeToLive(0), Errno::Invalid),
        (SocketOption::TcpKeepIdleSeconds(0), Errno::Invalid),
    ] {
        assert_eq!(four.set_option(option), Err(errno), "{option:?}");
    }
    let nodelay = SocketOption::TcpNoDelay(true);
    assert_eq!(six.set_option(nodelay), Err(Errno::NoProtocolOption));
    assert_eq!(six.option(nodelay), Err(Errno::NoProtocolOption));
    let only = SocketOption::Ipv6Only(true);
    six.set_option(only).unwrap();
    assert_eq!(six.option(only), Ok(only));
    six.bind(address("[::1]:9")).unwrap();
    assert_eq!(six.set_option(only), Err(Errno::Invalid));
}

#[test]
fn an_accepted_socket_has_its_listeners_options() {
    let network = network();
    let mut from = listener(&network, "127.0.0.1:0");
    let option = SocketOption::TcpNoDelay(true);
    from.set_option(option).unwrap();
    let _client = connected(&network, from.local_address().unwrap());
    assert_eq!(accept(&mut *from).unwrap().option(option), Ok(option));
}

#[test]
fn this_device_has_a_name() {
    let network = network();
    let find = |name: &str| match network.lookup(name).unwrap().poll(&mut context()) {
        Poll::Ready(answer) => answer,
        Poll::Pending => panic!("it knows"),
    };
    let own = alloc::vec![[127, 0, 0, 1].into(), address("[::1]:0").ip()];
    for name in ["localhost", "LocalHost.", "a.localhost"] {
        assert_eq!(find(name), Ok(own.clone()), "{name}");
    }
    for name in ["example.com", "notlocalhost", "localhost.com", "."] {
        assert_eq!(find(name), Err(Errno::NoEntry), "{name}");
    }
}
