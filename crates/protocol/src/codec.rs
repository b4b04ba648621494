//! Messages as CBOR, as `spec/fleet.cddl` writes them.
//!
//! A record is a map from small numbers, ascending, to values. What is blank (0, false, empty, absent) is left out, lengths are
//! definite and numbers as short as they can be (RFC 8949, section 4.2.1), so that there is one encoding of each message.
//! Numbers that are not known are passed over. What comes in is outlined before it is read: memory and time are bounded by
//! [`crate::limits`], whatever the bytes.

mod checks;
mod error;
mod field;
pub(crate) mod outline;
mod records;
mod written;

pub use error::DecodeError;
pub(crate) use written::Written;

use alloc::vec::Vec;

use field::{Decoder, Encoder, Field, Limit};

use crate::capabilities::Capabilities;
use crate::enrol::{EnrolReply, EnrolRequest};
use crate::limits;
use crate::manifest::Manifest;
use crate::report::{Report, ReportReply};
use crate::state::DesiredState;

macro_rules! messages {
    ($($message:ident: $bytes_max:expr),* $(,)?) => {$(
        impl $message {
            /// Its bytes: the same for the same value.
            #[must_use]
            pub fn encode(&self) -> Vec<u8> {
                encode(self)
            }

            /// Reads one.
            ///
            /// # Errors
            /// The bytes are none that this version takes; the error says where and why.
            pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
                decode(bytes, stringify!($message), $bytes_max)
            }

            /// Whether whoever gets it will take it: whoever makes one asks before it is sent.
            ///
            /// # Errors
            /// What the other end would say.
            pub fn check(&self) -> Result<(), DecodeError> {
                Self::decode(&self.encode()).map(drop)
            }
        }
    )*};
}

messages! {
    DesiredState: limits::STATE_BYTES_MAX,
    Manifest: limits::MANIFEST_BYTES_MAX,
    Report: limits::REPORT_BYTES_MAX,
    ReportReply: limits::REPLY_BYTES_MAX,
    EnrolRequest: limits::ENROL_REQUEST_BYTES_MAX,
    EnrolReply: limits::ENROL_REPLY_BYTES_MAX,
    Capabilities: limits::CAPABILITIES_BYTES_MAX,
}

pub(crate) fn encode(message: &impl Field) -> Vec<u8> {
    let mut encoder = Encoder::new(Vec::new());
    message.write(&mut encoder);
    encoder.into_writer()
}

pub(crate) fn decode<T: Field>(
    bytes: &[u8],
    name: &'static str,
    bytes_max: u32,
) -> Result<T, DecodeError> {
    if bytes.len() > bytes_max as usize {
        return Err(DecodeError::TooLong {
            bytes: bytes.len() as u64,
            bytes_max,
        });
    }
    outline::check(bytes)?;
    T::read(&mut Decoder::new(bytes), Limit::NONE, name)
}
