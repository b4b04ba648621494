//! Manifests of repositories: written after all that they need, named last.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use object_store::{ObjectStoreExt, PutPayload};
use thimble_image::document::{DOCUMENT_BYTES_MAX, DocumentError};
use thimble_image::{Descriptor, Digest, Document, media_type};

use crate::error::{BlobError, ManifestError};
use crate::names::{Repository, Tag};
use crate::place;
use crate::source::source_of;
use crate::space::{Space, present};

/// What a manifest needs that is looked for at a time.
const PARALLEL_CHECKS: usize = 8;

/// How a manifest is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ManifestName {
    /// By a tag.
    Tag(Tag),
    /// By its digest.
    Digest(Digest),
}

/// A manifest that a repository has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// Its digest.
    pub digest: Digest,
    /// What it was pushed as.
    pub media_type: String,
}

/// What was stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PutManifest {
    /// Its digest.
    pub digest: Digest,
    /// The digest of the manifest that it is about.
    pub subject: Option<Digest>,
}

impl Space {
    /// Stores a manifest or index in a repository, announced as this media type.
    ///
    /// # Errors
    /// [`ManifestError`]: it is none, needs what is not here, or was not stored.
    pub async fn put_manifest(
        &self,
        repository: &Repository,
        name: &ManifestName,
        announced: &str,
        bytes: Bytes,
    ) -> Result<PutManifest, ManifestError> {
        if !media_type::is_document(announced) {
            return Err(ManifestError::MediaType {
                media_type: announced.into(),
            });
        }
        let document = Document::parse(&bytes, Some(announced)).map_err(ManifestError::Document)?;
        let digest = match name {
            ManifestName::Digest(digest) => *digest,
            ManifestName::Tag(_) => Digest::of(&bytes),
        };
        self.check_children(repository, &document).await?;
        let length_bytes = bytes.len() as u64;
        self.put(digest, source_of(bytes)).await?;
        self.link(repository, digest, announced, &document).await?;
        if let Some(subject) = document.subject() {
            let descriptor = described(&document, announced, digest, length_bytes);
            self.put_referrer(repository, &subject.digest, &descriptor)
                .await?;
        }
        if let ManifestName::Tag(tag) = name {
            let manifest = Manifest {
                digest,
                media_type: announced.into(),
            };
            self.put_tag(repository, tag, &manifest).await?;
        }
        Ok(PutManifest {
            digest,
            subject: document.subject().map(|subject| subject.digest),
        })
    }

    /// Makes it a manifest of the repository, and sees that nothing it needs was deleted meanwhile.
    async fn link(
        &self,
        repository: &Repository,
        digest: Digest,
        announced: &str,
        document: &Document,
    ) -> Result<(), ManifestError> {
        let link = place::manifest(self.name_space(), repository, &digest);
        let had = present(self.store().head(&link).await)?.is_some();
        let payload = PutPayload::from(announced.to_owned());
        self.store().put(&link, payload).await?;
        // From now on a collection sees it. One that looked before has said what it will delete.
        let condemned = self.condemned().await?;
        let needed = document.children().map(|child| child.digest);
        let doomed = needed
            .chain([digest])
            .find(|digest| condemned.contains(digest));
        let checked = match doomed {
            Some(digest) => Err(ManifestError::Needs { digest }),
            None => self.check_children(repository, document).await,
        };
        if checked.is_err() && !had {
            present(self.store().delete(&link).await)?;
        }
        checked
    }

    async fn check_children(
        &self,
        repository: &Repository,
        document: &Document,
    ) -> Result<(), ManifestError> {
        let children: Vec<Descriptor> = document.children().cloned().collect();
        let is_index = matches!(document, Document::Index(_));
        let repository = Arc::new(repository.clone());
        stream::iter(children.into_iter().map(|child| {
            let repository = Arc::clone(&repository);
            async move {
                let needs = ManifestError::Needs {
                    digest: child.digest,
                };
                if is_index && self.linked(&repository, &child.digest).await?.is_none() {
                    return Err(needs);
                }
                match self.size(&child.digest).await? {
                    None => Err(needs),
                    Some(found_bytes) if found_bytes != child.size => Err(ManifestError::Size {
                        digest: child.digest,
                        said_bytes: child.size,
                        found_bytes,
                    }),
                    Some(_) => Ok(()),
                }
            }
        }))
        .buffer_unordered(PARALLEL_CHECKS)
        .try_collect()
        .await
    }

