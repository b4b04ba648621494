//! An image on its way from a registry into the store.
//!
//! Order: the documents are read and checked, then what refers to the image is fetched, then the caller may refuse, then
//! come the configuration and the layers. Documents enter the store after everything they need, the root last, so that
//! what names the root names a complete image.

use alloc::collections::VecDeque;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::download::{Download, put};
use super::fault::{Fault, RegistryError};
use super::http::{Head, Method};
use super::operation::{Event, Operation, Taking, Verdict, Want};
use super::place::{Place, name_of};
use super::referrers::Listing;
use super::url::Target;
use super::{NESTING_MAX, SIGNATURE_BYTES_MAX, SIGNATURES_MAX, check};
use crate::descriptor::{Descriptor, Platform};
use crate::document::{DOCUMENT_BYTES_MAX, Document};
use crate::media_type;
use crate::reference::Reference;
use crate::store::BlobStore;

/// Blobs of a signature at most; those of the Notary Project have two.
const SIGNATURE_BLOBS_MAX: usize = 8;

/// What a reference led to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// What the reference points at: a manifest, or an index.
    pub root: Descriptor,
    /// The manifest to run.
    pub manifest: Descriptor,
    /// The signatures of the root, which are in the store.
    pub signatures: Vec<Descriptor>,
}

/// Pulls an image.
pub struct Pull<'a, S: BlobStore> {
    place: Place,
    reference: Reference,
    preferred: Vec<Platform>,
    store: &'a S,
    stage: Stage,
    /// Root first.
    documents: Vec<(Descriptor, Vec<u8>)>,
    blobs: VecDeque<Descriptor>,
    download: Option<Download<'a, S>>,
    signatures_left: VecDeque<Descriptor>,
    signatures: Vec<Descriptor>,
    events: Vec<Event>,
    has_progressed: bool,
}

enum Stage {
    /// A manifest or index; the root if nothing is known of it.
    Document(Option<Descriptor>),
    Listing(Listing),
    NextSignature,
    SignatureManifest(Descriptor),
    SignatureBlobs(Descriptor, Vec<u8>),
    Check,
    ImageBlobs,
    Done,
}

impl<'a, S: BlobStore> Pull<'a, S> {
    /// Pulls from this registry, which may be a mirror of the one that the reference names.
    pub fn new(
        target: Target,
        reference: &Reference,
        preferred: &[Platform],
        store: &'a S,
    ) -> Self {
        Self {
            place: Place::new(target, reference),
            reference: reference.clone(),
            preferred: preferred.to_vec(),
            store,
            stage: Stage::Document(None),
            documents: Vec::new(),
            blobs: VecDeque::new(),
            download: None,
            signatures_left: VecDeque::new(),
            signatures: Vec::new(),
            events: Vec::new(),
            has_progressed: false,
        }
    }

    /// What the reference led to, once that is known.
    #[must_use]
    pub fn found(&self) -> Option<Found> {
        let (root, _) = self.documents.first()?;
        let (manifest, _) = self.documents.last()?;
        Some(Found {
            root: root.clone(),
            manifest: manifest.clone(),
            signatures: self.signatures.clone(),
        })
    }

    fn document_name(&self, expected: Option<&Descriptor>) -> String {
        match expected {
            Some(expected) => format!("{}", expected.digest),
            None => name_of(&self.reference),
        }
    }

    /// Takes a document of the image, and goes down to its child or on to the signatures.
    fn document(
        &mut self,
        expected: Option<&Descriptor>,
        head: &Head,
        body: &[u8],
    ) -> Result<(), RegistryError> {
        let what = self.place.manifest_name(&self.document_name(expected));
        let digest = self.reference.digest();
        let (descriptor, document) = check::document(&what, head, body, expected, digest)?;
        let index_digest = descriptor.digest;
        self.documents.push((descriptor, body.to_vec()));
        match document {
            Document::Index(index) => {
                if self.documents.len() > NESTING_MAX {
                    return Err(RegistryError::TooDeep);
                }
                let chosen = index.choose(&self.preferred).cloned();
                let chosen = chosen.ok_or(RegistryError::NoMatch {
                    index: index_digest,
                })?;
                self.stage = Stage::Document(Some(chosen));
            }
            Document::Manifest(_) => {
                let root = self
                    .documents
                    .first()
                    .map_or(index_digest, |root| root.0.digest);
                self.stage = Stage::Listing(Listing::new(
                    self.place.clone(),
                    root,
                    Some(media_type::NOTARY_SIGNATURE.into()),
                    SIGNATURES_MAX,
                ));
            }
        }
        Ok(())
    }

