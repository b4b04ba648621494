//! Changes inputs a little, knowing nothing about them.

use crate::random::Random;

/// Bytes and numbers at which decoders go wrong.
const INTERESTING: &[&[u8]] = &[
    &[0],
    &[1],
    &[0x7f],
    &[0x80],
    &[0xff],
    &[0x80, 0x01],
    &[0xff, 0xff, 0xff, 0xff, 0x0f],
    &[0x80, 0x80, 0x80, 0x80, 0x10],
    &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
    &[0, 0, 1, 0],
    &[0xff, 0xff, 0xff, 0x7f],
    &[0, 0, 0, 0x80],
    &[0xff, 0xff, 0xff, 0xff],
];

/// A changed copy of `input` with at most `bytes_max` bytes; `other` lends parts of itself.
pub(crate) fn mutate(
    input: &[u8],
    other: &[u8],
    tokens: &[&[u8]],
    bytes_max: usize,
    random: &mut Random,
) -> Vec<u8> {
    let mut bytes = input.to_vec();
    for _ in 0..=random.below(5) {
        step(&mut bytes, other, tokens, random);
    }
    bytes.truncate(bytes_max);
    bytes
}

fn step(bytes: &mut Vec<u8>, other: &[u8], tokens: &[&[u8]], random: &mut Random) {
    let at = random.below(bytes.len() + 1);
    match random.below(10) {
        0 | 1 => {
            let bit = 1_u8 << random.below(8);
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= bit;
            }
        }
        2 => {
            if let Some(byte) = bytes.get_mut(at) {
                *byte = random.byte();
            }
        }
        3 => {
            if let Some(byte) = bytes.get_mut(at) {
                // One up or down.
                *byte = byte.wrapping_add(if random.one_in(2) { 1 } else { 0xff });
            }
        }
        4 => overwrite(
            bytes,
            at,
            random.pick(INTERESTING).copied().unwrap_or_default(),
        ),
        5 => insert(
            bytes,
            at,
            random.pick(INTERESTING).copied().unwrap_or_default(),
        ),
        6 => insert(bytes, at, random.pick(tokens).copied().unwrap_or(b"\0")),
        7 => {
            let end = (at + 1 + random.below(16)).min(bytes.len());
            bytes.drain(at.min(end)..end);
        }
        8 => {
            let part = chunk(bytes, random).to_vec();
            insert(bytes, at, &part);
        }
        _ => {
            let part = chunk(other, random).to_vec();
            if random.one_in(2) {
                insert(bytes, at, &part)
            } else {
                overwrite(bytes, at, &part)
            }
        }
    }
}

/// A part of at most 64 bytes.
fn chunk<'a>(bytes: &'a [u8], random: &mut Random) -> &'a [u8] {
    let start = random.below(bytes.len());
    let end = (start + 1 + random.below(64)).min(bytes.len());
    bytes.get(start..end).unwrap_or_default()
}

fn insert(bytes: &mut Vec<u8>, at: usize, part: &[u8]) {
    bytes.splice(at..at, part.iter().copied());
}

fn overwrite(bytes: &mut Vec<u8>, at: usize, part: &[u8]) {
    let end = (at + part.len()).min(bytes.len());
    bytes.splice(at..end, part.iter().copied());
}
