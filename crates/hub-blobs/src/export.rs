//! Everything that a name space holds, to be carried elsewhere and back.

use std::fmt;

use futures_util::TryStreamExt;
use object_store::{ObjectStoreExt, PutPayload};
use thimble_image::Digest;

use crate::error::BlobError;
use crate::place;
use crate::source::Source;
use crate::space::Space;
use crate::tags::prefix_of;

/// Bytes of what is no blob at most: a tag, a media type, a descriptor.
const ENTRY_BYTES_MAX: u64 = 4 << 20;

/// Something that a name space holds.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ExportedObject {
    /// Its path inside the name space: `blobs/sha256/AB/HEX` or `repos/…`.
    pub path: String,
    /// Its bytes.
    pub length_bytes: u64,
}

/// Why something was not taken in.
#[derive(Debug)]
#[non_exhaustive]
pub enum ImportError {
    /// Nothing in a name space has such a path.
    Path {
        /// Which.
        path: String,
    },
    /// It was not stored.
    Blob(BlobError),
}

impl From<BlobError> for ImportError {
    fn from(error: BlobError) -> Self {
        Self::Blob(error)
    }
}

impl fmt::Display for ImportError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path { path } => write!(formatter, "{path} is no path of blobs and repositories"),
            Self::Blob(error) => error.fmt(formatter),
        }
    }
}

impl std::error::Error for ImportError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Blob(error) => std::error::Error::source(error),
            Self::Path { .. } => None,
        }
    }
}

impl Space {
    /// What it holds, uploads excepted: first blobs, then what names them, so that taking them in in this order never
    /// shows a name without what it names.
    ///
    /// # Errors
    /// The store failed.
    pub async fn objects(&self) -> Result<Vec<ExportedObject>, BlobError> {
        let prefix = prefix_of(&place::space(self.name_space()));
        let all = self.store().list(Some(&place::space(self.name_space())));
        let objects = all.try_filter_map(|object| {
            let relative = object.location.as_ref().strip_prefix(prefix.as_str());
            let exported =
                relative
                    .filter(|path| kind(path).is_some())
                    .map(|path| ExportedObject {
                        path: path.into(),
                        length_bytes: object.size,
                    });
            async move { Ok(exported) }
        });
        let mut objects: Vec<ExportedObject> = objects.try_collect().await?;
        objects.sort_by_key(|object| (rank(&object.path), object.path.clone()));
        Ok(objects)
    }

    /// Reads something that it holds.
    ///
    /// # Errors
    /// [`ImportError`]: no such path, [`BlobError::Missing`], or the store failed.
    pub async fn export(&self, path: &str) -> Result<Source, ImportError> {
        use futures_util::StreamExt;
        kind(path).ok_or_else(|| ImportError::Path { path: path.into() })?;
        let place = self.absolute(path)?;
        let found = self.store().get(&place).await.map_err(BlobError::from)?;
        let pieces = found
            .into_stream()
            .map_err(|error| crate::SourceError::Cut {
                reason: error.to_string(),
            });
        Ok(pieces.boxed())
    }

    /// Takes in what [`Space::export`] gave.
    ///
    /// # Errors
    /// [`ImportError`]: no such path, a digest that is not right, no room, or the source or the store failed.
    pub async fn import(&self, path: &str, mut source: Source) -> Result<(), ImportError> {
        let unknown = || ImportError::Path { path: path.into() };
        match kind(path).ok_or_else(unknown)? {
            Kind::Blob(digest) => {
                self.put(digest, source).await?;
            }
            Kind::Entry => {
                let mut bytes = Vec::new();
                while let Some(piece) = source.try_next().await.map_err(BlobError::Source)? {
                    bytes.extend_from_slice(&piece);
                    if bytes.len() as u64 > ENTRY_BYTES_MAX {
                        return Err(ImportError::Blob(BlobError::TooLarge {
                            bytes_max: ENTRY_BYTES_MAX,
                        }));
                    }
                }
                let place = self.absolute(path)?;
                let stored = self.store().put(&place, PutPayload::from(bytes)).await;
                stored.map_err(BlobError::from)?;
            }
        }
        Ok(())
    }

    fn absolute(&self, path: &str) -> Result<object_store::path::Path, ImportError> {
        let prefix = prefix_of(&place::space(self.name_space()));
        object_store::path::Path::parse(format!("{prefix}{path}"))
            .map_err(|_| ImportError::Path { path: path.into() })
    }
}

enum Kind {
    Blob(Digest),
    Entry,
}

fn kind(path: &str) -> Option<Kind> {
    if let Some(rest) = path.strip_prefix("blobs/sha256/") {
        let (shard, hex) = rest.split_once('/')?;
        let digest = Digest::from_hex(hex)?;
        return hex.starts_with(shard).then_some(Kind::Blob(digest));
    }
    place::entry(path.strip_prefix("repos/")?).map(|_| Kind::Entry)
}

/// Blobs, then manifests and referrers, then tags.
fn rank(path: &str) -> u8 {
    if path.starts_with("blobs/") {
        0
    } else if path.contains("/_tags/") {
        2
    } else {
        1
    }
}
