//! The signature by which whoever is told knows that the hub tells it, and when.
//!
//! `Thimble-Signature: t=SECONDS,v1=HEX`: SECONDS since 1970-01-01T00:00:00Z, HEX the HMAC-SHA256 with the webhook's secret over
//! SECONDS in decimal, a full stop, and the body. Receivers refuse what is older than a few minutes, so that nobody can
//! tell it again.

use ring::hmac::{self, HMAC_SHA256};

/// The header with the signature.
pub const SIGNATURE_HEADER: &str = "thimble-signature";

/// The value of the header.
#[must_use]
pub fn signature(secret: &[u8], at_s: i64, body: &[u8]) -> String {
    let tag = hmac::sign(&hmac::Key::new(HMAC_SHA256, secret), &signed(at_s, body));
    let hex: String = tag
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("t={at_s},v1={hex}")
}

/// Whether a header's value is that of this body, at a time that is no further from now than so many seconds. For
/// receivers in Rust, and for tests.
#[must_use]
pub fn is_signed(value: &str, secret: &[u8], body: &[u8], now_s: i64, within_s: u64) -> bool {
    let Some((time, tag)) = value.split_once(',') else {
        return false;
    };
    let (Some(time), Some(tag)) = (time.strip_prefix("t="), tag.strip_prefix("v1=")) else {
        return false;
    };
    let (Ok(at_s), Some(tag)) = (time.parse::<i64>(), from_hex(tag)) else {
        return false;
    };
    let key = hmac::Key::new(HMAC_SHA256, secret);
    now_s.abs_diff(at_s) <= within_s && hmac::verify(&key, &signed(at_s, body), &tag).is_ok()
}

fn signed(at_s: i64, body: &[u8]) -> Vec<u8> {
    let mut signed = format!("{at_s}.").into_bytes();
    signed.extend_from_slice(body);
    signed
}

fn from_hex(hex: &str) -> Option<Vec<u8>> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16);
    let pairs = hex.as_bytes().chunks(2);
    pairs
        .map(|pair| match pair {
            [high, low] => u8::try_from(digit(high)? << 4 | digit(low)?).ok(),
            _ => None,
        })
        .collect()
}
