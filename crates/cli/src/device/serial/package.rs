//! An image as it is brought to a device: from a file, as `thimble build` makes it, or from this machine's images, byte for
//! byte, so that its digest is the same everywhere.

use std::path::Path;

use thimble_builder::image::{self, BuildOptions};
use thimble_image::config::CONFIG_BYTES_MAX;
use thimble_image::program::Code;
use thimble_image::signature::policy::FILE_SCOPE;
use thimble_image::{Digest, ImageConfig, Reference};
use thimble_port_linux::images::store::StoreError;

use crate::arguments::{PackedArguments, PullWhen};
use crate::failure::{Failure, ImageFault, chain};
use crate::images::{list, opened};
use crate::source::{self, Image, Opening};
use crate::trust::Trust;

/// Bytes of a manifest at most.
const MANIFEST_BYTES_MAX: u64 = 4 << 20;

/// An image that can be installed.
pub(super) struct Packed {
    pub(super) manifest: Vec<u8>,
    pub(super) config: Vec<u8>,
    pub(super) layer: Vec<u8>,
    /// The name it is to have on the device.
    pub(super) reference: String,
    /// Grants that it asks for.
    pub(super) requested: Vec<String>,
}

impl Packed {
    /// What it is known by.
    pub(super) fn digest(&self) -> String {
        Digest::of(&self.manifest).to_string()
    }
}

/// Whether this names a file of this machine.
pub(super) fn is_file(named: &PackedArguments) -> bool {
    match named.container.to_str() {
        Some(text) => text.parse::<Digest>().is_err() && source::is_file(text),
        None => true,
    }
}

/// The image of a file, or one that is here; without `pull` none is fetched, and there may be none.
pub(super) fn find(
    named: &PackedArguments,
    pull: PullWhen,
    json: bool,
) -> Result<Option<Packed>, Failure> {
    if is_file(named) {
        return of_file(Path::new(&named.container), named.tag.as_deref()).map(Some);
    }
    let text = named.container.to_string_lossy();
    if named.tag.is_some() {
        let reason = "an image has its name already; this is for .wasm and .wat files";
        return Err(Failure::option("--tag", "", reason));
    }
    let opening = Opening {
        pull,
        plain_http: named.plain_http,
        json,
        judge: true,
    };
    match source::open_image(&text, &opening) {
        Ok(source) => match &source.image {
            Some(image) => of_image(&text, image).map(Some),
            None => Ok(None),
        },
        Err(Failure::Image {
            fault: ImageFault::NotFound,
            ..
        }) if pull == PullWhen::Never => Ok(None),
        Err(failure) => Err(failure),
    }
}

fn of_file(path: &Path, tag: Option<&str>) -> Result<Packed, Failure> {
    if !path.exists() {
        return Err(Failure::NotFound {
            path: path.to_owned(),
        });
    }
    let reference = match tag {
        Some(tag) => opened::reference(tag)?.familiar(),
        None => of_stem(path),
    };
    Trust::read()?
        .judge(FILE_SCOPE, None, &[])
        .map_err(|reason| Failure::cannot_run(path, reason))?;
    let built = image::build(path, &BuildOptions::default())
        .map_err(|error| Failure::cannot_run(path, chain(&error)))?;
    let config = ImageConfig::parse(&built.assembled.config_content)
        .map_err(|error| Failure::cannot_run(path, chain(&error)))?;
    Ok(Packed {
        manifest: built.assembled.manifest_content,
        config: built.assembled.config_content,
        layer: built.tidied.bytes,
        reference,
        requested: config.grants,
    })
}

/// The name of a file as that of an image, where it can be one.
fn of_stem(path: &Path) -> String {
    path.file_stem()
        .and_then(|stem| stem.to_str())
        .and_then(|stem| stem.parse::<Reference>().ok())
        .map_or_else(|| "container".into(), |reference| reference.familiar())
}

fn of_image(text: &str, image: &Image) -> Result<Packed, Failure> {
    let unfit = |reason: String| Failure::image_fault(text, ImageFault::CannotRun, reason);
    let failed = |error: StoreError| Failure::image_error(text, &error);
    let (descriptor, manifest) = opened::manifest(&image.store, &image.root).map_err(unfit)?;
    let program = list::program(&image.store, &manifest).map_err(unfit)?;
    let Code::Module(blob) = &program.code else {
        return Err(unfit(
            "its module is a file in an archive, which a microcontroller cannot read; build it anew with `thimble build`"
                .into(),
        ));
    };
    let read = |digest, bytes_max| image.store.read_verified(digest, bytes_max);
    Ok(Packed {
        manifest: read(&descriptor.digest, MANIFEST_BYTES_MAX).map_err(failed)?,
        config: read(&manifest.config.digest, CONFIG_BYTES_MAX).map_err(failed)?,
        layer: read(&blob.digest, u32::MAX.into()).map_err(failed)?,
        reference: image.reference.familiar(),
        requested: program.config.grants.clone(),
    })
}
