//! Requests and replies as CBOR, as `spec/serial.cddl` writes them.
//!
//! A message is `[number, { key => value }]`. What is blank (0, false, empty, absent) is left out, and keys ascend, so that
//! there is one encoding of each message. Keys that are not known are skipped. Whatever bytes come in, decoding takes no more
//! memory than a small multiple of them, does not recurse without bound, and ends.

mod field;
mod messages;
mod records;

use alloc::vec::Vec;
use core::fmt;

use crate::message::{Reply, Request};
use field::{Decoder, Encoder, Sink, malformed, write_fields};

/// The most items of a list.
pub const LIST_ITEMS_MAX: u32 = 128;

/// The version of the messages, for [`DeviceStatus::protocol`](crate::DeviceStatus::protocol). Fields and numbers are added
/// without a new one.
pub const PROTOCOL: u32 = 1;

/// Why a message could not be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EncodeError {
    /// It is longer than the other end takes.
    TooLong {
        /// What that takes.
        bytes_max: u32,
    },
    /// A list has more items than [`LIST_ITEMS_MAX`].
    TooManyItems,
}

impl fmt::Display for EncodeError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong { bytes_max } => {
                write!(
                    formatter,
                    "the message is longer than the {bytes_max} bytes that the other end takes"
                )
            }
            Self::TooManyItems => {
                write!(
                    formatter,
                    "a list in the message has more than {LIST_ITEMS_MAX} items"
                )
            }
        }
    }
}

impl core::error::Error for EncodeError {}

/// Why bytes are no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DecodeError {
    /// They are not CBOR, or not of the form of a message.
    Malformed,
    /// The message, or a choice in it, has a number that this version does not know.
    UnknownNumber {
        /// The number.
        number: u32,
    },
    /// A list has more items than [`LIST_ITEMS_MAX`].
    TooManyItems,
    /// There is no memory for it.
    NoRoom,
}

impl fmt::Display for DecodeError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed => formatter.write_str("the message is malformed"),
            Self::UnknownNumber { number } => {
                write!(formatter, "the message has the unknown number {number}")
            }
            Self::TooManyItems => {
                write!(
                    formatter,
                    "a list in the message has more than {LIST_ITEMS_MAX} items"
                )
            }
            Self::NoRoom => formatter.write_str("there is no memory for the message"),
        }
    }
}

impl core::error::Error for DecodeError {}

/// Appends a request, which takes at most so many bytes.
///
/// # Errors
/// It does not fit; `out` then ends with a part of it.
pub fn encode_request(
    request: &Request,
    out: &mut Vec<u8>,
    bytes_max: u32,
) -> Result<(), EncodeError> {
    let mut encoder = Encoder::new(Sink::new(out, bytes_max));
    request.visit(&mut |number, fields| write_message(number, fields, &mut encoder))
}

/// Appends a reply, which takes at most so many bytes.
///
/// # Errors
/// It does not fit; `out` then ends with a part of it.
pub fn encode_reply(reply: &Reply, out: &mut Vec<u8>, bytes_max: u32) -> Result<(), EncodeError> {
    let mut encoder = Encoder::new(Sink::new(out, bytes_max));
    reply.visit(&mut |number, fields| write_message(number, fields, &mut encoder))
}

/// Reads a request.
///
/// # Errors
/// The bytes are none, or one that this version does not know.
pub fn decode_request(bytes: &[u8]) -> Result<Request, DecodeError> {
    let mut decoder = Decoder::new(bytes);
    let number = read_number(&mut decoder)?;
    let mut request = Request::blank(number).ok_or(DecodeError::UnknownNumber { number })?;
    request.fill(&mut decoder)?;
    finish(&decoder, request)
}

/// Reads a reply.
///
/// # Errors
/// The bytes are none, or one that this version does not know.
pub fn decode_reply(bytes: &[u8]) -> Result<Reply, DecodeError> {
    let mut decoder = Decoder::new(bytes);
    let number = read_number(&mut decoder)?;
    let mut reply = Reply::blank(number).ok_or(DecodeError::UnknownNumber { number })?;
    reply.fill(&mut decoder)?;
    finish(&decoder, reply)
}

fn write_message(
    number: u32,
    fields: &[&dyn field::Field],
    encoder: &mut Encoder<'_>,
) -> Result<(), EncodeError> {
    let bytes_max = encoder.writer().bytes_max();
    let too_long = |_| EncodeError::TooLong { bytes_max };
    encoder.array(2).map_err(too_long)?;
    encoder.u64(number.into()).map_err(too_long)?;
    write_fields(fields, encoder)
}

fn read_number(decoder: &mut Decoder<'_>) -> Result<u32, DecodeError> {
    if decoder.array().map_err(malformed)? != Some(2) {
        return Err(DecodeError::Malformed);
    }
    let number = decoder.u64().map_err(malformed)?;
    u32::try_from(number).map_err(|_| DecodeError::Malformed)
}

fn finish<T>(decoder: &Decoder<'_>, message: T) -> Result<T, DecodeError> {
    if decoder.position() == decoder.input().len() {
        Ok(message)
    } else {
        Err(DecodeError::Malformed)
    }
}
