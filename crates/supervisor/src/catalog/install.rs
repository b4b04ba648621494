//! Installs images, part by part: the documents first, then the module, straight into flash.

use alloc::string::String;
use alloc::vec::Vec;

use thimble_image::Digest;
use thimble_port_mcu::images::ImageStoreError;
use thimble_serial::{RefusalKind, Reply};

use crate::batch::Batch;
use crate::denied::{Denied, Outcome};
use crate::device::Device;
use crate::keys;

use super::documents::Documents;
use super::extent::{self, ALIGNMENT, HEAD_BYTES, ImageFacts, Parts};
use super::sink::ExtentSink;
use super::{ImageDigest, names};

/// Bytes of the largest piece that flash is written in: up to a multiple of it, all of an extent can be read.
const UNIT_BYTES_MAX: u32 = 64;

/// An image that is being installed: manifest, configuration and layer come as one row of bytes.
pub(crate) struct Install {
    digest: ImageDigest,
    reference: Option<String>,
    manifest_bytes: u32,
    config_bytes: u32,
    layer_bytes: u32,
    /// Bytes of all three.
    whole_bytes: u32,
    /// Bytes of that row that are there.
    received_bytes: u32,
    stage: Stage,
}

/// How far it is.
enum Stage {
    /// Nothing is written; the documents come.
    Documents(Documents),
    /// The documents are written, and the layer comes.
    Layer {
        module_digest: Digest,
        module_offset: u32,
    },
}

/// An image that somebody wants to install.
pub(crate) struct Offer<'a> {
    pub(crate) manifest_bytes: u32,
    pub(crate) config_bytes: u32,
    pub(crate) layer_bytes: u32,
    pub(crate) digest: &'a str,
    pub(crate) reference: &'a str,
}

/// An image whose extent is being written.
struct Writing {
    digest: ImageDigest,
    module_digest: Digest,
    manifest_bytes: u32,
    config_bytes: u32,
    module_offset: u32,
    module_bytes: u32,
    reference: Option<String>,
}

impl Device {
    /// Begins to install an image, unless it is there.
    ///
    /// # Errors
    /// It cannot be one, or there is no memory for its documents.
    #[inline(never)]
    pub(crate) fn begin_install(&mut self, offer: &Offer<'_>) -> Outcome<Reply> {
        self.abandon_install();
        let digest: Digest = offer
            .digest
            .parse()
            .map_err(|error| Denied::invalid(format_args!("the digest of the image: {error}")))?;
        let digest = *digest.as_bytes();
        let reference = names::normalized(offer.reference, Some(&digest))?;
        if self.store.image(&digest)?.is_some() && self.checked_parts(&digest).is_ok() {
            self.name(&digest, reference.as_deref())?;
            return Ok(installed(&digest));
        }
        let documents = Documents::expect(self, offer.manifest_bytes, offer.config_bytes)?;
        let lengths = [offer.manifest_bytes, offer.config_bytes, offer.layer_bytes];
        let whole_bytes: u64 = lengths.into_iter().map(u64::from).sum();
        let whole_bytes = u32::try_from(whole_bytes).map_err(|_| {
            Denied::image(format_args!(
                "the image has {whole_bytes} bytes, more than any device has"
            ))
        })?;
        self.install = Some(Install {
            digest,
            reference,
            manifest_bytes: offer.manifest_bytes,
            config_bytes: offer.config_bytes,
            layer_bytes: offer.layer_bytes,
            whole_bytes,
            received_bytes: 0,
            stage: Stage::Documents(documents),
        });
        Ok(Reply::Done)
    }

    /// Writes all that comes before the module, and notes where that begins.
    #[inline(never)]
    fn write_documents(
        &mut self,
        writing: &mut Writing,
        manifest: &[u8],
        config: &[u8],
        pinned: &[ImageDigest],
    ) -> Outcome<()> {
        let before = HEAD_BYTES
            .saturating_add(writing.manifest_bytes)
            .saturating_add(writing.config_bytes)
            .saturating_add(ALIGNMENT);
        let (expected, max) = table_room(writing.module_bytes);
        let whole = before.saturating_add(writing.module_bytes);
        let is_pinned = |key: &[u8]| pinned.iter().any(|digest| digest == key);
        self.catalog.forget_unless(|digest| is_pinned(digest));
        self.store.begin(
            whole.saturating_add(expected),
            whole.saturating_add(max),
            &is_pinned,
        )?;
        let head = extent::head(
            &writing.digest,
            writing.manifest_bytes,
            writing.config_bytes,
            writing.module_bytes,
        );
        self.store.append(&head)?;
        self.store.append(manifest)?;
        self.store.append(config)?;
        self.store.align(ALIGNMENT)?;
        writing.module_offset = self.store.written()?.0;
        Ok(())
    }

