//! What an image consists of: the documents and blobs that are reachable from its root.

use std::collections::BTreeMap;
use std::fmt;

use thimble_image::document::{DOCUMENT_BYTES_MAX, DocumentError};
use thimble_image::store::BlobStore;
use thimble_image::{Descriptor, Digest, Document, media_type};

/// Indexes inside each other at most.
const DEPTH_MAX: usize = 4;
/// Manifests and indexes of an image at most.
const DOCUMENTS_MAX: usize = 1024;

/// Why it cannot be told what an image consists of, or something of it is missing.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReachError<E> {
    /// The store failed.
    Store(E),
    /// It is neither a manifest nor an index.
    NotImage {
        /// Its media type.
        media_type: String,
    },
    /// A manifest or index cannot be read.
    Document {
        /// Which.
        digest: Digest,
        /// Why.
        error: DocumentError,
    },
    /// A manifest or blob that must be there is not.
    Missing {
        /// Which.
        digest: Digest,
        /// The image that needs it.
        image: Digest,
    },
    /// A blob is not as long as its descriptor says.
    Length {
        /// Which.
        digest: Digest,
        /// The length it should have.
        expected: u64,
    },
    /// The image has more manifests and indexes than it may, or nests them too deeply.
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many may be.
        max: usize,
    },
}

/// Everything that is reachable from `root` and is there, each once, in the order of digests.
///
/// `obtain` is asked for each document and blob whether it is there, and may bring it. A manifest needs all of its
/// blobs. Of an index, one child must be there; children that are not, or not with all of their blobs, are left out.
pub(super) fn reachable<S, X>(
    store: &S,
    root: &Descriptor,
    obtain: &mut dyn FnMut(&Descriptor) -> Result<bool, X>,
) -> Result<BTreeMap<Digest, Descriptor>, X>
where
    S: BlobStore,
    X: From<ReachError<S::Error>>,
{
    if !is_document(root) {
        return Err(ReachError::NotImage {
            media_type: root.media_type.clone(),
        }
        .into());
    }
    let mut search = Search {
        store,
        obtain,
        found: BTreeMap::new(),
        documents: BTreeMap::new(),
        missing: root.digest,
    };
    if search.document(root, 0)? {
        return Ok(search.found);
    }
    Err(ReachError::Missing {
        digest: search.missing,
        image: root.digest,
    }
    .into())
}

/// Whether it is a manifest or an index.
pub(super) fn is_document(descriptor: &Descriptor) -> bool {
    media_type::is_document(&descriptor.media_type)
}

struct Search<'a, S, X> {
    store: &'a S,
    obtain: &'a mut dyn FnMut(&Descriptor) -> Result<bool, X>,
    found: BTreeMap<Digest, Descriptor>,
    /// The documents that were looked at, and whether they are complete. Only indexes lead to documents, and an index
    /// is complete if one child is, so what a complete document found is never given up.
    documents: BTreeMap<Digest, bool>,
    /// What was missed last.
    missing: Digest,
}

impl<S, X> Search<'_, S, X>
where
    S: BlobStore,
    X: From<ReachError<S::Error>>,
{
    /// Whether a document and what it needs is there.
    fn document(&mut self, descriptor: &Descriptor, depth: usize) -> Result<bool, X> {
        if let Some(complete) = self.documents.get(&descriptor.digest) {
            return Ok(*complete);
        }
        let too_many = |what, max| Err(ReachError::TooMany { what, max }.into());
        if self.documents.len() >= DOCUMENTS_MAX {
            return too_many("manifests", DOCUMENTS_MAX);
        }
        if depth > DEPTH_MAX {
            return too_many("indexes inside each other", DEPTH_MAX);
        }
        // While it is being looked at, it does not count: an index cannot stand for itself.
        self.documents.insert(descriptor.digest, false);
        if !self.is_here(descriptor)? {
            return Ok(false);
        }
        let complete = match self.read(descriptor)? {
            Document::Manifest(manifest) => {
                let blobs: Vec<_> = [&manifest.config]
                    .into_iter()
                    .chain(&manifest.layers)
                    .collect();
                self.blobs(&blobs)?
            }
            Document::Index(index) => {
                let mut any = false;
                for child in &index.manifests {
                    any |= if is_document(child) {
                        self.document(child, depth + 1)?
                    } else {
                        self.blobs(&[child])?
                    };
                }
                any
            }
        };
        if complete {
            self.found.insert(descriptor.digest, descriptor.clone());
            self.documents.insert(descriptor.digest, true);
        }
        Ok(complete)
    }

    /// Whether all of these are there.
    fn blobs(&mut self, blobs: &[&Descriptor]) -> Result<bool, X> {
        for blob in blobs {
            if !self.found.contains_key(&blob.digest) && !self.is_here(blob)? {
                return Ok(false);
            }
        }
        let found = blobs.iter().map(|blob| (blob.digest, (*blob).clone()));
        for (digest, blob) in found {
            self.found.entry(digest).or_insert(blob);
        }
        Ok(true)
    }

    fn is_here(&mut self, descriptor: &Descriptor) -> Result<bool, X> {
        let here = (self.obtain)(descriptor)?;
        if !here {
            self.missing = descriptor.digest;
        }
        Ok(here)
    }

    /// The document, whose length and digest are checked once more: it is small and decides about everything.
    fn read(&self, descriptor: &Descriptor) -> Result<Document, ReachError<S::Error>> {
        let digest = descriptor.digest;
        let document = |error| ReachError::Document { digest, error };
        if descriptor.size > DOCUMENT_BYTES_MAX {
            return Err(document(DocumentError::TooLarge {
                bytes_max: DOCUMENT_BYTES_MAX,
            }));
        }
        let mut bytes = vec![0; usize::try_from(descriptor.size).unwrap_or_default()];
        let mut filled = 0;
        while let Some(rest) = bytes.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match self.store.read(&digest, filled as u64, rest) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) => return Err(ReachError::Store(error)),
            }
        }
        if filled < bytes.len() || Digest::of(&bytes) != digest {
            return Err(ReachError::Length {
                digest,
                expected: descriptor.size,
            });
        }
        Document::parse(&bytes, Some(&descriptor.media_type)).map_err(document)
    }
}

impl<E: fmt::Display> fmt::Display for ReachError<E> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Store(error) => error.fmt(formatter),
            Self::NotImage { media_type } => {
                write!(formatter, "{media_type} is not an image but a part of one")
            }
            Self::Document { digest, error } => write!(formatter, "{digest}: {error}"),
            Self::Missing { digest, image } if digest == image => {
                write!(formatter, "the image {image} is not there")
            }
            Self::Missing { digest, image } => {
                write!(
                    formatter,
                    "the image {image} is not complete: {digest} is missing"
                )
            }
            Self::Length { digest, expected } => write!(
                formatter,
                "the blob {digest} has another length than the {expected} bytes that the image says"
            ),
            Self::TooMany { what, max } => {
                write!(formatter, "the image has more than {max} {what}")
            }
        }
    }
}

impl<E: std::error::Error> std::error::Error for ReachError<E> {}
