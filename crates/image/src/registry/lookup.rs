//! Small questions: what a reference points at, what refers to a manifest, whether credentials are right.

use alloc::format;
use alloc::vec::Vec;
use core::convert::Infallible;

use super::fault::{Fault, RegistryError};
use super::http::{Head, Method, Outgoing};
use super::operation::{Call, Operation, Taking, Verdict, Want};
use super::place::{Place, name_of};
use super::referrers::Listing;
use super::url::Target;
use super::{ERROR_BYTES_MAX, check};
use crate::descriptor::Descriptor;
use crate::digest::Digest;
use crate::document::DOCUMENT_BYTES_MAX;
use crate::reference::Reference;

/// Referrers that are listed at most.
const LISTED_MAX: usize = 1024;

/// Asks what a reference points at now.
pub struct Resolve {
    place: Place,
    reference: Reference,
    stage: ResolveStage,
    has_progressed: bool,
}

enum ResolveStage {
    Head,
    Get,
    Done(Descriptor),
}

impl Resolve {
    /// Asks this registry, which may be a mirror of the one that the reference names.
    #[must_use]
    pub fn new(target: Target, reference: &Reference) -> Self {
        Self {
            place: Place::new(target, reference),
            reference: reference.clone(),
            stage: ResolveStage::Head,
            has_progressed: false,
        }
    }

    /// What it points at, once that is known.
    #[must_use]
    pub const fn found(&self) -> Option<&Descriptor> {
        match &self.stage {
            ResolveStage::Done(descriptor) => Some(descriptor),
            ResolveStage::Head | ResolveStage::Get => None,
        }
    }

    /// What a head alone says, if it says everything.
    fn described(&self, what: &str, head: &Head) -> Result<Option<Descriptor>, RegistryError> {
        let digest = check::announced_digest(what, head)?;
        let size = head.content_length().flatten();
        let media_type = check::announced(head).ok().flatten();
        let (Some(digest), Some(size), Some(media_type)) = (digest, size, media_type) else {
            return Ok(None);
        };
        match self.reference.digest() {
            Some(expected) if *expected != digest => Err(RegistryError::Digest {
                what: what.into(),
                expected: *expected,
                found: digest,
            }),
            _ if size > DOCUMENT_BYTES_MAX || size == 0 => Ok(None),
            _ => Ok(Some(Descriptor::new(&media_type, digest, size))),
        }
    }
}

impl Operation for Resolve {
    type StoreError = Infallible;

    fn want(&mut self) -> Result<Want, Fault<Infallible>> {
        let method = match self.stage {
            ResolveStage::Head => Method::Head,
            ResolveStage::Get => Method::Get,
            ResolveStage::Done(_) => return Ok(Want::Done),
        };
        let name = name_of(&self.reference);
        Ok(Want::Call(self.place.manifest(method, &name)?))
    }

    fn begin(&mut self, _head: &Head) -> Result<Taking, Fault<Infallible>> {
        Ok(Taking::Collect {
            bytes_max: DOCUMENT_BYTES_MAX,
        })
    }

    fn answer(&mut self, head: &Head, body: &[u8]) -> Result<Verdict, Fault<Infallible>> {
        let what = self.place.manifest_name(&name_of(&self.reference));
        self.has_progressed = true;
        self.stage = match (&self.stage, head.status) {
            (ResolveStage::Head, 200) => match self.described(&what, head)? {
                Some(descriptor) => ResolveStage::Done(descriptor),
                None => ResolveStage::Get,
            },
            // A head has no room to say why not.
            (ResolveStage::Head, _) => ResolveStage::Get,
            (_, 200) => {
                let digest = self.reference.digest();
                ResolveStage::Done(check::document(&what, head, body, None, digest)?.0)
            }
            _ => return Err(check::refusal(&self.place.target, &what, head, body).into()),
        };
        Ok(Verdict::Next)
    }

    fn progressed(&mut self) -> bool {
        core::mem::take(&mut self.has_progressed)
    }
}

/// Asks what refers to a manifest.
pub struct ListReferrers {
    listing: Listing,
    found: Option<Vec<Descriptor>>,
    has_progressed: bool,
}

impl ListReferrers {
    /// Asks this registry for everything, or for what has this artifact type.
    #[must_use]
    pub fn new(
        target: Target,
        reference: &Reference,
        subject: Digest,
        artifact_type: Option<&str>,
    ) -> Self {
        let place = Place::new(target, reference);
        let artifact_type = artifact_type.map(Into::into);
        Self {
            listing: Listing::new(place, subject, artifact_type, LISTED_MAX),
            found: None,
            has_progressed: false,
        }
    }

    /// What it found, once that is known.
    #[must_use]
    pub fn found(&self) -> &[Descriptor] {
        self.found.as_deref().unwrap_or_default()
    }
}

impl Operation for ListReferrers {
    type StoreError = Infallible;

    fn want(&mut self) -> Result<Want, Fault<Infallible>> {
        Ok(match self.listing.want()? {
            Some(call) => Want::Call(call),
            None => {
                self.found.get_or_insert_with(|| self.listing.found());
                Want::Done
            }
        })
    }

    fn begin(&mut self, _head: &Head) -> Result<Taking, Fault<Infallible>> {
        Ok(Listing::begin())
    }

    fn answer(&mut self, head: &Head, body: &[u8]) -> Result<Verdict, Fault<Infallible>> {
        self.listing.answer(head, body)?;
        self.has_progressed = true;
        Ok(Verdict::Next)
    }

    fn progressed(&mut self) -> bool {
        core::mem::take(&mut self.has_progressed)
    }
}

/// Asks whether a registry accepts credentials.
pub struct SignIn {
    target: Target,
    is_done: bool,
}

impl SignIn {
    /// Asks this registry.
    #[must_use]
    pub const fn new(target: Target) -> Self {
        Self {
            target,
            is_done: false,
        }
    }
}

impl Operation for SignIn {
    type StoreError = Infallible;

    fn want(&mut self) -> Result<Want, Fault<Infallible>> {
        if self.is_done {
            return Ok(Want::Done);
        }
        let url = self
            .target
            .url("/v2/")
            .map_err(|error| RegistryError::Address {
                registry: self.target.registry.clone(),
                error,
            })?;
        Ok(Want::Call(Call {
            method: Method::Get,
            url,
            headers: Vec::new(),
            body: Outgoing::Nothing,
            what: format!("the sign-in at {}", self.target.registry),
        }))
    }

    fn begin(&mut self, _head: &Head) -> Result<Taking, Fault<Infallible>> {
        Ok(Taking::Collect {
            bytes_max: ERROR_BYTES_MAX,
        })
    }

    fn answer(&mut self, head: &Head, body: &[u8]) -> Result<Verdict, Fault<Infallible>> {
        let what = format!("sign-in at {}", self.target.registry);
        match head.status {
            200 if body.trim_ascii_start().starts_with(b"<") => Err(RegistryError::Misbehaves {
                what,
                how: "a web page answers where a registry should".into(),
            }
            .into()),
            200..=299 => {
                self.is_done = true;
                Ok(Verdict::Next)
            }
            404 => Err(RegistryError::Misbehaves {
                what,
                how: "there is no registry of the current protocol".into(),
            }
            .into()),
            _ => Err(check::refusal(&self.target, &what, head, body).into()),
        }
    }

    fn progressed(&mut self) -> bool {
        false
    }
}
