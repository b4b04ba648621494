//! An image on its way from the store to a registry: blobs first, then manifests, the one with the tag last, then what
//! refers to it.

use alloc::collections::VecDeque;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::attach::Attach;
use super::fault::{Fault, RegistryError};
use super::http::{Head, Method, Outgoing};
use super::operation::{Call, Event, Operation, Taking, Verdict, Want};
use super::place::{Place, name_of};
use super::upload::Upload;
use super::url::Target;
use super::{ERROR_BYTES_MAX, NESTING_MAX, PUSHED_DOCUMENTS_MAX, check};
use crate::descriptor::Descriptor;
use crate::digest::Digest;
use crate::document::{DOCUMENT_BYTES_MAX, Document};
use crate::media_type;
use crate::reference::Reference;
use crate::store::BlobStore;

/// What is pushed, and where to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// The manifest or index that gets the tag; without it only referrers are pushed.
    pub root: Option<Descriptor>,
    /// Manifests that refer to it, signatures for example.
    pub referrers: Vec<Descriptor>,
    /// Under which name.
    pub to: Reference,
    /// Other repositories of the registry that may have its blobs.
    pub mount_from: Vec<String>,
}

/// Pushes an image, what refers to it, or both.
pub struct Push<'a, S: BlobStore> {
    place: Place,
    delivery: Delivery,
    store: &'a S,
    is_planned: bool,
    jobs: VecDeque<Job>,
    current: Option<Work>,
    events: Vec<Event>,
    has_progressed: bool,
}

enum Job {
    Blob(Descriptor),
    /// A manifest of an index that is not on this device.
    Expect(Descriptor),
    Document {
        document: Descriptor,
        name: String,
    },
}

enum Work {
    Upload(Upload),
    Expect(Descriptor),
    Document {
        document: Descriptor,
        name: String,
        bytes: Vec<u8>,
    },
    Attach(Attach),
}

/// What has been planned already.
#[derive(Default)]
struct Seen {
    blobs: alloc::collections::BTreeSet<Digest>,
    documents: alloc::collections::BTreeSet<Digest>,
}

impl<'a, S: BlobStore> Push<'a, S> {
    /// Pushes from this store to this registry.
    #[must_use]
    pub fn new(target: Target, delivery: Delivery, store: &'a S) -> Self {
        Self {
            place: Place::new(target, &delivery.to),
            delivery,
            store,
            is_planned: false,
            jobs: VecDeque::new(),
            current: None,
            events: Vec::new(),
            has_progressed: false,
        }
    }

    fn plan(&mut self) -> Result<(), Fault<S::Error>> {
        let mut seen = Seen::default();
        if let Some(root) = self.delivery.root.clone() {
            if let Some(digest) = self.delivery.to.digest()
                && *digest != root.digest
            {
                return Err(unpushable(format!(
                    "it has digest {} and cannot be pushed as {digest}",
                    root.digest
                )));
            }
            let name = match self.delivery.to.tag() {
                Some(tag) => tag.into(),
                None => name_of(&self.delivery.to),
            };
            self.plan_document(&root, name, 0, &mut seen)?;
        }
        for referrer in self.delivery.referrers.clone() {
            let name = format!("{}", referrer.digest);
            self.plan_document(&referrer, name, 0, &mut seen)?;
        }
        Ok(())
    }

