//! `thimble save` and `thimble load`: image layouts as archives and folders.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, IsTerminal as _, Write as _};
use std::path::Path;

use serde_json::json;
use thimble_image::{Descriptor, Reference};
use thimble_port_linux::images::archive::{self, Limits, Loaded};
use thimble_port_linux::images::store::ImageStore;

use crate::arguments::{ArchiveFormat, LoadArguments, SaveArguments};
use crate::failure::Failure;

use super::opened;

/// Writes images, with their signatures.
pub(super) fn save(arguments: &SaveArguments) -> Result<(), Failure> {
    let store = opened::store()?;
    let session = store
        .session()
        .map_err(|error| Failure::device("opening the image store", error))?;
    let mut images = Vec::new();
    for text in &arguments.images {
        let reference = opened::reference(text)?;
        let failed = |error: &dyn std::error::Error| Failure::image_error(text, error);
        let root = opened::find(&store, &reference)?;
        session.keep_image(&root).map_err(|error| failed(&error))?;
        let signatures =
            opened::signatures(&store, &root.digest).map_err(|error| failed(&error))?;
        images.push((Some(reference.to_string()), root));
        images.extend(signatures.into_iter().map(|signature| (None, signature)));
    }
    match (&arguments.output, arguments.format) {
        (Some(path), ArchiveFormat::OciDir) => archive::save_folder(path, &images, &session)
            .map_err(|error| Failure::image_error(path.display().to_string(), &error)),
        (None, ArchiveFormat::OciDir) => Err(Failure::option(
            "--format",
            "oci-dir",
            "a folder needs a name; give one with --output",
        )),
        (Some(path), ArchiveFormat::OciArchive) => write_archive(path, &images, &session),
        (None, ArchiveFormat::OciArchive) => {
            let output = io::stdout().lock();
            if output.is_terminal() {
                return Err(Failure::option(
                    "--output",
                    "",
                    "an archive is nothing for a terminal; give a file, or send standard output somewhere",
                ));
            }
            let mut output = BufWriter::new(output);
            archive::save_tar(&mut output, &images, &session)
                .map_err(|error| Failure::device("writing the archive", error))?;
            output
                .flush()
                .map_err(|error| Failure::device("writing the archive", error))
        }
    }
}

/// Writes an archive that is there whole or not at all.
pub(super) fn write_archive(
    path: &Path,
    images: &[(Option<String>, Descriptor)],
    session: &thimble_port_linux::images::store::Session,
) -> Result<(), Failure> {
    let failed =
        |error: &dyn std::error::Error| Failure::image_error(path.display().to_string(), error);
    let mut partial = path.as_os_str().to_owned();
    partial.push(".part");
    let partial = Path::new(&partial);
    let written = (|| {
        let file = File::create(partial).map_err(|error| failed(&error))?;
        let mut output = BufWriter::new(&file);
        archive::save_tar(&mut output, images, session).map_err(|error| failed(&error))?;
        output.flush().map_err(|error| failed(&error))?;
        drop(output);
        file.sync_all().map_err(|error| failed(&error))?;
        std::fs::rename(partial, path).map_err(|error| failed(&error))
    })();
    if written.is_err() {
        // What is left of it is of no use; the reason is told already.
        let _ = std::fs::remove_file(partial);
    }
    written
}

/// Reads images and names them.
pub(super) fn load(arguments: &LoadArguments) -> Result<(), Failure> {
    let store = opened::store()?;
    let session = store
        .session()
        .map_err(|error| Failure::device("opening the image store", error))?;
    let limits = Limits::default();
    let shown = arguments
        .input
        .as_ref()
        .map_or("standard input".into(), |path| path.display().to_string());
    let failed = |error: &dyn std::error::Error| Failure::image_error(shown.clone(), error);
    let loaded = match &arguments.input {
        Some(path) if path.is_dir() => {
            archive::load_folder(path, &session).map_err(|error| failed(&error))?
        }
        Some(path) => {
            let file = File::open(path).map_err(|error| failed(&error))?;
            archive::load_tar(BufReader::new(file), &session, &limits)
                .map_err(|error| failed(&error))?
        }
        None => archive::load_tar(io::stdin().lock(), &session, &limits)
            .map_err(|error| failed(&error))?,
    };
    let images: Vec<_> = loaded
        .iter()
        .filter(|image| !is_referrer(&store, image))
        .collect();
    let named = names(&images, arguments.tag.as_deref(), &shown)?;
    for (reference, root) in &named {
        store.tag(reference, root).map_err(|error| failed(&error))?;
    }
    if arguments.output.json {
        let images: Vec<_> = named
            .iter()
            .map(|(reference, root)| json!({"reference": reference.to_string(), "digest": root.digest}))
            .collect();
        println!("{}", json!({"loaded": images}));
    } else {
        for (reference, root) in &named {
            println!("{}: {}", reference.familiar(), root.digest);
        }
    }
    Ok(())
}

/// Whether it is about another image, as a signature is: such a thing needs no name.
fn is_referrer(store: &ImageStore, image: &Loaded) -> bool {
    image.name.is_none()
        && store
            .document(&image.root)
            .is_ok_and(|document| document.subject().is_some())
}

/// What the loaded images are called here.
fn names(
    images: &[&Loaded],
    tag: Option<&str>,
    shown: &str,
) -> Result<Vec<(Reference, Descriptor)>, Failure> {
    if let Some(tag) = tag {
        let reference = opened::reference(tag)?;
        let [image] = images else {
            return Err(Failure::option(
                "--tag",
                tag,
                format_args!(
                    "there are {} images in it, and one name is for one image",
                    images.len()
                ),
            ));
        };
        return Ok(vec![(reference, image.root.clone())]);
    }
    let mut named = Vec::new();
    for image in images {
        let Some(name) = &image.name else {
            return Err(Failure::image(
                shown,
                format_args!(
                    "the image {} in it has no name; give it one with --tag",
                    image.root.digest
                ),
            ));
        };
        // Other tools keep only the tag.
        let reference = name.parse::<Reference>().map_err(|error| {
            Failure::image(
                shown,
                format_args!(
                    "{name:?} in it is not the name of an image: {error}; give one with --tag"
                ),
            )
        })?;
        named.push((reference, image.root.clone()));
    }
    Ok(named)
}
