//! Installs images: documents first, then the module part by part, straight into flash.

use alloc::string::String;

use thimble_image::program::{Code, Program};
use thimble_image::{Descriptor, Digest, Manifest};
use thimble_port_mcu::images::ImageStoreError;
use thimble_runtime::grant::Grants;
use thimble_serial::{RefusalKind, Reply};

use crate::batch::Batch;
use crate::denied::{Denied, Outcome};
use crate::device::Device;
use crate::keys;

use super::extent::{self, ALIGNMENT, HEAD_BYTES, ImageFacts, Parts};
use super::sink::ExtentSink;
use super::{ImageDigest, names, read_manifest};

/// Bytes of the largest piece that flash is written in: up to a multiple of it, all of an extent can be read.
const UNIT_BYTES_MAX: u32 = 64;

/// An image that is being installed.
pub(crate) struct Install {
    digest: ImageDigest,
    module_digest: Digest,
    manifest_bytes: u32,
    config_bytes: u32,
    module_offset: u32,
    module_bytes: u32,
    received: u32,
    reference: Option<String>,
}

/// An image that somebody wants to install.
pub(crate) struct Offer<'a> {
    pub(crate) manifest: &'a [u8],
    pub(crate) config: &'a [u8],
    pub(crate) layer_bytes: u32,
    pub(crate) reference: &'a str,
}

impl Device {
    /// Begins to install an image, unless it is there.
    ///
    /// # Errors
    /// What is wrong with it, or that there is no room.
    #[inline(never)]
    pub(crate) fn begin_install(
        &mut self,
        offer: &Offer<'_>,
        pinned: &[ImageDigest],
    ) -> Outcome<Reply> {
        self.abandon_install();
        let (digest, layer) = self.examine(offer)?;
        let reference = names::normalized(offer.reference, Some(&digest))?;
        if self.store.image(&digest)?.is_some() && self.checked_parts(&digest).is_ok() {
            self.name(&digest, reference.as_deref())?;
            return Ok(installed(&digest));
        }
        let install = Install {
            digest,
            module_digest: layer.digest,
            manifest_bytes: length(offer.manifest),
            config_bytes: length(offer.config),
            module_offset: 0,
            module_bytes: offer.layer_bytes,
            received: 0,
            reference,
        };
        let begun = self.write_documents(&install, offer.manifest, offer.config, pinned);
        match begun {
            Ok(module_offset) => {
                self.install = Some(Install {
                    module_offset,
                    ..install
                });
                Ok(Reply::Done)
            }
            Err(why) => {
                self.store.abandon();
                Err(why)
            }
        }
    }

    /// Checks what can be checked before a byte is written.
    #[inline(never)]
    fn examine(&self, offer: &Offer<'_>) -> Outcome<(ImageDigest, Descriptor)> {
        const TIMES: usize = 6;
        let most = self.settings.document_bytes_max;
        for (what, bytes) in [
            ("manifest", offer.manifest),
            ("configuration", offer.config),
        ] {
            if length(bytes) > most {
                return Err(Denied::image(format_args!(
                    "the {what} has {} bytes, more than the {most} that this device reads",
                    bytes.len()
                )));
            }
        }
        self.require_memory((offer.manifest.len() + offer.config.len()) * TIMES)?;
        let manifest = read_manifest(offer.manifest)
            .map_err(|why| Denied::image(format_args!("the manifest: {why}")))?;
        let config = Descriptor::of("", offer.config);
        if (config.digest, config.size) != (manifest.config.digest, manifest.config.size) {
            return Err(Denied::image(format_args!(
                "the configuration has the digest {}, the manifest says {}; send the one that belongs to it",
                config.digest, manifest.config.digest
            )));
        }
        let layer = installable(&manifest, offer.config)?;
        if layer.size != u64::from(offer.layer_bytes) {
            return Err(Denied::image(format_args!(
                "the layer has {} bytes, the manifest says {}",
                offer.layer_bytes, layer.size
            )));
        }
        Ok((*Digest::of(offer.manifest).as_bytes(), layer))
    }

    /// Writes all that comes before the module; where that begins.
    #[inline(never)]
    fn write_documents(
        &mut self,
        install: &Install,
        manifest: &[u8],
        config: &[u8],
        pinned: &[ImageDigest],
    ) -> Outcome<u32> {
        let before = HEAD_BYTES
            .saturating_add(install.manifest_bytes)
            .saturating_add(install.config_bytes)
            .saturating_add(ALIGNMENT);
        let (expected, max) = table_room(install.module_bytes);
        let whole = before.saturating_add(install.module_bytes);
        let is_pinned = |key: &[u8]| pinned.iter().any(|digest| digest == key);
        self.catalog.forget_unless(|digest| is_pinned(digest));
        self.store.begin(
            whole.saturating_add(expected),
            whole.saturating_add(max),
            &is_pinned,
        )?;
        let head = extent::head(
            &install.digest,
            install.manifest_bytes,
            install.config_bytes,
            install.module_bytes,
        );
        self.store.append(&head)?;
        self.store.append(manifest)?;
        self.store.append(config)?;
        self.store.align(ALIGNMENT)?;
        Ok(self.store.written()?.0)
    }

