//! Changes of records that are made together.

use alloc::vec::Vec;

use thimble_port_mcu::records::Change;

/// Changes, in the order in which they were named.
#[derive(Default)]
pub(crate) struct Batch(Vec<(Vec<u8>, Option<Vec<u8>>)>);

impl Batch {
    /// Sets a key's value.
    pub(crate) fn put(&mut self, key: Vec<u8>, value: Vec<u8>) {
        self.0.push((key, Some(value)));
    }

    /// Removes a key.
    pub(crate) fn delete(&mut self, key: Vec<u8>) {
        self.0.push((key, None));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The changes, as storage takes them.
    pub(crate) fn changes(&self) -> Vec<Change<'_>> {
        self.0
            .iter()
            .map(|(key, value)| match value {
                Some(value) => Change::Put { key, value },
                None => Change::Delete { key },
            })
            .collect()
    }
}
