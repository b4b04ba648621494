//! Random operations on connections against a model of what each side has sent and received: bytes arrive once, in
//! order, until their end, and nobody who waits is forgotten.

use thimble_testkit::random::{Random, seed};

use super::*;

/// Bytes under way in one direction, at most.
const STREAM_BYTES: usize = 32;
const CONNECTIONS: usize = 3;
const OPERATIONS: usize = 30_000;

/// One direction of a connection, as it should be.
#[derive(Default)]
struct Direction {
    sent: usize,
    received: usize,
    is_ended: bool,
}

impl Direction {
    fn under_way(&self) -> usize {
        self.sent - self.received
    }

    /// The byte at a place, which differs from its neighbours.
    fn byte(place: usize) -> u8 {
        u8::try_from(place * 7 % 251).unwrap()
    }

    fn bytes(from: usize, count: usize) -> Vec<u8> {
        (from..from + count).map(Self::byte).collect()
    }
}

/// One side: it sends in its own direction, and receives in the other's.
struct Side {
    socket: Box<dyn Socket>,
    direction: Direction,
    bell: Arc<Bell>,
    /// What it waits for, and how often its bell had rung when it began to.
    waits: Option<(Interest, usize)>,
}

impl Side {
    fn new(socket: Box<dyn Socket>) -> Self {
        Self {
            socket,
            direction: Direction::default(),
            bell: Arc::default(),
            waits: None,
        }
    }
}

fn connection(network: &LocalNetwork) -> [Side; 2] {
    let (one, other) = pair(network);
    [Side::new(one), Side::new(other)]
}

/// Does something on one side, and checks that it is what the model says.
fn act(random: &mut Random, side: &mut Side, other: &mut Side) {
    let waker = Waker::from(Arc::clone(&side.bell));
    let mut context = Context::from_waker(&waker);
    let rings = side.bell.rings();
    let (there, back) = (&mut side.direction, &mut other.direction);
    let count = random.index(STREAM_BYTES * 2);
    match random.below(20) {
        0..9 => {
            let bytes = Direction::bytes(there.sent, count);
            let room = STREAM_BYTES - there.under_way();
            let expected = match (there.is_ended, count.min(room)) {
                (true, _) => Poll::Ready(Err(Errno::BrokenPipe)),
                (false, 0) if count > 0 => Poll::Pending,
                (false, sent) => Poll::Ready(Ok(sent)),
            };
            let answer = side.socket.poll_send(&mut context, &bytes, None);
            assert_eq!(answer, expected);
            if let Poll::Ready(Ok(sent)) = answer {
                there.sent += sent;
            }
            side.waits = answer.is_pending().then_some((Interest::Write, rings));
        }
        9..18 => {
            let peek = random.below(3) == 0;
            let mut buffer = alloc::vec![0; count];
            let answer = side.socket.poll_receive(&mut context, &mut buffer, peek);
            let got = count.min(back.under_way());
            if got == 0 && count > 0 && !back.is_ended {
                assert_eq!(answer, Poll::Pending);
                side.waits = Some((Interest::Read, rings));
                return;
            }
            side.waits = None;
            let whole = Received {
                bytes: got,
                truncated: false,
                sender: None,
            };
            assert_eq!(answer, Poll::Ready(Ok(whole)));
            assert_eq!(buffer[..got], Direction::bytes(back.received, got));
            if !peek {
                back.received += got;
            }
        }
        18 => {
            let is_ready = back.under_way() > 0 || back.is_ended;
            let answer = side.socket.poll_ready(&mut context, Interest::Read);
            let expected = Readiness {
                bytes: u64::try_from(back.under_way()).unwrap(),
                hangup: back.is_ended,
            };
            assert_eq!(
                answer,
                if is_ready {
                    Poll::Ready(Ok(expected))
                } else {
                    Poll::Pending
                }
            );
            side.waits = answer.is_pending().then_some((Interest::Read, rings));
        }
        _ if random.below(8) == 0 => {
            side.socket.shutdown(false, true).unwrap();
            there.is_ended = true;
            side.waits = None;
        }
        _ => {}
    }
}

/// Whoever waits for what is there now was woken.
fn nobody_is_forgotten(side: &Side, other: &Side) {
    let is_there = match side.waits {
        None => return,
        Some((Interest::Read, _)) => other.direction.under_way() > 0 || other.direction.is_ended,
        Some((Interest::Write, _)) => side.direction.under_way() < STREAM_BYTES,
    };
    let rings = side.waits.map_or(0, |(_, rings)| rings);
    assert!(!is_there || side.bell.rings() > rings);
}

#[test]
fn bytes_arrive_once_and_in_order() {
    let mut random = Random::new(seed(11));
    let network = LocalNetwork::new(LocalSettings {
        sockets_max: 16,
        stream_bytes: u32::try_from(STREAM_BYTES).unwrap(),
        buffer_bytes_max: 1024,
        ..SETTINGS
    });
    let mut connections = [(); CONNECTIONS].map(|()| connection(&network));
    for _ in 0..OPERATIONS {
        let sides = &mut connections[random.index(CONNECTIONS)];
        if random.below(2) == 0 {
            sides.reverse();
        }
        let [side, other] = sides;
        act(&mut random, side, other);
        nobody_is_forgotten(side, other);
        nobody_is_forgotten(other, side);
        let is_over = side.direction.is_ended && other.direction.is_ended;
        if is_over && side.direction.under_way() + other.direction.under_way() == 0 {
            *sides = connection(&network);
        }
    }
    drop(connections);
    is_unused(&network);
}
