//! The documents of an image that is being installed: collected in memory until both are there, and examined before a byte
//! is written.

use alloc::string::String;
use alloc::vec::Vec;

use thimble_image::program::Code;
use thimble_image::{Descriptor, Digest, Manifest};
use thimble_runtime::grant::Grants;
use thimble_serial::RefusalKind;

use crate::denied::{Denied, Outcome};
use crate::device::Device;

use super::{ImageDigest, read_manifest, read_program};

/// Reading documents takes some times their length.
const READING_TIMES: usize = 6;

/// The documents, as far as they have come.
pub(super) struct Documents {
    /// Manifest, then configuration.
    bytes: Vec<u8>,
    manifest_bytes: usize,
    /// Of both.
    bytes_expected: usize,
}

impl Documents {
    /// Makes room for documents of these lengths.
    ///
    /// # Errors
    /// They are longer than the device reads, there is one missing, or there is no memory.
    pub(super) fn expect(device: &Device, manifest_bytes: u32, config_bytes: u32) -> Outcome<Self> {
        let most = device.settings.document_bytes_max;
        for (what, bytes) in [
            ("manifest", manifest_bytes),
            ("configuration", config_bytes),
        ] {
            if bytes > most {
                return Err(Denied::image(format_args!(
                    "the {what} has {bytes} bytes, more than the {most} that this device reads"
                )));
            }
            if bytes == 0 {
                return Err(Denied::image(format_args!("the {what} is empty")));
            }
        }
        let manifest_bytes = usize::try_from(manifest_bytes).unwrap_or(usize::MAX);
        let config_bytes = usize::try_from(config_bytes).unwrap_or(usize::MAX);
        let bytes_expected = manifest_bytes.saturating_add(config_bytes);
        // Before they are sent, and again when they are read.
        device.require_memory(bytes_expected.saturating_mul(READING_TIMES + 1))?;
        let mut bytes = Vec::new();
        bytes.try_reserve_exact(bytes_expected).map_err(|_| {
            Denied::new(
                RefusalKind::NoRoom,
                format_args!("there is no memory for the {bytes_expected} bytes of the documents"),
            )
        })?;
        Ok(Self {
            bytes,
            manifest_bytes,
            bytes_expected,
        })
    }

    /// Takes what belongs to them from the front of these bytes; what is left belongs to the layer.
    pub(super) fn take<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let missing = self.bytes_expected.saturating_sub(self.bytes.len());
        let (ours, rest) = bytes.split_at(missing.min(bytes.len()));
        // Within what was reserved.
        self.bytes.extend_from_slice(ours);
        rest
    }

    /// Whether both are there.
    pub(super) fn are_complete(&self) -> bool {
        self.bytes.len() == self.bytes_expected
    }

    /// Manifest and configuration.
    pub(super) fn split(&self) -> (&[u8], &[u8]) {
        self.bytes
            .split_at(self.manifest_bytes.min(self.bytes.len()))
    }

    /// Checks what can be checked before a byte is written; the digest of the layer.
    ///
    /// # Errors
    /// What is wrong with them.
    #[inline(never)]
    pub(super) fn examine(
        &self,
        device: &Device,
        digest: &ImageDigest,
        layer_bytes: u32,
    ) -> Outcome<Digest> {
        let (manifest_bytes, config_bytes) = self.split();
        let found = Digest::of(manifest_bytes);
        if found.as_bytes() != digest {
            return Err(Denied::image(format_args!(
                "the manifest has the digest {found}, and {} was to be installed; it was damaged on its way, send it again",
                Digest::from_bytes(*digest)
            )));
        }
        device.require_memory(self.bytes.len().saturating_mul(READING_TIMES))?;
        let manifest = read_manifest(manifest_bytes)
            .map_err(|why| Denied::image(format_args!("the manifest: {why}")))?;
        let config = Descriptor::of("", config_bytes);
        if (config.digest, config.size) != (manifest.config.digest, manifest.config.size) {
            return Err(Denied::image(format_args!(
                "the configuration has the digest {}, the manifest says {}; send the one that belongs to it",
                config.digest, manifest.config.digest
            )));
        }
        let layer = installable(&manifest, config_bytes)?;
        if layer.size != u64::from(layer_bytes) {
            return Err(Denied::image(format_args!(
                "the layer has {layer_bytes} bytes, the manifest says {}",
                layer.size
            )));
        }
        Ok(layer.digest)
    }
}

/// The layer that is the module, of an image that asks for nothing that does not exist. Apart, for its stack is large.
#[inline(never)]
fn installable(manifest: &Manifest, config: &[u8]) -> Outcome<Descriptor> {
    let program = read_program(manifest, config)?;
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
