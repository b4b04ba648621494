//! How single fields are written and read.

use alloc::string::String;
use alloc::vec::Vec;
use core::convert::Infallible;

use minicbor::encode;
use thimble_image::Digest;

use super::DecodeError;
use crate::ids::{DeploymentId, DeviceId, StateVersion, UnixSeconds};

pub(crate) type Encoder = minicbor::Encoder<Vec<u8>>;
pub(crate) type Decoder<'a> = minicbor::Decoder<'a>;

/// How much a field may hold.
#[derive(Clone, Copy)]
pub(crate) struct Limit {
    entries: u32,
    bytes: u32,
}

impl Limit {
    /// For what has a limit by its type.
    pub(crate) const NONE: Self = Self {
        entries: 0,
        bytes: 0,
    };

    /// So many bytes of text.
    pub(crate) const fn text(bytes: u32) -> Self {
        Self { entries: 0, bytes }
    }

    /// So many records.
    pub(crate) const fn list(entries: u32) -> Self {
        Self { entries, bytes: 0 }
    }

    /// So many texts, each with so many bytes.
    pub(crate) const fn texts(entries: u32, bytes: u32) -> Self {
        Self { entries, bytes }
    }
}

/// A value of a record.
pub(crate) trait Field: Sized {
    /// What its absence means; none if it must be there.
    fn absent() -> Option<Self>;

    /// Whether it is what its absence means.
    fn is_blank(&self) -> bool;

    fn write(&self, encoder: &mut Encoder);

    fn read(
        decoder: &mut Decoder<'_>,
        limit: Limit,
        name: &'static str,
    ) -> Result<Self, DecodeError>;
}

/// Takes note that a vector took what was written, as it always does.
pub(crate) fn written<T>(outcome: Result<T, encode::Error<Infallible>>) {
    drop(outcome);
}

pub(crate) fn wrong_type(
    field: &'static str,
) -> impl FnOnce(minicbor::decode::Error) -> DecodeError {
    move |_| DecodeError::WrongType { field }
}

macro_rules! numbers {
    ($($number:ty),*) => {$(
        impl Field for $number {
            fn absent() -> Option<Self> {
                Some(0)
            }

            fn is_blank(&self) -> bool {
                *self == 0
            }

            fn write(&self, encoder: &mut Encoder) {
                written(encoder.u64(u64::from(*self)));
            }

            fn read(decoder: &mut Decoder<'_>, _: Limit, field: &'static str) -> Result<Self, DecodeError> {
                let number = decoder.u64().map_err(wrong_type(field))?;
                Self::try_from(number).map_err(|_| DecodeError::OutOfRange { field, number })
            }
        }
    )*};
}

numbers!(u8, u16, u32, u64);

impl Field for i16 {
    fn absent() -> Option<Self> {
        Some(0)
    }

    fn is_blank(&self) -> bool {
        *self == 0
    }

    fn write(&self, encoder: &mut Encoder) {
        written(encoder.i16(*self));
    }

    fn read(decoder: &mut Decoder<'_>, _: Limit, field: &'static str) -> Result<Self, DecodeError> {
        decoder.i16().map_err(wrong_type(field))
    }
}

impl Field for bool {
    fn absent() -> Option<Self> {
        Some(false)
    }

    fn is_blank(&self) -> bool {
        !*self
    }

    fn write(&self, encoder: &mut Encoder) {
        written(encoder.bool(*self));
    }

    fn read(decoder: &mut Decoder<'_>, _: Limit, field: &'static str) -> Result<Self, DecodeError> {
        decoder.bool().map_err(wrong_type(field))
    }
}

impl Field for String {
    fn absent() -> Option<Self> {
        Some(Self::new())
    }

    fn is_blank(&self) -> bool {
        self.is_empty()
    }

    fn write(&self, encoder: &mut Encoder) {
        written(encoder.str(self));
    }

    fn read(
        decoder: &mut Decoder<'_>,
        limit: Limit,
        field: &'static str,
    ) -> Result<Self, DecodeError> {
        let text = decoder.str().map_err(wrong_type(field))?;
        check_bytes(text.len(), limit, field)?;
        Ok(text.into())
    }
}