    /// Takes the next bytes of the module.
    ///
    /// # Errors
    /// There is a gap, too much, or no room.
    #[inline(never)]
    pub(crate) fn receive(&mut self, offset: u32, bytes: &[u8]) -> Outcome<Reply> {
        let install = self.install.as_mut().ok_or_else(not_begun)?;
        let received = install.received;
        if offset > received {
            return Err(Denied::invalid(format_args!(
                "the part begins at byte {offset}; the next one is to begin at byte {received}"
            )));
        }
        let behind = offset.saturating_add(length(bytes));
        if behind > install.module_bytes {
            return Err(Denied::invalid(format_args!(
                "the layer has {} bytes, and this part ends at byte {behind}",
                install.module_bytes
            )));
        }
        // What was there already may come again.
        let known = usize::try_from(received - offset).unwrap_or(usize::MAX);
        let new = bytes.get(known..).unwrap_or_default();
        if !new.is_empty() {
            if let Err(error) = self.store.append(new) {
                self.install = None;
                return Err(error.into());
            }
            install.received = behind;
        }
        Ok(Reply::Received {
            bytes: received.max(behind),
        })
    }

    /// Checks and keeps an image whose module is complete.
    ///
    /// # Errors
    /// What is wrong with it; it has to be sent again.
    #[inline(never)]
    pub(crate) fn end_install(&mut self) -> Outcome<Reply> {
        let install = self.install.as_ref().ok_or_else(not_begun)?;
        if install.received != install.module_bytes {
            return Err(Denied::invalid(format_args!(
                "{} of the layer's {} bytes are there; send the rest first",
                install.received, install.module_bytes
            )));
        }
        let Some(install) = self.install.take() else {
            return Err(not_begun());
        };
        match self.complete(&install) {
            Ok(()) => Ok(installed(&install.digest)),
            Err(why) => {
                self.store.abandon();
                Err(why)
            }
        }
    }

    #[inline(never)]
    fn complete(&mut self, install: &Install) -> Outcome<()> {
        self.store.align(UNIT_BYTES_MAX)?;
        let (table_offset, bytes) = self.store.written()?;
        let module = extent::part(bytes, install.module_offset, install.module_bytes)
            .ok_or(ImageStoreError::Device)?;
        // What lies in flash counts, not what came over the line.
        let digest = Digest::of(module);
        if digest != install.module_digest {
            return Err(Denied::image(format_args!(
                "the layer has the digest {digest}, the manifest says {}; it was damaged on its way, send it again",
                install.module_digest
            )));
        }
        let facts = ImageFacts {
            manifest_bytes: install.manifest_bytes,
            config_bytes: install.config_bytes,
            module_offset: install.module_offset,
            module_bytes: install.module_bytes,
            table_offset,
            table_bytes: 0,
            checksum: 0,
            module_digest: *digest.as_bytes(),
        };
        let mut batch = Batch::default();
        if let Some(reference) = &install.reference {
            batch.put(keys::reference(reference), install.digest.to_vec());
        }
        self.prepare(&install.digest, module, facts, batch)
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
        let install = Install {
            digest: *digest,
            module_digest: Digest::from_bytes(parts.facts.module_digest),
            manifest_bytes: parts.facts.manifest_bytes,
            config_bytes: parts.facts.config_bytes,
            module_offset: 0,
            module_bytes: parts.facts.module_bytes,
            received: parts.facts.module_bytes,
            reference: None,
        };
        let mut pinned = pinned.to_vec();
        pinned.push(*digest);
        let module_offset =
            self.write_documents(&install, parts.manifest, parts.config, &pinned)?;
        self.store.append(parts.module)?;
        self.complete(&Install {
            module_offset,
            ..install
        })
    }

    /// Gives up what was begun.
    pub(crate) fn abandon_install(&mut self) {
        if self.install.take().is_some() {
            self.store.abandon();
        }
    }
}

/// The layer that is the module, of an image that asks for nothing that does not exist.
#[inline(never)]
fn installable(manifest: &Manifest, config: &[u8]) -> Outcome<Descriptor> {
    let program = Program::find(manifest, config).map_err(Denied::image)?;
    let Code::Module(layer) = program.code else {
        return Err(Denied::image(
            "its module lies in an archive, which this device does not unpack; build the image with a layer of type application/wasm",
        ));
    };
    Grants::parse(program.config.grants.iter().map(String::as_str)).map_err(|error| {
        Denied::image(format_args!(
            "the image asks for what cannot be granted: {error}"
        ))
    })?;
    Ok(layer)
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
