//! What the device must not forget: small values by key, changed all or none, whenever the power goes.
//!
//! Keys are ordered as bytes. Who owns which keys is told by their first byte ([`prefix`]).

use alloc::vec::Vec;
use core::fmt;

/// The first bytes of keys, and whose they are.
pub mod prefix {
    /// Containers' declarations: the supervisor's.
    pub const CONTAINER: u8 = b'c';
    /// Ends of runs: the supervisor's.
    pub const RUN: u8 = b'r';
    /// Names of images: the supervisor's.
    pub const REFERENCE: u8 = b'n';
    /// The device itself: the supervisor's.
    pub const DEVICE: u8 = b'd';
    /// Where images lie: the image store's.
    pub const IMAGE: u8 = b'i';
    /// Containers' keys and values: the key-value store's.
    pub const VALUE: u8 = b'k';
    /// Containers' files: the file system's.
    pub const FILE: u8 = b'f';
}

/// One change among those that happen together.
#[derive(Clone, Copy, Debug)]
pub enum Change<'a> {
    /// Sets a key's value.
    Put {
        /// The key.
        key: &'a [u8],
        /// The value.
        value: &'a [u8],
    },
    /// Removes a key; it need not be there.
    Delete {
        /// The key.
        key: &'a [u8],
    },
}

/// Keys and values that outlive a power cut at any moment.
pub trait Records: Send {
    /// Bytes of a key and its value together at most.
    fn record_bytes_max(&self) -> usize;

    /// Copies the part of a value that begins at `offset` into `buffer`, as much as there is; how long the value is.
    /// `None` if there is no such key.
    ///
    /// # Errors
    /// [`RecordsError`].
    fn read(
        &mut self,
        key: &[u8],
        offset: usize,
        buffer: &mut [u8],
    ) -> Result<Option<usize>, RecordsError>;

    /// Carries out all changes, or none of them: when this returns `Ok` they are on storage, and when the power goes
    /// before, either all or none are.
    ///
    /// # Errors
    /// [`RecordsError`]; nothing has changed.
    fn apply(&mut self, changes: &[Change<'_>]) -> Result<(), RecordsError>;

    /// The first key after `after` that begins with `prefix`, put into `key`, and how long its value is. An `after` that
    /// is before the prefix is its beginning.
    ///
    /// # Errors
    /// [`RecordsError`].
    fn next(
        &mut self,
        prefix: &[u8],
        after: &[u8],
        key: &mut Vec<u8>,
    ) -> Result<Option<usize>, RecordsError>;

    /// How much room there is.
    fn room(&self) -> RecordsRoom;

    /// Puts a whole value into `value`; whether there is one.
    ///
    /// # Errors
    /// [`RecordsError`].
    fn get(&mut self, key: &[u8], value: &mut Vec<u8>) -> Result<bool, RecordsError> {
        value.clear();
        let Some(length) = self.read(key, 0, &mut [])? else {
            return Ok(false);
        };
        value
            .try_reserve_exact(length)
            .map_err(|_| RecordsError::NoMemory)?;
        value.resize(length, 0);
        self.read(key, 0, value)?;
        Ok(true)
    }
}

/// The room of [`Records`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RecordsRoom {
    /// Bytes that the records take, with what storage needs beside them.
    pub used_bytes: u32,
    /// Bytes that records can take.
    pub total_bytes: u32,
    /// Records that there are.
    pub records: u32,
    /// Records that there can be.
    pub records_max: u32,
    /// Erasures of the block that was erased most.
    pub erasures_max: u32,
    /// Erasures of the block that was erased least.
    pub erasures_min: u32,
}

/// Why records could not be read or changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RecordsError {
    /// There is no room on storage.
    Full {
        /// Bytes that the changes need.
        needed_bytes: u32,
        /// Bytes that are free.
        free_bytes: u32,
    },
    /// There are as many records as there can be.
    TooMany {
        /// How many that is.
        records_max: u32,
    },
    /// A key with its value, or the changes together, are too large.
    TooLarge {
        /// Bytes that they have.
        bytes: u32,
        /// Bytes that are possible.
        bytes_max: u32,
    },
    /// There is no memory for it.
    NoMemory,
    /// Storage failed.
    Device,
}

impl fmt::Display for RecordsError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full {
                needed_bytes,
                free_bytes,
            } => write!(
                formatter,
                "storage is full: {needed_bytes} bytes are needed and {free_bytes} are free"
            ),
            Self::TooMany { records_max } => {
                write!(
                    formatter,
                    "storage has {records_max} records, and no room for more"
                )
            }
            Self::TooLarge { bytes, bytes_max } => {
                write!(formatter, "{bytes} bytes are more than {bytes_max}")
            }
            Self::NoMemory => formatter.write_str("there is no memory to read storage"),
            Self::Device => formatter.write_str("storage failed"),
        }
    }
}

impl core::error::Error for RecordsError {}
