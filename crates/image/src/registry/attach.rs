//! Tells a registry that does not look for referrers itself what refers to a manifest: an index under a tag, read,
//! changed and written again.

use alloc::format;
use alloc::vec::Vec;

use super::check;
use super::fault::RegistryError;
use super::http::{Head, Method, Outgoing};
use super::operation::Call;
use super::place::{Place, fallback_tag};
use crate::descriptor::Descriptor;
use crate::digest::Digest;
use crate::document::{Document, INDEX_ENTRIES_MAX, Index};
use crate::media_type;

/// One more entry in the index of what refers to a manifest.
pub(super) struct Attach {
    place: Place,
    subject: Digest,
    entry: Descriptor,
    stage: Stage,
}

enum Stage {
    Read,
    Write(Vec<u8>),
    Done,
}

impl Attach {
    pub(super) fn new(place: &Place, subject: Digest, entry: Descriptor) -> Self {
        Self {
            place: place.clone(),
            subject,
            entry,
            stage: Stage::Read,
        }
    }

    pub(super) const fn is_done(&self) -> bool {
        matches!(self.stage, Stage::Done)
    }

    /// Somebody else may have written in between.
    pub(super) fn interrupted(&mut self) {
        if !self.is_done() {
            self.stage = Stage::Read;
        }
    }

    pub(super) fn want(&self) -> Result<Call, RegistryError> {
        let tag = fallback_tag(&self.subject);
        let Stage::Write(index) = &self.stage else {
            return self.place.manifest(Method::Get, &tag);
        };
        Ok(Call {
            method: Method::Put,
            url: self.place.url(&format!("manifests/{tag}"))?,
            headers: alloc::vec![("content-type", media_type::INDEX.into())],
            body: Outgoing::Bytes(index.clone()),
            what: self.place.manifest_name(&tag),
        })
    }

    pub(super) fn answer(&mut self, head: &Head, body: &[u8]) -> Result<(), RegistryError> {
        let what = self.place.manifest_name(&fallback_tag(&self.subject));
        self.stage = match (&self.stage, head.status) {
            (Stage::Read, 404) => Stage::Write(self.added(Index::default())?),
            (Stage::Read, 200) => match check::document(&what, head, body, None, None)?.1 {
                Document::Index(index) if self.has(&index) => Stage::Done,
                Document::Index(index) => Stage::Write(self.added(index)?),
                Document::Manifest(_) => {
                    return Err(RegistryError::Unpushable {
                        reason: format!(
                            "the tag {} should list what refers to the image, but an image has it",
                            fallback_tag(&self.subject)
                        ),
                    });
                }
            },
            (Stage::Write(_), 200..=299) => Stage::Done,
            _ => return Err(check::refusal(&self.place.target, &what, head, body)),
        };
        Ok(())
    }

    fn has(&self, index: &Index) -> bool {
        index
            .manifests
            .iter()
            .any(|entry| entry.digest == self.entry.digest)
    }

    fn added(&self, mut index: Index) -> Result<Vec<u8>, RegistryError> {
        if index.manifests.len() >= INDEX_ENTRIES_MAX {
            return Err(RegistryError::Unpushable {
                reason: format!("{INDEX_ENTRIES_MAX} manifests refer to the image already"),
            });
        }
        index.manifests.push(self.entry.clone());
        Ok(index.to_json())
    }
}
