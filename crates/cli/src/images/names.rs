//! `thimble tag` and `thimble rmi`: names of images that are here.

use serde_json::json;
use thimble_image::{Digest, Reference};
use thimble_port_linux::images::store::ImageStore;

use crate::arguments::{RmiArguments, TagArguments};
use crate::failure::{Failure, ImageFault};

use super::opened;

/// Gives an image another name.
pub(super) fn tag(arguments: &TagArguments) -> Result<(), Failure> {
    let image = opened::reference(&arguments.image)?;
    let name = opened::reference(&arguments.name)?;
    if name.digest().is_some() {
        return Err(Failure::image(
            &arguments.name,
            "a digest is computed, not given; name the image with a tag",
        ));
    }
    let store = opened::store()?;
    let root = opened::find(&store, &image)?;
    store
        .tag(&name, &root)
        .map_err(|error| Failure::image_error(&arguments.name, &error))
}

/// Removes names; tells every one. One that is not there does not keep the others.
pub(super) fn remove(arguments: &RmiArguments) -> Result<(), Failure> {
    let store = opened::store()?;
    let mut removed = Vec::new();
    let mut first_failure = None;
    for text in &arguments.images {
        match remove_one(&store, text) {
            Ok(names) => removed.extend(names),
            Err(failure) => {
                if let Some(earlier) = first_failure.replace(failure) {
                    eprintln!("thimble: {earlier}");
                }
            }
        }
    }
    if arguments.output.json {
        let removed: Vec<_> = removed
            .iter()
            .map(|(name, digest)| json!({"reference": name, "digest": digest}))
            .collect();
        println!("{}", json!({"removed": removed}));
    } else {
        for (name, _) in &removed {
            println!("removed {name}");
        }
    }
    first_failure.map_or(Ok(()), Err)
}

/// Removes what a text means: one name; or all names of an image that is given by its digest alone.
fn remove_one(store: &ImageStore, text: &str) -> Result<Vec<(String, Digest)>, Failure> {
    let failed = |error: &dyn std::error::Error| Failure::image_error(text, error);
    let names = match text.parse::<Digest>() {
        Ok(digest) => {
            let images = store.images().map_err(|error| failed(&error))?;
            images
                .into_iter()
                .filter(|image| image.root.digest == digest)
                .map(|image| image.name)
                .collect()
        }
        Err(_) => vec![opened::reference(text)?.to_string()],
    };
    let mut removed = Vec::new();
    for name in names {
        if let Some(root) = store.untag(&name).map_err(|error| failed(&error))? {
            let shown = name
                .parse::<Reference>()
                .map_or(name, |reference| reference.familiar());
            removed.push((shown, root.digest));
        }
    }
    if removed.is_empty() {
        return Err(Failure::image_fault(
            text,
            ImageFault::NotFound,
            "there is no such image here; `thimble images` lists those that are",
        ));
    }
    Ok(removed)
}
