//! Who waits is woken, and may use the network at once.

use std::sync::Mutex;

use super::*;

/// Whether an operation waits, and then what ends the wait wakes it.
fn wakes(
    socket: &mut dyn Socket,
    wait: impl Fn(&mut dyn Socket, &mut Context<'_>) -> bool,
    end: impl FnOnce(),
) {
    let bell = Arc::new(Bell::default());
    let waker = Waker::from(Arc::clone(&bell));
    assert!(wait(socket, &mut Context::from_waker(&waker)));
    assert_eq!(bell.rings(), 0);
    end();
    assert!(bell.rings() > 0);
    assert!(!wait(socket, &mut Context::from_waker(&waker)));
}

fn receives(socket: &mut dyn Socket, context: &mut Context<'_>) -> bool {
    socket.poll_receive(context, &mut [0; 4], true).is_pending()
}

fn sends(socket: &mut dyn Socket, context: &mut Context<'_>) -> bool {
    socket.poll_send(context, b"01234567", None).is_pending()
}

fn is_readable(socket: &mut dyn Socket, context: &mut Context<'_>) -> bool {
    socket.poll_ready(context, Interest::Read).is_pending()
}

fn is_writable(socket: &mut dyn Socket, context: &mut Context<'_>) -> bool {
    socket.poll_ready(context, Interest::Write).is_pending()
}

#[test]
fn bytes_room_and_ends_wake() {
    let network = network();
    for wait in [receives, is_readable] {
        let (mut one, mut other) = pair(&network);
        wakes(&mut *one, wait, || {
            assert!(send(&mut *other, b"x").is_ready());
        });
        let (mut one, mut other) = pair(&network);
        wakes(&mut *one, wait, || other.shutdown(false, true).unwrap());
        let (mut one, other) = pair(&network);
        wakes(&mut *one, wait, || drop(other));
    }
    for wait in [sends, is_writable] {
        let (mut one, mut other) = pair(&network);
        assert!(send(&mut *one, b"01234567").is_ready());
        wakes(&mut *one, wait, || {
            assert!(receive(&mut *other, 1).is_ready());
        });
        let (mut one, other) = pair(&network);
        assert!(send(&mut *one, b"01234567").is_ready());
        wakes(&mut *one, wait, || drop(other));
    }
    let mut one = udp(&network, "127.0.0.1:9");
    let mut two = udp(&network, "127.0.0.1:10");
    wakes(&mut *one, receives, || {
        assert!(send_to(&mut *two, b"", address("127.0.0.1:9")).is_ok());
    });
}

#[test]
fn connections_wake_who_accepts_and_room_wakes_who_connects() {
    let network = network();
    let mut from = listener(&network, "127.0.0.1:80");
    let at = from.local_address().unwrap();
    let mut clients: Vec<_> = (0..3).map(|_| tcp(&network)).collect();
    wakes(&mut *from, is_readable, || {
        assert_eq!(connect(&mut *clients[0], at), Poll::Ready(Ok(())));
    });
    assert!(accept(&mut *from).is_ok());
    let accepts = |socket: &mut dyn Socket, context: &mut Context<'_>| {
        socket.poll_accept(context).is_pending()
    };
    wakes(&mut *from, accepts, || {
        for client in &mut clients[1..] {
            assert_eq!(connect(&mut **client, at), Poll::Ready(Ok(())));
        }
    });
    let connects = |socket: &mut dyn Socket, context: &mut Context<'_>| {
        socket.poll_connect(context, at).is_pending()
    };
    // One was accepted again when the wait was over.
    let _last = connected(&network, at);
    drop(clients);
    let mut late = tcp(&network);
    wakes(&mut *late, connects, || {
        assert!(accept(&mut *from).is_ok());
    });
    let mut later = tcp(&network);
    wakes(&mut *later, connects, || drop(from));
}

#[test]
fn another_waker_takes_the_place_of_the_first_which_is_woken_to_ask_again() {
    let network = network();
    let (mut one, mut other) = pair(&network);
    let bells = [(); 2].map(|()| Arc::new(Bell::default()));
    for bell in &bells {
        let waker = Waker::from(Arc::clone(bell));
        for _ in 0..2 {
            assert!(receives(&mut *one, &mut Context::from_waker(&waker)));
        }
    }
    assert_eq!(bells.each_ref().map(|bell| bell.rings()), [1, 0]);
    assert!(send(&mut *other, b"x").is_ready());
    assert_eq!(bells.each_ref().map(|bell| bell.rings()), [1, 1]);
    assert!(send(&mut *other, b"x").is_ready());
    assert_eq!(bells.each_ref().map(|bell| bell.rings()), [1, 1]);
}

/// Uses a socket, and drops it, while it is woken.
struct Reenters(Mutex<Option<Box<dyn Socket>>>);

impl Wake for Reenters {
    fn wake(self: Arc<Self>) {
        let socket = self.0.lock().unwrap().take();
        let mut socket = socket.unwrap();
        assert_eq!(send(&mut *socket, b"answer"), Poll::Ready(Ok(6)));
    }
}

#[test]
fn a_waker_may_use_and_close_sockets() {
    let network = network();
    let (mut one, mut other) = pair(&network);
    let (inner, mut outer) = pair(&network);
    let waker = Waker::from(Arc::new(Reenters(Mutex::new(Some(inner)))));
    assert!(receives(&mut *one, &mut Context::from_waker(&waker)));
    assert!(send(&mut *other, b"x").is_ready());
    assert_eq!(receive(&mut *outer, 9), received(b"answer"));
    assert_eq!(receive(&mut *outer, 9), received(b""));
    // The socket goes with the last waker that knows it, which a closed socket held.
    let (inner, mut outer) = pair(&network);
    let waker = Waker::from(Arc::new(Reenters(Mutex::new(Some(inner)))));
    let (mut idle, _peer) = pair(&network);
    assert!(receives(&mut *idle, &mut Context::from_waker(&waker)));
    drop(waker);
    drop(idle);
    assert_eq!(receive(&mut *outer, 9), received(b""));
}
