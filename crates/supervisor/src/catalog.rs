//! The images that the device keeps, opened for what runs.
//!
//! At its first use after a start of the device an image is checked: its manifest against its digest, its configuration
//! against the manifest, module and side table against the checksum that was kept when they were written. One that is
//! damaged is told, and can be installed again.

mod documents;
mod extent;
mod install;
mod names;
mod sink;

use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;

use thimble_image::program::Program;
use thimble_image::{Digest, Document, Manifest};

use crate::denied::{Denied, Outcome};
use crate::device::Device;
use crate::keys;
use crate::programs::{Checked, Opened};
use crate::records;

pub(crate) use extent::ImageFacts;
pub(crate) use install::{Install, Offer};

use extent::Parts;

/// The digest of a manifest.
pub(crate) type ImageDigest = [u8; 32];

/// What is known of images since the device started.
#[derive(Default)]
pub(crate) struct Catalog(Vec<Known>);

struct Known {
    digest: ImageDigest,
    state: Condition,
}

/// How an image is.
#[derive(Clone)]
enum Condition {
    /// Its bytes are those that were written.
    Checked,
    /// It is open: something runs of it.
    Open(Arc<Opened>),
    /// It cannot be used, and why.
    Unfit(Arc<str>),
}

impl Catalog {
    fn get(&self, digest: &ImageDigest) -> Option<&Condition> {
        let known = self.0.iter().find(|known| known.digest == *digest)?;
        Some(&known.state)
    }

    fn set(&mut self, digest: &ImageDigest, state: Condition) {
        match self.0.iter_mut().find(|known| known.digest == *digest) {
            Some(known) => known.state = state,
            None => self.0.push(Known {
                digest: *digest,
                state,
            }),
        }
    }

    /// Forgets what was known of an image.
    pub(crate) fn forget(&mut self, digest: &ImageDigest) {
        self.0.retain(|known| known.digest != *digest);
    }

    /// Forgets all images that may be moved: their bytes will be others'.
    fn forget_unless(&mut self, is_pinned: impl Fn(&ImageDigest) -> bool) {
        self.0
            .retain(|known| is_pinned(&known.digest) || matches!(known.state, Condition::Unfit(_)));
    }

    /// Nothing runs of an image any more: it costs no memory.
    pub(crate) fn close(&mut self, digest: &ImageDigest) {
        if let Some(Condition::Open(_)) = self.get(digest) {
            self.set(digest, Condition::Checked);
        }
    }
}

/// An image that something can run of.
pub(crate) struct Image {
    pub(crate) opened: Arc<Opened>,
    pub(crate) program: Box<Program>,
}

impl Device {
    /// Opens an image. `pinned` are the images that must not be moved.
    ///
    /// # Errors
    /// It is not there, damaged, or nothing that this firmware can run.
    #[inline(never)]
    pub(crate) fn open_image(
        &mut self,
        digest: &ImageDigest,
        pinned: &[ImageDigest],
    ) -> Outcome<Image> {
        let parts = self.checked_parts(digest)?;
        let program = self.program(digest, &parts)?;
        if let Some(Condition::Open(opened)) = self.catalog.get(digest) {
            let opened = Arc::clone(opened);
            return Ok(Image { opened, program });
        }
        let opened = match self.programs.open(&parts.checked()) {
            Ok(opened) => opened,
            Err(_) => self.prepare_again(digest, pinned)?,
        };
        let opened = Arc::new(opened);
        self.catalog
            .set(digest, Condition::Open(Arc::clone(&opened)));
        Ok(Image { opened, program })
    }

    /// What the image asks for.
    ///
    /// # Errors
    /// It is not there, damaged, or nothing that this firmware can run.
    pub(crate) fn image_program(&mut self, digest: &ImageDigest) -> Outcome<Box<Program>> {
        let parts = self.checked_parts(digest)?;
        self.program(digest, &parts)
    }

    #[inline(never)]
    fn program(&self, digest: &ImageDigest, parts: &Parts) -> Outcome<Box<Program>> {
        // Reading a document takes some times its length.
        const TIMES: usize = 6;
        self.require_memory((parts.manifest.len() + parts.config.len()) * TIMES)?;
        let manifest =
            read_manifest(parts.manifest).map_err(|why| damaged(digest, &why.to_string()))?;
        read_program(&manifest, parts.config)
    }

