//! The ends of what all sockets together may have.

use super::*;

#[test]
fn sockets_end_at_their_limit_with_those_that_wait() {
    let network = network();
    let from = listener(&network, "127.0.0.1:0");
    let mut clients: Vec<_> = (0..6).map(|_| tcp(&network)).collect();
    let at = from.local_address().unwrap();
    assert_eq!(connect(&mut *clients[0], at), Poll::Ready(Ok(())));
    let full = network.socket(Protocol::Udp, false).err();
    assert_eq!(full, Some(Errno::TooManyOpenFilesInSystem));
    let full = Poll::Ready(Err(Errno::TooManyOpenFilesInSystem));
    assert_eq!(connect(&mut *clients[1], at), full);
    drop(clients.pop());
    assert_eq!(connect(&mut *clients[1], at), Poll::Ready(Ok(())));
    drop((from, clients));
    is_unused(&network);
}

#[test]
fn a_connection_has_its_buffers_or_is_not_made() {
    let network = LocalNetwork::new(LocalSettings {
        buffer_bytes_max: 20,
        ..SETTINGS
    });
    let from = listener(&network, "127.0.0.1:0");
    let at = from.local_address().unwrap();
    let (mut one, mut two) = (tcp(&network), tcp(&network));
    assert_eq!(connect(&mut *one, at), Poll::Ready(Ok(())));
    let usage = network.usage().unwrap();
    assert_eq!((usage.sockets, usage.buffer_bytes), (4, 16));
    let full = Poll::Ready(Err(Errno::NoBufferSpace));
    assert_eq!(connect(&mut *two, at), full);
    assert_eq!(network.usage(), Some(usage));
    // What is left is enough for a short datagram.
    let mut sender = udp(&network, "127.0.0.1:5");
    for _ in 0..2 {
        assert_eq!(send_to(&mut *sender, b"abc", address("127.0.0.1:5")), Ok(3));
    }
    assert_eq!(network.usage().unwrap().buffer_bytes, 19);
    drop(sender);
    drop(one);
    // The connection that waits keeps the buffer of its own side.
    assert_eq!(network.usage().unwrap().buffer_bytes, 8);
    assert_eq!(connect(&mut *two, at), full);
    drop((from, two));
    is_unused(&network);
}

#[test]
fn datagrams_for_which_there_is_no_room_are_lost() {
    let network = network();
    let mut one = udp(&network, "127.0.0.1:0");
    let at = one.local_address().unwrap();
    let sent: [(&[&[u8]], usize); 3] = [
        // By their count,
        (&[b"a", b"b", b"c", b"d"], 3),
        // by the bytes of the queue,
        (&[b"aaaa", b"bbbb", b"c"], 2),
        // and the largest fits alone.
        (&[b"01234567", b"", b"c"], 2),
    ];
    for (datagrams, kept) in sent {
        for datagram in datagrams {
            assert_eq!(send_to(&mut *one, datagram, at), Ok(datagram.len()));
        }
        for datagram in &datagrams[..kept] {
            assert_eq!(receive(&mut *one, 9), received(datagram));
        }
        assert_eq!(receive(&mut *one, 9), Poll::Pending);
    }
}

#[test]
fn a_backlog_is_as_asked_for_and_no_more_than_allowed() {
    for (backlog, room) in [(0, 1), (1, 2), (2, 2), (u32::MAX, 2)] {
        let network = network();
        let mut from = bound(&network, Protocol::Tcp, "127.0.0.1:80");
        from.listen(backlog).unwrap();
        let mut clients: Vec<_> = (0..3).map(|_| tcp(&network)).collect();
        let made: Vec<_> = clients
            .iter_mut()
            .map(|client| connect(&mut **client, address("127.0.0.1:80")).is_ready())
            .collect();
        assert_eq!(made, [true, room > 1, false]);
        // A larger one lets the others in.
        from.listen(9).unwrap();
        assert!(ready(&mut *clients[1], Interest::Write).is_some());
    }
}
