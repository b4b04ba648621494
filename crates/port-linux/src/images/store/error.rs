//! What can go wrong with the store, and what to do about it.

use std::{fmt, io};

use thimble_image::Digest;
use thimble_image::document::DocumentError;
use thimble_image::layout::LayoutError;

/// Why the store did not do what it was asked.
#[derive(Debug)]
#[non_exhaustive]
pub enum StoreError {
    /// There is no room.
    NoRoom {
        /// Bytes that are needed.
        wanted_bytes: u64,
        /// Bytes that there are.
        available_bytes: u64,
        /// What the limit is.
        why: Shortage,
    },
    /// There is no such blob.
    Missing {
        /// Its digest.
        digest: Digest,
    },
    /// A blob's content is not what its digest says.
    Damaged {
        /// The digest.
        digest: Digest,
    },
    /// A blob that is here has another size than somebody said.
    Size {
        /// Its digest.
        digest: Digest,
        /// Bytes that were said.
        announced: u64,
        /// Bytes that it has.
        found: u64,
    },
    /// A blob has more bytes than are to be read at once, or than it was announced with.
    TooLarge {
        /// Its digest.
        digest: Digest,
        /// How many it may have.
        bytes_max: u64,
    },
    /// A blob is not the document that it should be.
    Document {
        /// Its digest.
        digest: Digest,
        /// What is wrong with it.
        error: DocumentError,
    },
    /// The name has a digest, and it is the one of another image.
    OtherDigest {
        /// The one in the name.
        named: Digest,
        /// The image's.
        image: Digest,
    },
    /// A document is in use and what it needs cannot be known, so that nothing can be removed safely.
    Unreadable {
        /// The image, container or pull that uses it.
        user: String,
        /// The document.
        document: String,
        /// What is wrong with it.
        reason: String,
    },
    /// There are more names of images, or a session uses more blobs, than can be.
    TooMany {
        /// What there are too many of.
        what: &'static str,
        /// How many there can be.
        max: u64,
    },
    /// The owner of a pin has no name, or a very long one.
    Owner {
        /// How many bytes it may have.
        bytes_max: usize,
    },
    /// The folder is of something else.
    Layout(LayoutError),
    /// The disk failed.
    Device {
        /// What was being done.
        doing: &'static str,
        /// With which file of the store.
        path: String,
        /// What the system said.
        error: io::Error,
    },
}

/// What there is too little of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shortage {
    /// The store may have no more.
    Quota,
    /// The disk has no more.
    Disk,
}

impl fmt::Display for StoreError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoRoom {
                wanted_bytes,
                available_bytes,
                why,
            } => {
                let whose = match why {
                    Shortage::Quota => "the quota for images",
                    Shortage::Disk => "the disk",
                };
                write!(
                    formatter,
                    "{whose} has room for {available_bytes} bytes and {wanted_bytes} are needed: remove images and prune"
                )
            }
            Self::Missing { digest } => write!(
                formatter,
                "{digest} is not in the store: pull or load the image that has it"
            ),
            Self::Damaged { digest } => write!(
                formatter,
                "{digest} is damaged on the disk: pull or load its image again to repair it"
            ),
            Self::Size {
                digest,
                announced,
                found,
            } => write!(
                formatter,
                "{digest} was announced with {announced} bytes and has {found}: whoever made the image is wrong"
            ),
            Self::TooLarge { digest, bytes_max } => write!(
                formatter,
                "{digest} has more than the {bytes_max} bytes that it may have: the image or its registry is wrong"
            ),
            Self::Document { digest, error } => {
                write!(formatter, "{digest} cannot be used: {error}")
            }
            Self::OtherDigest { named, image } => write!(
                formatter,
                "the name says {named} and the image is {image}: leave the digest away or give the right one"
            ),
            Self::Unreadable {
                user,
                document,
                reason,
            } => write!(
                formatter,
                "nothing was removed, because what {user} needs is not known: {document}: {reason}; \
                 pull it again or remove it"
            ),
            Self::TooMany { what, max } => {
                write!(
                    formatter,
                    "there can be {max} {what} and not more: remove some"
                )
            }
            Self::Owner { bytes_max } => {
                write!(
                    formatter,
                    "who owns a pin has a name of 1 to {bytes_max} bytes"
                )
            }
            Self::Layout(error) => write!(
                formatter,
                "the folder cannot be used as image store: {error}"
            ),
            Self::Device { doing, path, error } => {
                let path = if path.is_empty() {
                    "the store's folder"
                } else {
                    path
                };
                write!(formatter, "could not {doing} {path}: {error}")
            }
        }
    }
}

impl std::error::Error for StoreError {}