    fn plan_document(
        &mut self,
        descriptor: &Descriptor,
        name: String,
        depth: usize,
        seen: &mut Seen,
    ) -> Result<(), Fault<S::Error>> {
        if depth > NESTING_MAX {
            return Err(RegistryError::TooDeep.into());
        }
        if !seen.documents.insert(descriptor.digest) {
            return Ok(());
        }
        if seen.documents.len() > PUSHED_DOCUMENTS_MAX {
            return Err(unpushable(format!(
                "it has more than {PUSHED_DOCUMENTS_MAX} manifests"
            )));
        }
        let (_, document) = self.read(descriptor)?;
        let is_index = matches!(document, Document::Index(_));
        for child in document.children() {
            let is_document = is_index && media_type::is_document(&child.media_type);
            if !is_document {
                if seen.blobs.insert(child.digest) {
                    self.jobs.push_back(Job::Blob(child.clone()));
                }
            } else if self.store.read(&child.digest, 0, &mut [0]).is_ok() {
                let name = format!("{}", child.digest);
                self.plan_document(child, name, depth + 1, seen)?;
            } else {
                self.jobs.push_back(Job::Expect(child.clone()));
            }
        }
        let document = descriptor.clone();
        self.jobs.push_back(Job::Document { document, name });
        Ok(())
    }

    /// Reads a document from the store and checks it: the registry gets nothing else than what its digest says.
    fn read(&self, descriptor: &Descriptor) -> Result<(Vec<u8>, Document), Fault<S::Error>> {
        let what = format!("manifest {}", descriptor.digest);
        if descriptor.size > DOCUMENT_BYTES_MAX {
            return Err(RegistryError::TooLarge {
                what,
                bytes_max: DOCUMENT_BYTES_MAX,
            }
            .into());
        }
        let size = usize::try_from(descriptor.size).unwrap_or_default();
        let mut bytes = alloc::vec![0; size];
        let mut at = 0;
        while let Some(rest) = bytes.get_mut(at..).filter(|rest| !rest.is_empty()) {
            let read = self.store.read(&descriptor.digest, at as u64, rest);
            match read.map_err(Fault::Store)? {
                0 => break,
                count => at += count,
            }
        }
        let found = Digest::of(bytes.get(..at).unwrap_or_default());
        if found != descriptor.digest {
            return Err(unpushable(format!(
                "{what} is damaged on this device, its digest is {found}"
            )));
        }
        let document = Document::parse(&bytes, Some(&descriptor.media_type))
            .map_err(|error| unpushable(format!("{what} cannot be used: {error}")))?;
        Ok((bytes, document))
    }

    fn start(&self, job: Job) -> Result<Work, Fault<S::Error>> {
        Ok(match job {
            Job::Blob(blob) => {
                Work::Upload(Upload::new(&self.place, &blob, &self.delivery.mount_from))
            }
            Job::Expect(document) => Work::Expect(document),
            Job::Document { document, name } => Work::Document {
                bytes: self.read(&document)?.0,
                document,
                name,
            },
        })
    }

    fn call(&self, work: &Work) -> Result<Call, RegistryError> {
        match work {
            Work::Upload(upload) => upload.want(),
            Work::Attach(attach) => attach.want(),
            Work::Expect(document) => {
                let name = format!("{}", document.digest);
                self.place.manifest(Method::Head, &name)
            }
            Work::Document {
                document,
                name,
                bytes,
            } => Ok(Call {
                method: Method::Put,
                url: self.place.url(&format!("manifests/{name}"))?,
                headers: alloc::vec![("content-type", document.media_type.clone())],
                body: Outgoing::Bytes(bytes.clone()),
                what: self.place.manifest_name(name),
            }),
        }
    }

