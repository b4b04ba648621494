//! What a field of a message can be, and how each is written and read.
//!
//! Records are lists of fields behind a trait object: one function writes all of them and one reads them, which keeps the
//! code small on a device.

use alloc::string::String;
use alloc::vec::Vec;

use super::{DecodeError, EncodeError, LIST_ITEMS_MAX};

/// Writes CBOR.
pub(super) type Encoder<'a> = minicbor::Encoder<Sink<'a>>;

/// Reads CBOR.
pub(super) type Decoder<'a> = minicbor::Decoder<'a>;

/// Takes the bytes of one message.
pub(super) struct Sink<'a> {
    out: &'a mut Vec<u8>,
    bytes_left: u32,
    bytes_max: u32,
}

/// There is no room for more bytes.
pub(super) struct Full;

impl<'a> Sink<'a> {
    pub(super) fn new(out: &'a mut Vec<u8>, bytes_max: u32) -> Self {
        Self {
            out,
            bytes_left: bytes_max,
            bytes_max,
        }
    }

    pub(super) fn bytes_max(&self) -> u32 {
        self.bytes_max
    }
}

impl minicbor::encode::Write for Sink<'_> {
    type Error = Full;

    fn write_all(&mut self, bytes: &[u8]) -> Result<(), Full> {
        let count = u32::try_from(bytes.len()).map_err(|_| Full)?;
        self.bytes_left = self.bytes_left.checked_sub(count).ok_or(Full)?;
        self.out.try_reserve(bytes.len()).map_err(|_| Full)?;
        self.out.extend_from_slice(bytes);
        Ok(())
    }
}

/// A value that a key of a record has.
pub(super) trait Field {
    /// Whether it is what it is when nothing is said, so that nothing need be said.
    fn is_blank(&self) -> bool;

