//! Images as `thimble` makes them of a file.

use std::path::Path;

use anyhow::{Context as _, Result};
use thimble_builder::image::{BuildOptions, assemble, build};
use thimble_builder::pack::PackRequest;
use thimble_image::{Digest, ImageConfig};
use thimble_port_serial::Package;

/// An image, ready to be brought to a device.
pub struct Packed {
    /// The manifest.
    pub manifest: Vec<u8>,
    /// The configuration.
    pub config: Vec<u8>,
    /// The module.
    pub layer: Vec<u8>,
}

impl Packed {
    /// The image of a file, as `thimble build` makes it; with its memory cut to what it needs if `pack` says so.
    ///
    /// # Errors
    /// The file is no module, or cannot be packed.
    pub fn of_file(path: &Path, pack: bool) -> Result<Self> {
        let request = PackRequest {
            pack,
            ..PackRequest::default()
        };
        let options = BuildOptions {
            pack: request,
            ..BuildOptions::default()
        };
        let built = build(path, &options)
            .with_context(|| format!("cannot make an image of {}", path.display()))?;
        Ok(Self {
            manifest: built.assembled.manifest_content,
            config: built.assembled.config_content,
            layer: built.tidied.bytes,
        })
    }

    /// An image of these bytes, whatever they are, with this configuration.
    #[must_use]
    pub fn assembled(module: &[u8], config: ImageConfig) -> Self {
        let assembled = assemble(module, config, Default::default());
        Self {
            manifest: assembled.manifest_content,
            config: assembled.config_content,
            layer: module.to_vec(),
        }
    }

    /// Its digest.
    #[must_use]
    pub fn digest(&self) -> String {
        Digest::of(&self.manifest).to_string()
    }

    /// As it is sent, under a name.
    #[must_use]
    pub fn package<'a>(&'a self, reference: &'a str) -> Package<'a> {
        Package {
            manifest: &self.manifest,
            config: &self.config,
            layer: &self.layer,
            reference,
        }
    }
}
