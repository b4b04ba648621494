//! What refers to a manifest: asked of the registry, or read from the tag that stands in where it cannot tell.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::fault::RegistryError;
use super::http::{Head, Method, Outgoing};
use super::operation::{Call, Taking};
use super::place::{Place, fallback_tag};
use super::url::Url;
use super::{REFERRER_PAGES_MAX, check, said};
use crate::descriptor::Descriptor;
use crate::digest::Digest;
use crate::document::{DOCUMENT_BYTES_MAX, Document, Index};
use crate::media_type;

/// A list that is being asked for.
pub(super) struct Listing {
    place: Place,
    subject: Digest,
    artifact_type: Option<String>,
    found_max: usize,
    stage: Stage,
    found: Vec<Descriptor>,
}

enum Stage {
    Page { url: Option<Url>, pages: u32 },
    Fallback,
    Done,
}

impl Listing {
    pub(super) const fn new(
        place: Place,
        subject: Digest,
        artifact_type: Option<String>,
        found_max: usize,
    ) -> Self {
        Self {
            place,
            subject,
            artifact_type,
            found_max,
            stage: Stage::Page {
                url: None,
                pages: 0,
            },
            found: Vec::new(),
        }
    }

    pub(super) fn found(&mut self) -> Vec<Descriptor> {
        core::mem::take(&mut self.found)
    }

    fn what(&self) -> String {
        format!("list of what refers to {}", self.subject)
    }

    /// The next question; none when all is known.
    pub(super) fn want(&self) -> Result<Option<Call>, RegistryError> {
        match &self.stage {
            Stage::Done => Ok(None),
            Stage::Fallback => {
                let tag = fallback_tag(&self.subject);
                self.place.manifest(Method::Get, &tag).map(Some)
            }
            Stage::Page { url, .. } => Ok(Some(Call {
                method: Method::Get,
                url: match url {
                    Some(url) => url.clone(),
                    None => self
                        .place
                        .referrers(&self.subject, self.artifact_type.as_deref())?,
                },
                headers: alloc::vec![("accept", media_type::INDEX.into())],
                body: Outgoing::Nothing,
                what: self.what(),
            })),
        }
    }

    pub(super) const fn begin() -> Taking {
        Taking::Collect {
            bytes_max: DOCUMENT_BYTES_MAX,
        }
    }

    pub(super) fn answer(&mut self, head: &Head, body: &[u8]) -> Result<(), RegistryError> {
        match (&self.stage, head.status) {
            (Stage::Done, _) => Ok(()),
            (Stage::Page { .. }, 200) => self.page(head, body),
            // Older registries do not know the question, and say so in many ways.
            (Stage::Page { .. }, 400..=599) => {
                self.stage = Stage::Fallback;
                Ok(())
            }
            (Stage::Fallback, 200) => {
                let what = self.place.manifest_name(&fallback_tag(&self.subject));
                match check::document(&what, head, body, None, None)?.1 {
                    Document::Index(index) => self.collect(index),
                    // Somebody's image that happens to have this tag.
                    Document::Manifest(_) => {}
                }
                self.stage = Stage::Done;
                Ok(())
            }
            (Stage::Fallback, 404) => {
                self.stage = Stage::Done;
                Ok(())
            }
            _ => Err(check::refusal(&self.place.target, &self.what(), head, body)),
        }
    }

    fn page(&mut self, head: &Head, body: &[u8]) -> Result<(), RegistryError> {
        let fail = |error| RegistryError::Document {
            what: self.what(),
            error,
        };
        // Some answer what they do not know with a page for people.
        let is_html = head.media_type().as_deref() == Some("text/html");
        if is_html || body.trim_ascii_start().starts_with(b"<") {
            self.stage = Stage::Fallback;
            return Ok(());
        }
        match Document::parse(body, Some(media_type::INDEX)).map_err(fail)? {
            Document::Index(index) => self.collect(index),
            Document::Manifest(_) => {}
        }
        self.stage = match (&self.stage, self.next_page(head)?) {
            (Stage::Page { pages, .. }, Some(url))
                if pages + 1 < REFERRER_PAGES_MAX && self.found.len() < self.found_max =>
            {
                Stage::Page {
                    url: Some(url),
                    pages: pages + 1,
                }
            }
            _ => Stage::Done,
        };
        Ok(())
    }

    /// `Link: <URL>; rel="next"` (RFC 8288), inside the same registry.
    fn next_page(&self, head: &Head) -> Result<Option<Url>, RegistryError> {
        let next = head.values("link").find_map(|link| {
            let (url, parameters) = link.trim().strip_prefix('<')?.split_once('>')?;
            parameters
                .split(';')
                .any(|parameter| matches!(parameter.trim(), r#"rel="next""# | "rel=next"))
                .then_some(url)
        });
        let Some(next) = next else { return Ok(None) };
        let base = self.place.referrers(&self.subject, None)?;
        match base.join(next) {
            Ok(url) if url.origin() == base.origin() => Ok(Some(url)),
            _ => Err(RegistryError::Misbehaves {
                what: self.what(),
                how: format!("its next page is elsewhere, {}", said::printable(next)),
            }),
        }
    }

    fn collect(&mut self, index: Index) {
        for entry in index.manifests {
            let is_wanted =
                self.artifact_type.is_none() || entry.artifact_type == self.artifact_type;
            let is_known = self.found.iter().any(|found| found.digest == entry.digest);
            if is_wanted && !is_known && self.found.len() < self.found_max {
                self.found.push(entry);
            }
        }
    }
}
