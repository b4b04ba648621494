//! What is kept, as bytes: CBOR, one list `[form, fields…]`, lists within it, nothing named.
//!
//! Only this agent writes it and reads it, so it is short rather than open; a later form gets another number, and readers know
//! the earlier ones. Reading never takes more memory than a small multiple of the bytes, and ends.

mod read;
mod write;

use core::fmt;

use thimble_protocol::DeviceId;

pub(crate) use read::read;
pub(crate) use write::write;

/// The form that is written.
const FORM: u32 = 1;

/// Bytes that are read at most; the greatest state that there can be is smaller.
const BYTES_MAX: usize = 4 << 20;

/// Entries of one list at most. Each takes a byte at least, so that bytes bound them first.
const LIST_MAX: u64 = 1 << 16;

/// Why saved bytes cannot be gone on from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RestoreError {
    /// They are no agent's, or were damaged.
    Malformed,
    /// A later runtime wrote them.
    Newer {
        /// The form that it wrote.
        form: u32,
    },
    /// Another device's agent wrote them.
    OtherDevice {
        /// That device.
        device: DeviceId,
    },
}

impl fmt::Display for RestoreError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed => formatter.write_str(
                "what the agent saved is damaged: remove it, and the hub sends the state anew",
            ),
            Self::Newer { form } => {
                write!(
                    formatter,
                    "a later runtime saved this (form {form}): install that again, or remove what it saved"
                )
            }
            Self::OtherDevice { device } => {
                write!(
                    formatter,
                    "the agent of {device} saved this: remove it, and the hub sends the state anew"
                )
            }
        }
    }
}

impl core::error::Error for RestoreError {}

#[cfg(test)]
mod tests;
