//! The images of this machine, for the daemon.

use std::collections::VecDeque;
use std::fs::File;
use std::process::Command;
use std::sync::{Arc, Mutex};

use thimble_daemon::{BlobSink, Hold, ImageFault, Images, OpenedImage};
use thimble_device_api::{ImageIdentity, LoadedImage, PullRequest};
use thimble_image::document::DOCUMENT_BYTES_MAX;
use thimble_image::signature::policy::FILE_SCOPE;
use thimble_image::store::{Admission, BlobStore as _, BlobWriter as _, CommitError};
use thimble_image::{Descriptor, Digest, Document, Reference, media_type};
use thimble_port_linux::images::archive::{self, Limits};
use thimble_port_linux::images::store::{ImageStore, PruneMode, Session, StoreError, Writer};

use crate::failure::{Failure, chain};
use crate::images::opened;
use crate::settings;
use crate::source::{self, Scope, Trouble};
use crate::trust::Trust;

/// Loaded images without a name that are kept until containers are made from them.
const LOADED_MAX: usize = 16;
/// The program's name where an image does not tell one.
const STEM: &str = "container";
/// What a blob is called of which nobody knows what it is.
const BLOB: &str = "application/octet-stream";
/// What an image is called for people.
const TITLE: &str = "org.opencontainers.image.title";

/// The image store of this machine.
pub(super) struct LocalImages {
    store: ImageStore,
    loaded: Mutex<VecDeque<Session>>,
}

impl LocalImages {
    pub(super) fn open() -> Result<Self, Failure> {
        Ok(Self {
            store: opened::open(&settings::read()?)?,
            loaded: Mutex::default(),
        })
    }

    /// The manifest or index of this digest.
    fn root(&self, digest: &Digest) -> Result<Descriptor, ImageFault> {
        let bytes = self
            .store
            .read_verified(digest, DOCUMENT_BYTES_MAX)
            .map_err(|error| fault(&error))?;
        let document = Document::parse(&bytes, None).map_err(|error| ImageFault::Unfit {
            reason: chain(&error),
        })?;
        let media_type = match &document {
            Document::Manifest(manifest) => manifest
                .media_type
                .as_deref()
                .unwrap_or(media_type::MANIFEST),
            Document::Index(index) => index.media_type.as_deref().unwrap_or(media_type::INDEX),
        };
        Ok(Descriptor::of(media_type, &bytes))
    }

    /// The image of this name; or of its digest, under whatever name that is here.
    fn find(&self, name: &Reference) -> Result<Descriptor, ImageFault> {
        if let Some(found) = self.store.find(name).map_err(|error| fault(&error))? {
            return Ok(found);
        }
        let missing = || ImageFault::Missing {
            reason: format!(
                "there is no image {} here; fetch it with `thimble pull`",
                name.familiar()
            ),
        };
        match self.root(name.digest().ok_or_else(missing)?) {
            Err(ImageFault::Missing { .. }) => Err(missing()),
            result => result,
        }
    }

    fn title(&self, root: &Descriptor) -> Option<String> {
        let (_, manifest) = opened::manifest(&self.store, root).ok()?;
        manifest.annotations.get(TITLE).cloned()
    }
}

/// What was asked for: an image by its name, or by its digest alone.
fn named(reference: &str) -> Result<Option<Reference>, ImageFault> {
    if reference.parse::<Digest>().is_ok() {
        return Ok(None);
    }
    reference
        .parse()
        .map(Some)
        .map_err(|error| ImageFault::Unfit {
            reason: format!("{reference:?} is not the name of an image: {error}"),
        })
}

fn digest_of(text: &str) -> Result<Digest, ImageFault> {
    text.parse().map_err(|_| ImageFault::Unfit {
        reason: format!("{text:?} is not a digest"),
    })
}

fn fault(error: &StoreError) -> ImageFault {
    let reason = chain(error);
    match error {
        StoreError::Missing { .. } => ImageFault::Missing {
            reason: format!("{reason}; fetch or load the image again"),
        },
        StoreError::NoRoom { .. } => ImageFault::NoSpace { reason },
        _ => ImageFault::Device { reason },
    }
}

impl Images for LocalImages {
    fn open(&self, reference: &str, digest: Option<&str>) -> Result<OpenedImage, ImageFault> {
        let name = named(reference)?;
        let root = match (digest, &name) {
            (Some(digest), _) => self.root(&digest_of(digest)?)?,
            (None, None) => self.root(&digest_of(reference)?)?,
            (None, Some(name)) => self.find(name)?,
        };
        let trust = Trust::read().map_err(|failure| ImageFault::Device {
            reason: failure.to_string(),
        })?;
        let session = self.store.session().map_err(|error| fault(&error))?;
        let scope = match &name {
            Some(name) => Scope {
                name: name.name(),
                shown: name.familiar(),
                json: false,
            },
            None => Scope {
                name: FILE_SCOPE.to_owned(),
                shown: root.digest.to_string(),
                json: false,
            },
        };
        let (config, module) =
            source::read_stored(&session, &scope, &root, Some(&trust)).map_err(|trouble| {
                match trouble {
                    Trouble::Untrusted(reason) => ImageFault::Untrusted { reason },
                    trouble => ImageFault::Unfit {
                        reason: trouble.to_string(),
                    },
                }
            })?;
        let stem = match &name {
            Some(name) => source::stem(name),
            None => self.title(&root).unwrap_or_else(|| STEM.to_owned()),
        };
        Ok(OpenedImage {
            identity: ImageIdentity {
                reference: scope.shown,
                digest: root.digest.to_string(),
            },
            stem,
            config,
            module,
            hold: Box::new(session),
        })
    }

