//! Why a layout cannot be loaded.

use std::fmt;
use std::io;

use thimble_image::Digest;
use thimble_image::document::DocumentError;
use thimble_image::layout::{INDEX_FILE, LayoutError};
use thimble_image::store::CommitError;

use crate::images::archive::entries::EntryProblem;
use crate::images::archive::reach::ReachError;

/// Why a layout cannot be loaded.
#[derive(Debug)]
#[non_exhaustive]
pub enum LoadError<E> {
    /// It cannot be read.
    Read(io::Error),
    /// It ends in the middle.
    Truncated,
    /// It is not a tar file.
    NotArchive {
        /// What it looks like.
        looks_like: &'static str,
    },
    /// It has more entries or bytes than it may.
    TooMuch {
        /// Of what.
        what: &'static str,
        /// How many may be.
        max: u64,
    },
    /// An entry is none of an image layout.
    Entry {
        /// Its path.
        path: String,
        /// What is wrong.
        problem: EntryProblem,
    },
    /// It is an archive of Docker's old kind.
    DockerArchive,
    /// A file that every layout has is missing.
    NoLayout {
        /// Which.
        file: &'static str,
    },
    /// The marker is wrong.
    Marker(LayoutError),
    /// The index is wrong.
    Index(DocumentError),
    /// The index lists no image.
    NoImage,
    /// A blob is not what its name says.
    Blob {
        /// Its name.
        digest: Digest,
        /// What is wrong.
        error: CommitError<E>,
    },
    /// An image is not complete or cannot be read.
    Image(ReachError<E>),
    /// The store failed.
    Store(E),
}

impl<E> From<ReachError<E>> for LoadError<E> {
    fn from(error: ReachError<E>) -> Self {
        match error {
            ReachError::Store(error) => Self::Store(error),
            error => Self::Image(error),
        }
    }
}

impl<E: fmt::Display> fmt::Display for LoadError<E> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read(error) => write!(formatter, "the archive cannot be read: {error}"),
            Self::Truncated => formatter.write_str(
                "the archive ends in the middle; it was not copied or downloaded in full",
            ),
            Self::NotArchive { looks_like } => {
                write!(formatter, "it is not a tar file but looks like {looks_like}")
            }
            Self::TooMuch { what, max } => {
                write!(formatter, "the archive has more than {max} {what}")
            }
            Self::Entry { path, problem } => {
                write!(formatter, "`{path}` cannot be in an image layout: {problem}")
            }
            Self::DockerArchive => formatter.write_str(
                "it is an archive of Docker's old kind; save it with Docker 25 or later, or convert it with \
                 `skopeo copy docker-archive:FILE oci-archive:FILE`",
            ),
            Self::NoLayout { file } => {
                write!(formatter, "it is not an OCI image layout: `{file}` is missing")
            }
            Self::Marker(error) => error.fmt(formatter),
            Self::Index(error) => write!(formatter, "`{INDEX_FILE}`: {error}"),
            Self::NoImage => write!(formatter, "`{INDEX_FILE}` lists no image"),
            Self::Blob { digest, error } => {
                write!(formatter, "the blob {digest} is damaged: {error}")
            }
            Self::Image(error) => error.fmt(formatter),
            Self::Store(error) => error.fmt(formatter),
        }
    }
}

impl<E: std::error::Error> std::error::Error for LoadError<E> {}