    /// Takes the next bytes of the image.
    ///
    /// # Errors
    /// There is a gap, too much, or no room, or the documents are wrong.
    #[inline(never)]
    pub(crate) fn receive(
        &mut self,
        offset: u32,
        bytes: &[u8],
        pinned: impl FnOnce() -> Vec<ImageDigest>,
    ) -> Outcome<Reply> {
        let install = self.install.as_ref().ok_or_else(not_begun)?;
        let (received, whole) = (install.received_bytes, install.whole_bytes);
        if offset > received {
            return Err(Denied::invalid(format_args!(
                "the part begins at byte {offset}; the next one is to begin at byte {received}"
            )));
        }
        let behind = offset.saturating_add(length(bytes));
        if behind > whole {
            return Err(Denied::invalid(format_args!(
                "the image has {whole} bytes, and this part ends at byte {behind}"
            )));
        }
        // What was there already may come again.
        let known = usize::try_from(received - offset).unwrap_or(usize::MAX);
        let new = bytes.get(known..).unwrap_or_default();
        if !new.is_empty() {
            // Whatever fails in between, nothing is being installed any more.
            let mut install = self.install.take().ok_or_else(not_begun)?;
            if let Err(why) = self.take_part(&mut install, new, pinned) {
                self.store.abandon();
                return Err(why);
            }
            install.received_bytes = behind;
            self.install = Some(install);
        }
        Ok(Reply::Received {
            bytes: received.max(behind),
        })
    }

    fn take_part(
        &mut self,
        install: &mut Install,
        new: &[u8],
        pinned: impl FnOnce() -> Vec<ImageDigest>,
    ) -> Outcome<()> {
        let layer = match &mut install.stage {
            Stage::Layer { .. } => new,
            Stage::Documents(documents) => {
                let layer = documents.take(new);
                if !documents.are_complete() {
                    return Ok(());
                }
                let module_digest =
                    documents.examine(self, &install.digest, install.layer_bytes)?;
                let mut writing = Writing {
                    digest: install.digest,
                    module_digest,
                    manifest_bytes: install.manifest_bytes,
                    config_bytes: install.config_bytes,
                    module_offset: 0,
                    module_bytes: install.layer_bytes,
                    reference: None,
                };
                let (manifest, config) = documents.split();
                self.write_documents(&mut writing, manifest, config, &pinned())?;
                // The documents are given back with the stage.
                install.stage = Stage::Layer {
                    module_digest,
                    module_offset: writing.module_offset,
                };
                layer
            }
        };
        if !layer.is_empty() {
            self.store.append(layer)?;
        }
        Ok(())
    }

    /// Checks and keeps an image that is complete.
    ///
    /// # Errors
    /// What is wrong with it; it has to be sent again.
    #[inline(never)]
    pub(crate) fn end_install(&mut self) -> Outcome<Reply> {
        let install = self.install.take().ok_or_else(not_begun)?;
        let (module_digest, module_offset) = match install.stage {
            Stage::Layer {
                module_digest,
                module_offset,
            } if install.received_bytes == install.whole_bytes => (module_digest, module_offset),
            _ => {
                let (received, whole) = (install.received_bytes, install.whole_bytes);
                self.install = Some(install);
                return Err(Denied::invalid(format_args!(
                    "{received} of the image's {whole} bytes are there; send the rest first"
                )));
            }
        };
        let writing = Writing {
            digest: install.digest,
            module_digest,
            manifest_bytes: install.manifest_bytes,
            config_bytes: install.config_bytes,
            module_offset,
            module_bytes: install.layer_bytes,
            reference: install.reference,
        };
        match self.complete(&writing) {
            Ok(()) => Ok(installed(&writing.digest)),
            Err(why) => {
                self.store.abandon();
                Err(why)
            }
        }
    }