    /// What is left to do after a manifest was sent: if the registry does not look for subjects, it is told.
    fn document_taken(
        &self,
        document: &Descriptor,
        name: &str,
        bytes: &[u8],
        head: &Head,
        body: &[u8],
    ) -> Result<Option<Work>, RegistryError> {
        let what = self.place.manifest_name(name);
        if !head.is_success() {
            return Err(check::refusal(&self.place.target, &what, head, body));
        }
        if let Some(found) = check::announced_digest(&what, head)?
            && found != document.digest
        {
            return Err(RegistryError::Digest {
                what,
                expected: document.digest,
                found,
            });
        }
        let parsed = Document::parse(bytes, Some(&document.media_type));
        let Some(subject) = parsed.as_ref().ok().and_then(Document::subject) else {
            return Ok(None);
        };
        if head.header("oci-subject").is_some() {
            return Ok(None);
        }
        let mut entry = Descriptor::new(&document.media_type, document.digest, bytes.len() as u64);
        match &parsed {
            Ok(Document::Manifest(manifest)) => {
                let artifact_type = manifest.artifact_type.as_ref();
                let artifact_type = artifact_type.unwrap_or(&manifest.config.media_type);
                entry.artifact_type = Some(artifact_type.clone());
                entry.annotations.clone_from(&manifest.annotations);
            }
            Ok(Document::Index(index)) => {
                entry.artifact_type.clone_from(&index.artifact_type);
                entry.annotations.clone_from(&index.annotations);
            }
            Err(_) => {}
        }
        let attach = Attach::new(&self.place, subject.digest, entry);
        Ok(Some(Work::Attach(attach)))
    }

    /// Whether a manifest that is not here is at the registry.
    fn expected(
        &self,
        document: &Descriptor,
        head: &Head,
        body: &[u8],
    ) -> Result<(), RegistryError> {
        match head.status {
            200..=299 => Ok(()),
            404 => Err(RegistryError::Unpushable {
                reason: format!(
                    "manifest {} of its index is neither on this device nor at the registry; push the manifest for one platform instead, by its digest",
                    document.digest
                ),
            }),
            _ => {
                let what = self.place.manifest_name(&format!("{}", document.digest));
                Err(check::refusal(&self.place.target, &what, head, body))
            }
        }
    }
}

fn unpushable<E>(reason: String) -> Fault<E> {
    Fault::Registry(RegistryError::Unpushable { reason })
}

impl<S: BlobStore> Operation for Push<'_, S> {
    type StoreError = S::Error;

    fn want(&mut self) -> Result<Want, Fault<S::Error>> {
        if !self.is_planned {
            self.plan()?;
            self.is_planned = true;
        }
        let work = match self.current.take() {
            Some(work) => work,
            None => match self.jobs.pop_front() {
                Some(job) => self.start(job)?,
                None => return Ok(Want::Done),
            },
        };
        let call = self.call(&work)?;
        self.current = Some(work);
        Ok(Want::Call(call))
    }

    fn begin(&mut self, _head: &Head) -> Result<Taking, Fault<S::Error>> {
        let bytes_max = match &self.current {
            Some(Work::Attach(_)) => DOCUMENT_BYTES_MAX,
            _ => ERROR_BYTES_MAX,
        };
        Ok(Taking::Collect { bytes_max })
    }

    fn answer(&mut self, head: &Head, body: &[u8]) -> Result<Verdict, Fault<S::Error>> {
        let Some(work) = self.current.take() else {
            return Ok(Verdict::Next);
        };
        match work {
            Work::Upload(mut upload) => {
                let verdict = upload.answer(head, body, &mut self.events)?;
                self.has_progressed |= upload.progressed();
                if !upload.is_done() {
                    self.current = Some(Work::Upload(upload));
                }
                return Ok(verdict);
            }
            Work::Expect(document) => self.expected(&document, head, body)?,
            Work::Document {
                document,
                name,
                bytes,
            } => self.current = self.document_taken(&document, &name, &bytes, head, body)?,
            Work::Attach(mut attach) => {
                attach.answer(head, body)?;
                if !attach.is_done() {
                    self.current = Some(Work::Attach(attach));
                    return Ok(Verdict::Next);
                }
            }
        }
        self.has_progressed = true;
        Ok(Verdict::Next)
    }

    fn interrupted(&mut self) {
        match &mut self.current {
            Some(Work::Upload(upload)) => upload.interrupted(),
            Some(Work::Attach(attach)) => attach.interrupted(),
            _ => {}
        }
    }

    fn progressed(&mut self) -> bool {
        core::mem::take(&mut self.has_progressed)
    }

    fn events(&mut self) -> Vec<Event> {
        core::mem::take(&mut self.events)
    }
}