    fn pin(&self, owner: &str, digest: &str) -> Result<(), ImageFault> {
        self.store
            .pin(owner, &digest_of(digest)?)
            .map_err(|error| fault(&error))
    }

    fn unpin(&self, owner: &str) -> Result<(), ImageFault> {
        self.store
            .unpin(owner)
            .map(|_| ())
            .map_err(|error| fault(&error))
    }

    fn owners(&self) -> Result<Vec<String>, ImageFault> {
        let pins = self.store.pins().map_err(|error| fault(&error))?;
        Ok(pins.into_keys().collect())
    }

    fn load(&self, archive: File) -> Result<LoadedImage, ImageFault> {
        let session = self.store.session().map_err(|error| fault(&error))?;
        let loaded = archive::load_tar(archive, &session, &Limits::default()).map_err(|error| {
            ImageFault::Unfit {
                reason: format!("the archive cannot be loaded: {}", chain(&error)),
            }
        })?;
        let is_image = |root: &Descriptor| {
            self.store
                .document(root)
                .is_ok_and(|document| document.subject().is_none())
        };
        let mut images = loaded.into_iter().filter(|image| is_image(&image.root));
        let (Some(image), None) = (images.next(), images.next()) else {
            return Err(ImageFault::Unfit {
                reason: "the archive must hold one image; load others with `thimble load`"
                    .to_owned(),
            });
        };
        let reference = image.name.and_then(|name| name.parse::<Reference>().ok());
        if let Some(reference) = &reference {
            self.store
                .tag(reference, &image.root)
                .map_err(|error| fault(&error))?;
        } else if let Ok(mut kept) = self.loaded.lock() {
            if kept.len() >= LOADED_MAX {
                kept.pop_front();
            }
            kept.push_back(session);
        }
        Ok(LoadedImage {
            digest: image.root.digest.to_string(),
            reference: reference.map(|reference| reference.familiar()),
        })
    }

    fn has(&self, digest: &Digest, bytes: u64) -> bool {
        self.store.length(digest).ok().flatten() == Some(bytes)
    }

    fn receive(
        &self,
        hold: &Hold,
        digest: &Digest,
        bytes: u64,
    ) -> Result<Option<Box<dyn BlobSink>>, ImageFault> {
        let session = match hold.downcast_ref::<Session>() {
            Some(session) => session.clone(),
            None => self.store.session().map_err(|error| fault(&error))?,
        };
        let blob = Descriptor::new(BLOB, *digest, bytes);
        match session.admit(&blob).map_err(|error| fault(&error))? {
            Admission::Present => Ok(None),
            Admission::Wanted(writer) => Ok(Some(Box::new(Sink(writer)))),
        }
    }

    fn read(&self, digest: &Digest, bytes_max: u64) -> Result<Vec<u8>, ImageFault> {
        self.store
            .read_verified(digest, bytes_max)
            .map_err(|error| fault(&error))
    }

    fn note_document(&self, digest: &Digest, bytes: u64) -> Result<(), ImageFault> {
        let root = self.root(digest)?;
        let blob = Descriptor::new(&root.media_type, *digest, bytes);
        let session = self.store.session().map_err(|error| fault(&error))?;
        match session.admit(&blob).map_err(|error| fault(&error))? {
            Admission::Present => Ok(()),
            Admission::Wanted(_) => Err(ImageFault::Missing {
                reason: format!("{digest} is not here any more"),
            }),
        }
    }

    fn hold(&self) -> Result<Hold, ImageFault> {
        let session = self.store.session().map_err(|error| fault(&error))?;
        Ok(Arc::new(session))
    }

    fn prune(&self) -> Result<(), ImageFault> {
        let pruned = self.store.prune(PruneMode::Remove);
        pruned.map(|_| ()).map_err(|error| fault(&error))
    }

    fn room_bytes(&self) -> Result<u64, ImageFault> {
        let usage = self.store.usage().map_err(|error| fault(&error))?;
        let garbage = self
            .store
            .prune(PruneMode::DryRun)
            .map_err(|error| fault(&error))?;
        let used = usage.bytes.saturating_add(usage.ingest_bytes);
        let room = usage
            .quota_bytes
            .map_or(u64::MAX, |quota| quota.saturating_sub(used));
        Ok(room.min(usage.free_bytes).saturating_add(garbage.bytes))
    }

    fn pull(&self, request: &PullRequest) -> Command {
        let mut command = Command::new("/proc/self/exe");
        command.arg("pull");
        if request.plain_http {
            command.arg("--plain-http");
        }
        command.arg("--").arg(&request.reference);
        command
    }
}

/// Receives a blob into the store.
struct Sink(Writer);

impl BlobSink for Sink {
    fn offset(&self) -> u64 {
        self.0.offset()
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), ImageFault> {
        self.0.write(bytes).map_err(|error| fault(&error))
    }

    fn restart(&mut self) -> Result<(), ImageFault> {
        self.0.restart().map_err(|error| fault(&error))
    }

    fn commit(self: Box<Self>) -> Result<(), ImageFault> {
        self.0.commit().map_err(|error| match error {
            CommitError::Device(error) => fault(&error),
            CommitError::Length { expected, found } => ImageFault::Unfit {
                reason: format!("it has {found} bytes instead of {expected}"),
            },
            CommitError::Digest { expected, found } => ImageFault::Unfit {
                reason: format!("its digest is {found} instead of {expected}"),
            },
        })
    }
}
