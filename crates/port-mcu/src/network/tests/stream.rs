//! TCP between two sockets.

use thimble_runtime::port::SocketOption;

use super::*;

#[test]
fn a_connection_has_two_ends_and_carries_bytes_both_ways() {
    let network = network();
    for local in ["127.0.0.1:0", "[::1]:0"] {
        let mut from = listener(&network, local);
        let at = from.local_address().unwrap();
        let mut one = open(&network, Protocol::Tcp, at.is_ipv6());
        assert_eq!(one.remote_address(), Err(Errno::NotConnected));
        assert_eq!(connect(&mut *one, at), Poll::Ready(Ok(())));
        let mut other = accept(&mut *from).unwrap();
        assert_eq!(one.remote_address(), Ok(at));
        assert_eq!(other.local_address(), Ok(at));
        assert_eq!(other.remote_address(), one.local_address());
        assert_eq!(one.local_address().unwrap().ip(), at.ip());
        assert_eq!(send(&mut *one, b"there"), Poll::Ready(Ok(5)));
        assert_eq!(send(&mut *other, b"back"), Poll::Ready(Ok(4)));
        assert_eq!(receive(&mut *other, 3), received(b"the"));
        assert_eq!(receive(&mut *other, 9), received(b"re"));
        assert_eq!(receive(&mut *other, 9), Poll::Pending);
        assert_eq!(receive(&mut *one, 9), received(b"back"));
        assert_eq!(connect(&mut *one, at), Poll::Ready(Err(Errno::IsConnected)));
        assert_eq!(accept(&mut *one).err(), Some(Errno::Invalid));
        assert_eq!(one.listen(1), Err(Errno::Invalid));
    }
    is_unused(&network);
}

#[test]
fn a_look_leaves_bytes_and_a_full_buffer_takes_no_more() {
    let network = network();
    let (mut one, mut other) = pair(&network);
    assert_eq!(send(&mut *one, b"0123456789"), Poll::Ready(Ok(8)));
    assert_eq!(send(&mut *one, b"89"), Poll::Pending);
    assert_eq!(send(&mut *one, b""), Poll::Ready(Ok(0)));
    assert_eq!(ready(&mut *one, Interest::Write), None);
    let mut buffer = [0; 4];
    for _ in 0..2 {
        let looked = other.poll_receive(&mut context(), &mut buffer, true);
        assert!(matches!(looked, Poll::Ready(Ok(Received { bytes: 4, .. }))));
        assert_eq!(&buffer, b"0123");
    }
    assert_eq!(receive(&mut *other, 6), received(b"012345"));
    let room = ready(&mut *one, Interest::Write).unwrap();
    assert_eq!((room.bytes, room.hangup), (6, false));
    assert_eq!(send(&mut *one, b"89abcdef"), Poll::Ready(Ok(6)));
    assert_eq!(receive(&mut *other, 9), received(b"6789abcd"));
}

#[test]
fn each_direction_ends_by_itself() {
    let network = network();
    let (mut one, mut other) = pair(&network);
    send(&mut *one, b"last").map(Result::unwrap).is_ready();
    one.shutdown(false, true).unwrap();
    assert_eq!(send(&mut *one, b"x"), Poll::Ready(Err(Errno::BrokenPipe)));
    let left = ready(&mut *other, Interest::Read).unwrap();
    assert_eq!((left.bytes, left.hangup), (4, true));
    assert_eq!(receive(&mut *other, 9), received(b"last"));
    assert_eq!(receive(&mut *other, 9), received(b""));
    let left = ready(&mut *other, Interest::Read).unwrap();
    assert_eq!((left.bytes, left.hangup), (0, true));
    assert_eq!(send(&mut *other, b"still"), Poll::Ready(Ok(5)));
    one.shutdown(true, false).unwrap();
    assert_eq!(receive(&mut *one, 9), received(b"still"));
    assert_eq!(receive(&mut *one, 9), received(b""));
    assert_eq!(one.shutdown(false, false), Err(Errno::Invalid));
    assert_eq!(tcp(&network).shutdown(true, true), Err(Errno::NotConnected));
}

#[test]
fn closing_ends_what_was_received_and_refuses_what_is_sent() {
    let network = network();
    let (mut one, mut other) = pair(&network);
    assert_eq!(send(&mut *one, b"bye"), Poll::Ready(Ok(3)));
    drop(one);
    let room = ready(&mut *other, Interest::Write).unwrap();
    assert_eq!((room.bytes, room.hangup), (1, true));
    assert_eq!(send(&mut *other, b"x"), Poll::Ready(Err(Errno::BrokenPipe)));
    assert_eq!(receive(&mut *other, 9), received(b"bye"));
    assert_eq!(receive(&mut *other, 9), received(b""));
    assert!(other.remote_address().is_ok());
    drop(other);
    is_unused(&network);
}

