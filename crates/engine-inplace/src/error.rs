//! Why a module is refused: the section, the place in the module and the reason.

use core::fmt;

use crate::types;

/// A module that is not run, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The section, by its name in the specification; `header` before the first one, `unknown` if there is none of its
    /// number.
    pub section: &'static str,
    /// Where, in bytes from the module's beginning.
    pub offset: u32,
    /// What is wrong there.
    pub reason: Reason,
}

/// What is wrong with a module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// Its bytes are no module: the binary format is broken.
    Malformed(&'static str),
    /// It breaks a rule of validation.
    Invalid(&'static str),
    /// A value has another type than the one that is wanted; both as bytes of the binary format.
    TypeMismatch {
        /// The type that is wanted.
        expected: u8,
        /// The type that is there.
        found: u8,
    },
    /// It wants a value where there is none.
    NothingOnTheStack {
        /// The type that is wanted, as a byte of the binary format.
        expected: u8,
    },
    /// An opcode that does not exist.
    UnknownOpcode {
        /// The opcode; one behind a prefix with the prefix before it.
        code: u32,
    },
    /// It uses a feature that this engine does not have.
    Feature(&'static str),
    /// It needs more than this engine was allowed to use.
    Limit {
        /// Of what.
        what: &'static str,
        /// How much there may be.
        most: u32,
    },
    /// There is no memory left to check it with.
    NoRoom {
        /// Bytes that were asked for, as far as known.
        wanted_bytes: u32,
    },
    /// It imports something that is not answered.
    Import,
    /// What was made of it could not be stored.
    NotStored,
}

impl fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{} (in the {} section, at byte {})",
            self.reason, self.section, self.offset
        )
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Malformed(what) | Self::Invalid(what) => formatter.write_str(what),
            Self::TypeMismatch { expected, found } => write!(
                formatter,
                "type mismatch: expected {}, found {}",
                types::name(expected),
                types::name(found)
            ),
            Self::NothingOnTheStack { expected } => write!(
                formatter,
                "type mismatch: expected {}, found nothing",
                types::name(expected)
            ),
            Self::UnknownOpcode { code } => write!(formatter, "unknown opcode {code:#04x}"),
            Self::Feature(name) => write!(formatter, "this engine does not have {name}"),
            Self::Limit { what, most } => {
                write!(
                    formatter,
                    "too many {what}: this engine takes {most} at most"
                )
            }
            Self::NoRoom { wanted_bytes } => {
                write!(
                    formatter,
                    "no memory to check the module with ({wanted_bytes} bytes wanted)"
                )
            }
            Self::Import => formatter.write_str("an import that nothing answers"),
            Self::NotStored => formatter.write_str("the side table could not be stored"),
        }
    }
}

impl core::error::Error for Refusal {}