    /// Takes the manifest of a signature. The blobs of the image wait in [`Self::documents`] meanwhile.
    fn signature(
        &mut self,
        expected: &Descriptor,
        head: &Head,
        body: &[u8],
    ) -> Result<(), RegistryError> {
        let what = format!("signature {}", expected.digest);
        let (_, document) = check::document(&what, head, body, Some(expected), None)?;
        let root = self.documents.first().map(|root| root.0.digest);
        let subject = document.subject().map(|subject| subject.digest);
        let misbehaves = |how: &str| RegistryError::Misbehaves {
            what: what.clone(),
            how: how.into(),
        };
        if subject.is_none() || subject != root {
            return Err(misbehaves("it is about another image"));
        }
        if matches!(document, Document::Index(_)) {
            return Err(misbehaves("it is an index"));
        }
        let blobs = distinct(document.children());
        let is_small = blobs.iter().all(|blob| blob.size <= SIGNATURE_BYTES_MAX);
        if blobs.len() > SIGNATURE_BLOBS_MAX || !is_small {
            return Err(RegistryError::TooLarge {
                what,
                bytes_max: SIGNATURE_BYTES_MAX,
            });
        }
        // The image's own blobs come again from its manifest.
        self.blobs = blobs;
        self.stage = Stage::SignatureBlobs(expected.clone(), body.to_vec());
        Ok(())
    }

    /// The next request for a blob; none when all are there.
    fn next_blob(&mut self) -> Result<Option<Want>, Fault<S::Error>> {
        loop {
            if let Some(download) = &mut self.download {
                if !download.is_full() {
                    return Ok(Some(Want::Call(download.want()?)));
                }
                if download.finish(&mut self.events)? {
                    self.has_progressed = true;
                    self.download = None;
                }
                continue;
            }
            let Some(blob) = self.blobs.pop_front() else {
                return Ok(None);
            };
            self.download = Download::start(&self.place, self.store, &blob, &mut self.events)?;
        }
    }

    fn image_blobs(&self) -> VecDeque<Descriptor> {
        let manifest = self.documents.last();
        manifest
            .and_then(|(descriptor, bytes)| {
                Document::parse(bytes, Some(&descriptor.media_type)).ok()
            })
            .map(|document| distinct(document.children()))
            .unwrap_or_default()
    }

    fn skip_signature(&mut self, digest: &crate::digest::Digest, reason: &str) {
        let note = format!("signature {digest} is left out: {reason}");
        self.events.push(Event::Note(note));
        self.download = None;
        self.blobs.clear();
        self.stage = Stage::NextSignature;
    }

    /// Makes one step that needs no answer; `Some` if one is needed.
    fn step(&mut self) -> Result<Option<Want>, Fault<S::Error>> {
        match &self.stage {
            Stage::Document(expected) => {
                let name = self.document_name(expected.as_ref());
                let call = self.place.manifest(Method::Get, &name)?;
                Ok(Some(Want::Call(call)))
            }
            Stage::Listing(listing) => match listing.want()? {
                Some(call) => Ok(Some(Want::Call(call))),
                None => {
                    if let Stage::Listing(listing) = &mut self.stage {
                        self.signatures_left = listing.found().into();
                    }
                    self.stage = Stage::NextSignature;
                    Ok(None)
                }
            },
            Stage::NextSignature => {
                match self.signatures_left.pop_front() {
                    Some(next) if next.size > SIGNATURE_BYTES_MAX => {
                        self.skip_signature(&next.digest, "it is too large");
                    }
                    Some(next) => self.stage = Stage::SignatureManifest(next),
                    None => self.stage = Stage::Check,
                }
                Ok(None)
            }
            Stage::SignatureManifest(next) => {
                let name = format!("{}", next.digest);
                let call = self.place.manifest(Method::Get, &name)?;
                Ok(Some(Want::Call(call)))
            }
            Stage::Check => {
                self.blobs = self.image_blobs();
                self.stage = Stage::ImageBlobs;
                Ok(self.found().map(Want::Check))
            }
            Stage::SignatureBlobs(..) => {
                if let Some(want) = self.next_blob()? {
                    return Ok(Some(want));
                }
                if let Stage::SignatureBlobs(descriptor, bytes) =
                    core::mem::replace(&mut self.stage, Stage::NextSignature)
                {
                    put(self.store, &descriptor, &bytes)?;
                    self.signatures.push(descriptor);
                }
                Ok(None)
            }
            Stage::ImageBlobs => {
                if let Some(want) = self.next_blob()? {
                    return Ok(Some(want));
                }
                for (descriptor, bytes) in self.documents.iter().rev() {
                    put(self.store, descriptor, bytes)?;
                }
                self.stage = Stage::Done;
                Ok(None)
            }
            Stage::Done => Ok(Some(Want::Done)),
        }
    }
}