/// Bytes. A list of numbers this is not.
impl Field for Vec<u8> {
    fn absent() -> Option<Self> {
        Some(Self::new())
    }

    fn is_blank(&self) -> bool {
        self.is_empty()
    }

    fn write(&self, encoder: &mut Encoder) {
        written(encoder.bytes(self));
    }

    fn read(
        decoder: &mut Decoder<'_>,
        limit: Limit,
        field: &'static str,
    ) -> Result<Self, DecodeError> {
        let bytes = decoder.bytes().map_err(wrong_type(field))?;
        check_bytes(bytes.len(), limit, field)?;
        Ok(bytes.into())
    }
}

fn check_bytes(bytes: usize, limit: Limit, field: &'static str) -> Result<(), DecodeError> {
    if bytes > limit.bytes as usize {
        return Err(DecodeError::TextTooLong {
            field,
            bytes: bytes as u64,
            bytes_max: limit.bytes,
        });
    }
    Ok(())
}

impl<T: Field> Field for Option<T> {
    fn absent() -> Option<Self> {
        Some(None)
    }

    fn is_blank(&self) -> bool {
        self.is_none()
    }

    fn write(&self, encoder: &mut Encoder) {
        if let Some(value) = self {
            value.write(encoder);
        }
    }

    fn read(
        decoder: &mut Decoder<'_>,
        limit: Limit,
        field: &'static str,
    ) -> Result<Self, DecodeError> {
        T::read(decoder, limit, field).map(Some)
    }
}

/// What lists are made of: everything but bytes.
pub(crate) trait Entry: Field {}

impl Entry for String {}
impl Entry for Vec<u8> {}
impl Entry for DeploymentId {}

impl<T: Entry> Field for Vec<T> {
    fn absent() -> Option<Self> {
        Some(Self::new())
    }

    fn is_blank(&self) -> bool {
        self.is_empty()
    }

    fn write(&self, encoder: &mut Encoder) {
        written(encoder.array(self.len() as u64));
        for entry in self {
            entry.write(encoder);
        }
    }

    fn read(
        decoder: &mut Decoder<'_>,
        limit: Limit,
        field: &'static str,
    ) -> Result<Self, DecodeError> {
        let entries = decoder.array().map_err(wrong_type(field))?.unwrap_or(0);
        if entries > u64::from(limit.entries) {
            return Err(DecodeError::ListTooLong {
                field,
                entries,
                entries_max: limit.entries,
            });
        }
        (0..entries)
            .map(|_| T::read(decoder, limit, field))
            .collect()
    }
}

impl<const N: usize> Field for [u8; N] {
    fn absent() -> Option<Self> {
        None
    }

    fn is_blank(&self) -> bool {
        false
    }

    fn write(&self, encoder: &mut Encoder) {
        written(encoder.bytes(self));
    }

    fn read(decoder: &mut Decoder<'_>, _: Limit, field: &'static str) -> Result<Self, DecodeError> {
        let bytes = decoder.bytes().map_err(wrong_type(field))?;
        Self::try_from(bytes).map_err(|_| DecodeError::WrongType { field })
    }
}

/// Types that are one value, made from it and giving it back.
macro_rules! wrappers {
    ($($wrapper:ident of $value:ty: $make:expr, $take:expr;)*) => {$(
        impl Field for $wrapper {
            fn absent() -> Option<Self> {
                <$value>::absent().map($make)
            }

            fn is_blank(&self) -> bool {
                let take: fn(&Self) -> $value = $take;
                take(self).is_blank()
            }

            fn write(&self, encoder: &mut Encoder) {
                let take: fn(&Self) -> $value = $take;
                take(self).write(encoder);
            }

            fn read(decoder: &mut Decoder<'_>, limit: Limit, name: &'static str) -> Result<Self, DecodeError> {
                <$value>::read(decoder, limit, name).map($make)
            }
        }
    )*};
}

wrappers! {
    DeviceId of [u8; 16]: Self, |it| it.0;
    DeploymentId of [u8; 16]: Self, |it| it.0;
    StateVersion of u64: Self, |it| it.0;
    UnixSeconds of u64: Self, |it| it.0;
    Digest of [u8; 32]: Self::from_bytes, |it| *it.as_bytes();
}
