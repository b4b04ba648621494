//! What a device must offer to keep blobs.

use crate::descriptor::Descriptor;
use crate::digest::Digest;

/// Keeps blobs by their digest.
pub trait BlobStore {
    /// What can go wrong with the device.
    type Error: core::error::Error;
    /// Writes one blob.
    type Writer: BlobWriter<Error = Self::Error>;

    /// Gets ready to receive a blob. If somebody else is receiving it, waits until they have it or gave up.
    ///
    /// # Errors
    /// If the device fails, or has no room for it.
    fn admit(&self, blob: &Descriptor) -> Result<Admission<Self::Writer>, Self::Error>;

    /// Reads a piece of a complete blob; 0 bytes at its end.
    ///
    /// # Errors
    /// If the device fails, or has no such blob.
    fn read(&self, digest: &Digest, offset: u64, buffer: &mut [u8]) -> Result<usize, Self::Error>;
}

/// What a store says to a blob.
#[derive(Debug)]
pub enum Admission<W> {
    /// It is here, complete and undamaged.
    Present,
    /// It is to be written, from [`BlobWriter::offset`] on.
    Wanted(W),
}

/// Writes one blob. Dropped before it is committed, it keeps what it has for another attempt.
pub trait BlobWriter {
    /// What can go wrong with the device.
    type Error: core::error::Error;

    /// Bytes that are here already.
    fn offset(&self) -> u64;

    /// Adds bytes at the end.
    ///
    /// # Errors
    /// If the device fails; what was written before stays.
    fn write(&mut self, bytes: &[u8]) -> Result<(), Self::Error>;

    /// Forgets all bytes, to begin anew.
    ///
    /// # Errors
    /// If the device fails.
    fn restart(&mut self) -> Result<(), Self::Error>;

    /// Makes the blob part of the store, durably, if its length and digest are right; else forgets its bytes.
    ///
    /// # Errors
    /// [`CommitError`] says which of the two is wrong, or that the device fails.
    fn commit(self) -> Result<(), CommitError<Self::Error>>;
}

/// Why a blob did not become part of the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CommitError<E> {
    /// It has another length than was said.
    Length {
        /// Bytes that were said.
        expected: u64,
        /// Bytes that came.
        found: u64,
    },
    /// Its content has another digest.
    Digest {
        /// The one it should have.
        expected: Digest,
        /// The one it has.
        found: Digest,
    },
    /// The device failed.
    Device(E),
}

impl<E: core::fmt::Display> core::fmt::Display for CommitError<E> {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Length { expected, found } => {
                write!(
                    formatter,
                    "{found} bytes came where {expected} were announced"
                )
            }
            Self::Digest { expected, found } => {
                write!(
                    formatter,
                    "the content has digest {found} instead of {expected}"
                )
            }
            Self::Device(error) => error.fmt(formatter),
        }
    }
}

impl<E: core::error::Error> core::error::Error for CommitError<E> {}
