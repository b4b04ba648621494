//! Frames and text on one line.

use thimble_serial::frame::{Decoder, GAP_MS_MAX, Kind, OVERHEAD_BYTES, Received, encode};

use crate::random::Random;

/// What came out of a decoder.
#[derive(Debug, PartialEq, Eq)]
enum Got {
    Text(Vec<u8>),
    Frame(Kind, u32, Vec<u8>),
    Damaged,
}

fn frame(sequence: u32, message: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode(Kind::Request, sequence, message, &mut bytes);
    bytes
}

fn got(sequence: u32, message: &[u8]) -> Got {
    Got::Frame(Kind::Request, sequence, message.to_vec())
}

fn text(text: &str) -> Got {
    Got::Text(text.as_bytes().to_vec())
}

fn receive(decoder: &mut Decoder, bytes: &[u8], now_ms: u64) -> Vec<Got> {
    let mut all = Vec::new();
    for byte in bytes {
        let got = match decoder.push(*byte, now_ms) {
            Received::Nothing => continue,
            Received::Text(text) => Got::Text(text.bytes().to_vec()),
            Received::Frame(frame) => Got::Frame(frame.kind, frame.sequence, frame.message.into()),
            Received::Damaged => Got::Damaged,
        };
        match (all.last_mut(), got) {
            (Some(Got::Text(before)), Got::Text(text)) => before.extend(text),
            (_, got) => all.push(got),
        }
    }
    all
}

fn all(bytes: &[u8]) -> Vec<Got> {
    receive(&mut Decoder::new(1024).unwrap(), bytes, 0)
}

#[test]
fn a_frame_is_these_bytes() {
    assert_eq!(
        frame(1, &[0x82, 0x00, 0xa0]),
        [
            0x00, 0x03, 0x11, 0x01, 0x01, 0x01, 0x02, 0x82, 0x06, 0xa0, 0x6e, 0x89, 0x23, 0x47,
            0x00
        ]
    );
}

#[test]
fn every_length_and_content_arrives() {
    for seed in 0..200 {
        let mut random = Random::new(seed);
        let mut message = random.bytes(1024);
        // Runs without zeros are where the encoding has its corners.
        if random.one_in(2) {
            message.iter_mut().for_each(|byte| *byte |= 1);
        }
        let bytes = frame(77, &message);
        assert!(bytes[1..bytes.len() - 1].iter().all(|byte| *byte != 0));
        assert_eq!(all(&bytes), [got(77, &message)], "seed {seed}");
    }
}

#[test]
fn a_frame_is_cobs_between_zeros() {
    for length in (0..1025).step_by(7).chain(240..270).chain(490..520) {
        for zero_every in [usize::MAX, 1, 254, 255, 300] {
            let message: Vec<u8> = (0..length)
                .map(|index| u8::from(index % zero_every != zero_every - 1))
                .collect();
            let bytes = frame(u32::MAX, &message);
            assert_eq!(all(&bytes), [got(u32::MAX, &message)], "{length}");
        }
    }
}

#[test]
fn text_and_frames_do_not_touch() {
    let bytes = [
        b"ps\r".to_vec(),
        frame(1, b"a"),
        frame(2, b""),
        b"ls".to_vec(),
    ]
    .concat();
    assert_eq!(
        all(&bytes),
        [text("ps\r"), got(1, b"a"), got(2, b""), text("ls")]
    );
}

#[test]
fn more_zeros_do_no_harm() {
    let bytes = [&[0, 0, 0][..], &frame(1, b"a"), &[0, 0], &frame(2, b"b")].concat();
    assert_eq!(all(&bytes), [got(1, b"a"), got(2, b"b")]);
}

#[test]
fn text_after_noise_is_text() {
    assert_eq!(all(b"\0ps -a\r"), [text("ps -a\r")]);
    assert_eq!(all(b"\0\0\x01\x11"), [text("\x01\x11")]);
    // One that is typed alone waits for the next.
    assert_eq!(all(b"\0p"), []);
}

#[test]
fn a_lost_delimiter_loses_no_later_frame() {
    let (first, second, third) = (frame(1, b"a"), frame(2, b"b"), frame(3, b"c"));
    let without_end = &first[..first.len() - 1];
    let bytes = [without_end, &second, &third].concat();
    let received = all(&bytes);
    assert_eq!(received.last(), Some(&got(3, b"c")), "{received:?}");
    let without_begin = &first[1..];
    let bytes = [without_begin, &second, &third].concat();
    assert!(all(&bytes).ends_with(&[got(2, b"b"), got(3, b"c")]));
}

#[test]
fn what_is_too_long_is_dropped() {
    let mut decoder = Decoder::new(100).unwrap();
    let longest = vec![1; 100];
    assert_eq!(
        receive(&mut decoder, &frame(1, &longest), 0),
        [got(1, &longest)]
    );
    let longer = vec![1; 101];
    let bytes = [frame(2, &longer), frame(3, b"c")].concat();
    assert_eq!(
        receive(&mut decoder, &bytes, 0),
        [Got::Damaged, got(3, b"c")]
    );
}

#[test]
fn a_frame_that_was_cut_off_does_not_swallow_what_is_typed() {
    let mut decoder = Decoder::new(100).unwrap();
    let bytes = frame(1, b"abc");
    assert_eq!(receive(&mut decoder, &bytes[..6], 0), []);
    assert_eq!(
        receive(&mut decoder, b"reboot\r", GAP_MS_MAX + 1),
        [text("reboot\r")]
    );
    // A shorter wait is none.
    assert_eq!(receive(&mut decoder, &bytes[..6], 10_000), []);
    let rest = receive(&mut decoder, &bytes[6..], 10_000 + GAP_MS_MAX);
    assert_eq!(rest, [got(1, b"abc")]);
}

#[test]
fn no_flipped_bit_passes() {
    let bytes = frame(5, b"a message that is short");
    for place in 0..bytes.len() {
        for bit in 0..8 {
            let mut damaged = bytes.clone();
            damaged[place] ^= 1 << bit;
            damaged.extend(frame(6, b"x"));
            damaged.extend(frame(7, b"y"));
            let received = all(&damaged);
            let frames: Vec<_> = received
                .iter()
                .filter(|got| matches!(got, Got::Frame(..)))
                .collect();
            assert!(
                matches!(*frames, [.., last] if *last == got(7, b"y")),
                "{place}.{bit}: {received:?}"
            );
            assert!(
                frames
                    .iter()
                    .all(|frame| **frame != got(5, b"a message that is short"))
                    || place == 0
                    || place + 1 == bytes.len()
            );
        }
    }
}

#[test]
fn noise_takes_no_memory_and_hides_no_later_frame() {
    for seed in 0..300 {
        let mut random = Random::new(seed);
        let mut decoder = Decoder::new(64).unwrap();
        let noise = random.bytes(4096);
        for got in receive(&mut decoder, &noise, 0) {
            assert!(!matches!(got, Got::Frame(..)), "seed {seed}");
        }
        receive(&mut decoder, &frame(1, b"lost perhaps"), 0);
        let received = receive(&mut decoder, &frame(2, b"there"), 0);
        assert_eq!(received.last(), Some(&got(2, b"there")), "seed {seed}");
    }
    assert_eq!(OVERHEAD_BYTES, 9);
}