#[test]
fn a_reset_is_told_once_and_after_what_was_received() {
    let network = network();
    let resets: [fn(&mut dyn Socket, &mut dyn Socket); 2] = [
        // The side that closes does not linger …
        |one, _| {
            one.set_option(SocketOption::LingerSeconds(Some(0)))
                .unwrap()
        },
        // … or has not received everything.
        |_, other| assert!(send(other, b"unread").is_ready()),
    ];
    for reset in resets {
        let (mut one, mut other) = pair(&network);
        assert_eq!(send(&mut *one, b"before"), Poll::Ready(Ok(6)));
        reset(&mut *one, &mut *other);
        drop(one);
        assert_eq!(receive(&mut *other, 9), received(b"before"));
        let reset = Poll::Ready(Err(Errno::ConnectionReset));
        assert_eq!(receive(&mut *other, 9), reset);
        assert_eq!(receive(&mut *other, 9), received(b""));
        assert_eq!(send(&mut *other, b"x"), Poll::Ready(Err(Errno::BrokenPipe)));
        assert_eq!(other.remote_address(), Err(Errno::NotConnected));
        assert_eq!(other.shutdown(true, true), Err(Errno::NotConnected));
    }
    let (mut one, mut other) = pair(&network);
    one.set_option(SocketOption::LingerSeconds(Some(0)))
        .unwrap();
    drop(one);
    let reset = Poll::Ready(Err(Errno::ConnectionReset));
    assert_eq!(send(&mut *other, b"x"), reset);
    let broken = Poll::Ready(Err(Errno::BrokenPipe));
    assert_eq!(send(&mut *other, b"x"), broken);
}

#[test]
fn nobody_listens() {
    let network = network();
    let mut one = tcp(&network);
    for (to, errno) in [
        ("127.0.0.1:9", Errno::ConnectionRefused),
        ("127.9.9.9:9", Errno::ConnectionRefused),
        ("0.0.0.0:9", Errno::ConnectionRefused),
        ("10.0.0.1:9", Errno::NetworkUnreachable),
        ("224.0.0.1:9", Errno::NetworkUnreachable),
        ("[::1]:9", Errno::AddressFamilyNotSupported),
    ] {
        assert_eq!(
            connect(&mut *one, address(to)),
            Poll::Ready(Err(errno)),
            "{to}"
        );
    }
    assert_eq!(one.local_address(), Ok(address("0.0.0.0:0")));
    assert_eq!(receive(&mut *one, 1), Poll::Ready(Err(Errno::NotConnected)));
    assert_eq!(send(&mut *one, b"x"), Poll::Ready(Err(Errno::BrokenPipe)));
    let idle = ready(&mut *one, Interest::Read).unwrap();
    assert_eq!((idle.bytes, idle.hangup), (0, true));
    // It may still become connected.
    let from = listener(&network, "127.0.0.1:0");
    let at = from.local_address().unwrap();
    assert_eq!(connect(&mut *one, at), Poll::Ready(Ok(())));
}

#[test]
fn a_connection_waits_for_room_and_is_made_unasked() {
    let network = network();
    let mut from = listener(&network, "127.0.0.1:0");
    let at = from.local_address().unwrap();
    let mut clients: Vec<_> = (0..4).map(|_| tcp(&network)).collect();
    for client in &mut clients[..2] {
        assert_eq!(connect(&mut **client, at), Poll::Ready(Ok(())));
    }
    for client in &mut clients[2..] {
        assert_eq!(connect(&mut **client, at), Poll::Pending);
        assert_eq!(ready(&mut **client, Interest::Write), None);
        assert_eq!(send(&mut **client, b"x"), Poll::Pending);
    }
    let first = accept(&mut *from).unwrap();
    assert_eq!(first.remote_address(), clients[0].local_address());
    // The third was connected meanwhile; the fourth is refused with the listener.
    assert!(ready(&mut *clients[2], Interest::Write).is_some());
    assert_eq!(connect(&mut *clients[2], at), Poll::Ready(Ok(())));
    assert_eq!(
        connect(&mut *clients[2], at),
        Poll::Ready(Err(Errno::IsConnected))
    );
    drop(from);
    assert!(ready(&mut *clients[3], Interest::Write).unwrap().hangup);
    let refused = Poll::Ready(Err(Errno::ConnectionRefused));
    assert_eq!(connect(&mut *clients[3], at), refused);
    assert_eq!(connect(&mut *clients[3], at), refused, "a new attempt");
    // Those that waited are reset; the one that was accepted is not.
    let reset = Poll::Ready(Err(Errno::ConnectionReset));
    assert_eq!(receive(&mut *clients[1], 1), reset);
    assert_eq!(receive(&mut *clients[2], 1), reset);
    assert_eq!(receive(&mut *clients[0], 1), Poll::Pending);
    drop((clients, first));
    is_unused(&network);
}

#[test]
fn a_connection_that_ended_before_it_was_accepted_is_still_accepted() {
    let network = network();
    let mut from = listener(&network, "127.0.0.1:0");
    let mut client = tcp(&network);
    let at = from.local_address().unwrap();
    assert_eq!(connect(&mut *client, at), Poll::Ready(Ok(())));
    assert_eq!(send(&mut *client, b"hasty"), Poll::Ready(Ok(5)));
    drop(client);
    let mut accepted = accept(&mut *from).unwrap();
    assert_eq!(receive(&mut *accepted, 9), received(b"hasty"));
    assert_eq!(receive(&mut *accepted, 9), received(b""));
}

#[test]
fn a_listener_that_is_shut_down_listens_no_more_and_may_again() {
    let network = network();
    let mut from = listener(&network, "127.0.0.1:7");
    let mut client = connected(&network, address("127.0.0.1:7"));
    from.shutdown(false, true).unwrap();
    assert!(ready(&mut *from, Interest::Read).is_some());
    assert!(ready(&mut *from, Interest::Write).is_none());
    from.shutdown(true, false).unwrap();
    assert_eq!(accept(&mut *from).err(), Some(Errno::Invalid));
    let reset = Poll::Ready(Err(Errno::ConnectionReset));
    assert_eq!(receive(&mut *client, 1), reset);
    from.listen(0).unwrap();
    let _client = connected(&network, address("127.0.0.1:7"));
    assert!(accept(&mut *from).is_ok());
}