    /// Writes it.
    fn write(&self, encoder: &mut Encoder<'_>) -> Result<(), EncodeError>;

    /// Reads it over a blank one.
    fn read(&mut self, decoder: &mut Decoder<'_>) -> Result<(), DecodeError>;
}

/// A value that has a blank form.
pub(super) trait Blank {
    /// Makes it.
    fn blank() -> Self;
}

/// Any error of the CBOR reader.
pub(super) fn malformed(_: minicbor::decode::Error) -> DecodeError {
    DecodeError::Malformed
}

fn no_room(_: alloc::collections::TryReserveError) -> DecodeError {
    DecodeError::NoRoom
}

/// The only error of the CBOR writer.
pub(super) fn written<T>(
    result: Result<T, minicbor::encode::Error<Full>>,
    bytes_max: u32,
) -> Result<(), EncodeError> {
    match result {
        Ok(_) => Ok(()),
        Err(_) => Err(EncodeError::TooLong { bytes_max }),
    }
}

/// Writes a record: a map from the places of its fields to their values.
pub(super) fn write_fields(
    fields: &[&dyn Field],
    encoder: &mut Encoder<'_>,
) -> Result<(), EncodeError> {
    let bytes_max = encoder.writer().bytes_max();
    let count = fields.iter().filter(|field| !field.is_blank()).count();
    written(encoder.map(count as u64).map(|_| ()), bytes_max)?;
    for (key, field) in (0_u64..).zip(fields) {
        if !field.is_blank() {
            written(encoder.u64(key).map(|_| ()), bytes_max)?;
            field.write(encoder)?;
        }
    }
    Ok(())
}

/// Reads a record over a blank one.
pub(super) fn read_fields(
    fields: &mut [&mut dyn Field],
    decoder: &mut Decoder<'_>,
) -> Result<(), DecodeError> {
    let count = decoder
        .map()
        .map_err(malformed)?
        .ok_or(DecodeError::Malformed)?;
    let mut key_min = 0_u64;
    for _ in 0..count {
        let key = decoder.u64().map_err(malformed)?;
        if key < key_min {
            return Err(DecodeError::Malformed);
        }
        key_min = key.checked_add(1).ok_or(DecodeError::Malformed)?;
        let place = usize::try_from(key).ok();
        match place.and_then(|place| fields.get_mut(place)) {
            Some(field) => field.read(decoder)?,
            None => decoder.skip().map_err(malformed)?,
        }
    }
    Ok(())
}

/// Numbers of one kind are written and read as those of the widest kind, so that there is one function for each.
macro_rules! numeric_fields {
    ($($kind:ident as $widest:ident)*) => {$(
        impl Blank for $kind {
            fn blank() -> Self {
                Self::default()
            }
        }

        impl Field for $kind {
            fn is_blank(&self) -> bool {
                *self == Self::default()
            }

            fn write(&self, encoder: &mut Encoder<'_>) -> Result<(), EncodeError> {
                let bytes_max = encoder.writer().bytes_max();
                written(encoder.$widest((*self).into()).map(|_| ()), bytes_max)
            }

            fn read(&mut self, decoder: &mut Decoder<'_>) -> Result<(), DecodeError> {
                let number = decoder.$widest().map_err(malformed)?;
                *self = number.try_into().map_err(|_| DecodeError::Malformed)?;
                Ok(())
            }
        }
    )*};
}

numeric_fields!(bool as bool u32 as u64 u64 as u64 i32 as i64);

impl Blank for String {
    fn blank() -> Self {
        Self::new()
    }
}

impl Field for String {
    fn is_blank(&self) -> bool {
        self.is_empty()
    }

    fn write(&self, encoder: &mut Encoder<'_>) -> Result<(), EncodeError> {
        let bytes_max = encoder.writer().bytes_max();
        written(encoder.str(self).map(|_| ()), bytes_max)
    }

    fn read(&mut self, decoder: &mut Decoder<'_>) -> Result<(), DecodeError> {
        let text = decoder.str().map_err(malformed)?;
        self.clear();
        self.try_reserve_exact(text.len()).map_err(no_room)?;
        self.push_str(text);
        Ok(())
    }
}

impl Blank for Vec<u8> {
    fn blank() -> Self {
        Self::new()
    }
}

impl Field for Vec<u8> {
    fn is_blank(&self) -> bool {
        self.is_empty()
    }

    fn write(&self, encoder: &mut Encoder<'_>) -> Result<(), EncodeError> {
        let bytes_max = encoder.writer().bytes_max();
        written(encoder.bytes(self).map(|_| ()), bytes_max)
    }

    fn read(&mut self, decoder: &mut Decoder<'_>) -> Result<(), DecodeError> {
        let bytes = decoder.bytes().map_err(malformed)?;
        self.clear();
        self.try_reserve_exact(bytes.len()).map_err(no_room)?;
        self.extend_from_slice(bytes);
        Ok(())
    }
}

impl<T> Blank for Option<T> {
    fn blank() -> Self {
        None
    }
}

impl<T: Field + Blank> Field for Option<T> {
    fn is_blank(&self) -> bool {
        self.is_none()
    }

    fn write(&self, encoder: &mut Encoder<'_>) -> Result<(), EncodeError> {
        match self {
            Some(value) => value.write(encoder),
            None => Ok(()),
        }
    }

    fn read(&mut self, decoder: &mut Decoder<'_>) -> Result<(), DecodeError> {
        self.insert(T::blank()).read(decoder)
    }
}

/// What lists are made of; bytes are not, so that they are written as a string of bytes.
pub(super) trait Item: Field + Blank {}

impl Item for String {}

impl<T: Item> Blank for Vec<T> {
    fn blank() -> Self {
        Self::new()
    }
}

impl<T: Item> Field for Vec<T> {
    fn is_blank(&self) -> bool {
        self.is_empty()
    }

    fn write(&self, encoder: &mut Encoder<'_>) -> Result<(), EncodeError> {
        let bytes_max = encoder.writer().bytes_max();
        if self.len() > LIST_ITEMS_MAX as usize {
            return Err(EncodeError::TooManyItems);
        }
        written(encoder.array(self.len() as u64).map(|_| ()), bytes_max)?;
        self.iter().try_for_each(|item| item.write(encoder))
    }

    fn read(&mut self, decoder: &mut Decoder<'_>) -> Result<(), DecodeError> {
        let count = decoder
            .array()
            .map_err(malformed)?
            .ok_or(DecodeError::Malformed)?;
        if count > u64::from(LIST_ITEMS_MAX) {
            return Err(DecodeError::TooManyItems);
        }
        self.clear();
        for _ in 0..count {
            let mut item = T::blank();
            item.read(decoder)?;
            self.try_reserve(1).map_err(no_room)?;
            self.push(item);
        }
        Ok(())
    }
}