    /// Which manifest has this name.
    ///
    /// # Errors
    /// [`ManifestError::Missing`], or the store failed.
    pub async fn resolve(
        &self,
        repository: &Repository,
        name: &ManifestName,
    ) -> Result<Manifest, ManifestError> {
        match name {
            ManifestName::Tag(tag) => self
                .tag(repository, tag)
                .await?
                .ok_or(ManifestError::Missing),
            ManifestName::Digest(digest) => {
                let media_type = self.linked(repository, digest).await?;
                Ok(Manifest {
                    digest: *digest,
                    media_type: media_type.ok_or(ManifestError::Missing)?,
                })
            }
        }
    }

    /// Its bytes.
    ///
    /// # Errors
    /// [`ManifestError::Missing`], or the store failed.
    pub async fn manifest_bytes(&self, manifest: &Manifest) -> Result<Bytes, ManifestError> {
        Ok(self
            .read_whole(&manifest.digest, DOCUMENT_BYTES_MAX)
            .await?)
    }

    /// Removes a tag, or a manifest with all its tags. Its bytes stay until nothing needs them.
    ///
    /// # Errors
    /// [`ManifestError::Missing`], or the store failed.
    pub async fn delete_manifest(
        &self,
        repository: &Repository,
        name: &ManifestName,
    ) -> Result<(), ManifestError> {
        let digest = match name {
            ManifestName::Tag(tag) => {
                self.resolve(repository, name).await?;
                let path = place::tag(self.name_space(), repository, tag);
                present(self.store().delete(&path).await)?;
                return Ok(());
            }
            ManifestName::Digest(digest) => *digest,
        };
        let manifest = self.resolve(repository, name).await?;
        for (tag, named) in self.tags_and_digests(repository).await? {
            if named == digest {
                let path = place::tag(self.name_space(), repository, &tag);
                present(self.store().delete(&path).await)?;
            }
        }
        self.forget_referrer(repository, &manifest).await?;
        let link = place::manifest(self.name_space(), repository, &digest);
        present(self.store().delete(&link).await)?;
        Ok(())
    }

    async fn forget_referrer(
        &self,
        repository: &Repository,
        manifest: &Manifest,
    ) -> Result<(), ManifestError> {
        let bytes = match self.manifest_bytes(manifest).await {
            Ok(bytes) => bytes,
            Err(ManifestError::Missing) => return Ok(()),
            Err(error) => return Err(error),
        };
        let document = Document::parse(&bytes, Some(&manifest.media_type));
        let subject = document
            .ok()
            .and_then(|document| document.subject().map(|subject| subject.digest));
        if let Some(subject) = subject {
            let path = place::referrer(self.name_space(), repository, &subject, &manifest.digest);
            present(self.store().delete(&path).await)?;
        }
        Ok(())
    }

    /// The media type of a manifest, if the repository has it.
    pub(crate) async fn linked(
        &self,
        repository: &Repository,
        digest: &Digest,
    ) -> Result<Option<String>, BlobError> {
        let path = place::manifest(self.name_space(), repository, digest);
        match present(self.store().get(&path).await)? {
            Some(found) => Ok(Some(text(&found.bytes().await?))),
            None => Ok(None),
        }
    }
}

/// Why a manifest of this many bytes is not even read.
pub(crate) const fn too_large() -> ManifestError {
    ManifestError::Document(DocumentError::TooLarge {
        bytes_max: DOCUMENT_BYTES_MAX,
    })
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// How a list of referrers describes a manifest (distribution specification, listing referrers).
fn described(document: &Document, announced: &str, digest: Digest, size: u64) -> Descriptor {
    let (artifact_type, annotations) = match document {
        Document::Manifest(manifest) => (
            manifest
                .artifact_type
                .clone()
                .or_else(|| Some(manifest.config.media_type.clone())),
            manifest.annotations.clone(),
        ),
        Document::Index(index) => (index.artifact_type.clone(), index.annotations.clone()),
    };
    Descriptor {
        artifact_type,
        annotations,
        ..Descriptor::new(announced, digest, size)
    }
}
