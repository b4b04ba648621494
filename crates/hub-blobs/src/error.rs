//! What can go wrong with content, and whose fault it is.

use std::fmt;
use std::path::PathBuf;

use thimble_image::Digest;
use thimble_image::document::DocumentError;

use crate::source::SourceError;

/// Why the place for content cannot be used.
#[derive(Debug)]
#[non_exhaustive]
pub enum OpenError {
    /// The folder cannot be made or written.
    Folder {
        /// Which.
        path: PathBuf,
        /// What the system said.
        error: std::io::Error,
    },
    /// The settings of the store are wrong.
    Settings {
        /// How.
        error: object_store::Error,
    },
    /// The store does not answer, or refuses.
    Unreachable {
        /// What it said.
        error: object_store::Error,
    },
}

/// Why content was not stored or read.
#[derive(Debug)]
#[non_exhaustive]
pub enum BlobError {
    /// There is no such blob.
    Missing,
    /// What came has another digest than was said.
    Digest {
        /// What was said.
        expected: Digest,
        /// What came.
        found: Digest,
    },
    /// It has more bytes than a blob may have.
    TooLarge {
        /// How many it may have.
        bytes_max: u64,
    },
    /// The name space would hold more than it may.
    Quota {
        /// How many bytes it may hold.
        bytes_max: u64,
        /// How many bytes too many it would be.
        over_bytes: u64,
    },
    /// The range lies outside of the blob.
    Range {
        /// How many bytes the blob has.
        length_bytes: u64,
    },
    /// The upload is not known: it never was, ended, or was given up.
    NoUpload,
    /// The piece does not begin where the upload stands.
    Offset {
        /// Where it stands.
        offset_bytes: u64,
    },
    /// Too many uploads are open.
    TooManyUploads {
        /// How many may be.
        max: usize,
    },
    /// What was to be stored stopped coming.
    Source(SourceError),
    /// The store failed.
    Store(object_store::Error),
}

/// Why a manifest was not stored.
#[derive(Debug)]
#[non_exhaustive]
pub enum ManifestError {
    /// It is no manifest or index, or not what it was announced as.
    Document(DocumentError),
    /// It is announced as something that is neither a manifest nor an index.
    MediaType {
        /// What it was announced as.
        media_type: String,
    },
    /// It needs a blob or manifest that is not here: push that first.
    Needs {
        /// Which.
        digest: Digest,
    },
    /// It gives a blob another size than it has.
    Size {
        /// Which.
        digest: Digest,
        /// The size that it gives.
        said_bytes: u64,
        /// The size that the blob has.
        found_bytes: u64,
    },
    /// There is no such manifest.
    Missing,
    /// The bytes were not stored or read.
    Blob(BlobError),
}

impl From<object_store::Error> for BlobError {
    fn from(error: object_store::Error) -> Self {
        match error {
            object_store::Error::NotFound { .. } => Self::Missing,
            error => Self::Store(error),
        }
    }
}

impl From<object_store::Error> for ManifestError {
    fn from(error: object_store::Error) -> Self {
        Self::from(BlobError::from(error))
    }
}

impl From<BlobError> for ManifestError {
    fn from(error: BlobError) -> Self {
        match error {
            BlobError::Missing => Self::Missing,
            error => Self::Blob(error),
        }
    }
}

impl fmt::Display for OpenError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder { path, .. } => {
                write!(formatter, "the folder {} cannot be used for blobs", path.display())
            }
            Self::Settings { .. } => formatter.write_str("the settings of the store of blobs are wrong"),
            Self::Unreachable { .. } => formatter.write_str(
                "the store of blobs does not answer or refuses; check its address, bucket and credentials",
            ),
        }
    }
}

impl std::error::Error for OpenError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Folder { error, .. } => Some(error),
            Self::Settings { error } | Self::Unreachable { error } => Some(error),
        }
    }
}

impl fmt::Display for BlobError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => formatter.write_str("there is no such blob"),
            Self::Digest { expected, found } => {
                write!(formatter, "it was said to be {expected}, and it is {found}")
            }
            Self::TooLarge { bytes_max } => {
                write!(formatter, "it has more than {bytes_max} bytes")
            }
            Self::Quota {
                bytes_max,
                over_bytes,
            } => write!(
                formatter,
                "the tenant may keep {bytes_max} bytes, and this would be {over_bytes} too many; delete what is not needed"
            ),
            Self::Range { length_bytes } => {
                write!(
                    formatter,
                    "the range lies outside: it has {length_bytes} bytes"
                )
            }
            Self::NoUpload => formatter.write_str("there is no such upload; begin a new one"),
            Self::Offset { offset_bytes } => {
                write!(formatter, "the upload goes on at byte {offset_bytes}")
            }
            Self::TooManyUploads { max } => {
                write!(
                    formatter,
                    "{max} uploads are open already; end or cancel some"
                )
            }
            Self::Source(error) => error.fmt(formatter),
            Self::Store(_) => formatter.write_str("the store of blobs failed"),
        }
    }
}

impl std::error::Error for BlobError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Store(error) => Some(error),
            _ => None,
        }
    }
}

impl fmt::Display for ManifestError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Document(error) => error.fmt(formatter),
            Self::MediaType { media_type } => {
                write!(formatter, "{media_type} is neither a manifest nor an index")
            }
            Self::Needs { digest } => {
                write!(
                    formatter,
                    "it needs {digest}, which is not here; push that first"
                )
            }
            Self::Size {
                digest,
                said_bytes,
                found_bytes,
            } => write!(
                formatter,
                "it says that {digest} has {said_bytes} bytes, and it has {found_bytes}"
            ),
            Self::Missing => formatter.write_str("there is no such manifest"),
            Self::Blob(error) => error.fmt(formatter),
        }
    }
}

impl std::error::Error for ManifestError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Blob(error) => std::error::Error::source(error),
            _ => None,
        }
    }
}
