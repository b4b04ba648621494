//! The numbers of requests and replies, and the keys of their fields. A number or key is never used for anything else.

use super::field::{Blank, Decoder, Field, read_fields};
use super::{DecodeError, EncodeError};
use crate::message::{Reply, Request};

/// Takes a message's number and fields.
type Visitor<'a> = dyn FnMut(u32, &[&dyn Field]) -> Result<(), EncodeError> + 'a;

/// Messages: a number each; the key of a field is its place, and that of a lone value 0.
macro_rules! messages {
    ($message:ident {
        $($number:literal $variant:ident { $($field:ident),* $(,)? })*
        $(values: $($value_number:literal $value_variant:ident)*)?
    }) => {
        impl $message {
            /// Makes the message of this number with blank fields.
            pub(super) fn blank(number: u32) -> Option<Self> {
                match number {
                    $($number => Some(Self::$variant { $($field: Blank::blank()),* }),)*
                    $($($value_number => Some(Self::$value_variant(Blank::blank())),)*)?
                    _ => None,
                }
            }

            /// Shows the number and the fields.
            pub(super) fn visit(&self, visitor: &mut Visitor<'_>) -> Result<(), EncodeError> {
                match self {
                    $(Self::$variant { $($field),* } => visitor($number, &[$($field),*]),)*
                    $($(Self::$value_variant(value) => visitor($value_number, &[value]),)*)?
                }
            }

            /// Reads the fields over blank ones.
            pub(super) fn fill(&mut self, decoder: &mut Decoder<'_>) -> Result<(), DecodeError> {
                match self {
                    $(Self::$variant { $($field),* } => read_fields(&mut [$($field),*], decoder),)*
                    $($(Self::$value_variant(value) => read_fields(&mut [value], decoder),)*)?
                }
            }
        }
    };
}

messages! {
    Request {
        0 Device {}
        1 InstallBegin { manifest_bytes, config_bytes, layer_bytes, digest, reference }
        2 InstallPart { offset, bytes }
        3 InstallEnd {}
        4 Image { after }
        5 RemoveImage { image }
        6 Create { declaration, replace }
        7 Start { name }
        8 Stop { name, grace_ms }
        9 Kill { name }
        10 Pause { name }
        11 Unpause { name }
        12 Restart { name }
        13 Remove { name, force }
        14 Container { after }
        15 Inspect { name }
        16 Log { name, from }
        17 Records { name }
        18 Storage {}
        19 Fault {}
        20 ClearFault {}
        21 SetTime { unix_ms }
        22 Reboot {}
        23 FactoryReset {}
    }
}

messages! {
    Reply {
        0 Done {}
        3 Received { bytes }
        4 Installed { digest }
        6 Created { name, refused }
        8 NoMore {}
        9 Log { entries, next, lost_bytes, is_over }
        values:
        1 Refused
        2 Device
        5 Image
        7 Container
        10 Records
        11 Storage
        12 Fault
    }
}
