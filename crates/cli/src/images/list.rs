//! `thimble images`.

use serde_json::json;
use thimble_image::program::{Program, needs_config};
use thimble_image::{Descriptor, ImageConfig, Manifest, Reference};
use thimble_port_linux::images::store::{ImageStore, StoredImage};

use crate::arguments::ImagesArguments;
use crate::failure::Failure;
use crate::observer::mebibytes;
use crate::output::{IMAGE, Output, write};

use super::opened;
use super::progress::short;
use super::table::table;

/// Lists what is here.
pub(super) fn images(arguments: &ImagesArguments) -> Result<(), Failure> {
    let output = Output::new(&arguments.shape, IMAGE)?;
    let store = opened::store()?;
    let images = store
        .images()
        .map_err(|error| Failure::device("listing the images", error))?;
    let rows: Vec<Row> = images.iter().map(|image| row(&store, image)).collect();
    if arguments.quiet && output.is_text() {
        let digests: String = rows
            .iter()
            .map(|row| format!("{}\n", row.root.digest))
            .collect();
        return write(&digests);
    }
    let values: Vec<_> = rows.iter().map(Row::as_json).collect();
    output.list(&values, || {
        let head = ["IMAGE", "DIGEST", "PLATFORM", "SIZE", "SIGNED"];
        let mut cells = vec![head.map(str::to_owned).to_vec()];
        cells.extend(rows.iter().map(|row| row.as_cells(arguments.digests)));
        table(&cells)
    })
}

/// What is told of an image.
struct Row {
    name: String,
    root: Descriptor,
    size_bytes: u64,
    signatures: usize,
    config: Result<ImageConfig, String>,
}

fn row(store: &ImageStore, image: &StoredImage) -> Row {
    let name = image
        .name
        .parse::<Reference>()
        .map_or_else(|_| image.name.clone(), |reference| reference.familiar());
    let found = opened::manifest(store, &image.root);
    Row {
        name,
        root: image.root.clone(),
        size_bytes: found
            .as_ref()
            .map_or(image.root.size, |(descriptor, manifest)| {
                opened::size_bytes(descriptor, manifest)
            }),
        signatures: opened::signatures(store, &image.root.digest)
            .map_or(0, |signatures| signatures.len()),
        config: found
            .and_then(|(_, manifest)| program(store, &manifest))
            .map(|program| program.config),
    }
}

/// What is run of an image that is here, by its manifest.
pub(crate) fn program(store: &ImageStore, manifest: &Manifest) -> Result<Program, String> {
    let config = if needs_config(manifest) {
        store
            .read_verified(
                &manifest.config.digest,
                thimble_image::config::CONFIG_BYTES_MAX,
            )
            .map_err(|error| error.to_string())?
    } else {
        Vec::new()
    };
    let program = Program::find(manifest, &config).map_err(|error| error.to_string())?;
    Ok(*program)
}

impl Row {
    fn as_cells(&self, whole_digest: bool) -> Vec<String> {
        let config = self.config.as_ref();
        vec![
            self.name.clone(),
            if whole_digest {
                self.root.digest.to_string()
            } else {
                short(&self.root.digest)
            },
            config.map_or_else(|_| "-".into(), |config| config.platform.to_string()),
            mebibytes(self.size_bytes),
            match self.signatures {
                0 => "no".into(),
                1 => "yes".into(),
                several => format!("{several} times"),
            },
        ]
    }

    fn as_json(&self) -> serde_json::Value {
        let config = self.config.as_ref();
        json!({
            "reference": self.name,
            "digest": self.root.digest,
            "media_type": self.root.media_type,
            "platform": config.ok().map(|config| config.platform.to_string()),
            "size_bytes": self.size_bytes,
            "signatures": self.signatures,
            "created": config.ok().and_then(|config| config.created.clone()),
            "problem": self.config.as_ref().err(),
        })
    }
}