    /// The parts of an image whose bytes are those that were written.
    #[inline(never)]
    fn checked_parts(&mut self, digest: &ImageDigest) -> Outcome<Parts> {
        if let Some(Condition::Unfit(why)) = self.catalog.get(digest) {
            return Err(Denied::image(why));
        }
        let parts = match self.parts(digest) {
            Ok(parts) => parts.ok_or_else(|| not_there(digest))?,
            Err(why) => return Err(self.unfit(digest, why)),
        };
        if self.catalog.get(digest).is_none() {
            if let Err(what) = parts.check(digest) {
                return Err(self.unfit(digest, damaged(digest, what)));
            }
            self.catalog.set(digest, Condition::Checked);
        }
        Ok(parts)
    }

    fn unfit(&mut self, digest: &ImageDigest, why: Denied) -> Denied {
        if why.kind == thimble_serial::RefusalKind::Image {
            let text = Arc::from(why.message.as_str());
            self.catalog.set(digest, Condition::Unfit(text));
        }
        why
    }

    /// The parts of an image, unchecked.
    #[inline(never)]
    fn parts(&mut self, digest: &ImageDigest) -> Outcome<Option<Parts>> {
        let Some(stored) = self.store.image(digest)? else {
            return Ok(None);
        };
        let value = records::get(&self.records, &keys::image(digest))?;
        let facts = value.as_deref().and_then(ImageFacts::decode);
        let facts = facts.ok_or_else(|| damaged(digest, "what was kept of it cannot be read"))?;
        Parts::of(stored.bytes, facts)
            .map(Some)
            .ok_or_else(|| damaged(digest, "its parts are not where they should be"))
    }

    /// What is kept of an image, if that can be read.
    pub(crate) fn image_facts(&self, digest: &ImageDigest) -> Outcome<Option<ImageFacts>> {
        let value = records::get(&self.records, &keys::image(digest))?;
        Ok(value.as_deref().and_then(ImageFacts::decode))
    }

    /// Another firmware validated the module: this one does it again, into a new extent that takes the place of the old
    /// one in one moment.
    #[inline(never)]
    fn prepare_again(&mut self, digest: &ImageDigest, pinned: &[ImageDigest]) -> Outcome<Opened> {
        self.write_again(digest, pinned)?;
        let parts = self.parts(digest)?.ok_or_else(|| not_there(digest))?;
        self.programs.open(&parts.checked()).map_err(|error| {
            let why = Denied::image(format_args!(
                "image {} cannot be run by this firmware: {error}",
                Digest::from_bytes(*digest)
            ));
            self.unfit(digest, why)
        })
    }
}

impl Device {
    #[inline(never)]
    fn write_again(&mut self, digest: &ImageDigest, pinned: &[ImageDigest]) -> Outcome<()> {
        let parts = self.parts(digest)?.ok_or_else(|| not_there(digest))?;
        self.rewrite(digest, &parts, pinned).map_err(|why| {
            self.store.abandon();
            self.unfit(digest, why)
        })
    }
}

/// Reads a manifest.
#[inline(never)]
pub(crate) fn read_manifest(bytes: &[u8]) -> Result<Box<Manifest>, String> {
    match Document::parse(bytes, None) {
        Ok(Document::Manifest(manifest)) => Ok(Box::new(manifest)),
        Ok(Document::Index(_)) => Err("it is an index; send one of its manifests".to_string()),
        Err(error) => Err(error.to_string()),
    }
}

/// What is run of an image, and how.
#[inline(never)]
pub(crate) fn read_program(manifest: &Manifest, config: &[u8]) -> Outcome<Box<Program>> {
    Program::find(manifest, config).map_err(Denied::image)
}

#[inline(never)]
fn damaged(digest: &ImageDigest, what: &str) -> Denied {
    Denied::image(format_args!(
        "image {} is damaged in flash ({what}); install it again",
        Digest::from_bytes(*digest)
    ))
}

#[inline(never)]
fn not_there(digest: &ImageDigest) -> Denied {
    Denied::new(
        thimble_serial::RefusalKind::NotFound,
        format_args!(
            "there is no image {}; install it",
            Digest::from_bytes(*digest)
        ),
    )
}

impl Parts {
    /// Only for parts whose checksum was compared.
    fn checked(&self) -> Checked {
        Checked::new(self.module, self.table, self.facts.module_digest)
    }
}
