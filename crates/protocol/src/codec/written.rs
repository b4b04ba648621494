//! CBOR that is no record: authenticated data, headers of bundles.

use alloc::vec::Vec;

use super::field::{Encoder, written};

/// CBOR as it grows.
pub(crate) struct Written(Encoder);

impl Written {
    pub(crate) fn new() -> Self {
        Self(Encoder::new(Vec::new()))
    }

    pub(crate) fn array(&mut self, entries: u64) -> &mut Self {
        written(self.0.array(entries).map(drop));
        self
    }

    pub(crate) fn number(&mut self, number: u64) -> &mut Self {
        written(self.0.u64(number).map(drop));
        self
    }

    pub(crate) fn text(&mut self, text: &str) -> &mut Self {
        written(self.0.str(text).map(drop));
        self
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        written(self.0.bytes(bytes).map(drop));
        self
    }

    /// The beginning of a byte string, whose content follows elsewhere: as a number, with the major type 2 (RFC 8949, section 3.1).
    pub(crate) fn bytes_head(&mut self, length: u64) -> &mut Self {
        let mut number = Encoder::new(Vec::new());
        written(number.u64(length).map(drop));
        let mut head = number.into_writer();
        if let Some(first) = head.first_mut() {
            *first |= 2 << 5;
        }
        self.0.writer_mut().extend_from_slice(&head);
        self
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.0.into_writer()
    }
}
