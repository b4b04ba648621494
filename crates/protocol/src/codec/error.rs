//! Why bytes are no message.

use core::fmt;

/// Why bytes are no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DecodeError {
    /// There are too many.
    TooLong {
        /// How many.
        bytes: u64,
        /// How many there may be.
        bytes_max: u32,
    },
    /// They end within the message.
    Truncated,
    /// They are not CBOR.
    Malformed {
        /// The place of the byte.
        at: u64,
    },
    /// A length is not known beforehand.
    Indefinite {
        /// The place of the byte.
        at: u64,
    },
    /// A number or a length takes more bytes than it needs.
    NotShortest {
        /// The place of the byte.
        at: u64,
    },
    /// Maps and lists are too deep inside each other.
    TooDeep {
        /// How deep they may be.
        depth_max: u32,
    },
    /// There are too many data items.
    TooManyItems {
        /// How many there may be.
        items_max: u32,
    },
    /// Something follows the message.
    TrailingBytes {
        /// How many bytes.
        bytes: u64,
    },
    /// A value is of another type than its field.
    WrongType {
        /// The field.
        field: &'static str,
    },
    /// The keys of a record do not ascend, or one is there twice.
    KeyOrder {
        /// The record.
        record: &'static str,
        /// The key that comes too late.
        key: u64,
    },
    /// A field is missing.
    Missing {
        /// The field.
        field: &'static str,
    },
    /// A text or a byte string is too long.
    TextTooLong {
        /// The field.
        field: &'static str,
        /// How long it is.
        bytes: u64,
        /// How long it may be.
        bytes_max: u32,
    },
    /// A list is too long.
    ListTooLong {
        /// The field.
        field: &'static str,
        /// How many entries it has.
        entries: u64,
        /// How many it may have.
        entries_max: u32,
    },
    /// A number is not what the field may hold.
    OutOfRange {
        /// The field.
        field: &'static str,
        /// The number.
        number: u64,
    },
    /// A choice that this version does not know.
    UnknownChoice {
        /// The field.
        field: &'static str,
        /// Its number.
        number: u64,
    },
    /// A field breaks a rule of its message.
    Invalid {
        /// The field.
        field: &'static str,
        /// The rule.
        rule: &'static str,
    },
}

impl fmt::Display for DecodeError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong { bytes, bytes_max } => write!(
                formatter,
                "the message has {bytes} bytes, and may have at most {bytes_max}"
            ),
            Self::Truncated => formatter.write_str("the message is cut off"),
            Self::Malformed { at } => write!(formatter, "byte {at} is not CBOR"),
            Self::Indefinite { at } => write!(
                formatter,
                "the length at byte {at} is indefinite, which messages do not use"
            ),
            Self::NotShortest { at } => write!(
                formatter,
                "the number at byte {at} takes more bytes than it needs"
            ),
            Self::TooDeep { depth_max } => write!(
                formatter,
                "maps and lists are more than {depth_max} deep inside each other"
            ),
            Self::TooManyItems { items_max } => {
                write!(
                    formatter,
                    "the message has more than {items_max} data items"
                )
            }
            Self::TrailingBytes { bytes } => {
                write!(formatter, "{bytes} bytes follow the message")
            }
            Self::WrongType { field } => write!(formatter, "`{field}` has a value of another type"),
            Self::KeyOrder { record, key } => write!(
                formatter,
                "the keys of `{record}` do not ascend: {key} comes too late, or twice"
            ),
            Self::Missing { field } => write!(formatter, "`{field}` is missing"),
            Self::TextTooLong {
                field,
                bytes,
                bytes_max,
            } => write!(
                formatter,
                "`{field}` has {bytes} bytes, and may have at most {bytes_max}"
            ),
            Self::ListTooLong {
                field,
                entries,
                entries_max,
            } => write!(
                formatter,
                "`{field}` has {entries} entries, and may have at most {entries_max}"
            ),
            Self::OutOfRange { field, number } => {
                write!(formatter, "`{field}` cannot be {number}")
            }
            Self::UnknownChoice { field, number } => write!(
                formatter,
                "`{field}` is {number}, which this version does not know"
            ),
            Self::Invalid { field, rule } => write!(formatter, "`{field}` is wrong: {rule}"),
        }
    }
}

impl core::error::Error for DecodeError {}
