use crate::event::{Event, Message, parse};
use crate::{Error, system};

fn record(kind: u32, id: u32, rest: &[u8]) -> ([u8; 96], usize) {
    let mut bytes = [0; 96];
    bytes[..4].copy_from_slice(&kind.to_le_bytes());
    bytes[4..8].copy_from_slice(&id.to_le_bytes());
    bytes[8..16].copy_from_slice(&7_u64.to_le_bytes());
    bytes[16..16 + rest.len()].copy_from_slice(rest);
    (bytes, 16 + rest.len())
}

#[test]
fn reads_every_kind() {
    let (bytes, end) = record(1, 3, &2_u64.to_le_bytes());
    assert_eq!(
        parse(&bytes[..end]),
        Some(Event::Timer {
            id: 3,
            time_ns: 7,
            missed: 2
        })
    );

    let (bytes, end) = record(3, 9, &[1, 0, 0, 0, 13, 0, 0, 0, 1, 0, 0, 0]);
    assert_eq!(
        parse(&bytes[..end]),
        Some(Event::Pin {
            id: 9,
            time_ns: 7,
            high: true
        })
    );

    let (bytes, end) = record(4, 0, &5000_u64.to_le_bytes());
    assert_eq!(parse(&bytes[..end]), Some(Event::Stop { grace_ms: 5000 }));

    let (bytes, end) = record(5, 6, &900_u64.to_le_bytes());
    let update = Event::Update {
        id: 6,
        left_ms: 900,
    };
    assert_eq!(parse(&bytes[..end]), Some(update));

    let (bytes, end) = record(77, 0, &[]);
    assert_eq!(parse(&bytes[..end]), Some(Event::Unknown { kind: 77 }));

    let (bytes, end) = record(2, 4, b"\x03\0\0\0\x02\0\0\0\x01\0\0\0a/bxy\xff");
    let message = Message {
        subscription: 4,
        time_ns: 7,
        topic: "a/b",
        content_type: "xy",
        payload: &[0xff],
    };
    assert_eq!(parse(&bytes[..end]), Some(Event::Message(message)));
}

#[test]
fn refuses_every_cut_record() {
    let (bytes, end) = record(2, 4, b"\x03\0\0\0\x02\0\0\0\x01\0\0\0a/bxy\xff");
    for cut in 0..end {
        assert_eq!(parse(&bytes[..cut]), None, "cut at {cut}");
    }
}

#[test]
fn splits_answers() {
    assert_eq!(Error::check(5), Ok(5));
    assert_eq!(Error::check(-63), Err(Error::NOT_PERMITTED));
    assert_eq!(Error::check(i32::MIN), Err(Error::BAD_MESSAGE));
}

#[test]
fn finds_variables() {
    let bytes = b"ROUND=1\0ROUNDS=5\0EMPTY=\0";
    assert_eq!(system::find("ROUNDS", bytes), Some("5"));
    assert_eq!(system::find("EMPTY", bytes), Some(""));
    assert_eq!(system::find("NONE", bytes), None);
}
