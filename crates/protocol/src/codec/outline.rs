//! The outline of CBOR, checked before it is read: one item, definite and shortest lengths, not too many, not too deep.

use alloc::vec::Vec;

use super::DecodeError;
use crate::limits::{DATA_ITEMS_MAX, DEPTH_MAX};

/// Checks that these bytes are exactly one item within the limits.
pub(crate) fn check(bytes: &[u8]) -> Result<(), DecodeError> {
    let mut rest = bytes;
    let mut items = 0_u32;
    // How many items are still to come on each level.
    let mut open: Vec<u64> = alloc::vec![1];
    while let Some(missing) = open.last_mut() {
        let Some(left) = missing.checked_sub(1) else {
            open.pop();
            continue;
        };
        *missing = left;
        items += 1;
        let at = (bytes.len() - rest.len()) as u64;
        let inside;
        (inside, rest) = skip_head(rest, at)?;
        if items > DATA_ITEMS_MAX || inside > u64::from(DATA_ITEMS_MAX) {
            return Err(DecodeError::TooManyItems {
                items_max: DATA_ITEMS_MAX,
            });
        }
        if inside > 0 {
            if open.len() > DEPTH_MAX as usize {
                return Err(DecodeError::TooDeep {
                    depth_max: DEPTH_MAX,
                });
            }
            open.push(inside);
        }
    }
    match rest.len() {
        0 => Ok(()),
        bytes => Err(DecodeError::TrailingBytes {
            bytes: bytes as u64,
        }),
    }
}

/// The number of items that follow inside the first one, and the bytes from there on.
fn skip_head(bytes: &[u8], at: u64) -> Result<(u64, &[u8]), DecodeError> {
    let (&first, rest) = bytes.split_first().ok_or(DecodeError::Truncated)?;
    let major = first >> 5;
    let (argument, rest) = match first & 0x1f {
        short @ 0..=23 => (u64::from(short), rest),
        width @ 24..=27 => {
            let (argument, rest) = rest
                .split_at_checked(1 << (width - 24))
                .ok_or(DecodeError::Truncated)?;
            let number = argument
                .iter()
                .fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
            // Widths of floating-point numbers say which they are, not how long they are.
            if major != 7 && !is_shortest(number, width) {
                return Err(DecodeError::NotShortest { at });
            }
            (number, rest)
        }
        31 => return Err(DecodeError::Indefinite { at }),
        _ => return Err(DecodeError::Malformed { at }),
    };
    match major {
        2 | 3 => {
            let length = usize::try_from(argument).map_err(|_| DecodeError::Truncated)?;
            let rest = rest.get(length..).ok_or(DecodeError::Truncated)?;
            Ok((0, rest))
        }
        4 => Ok((argument, rest)),
        5 => Ok((argument.saturating_mul(2), rest)),
        6 => Ok((1, rest)),
        _ => Ok((0, rest)),
    }
}

const fn is_shortest(number: u64, width: u8) -> bool {
    match width {
        24 => number > 23,
        25 => number > 0xff,
        26 => number > 0xffff,
        _ => number > 0xffff_ffff,
    }
}
