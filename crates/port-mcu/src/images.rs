//! Where images lie: one piece of flash each, read where it is.

use alloc::vec::Vec;
use core::fmt;

use crate::records::{Change, RecordsError};

/// An image that is kept.
#[derive(Clone, Copy, Debug)]
pub struct StoredImage {
    /// All of it, where it lies. It stays there, as it is, until the image is removed or moved.
    pub bytes: &'static [u8],
    /// Bytes of storage that it takes, whole blocks.
    pub stored_bytes: u32,
}

/// Keeps images, each under a key of its own. Which images there are stands in the records, so that an image and what
/// else belongs to it come and go together.
pub trait ImageStore: Send {
    /// Begins an image that will have about `bytes_expected` bytes, or up to `bytes_max` if they fit. What was begun
    /// before is given up. `pinned` are keys of images that must stay where they are.
    ///
    /// # Errors
    /// [`ImageStoreError::Full`] if the expected bytes do not fit anywhere, even after others have been moved.
    fn begin(
        &mut self,
        bytes_expected: u32,
        bytes_max: u32,
        pinned: &dyn Fn(&[u8]) -> bool,
    ) -> Result<(), ImageStoreError>;

    /// Writes bytes behind those that were written.
    ///
    /// # Errors
    /// [`ImageStoreError`]; the image is given up.
    fn append(&mut self, bytes: &[u8]) -> Result<(), ImageStoreError>;

    /// Writes bytes at an offset that [`ImageStore::skip`] left out.
    ///
    /// # Errors
    /// [`ImageStoreError`]; the image is given up.
    fn fill(&mut self, offset: u32, bytes: &[u8]) -> Result<(), ImageStoreError>;

    /// Leaves out bytes, to be written later by [`ImageStore::fill`], in one piece.
    ///
    /// # Errors
    /// [`ImageStoreError`]; the image is given up.
    fn skip(&mut self, bytes: u32) -> Result<(), ImageStoreError>;

    /// Leaves out bytes until the offset is a multiple of `alignment`.
    ///
    /// # Errors
    /// [`ImageStoreError`]; the image is given up.
    fn align(&mut self, alignment: u32) -> Result<(), ImageStoreError>;

    /// How many bytes were written or left out so far, and all of those that are on storage, where they lie.
    ///
    /// # Errors
    /// [`ImageStoreError`]; the image is given up.
    fn written(&mut self) -> Result<(u32, &'static [u8]), ImageStoreError>;

    /// Keeps what was written under this key, together with the changes, which are made in the same moment.
    ///
    /// # Errors
    /// [`ImageStoreError`]; nothing has changed, and the image is given up.
    fn commit(&mut self, key: &[u8], also: &[Change<'_>]) -> Result<(), ImageStoreError>;

    /// Gives up what was begun.
    fn abandon(&mut self);

    /// The image of a key.
    ///
    /// # Errors
    /// [`ImageStoreError`].
    fn image(&mut self, key: &[u8]) -> Result<Option<StoredImage>, ImageStoreError>;

    /// The first key after `after`, put into `key`; whether there is one.
    ///
    /// # Errors
    /// [`ImageStoreError`].
    fn next(&mut self, after: &[u8], key: &mut Vec<u8>) -> Result<bool, ImageStoreError>;

    /// Removes an image, if there is one, together with the changes.
    ///
    /// # Errors
    /// [`ImageStoreError`]; nothing has changed.
    fn remove(&mut self, key: &[u8], also: &[Change<'_>]) -> Result<(), ImageStoreError>;

    /// How much room there is.
    fn room(&mut self) -> ImageRoom;
}

/// The room for images.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ImageRoom {
    /// Bytes that images take.
    pub used_bytes: u32,
    /// Bytes that images can take.
    pub total_bytes: u32,
    /// Bytes of the largest piece that is free.
    pub largest_free_bytes: u32,
}

/// Why an image could not be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ImageStoreError {
    /// It does not fit.
    Full {
        /// Bytes that it needs.
        needed_bytes: u32,
        /// Bytes of the largest piece that is free.
        largest_free_bytes: u32,
        /// Bytes that are free in all.
        free_bytes: u32,
    },
    /// Nothing was begun, or it was given up.
    NotBegun,
    /// The records could not be changed.
    Records(RecordsError),
    /// Flash failed, or does not hold what was written.
    Device,
}

impl From<RecordsError> for ImageStoreError {
    fn from(error: RecordsError) -> Self {
        Self::Records(error)
    }
}

impl fmt::Display for ImageStoreError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full {
                needed_bytes,
                largest_free_bytes,
                free_bytes,
            } => write!(
                formatter,
                "no room for an image of {needed_bytes} bytes: the largest free piece has {largest_free_bytes} of \
                 {free_bytes} free bytes; remove images that nobody needs"
            ),
            Self::NotBegun => formatter.write_str("no image was begun"),
            Self::Records(error) => error.fmt(formatter),
            Self::Device => formatter.write_str("flash does not hold what was written"),
        }
    }
}

impl core::error::Error for ImageStoreError {}