    #[inline(never)]
    fn complete(&mut self, writing: &Writing) -> Outcome<()> {
        self.store.align(UNIT_BYTES_MAX)?;
        let (table_offset, bytes) = self.store.written()?;
        let module = extent::part(bytes, writing.module_offset, writing.module_bytes)
            .ok_or(ImageStoreError::Device)?;
        // What lies in flash counts, not what came over the line.
        let digest = Digest::of(module);
        if digest != writing.module_digest {
            return Err(Denied::image(format_args!(
                "the layer has the digest {digest}, the manifest says {}; it was damaged on its way, send it again",
                writing.module_digest
            )));
        }
        let facts = ImageFacts {
            manifest_bytes: writing.manifest_bytes,
            config_bytes: writing.config_bytes,
            module_offset: writing.module_offset,
            module_bytes: writing.module_bytes,
            table_offset,
            table_bytes: 0,
            checksum: 0,
            module_digest: *digest.as_bytes(),
        };
        let mut batch = Batch::default();
        if let Some(reference) = &writing.reference {
            batch.put(keys::reference(reference), writing.digest.to_vec());
        }
        self.prepare(&writing.digest, module, facts, batch)
    }

    /// Writes the side table, and keeps all of the image.
    #[inline(never)]
    fn prepare(
        &mut self,
        digest: &ImageDigest,
        module: &'static [u8],
        mut facts: ImageFacts,
        mut batch: Batch,
    ) -> Outcome<()> {
        let mut sink = ExtentSink::new(&mut *self.store, facts.table_offset);
        let prepared = self
            .programs
            .prepare(module, &facts.module_digest, &mut sink);
        let written = sink.finish();
        // Storage that failed is why the engine failed.
        if let Err(Some(error)) = written {
            return Err(error.into());
        }
        prepared.map_err(|error| Denied::image(format_args!("the module: {error}")))?;
        facts.table_bytes = written.map_err(|_| {
            Denied::new(
                RefusalKind::Device,
                "the engine left its side table unfinished",
            )
        })?;
        self.store.align(UNIT_BYTES_MAX)?;
        let (_, bytes) = self.store.written()?;
        let table = extent::part(bytes, facts.table_offset, facts.table_bytes)
            .ok_or(ImageStoreError::Device)?;
        facts.checksum = extent::checksum(module, table);
        batch.put(keys::image(digest), facts.encode());
        self.store.commit(digest, &batch.changes())?;
        self.catalog.forget(digest);
        Ok(())
    }

    /// Writes an image anew, with the side table of this firmware.
    #[inline(never)]
    pub(super) fn rewrite(
        &mut self,
        digest: &ImageDigest,
        parts: &Parts,
        pinned: &[ImageDigest],
    ) -> Outcome<()> {
        self.abandon_install();
        let mut writing = Writing {
            digest: *digest,
            module_digest: Digest::from_bytes(parts.facts.module_digest),
            manifest_bytes: parts.facts.manifest_bytes,
            config_bytes: parts.facts.config_bytes,
            module_offset: 0,
            module_bytes: parts.facts.module_bytes,
            reference: None,
        };
        let mut pinned = pinned.to_vec();
        pinned.push(*digest);
        self.write_documents(&mut writing, parts.manifest, parts.config, &pinned)?;
        self.store.append(parts.module)?;
        self.complete(&writing)
    }

    /// Gives up what was begun.
    pub(crate) fn abandon_install(&mut self) {
        if let Some(Install {
            stage: Stage::Layer { .. },
            ..
        }) = self.install.take()
        {
            self.store.abandon();
        }
    }
}

/// Bytes that a side table will have about, and at most.
fn table_room(module_bytes: u32) -> (u32, u32) {
    /// What every table has.
    const LEAST: u32 = 256;
    let about = (module_bytes / 4).saturating_add(LEAST);
    let most = module_bytes.saturating_mul(3).saturating_add(4 * LEAST);
    (about, most)
}

fn installed(digest: &ImageDigest) -> Reply {
    Reply::Installed {
        digest: alloc::format!("{}", Digest::from_bytes(*digest)),
    }
}

fn not_begun() -> Denied {
    Denied::conflict("no image is being installed; begin anew")
}

fn length(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).unwrap_or(u32::MAX)
}