/// Each blob once, in the order in which they are named.
fn distinct<'d>(blobs: impl Iterator<Item = &'d Descriptor>) -> VecDeque<Descriptor> {
    let mut distinct: VecDeque<Descriptor> = VecDeque::new();
    for blob in blobs {
        if !distinct.iter().any(|known| known.digest == blob.digest) {
            distinct.push_back(blob.clone());
        }
    }
    distinct
}

impl<S: BlobStore> Operation for Pull<'_, S> {
    type StoreError = S::Error;

    fn want(&mut self) -> Result<Want, Fault<S::Error>> {
        loop {
            match self.step() {
                Ok(Some(want)) => return Ok(want),
                Ok(None) => {}
                Err(Fault::Registry(error)) if self.recover(&error) => {}
                Err(fault) => return Err(fault),
            }
        }
    }

    fn begin(&mut self, head: &Head) -> Result<Taking, Fault<S::Error>> {
        match (&self.stage, &mut self.download) {
            (Stage::SignatureManifest(_), _) => Ok(Taking::Collect {
                bytes_max: SIGNATURE_BYTES_MAX,
            }),
            (_, Some(download)) => download.begin(head, &mut self.events),
            _ => Ok(Taking::Collect {
                bytes_max: DOCUMENT_BYTES_MAX,
            }),
        }
    }

    fn piece(&mut self, bytes: &[u8]) -> Result<(), Fault<S::Error>> {
        match &mut self.download {
            Some(download) => download.piece(bytes, &mut self.events),
            None => Ok(()),
        }
    }

    fn answer(&mut self, head: &Head, body: &[u8]) -> Result<Verdict, Fault<S::Error>> {
        if let Some(download) = &mut self.download {
            return download.answer(head, body, &mut self.events);
        }
        if let Stage::Listing(listing) = &mut self.stage {
            listing.answer(head, body)?;
            self.has_progressed = true;
            return Ok(Verdict::Next);
        }
        let (expected, is_signature) = match &self.stage {
            Stage::Document(expected) => (expected.clone(), false),
            Stage::SignatureManifest(expected) => (Some(expected.clone()), true),
            _ => return Ok(Verdict::Next),
        };
        if head.status != 200 {
            let name = self.document_name(expected.as_ref());
            let what = self.place.manifest_name(&name);
            return Err(check::refusal(&self.place.target, &what, head, body).into());
        }
        match (&expected, is_signature) {
            (Some(expected), true) => self.signature(expected, head, body)?,
            (expected, _) => self.document(expected.as_ref(), head, body)?,
        }
        self.has_progressed = true;
        Ok(Verdict::Next)
    }

    fn progressed(&mut self) -> bool {
        let download = self.download.as_mut();
        let has_moved = download.is_some_and(Download::progressed);
        core::mem::take(&mut self.has_progressed) || has_moved
    }

    fn recover(&mut self, error: &RegistryError) -> bool {
        let digest = match &self.stage {
            Stage::SignatureManifest(signature) | Stage::SignatureBlobs(signature, _) => {
                signature.digest
            }
            _ => return false,
        };
        // A signature that is not good must not keep an image from those who do not ask for any.
        let is_its_fault = matches!(
            error,
            RegistryError::NotFound { .. }
                | RegistryError::Document { .. }
                | RegistryError::Digest { .. }
                | RegistryError::Length { .. }
                | RegistryError::TooLarge { .. }
                | RegistryError::Misbehaves { .. }
        );
        if is_its_fault {
            self.skip_signature(&digest, &format!("{error}"));
        }
        is_its_fault
    }

    fn events(&mut self) -> Vec<Event> {
        core::mem::take(&mut self.events)
    }
}
