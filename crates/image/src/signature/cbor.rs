//! The outline of CBOR, checked before it is decoded: one item, definite lengths, not too many, not too deep.
//!
//! A decoder makes a value of some 32 bytes out of every byte of a hostile array; the count here bounds that.

use super::envelope_error::EnvelopeError;

/// Items of an envelope at most, the protected headers counted apart: one of ten certificates has about 40.
const ITEMS_MAX: u64 = 1024;
/// Items inside each other at most: tag, array, map, array, and what an unknown header may hold.
const DEPTH_MAX: usize = 12;

/// Checks that these bytes are exactly one item within the limits.
pub(super) fn check_outline(bytes: &[u8]) -> Result<(), EnvelopeError> {
    let mut rest = bytes;
    let mut items = 0_u64;
    // How many items are still to come on each level.
    let mut open = alloc::vec![1_u64];
    while let Some(missing) = open.last_mut() {
        let Some(left) = missing.checked_sub(1) else {
            open.pop();
            continue;
        };
        *missing = left;
        items += 1;
        if items > ITEMS_MAX {
            return Err(EnvelopeError::TooManyItems { max: ITEMS_MAX });
        }
        let inside;
        (inside, rest) = skip_head(rest)?;
        if inside > ITEMS_MAX {
            return Err(EnvelopeError::TooManyItems { max: ITEMS_MAX });
        }
        if inside > 0 {
            if open.len() > DEPTH_MAX {
                return Err(EnvelopeError::TooDeep { max: DEPTH_MAX });
            }
            open.push(inside);
        }
    }
    if rest.is_empty() {
        Ok(())
    } else {
        Err(EnvelopeError::TrailingBytes { bytes: rest.len() })
    }
}

/// The number of items that follow inside the first one, and the bytes from there on.
fn skip_head(bytes: &[u8]) -> Result<(u64, &[u8]), EnvelopeError> {
    let (&first, rest) = bytes.split_first().ok_or(EnvelopeError::Truncated)?;
    let (argument, rest) = match first & 0x1f {
        short @ 0..=23 => (u64::from(short), rest),
        width @ 24..=27 => {
            let (argument, rest) = rest
                .split_at_checked(1 << (width - 24))
                .ok_or(EnvelopeError::Truncated)?;
            let number = argument
                .iter()
                .fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
            (number, rest)
        }
        31 => return Err(EnvelopeError::Indefinite),
        _ => {
            return Err(EnvelopeError::Malformed {
                reason: "a reserved length".into(),
            });
        }
    };
    match first >> 5 {
        2 | 3 => {
            let length = usize::try_from(argument).map_err(|_| EnvelopeError::Truncated)?;
            let rest = rest.get(length..).ok_or(EnvelopeError::Truncated)?;
            Ok((0, rest))
        }
        4 => Ok((argument, rest)),
        5 => Ok((argument.saturating_mul(2), rest)),
        6 => Ok((1, rest)),
        _ => Ok((0, rest)),
    }
}
