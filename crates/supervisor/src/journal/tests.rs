//! The log against a model that keeps everything.

#![expect(
    clippy::cast_possible_truncation,
    reason = "the numbers of a test are small"
)]

use alloc::vec;
use alloc::vec::Vec;

use thimble_serial::LogStream;

use super::Ring;

/// All that a ring still has, from a position on.
fn read_all(ring: &Ring, from: u64, step: usize) -> (Vec<u8>, u64, u64) {
    let mut bytes = Vec::new();
    let (mut at, mut lost) = (from, 0);
    loop {
        let part = ring.read(at, step);
        lost += part.lost_bytes;
        for entry in &part.entries {
            bytes.extend_from_slice(&entry.bytes);
        }
        at = part.next;
        if part.is_end {
            return (bytes, at, lost);
        }
        assert!(!part.entries.is_empty(), "no progress at {at}");
    }
}

#[test]
fn what_is_kept_is_the_end_of_what_was_written() {
    let mut seed = 7_u32;
    let mut random = move |below: u32| {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (seed >> 8) % below
    };
    for capacity in [0, 1, 20, 64, 200, 512, 4096] {
        let mut ring = Ring::new(capacity);
        let mut model: Vec<u8> = Vec::new();
        for at_ms in 0..400_u64 {
            let length = if random(20) == 0 {
                random(1000)
            } else {
                random(30)
            };
            let piece: Vec<u8> = (0..length)
                .map(|_| {
                    if random(9) == 0 {
                        b'\n'
                    } else {
                        random(200) as u8
                    }
                })
                .collect();
            let stream = [LogStream::Output, LogStream::Error][random(2) as usize];
            ring.push(stream, at_ms * 50, &piece);
            model.extend_from_slice(&piece);
            if at_ms % 8 != 0 {
                continue;
            }
            let step = [1, 40, 512][random(3) as usize];
            let from = u64::from(random(model.len() as u32 + 1));
            let (bytes, next, lost) = read_all(&ring, from, step);
            assert_eq!(next, model.len() as u64);
            let begin = (from + lost) as usize;
            assert_eq!(bytes, &model[begin..], "capacity {capacity} from {from}");
            assert!(ring.bytes_taken() <= capacity as usize);
        }
    }
}

#[test]
fn pieces_of_a_line_are_one_entry() {
    let mut ring = Ring::new(512);
    for byte in b"hello\nyou" {
        ring.push(LogStream::Output, 5, &[*byte]);
    }
    ring.push(LogStream::Error, 6, b"!");
    let entries: Vec<_> = ring
        .read(0, 4096)
        .entries
        .into_iter()
        .map(|entry| (entry.stream, entry.bytes))
        .collect();
    assert_eq!(
        entries,
        vec![
            (LogStream::Output, b"hello\n".to_vec()),
            (LogStream::Output, b"you".to_vec()),
            (LogStream::Error, b"!".to_vec()),
        ]
    );
}

#[test]
fn a_position_of_before_the_start_is_the_beginning() {
    let mut ring = Ring::new(512);
    ring.push(LogStream::Output, 5, b"hello");
    let part = ring.read(1_000_000, 4096);
    assert_eq!((part.entries.len(), part.next, part.lost_bytes), (1, 5, 0));
}
