//! `thimble push`.

use serde_json::json;
use thimble_image::{Descriptor, Reference};
use thimble_port_linux::images::store::ImageStore;

use crate::arguments::PushArguments;
use crate::failure::Failure;
use crate::settings::{self, Settings};

use super::opened;
use super::progress::Progress;

/// Sends an image and its signatures.
pub(super) fn push(arguments: &PushArguments) -> Result<(), Failure> {
    let reference = opened::reference(&arguments.image)?;
    let settings = settings::read()?;
    let store = opened::open(&settings)?;
    let root = opened::find(&store, &reference)?;
    let plain_http = arguments.connection.plain_http;
    let mut progress = Progress::new("sent", arguments.output.json);
    let signatures = send(
        &settings,
        &store,
        &root,
        &reference,
        plain_http,
        &mut progress,
    )?;
    if arguments.output.json {
        println!(
            "{}",
            json!({"reference": reference.to_string(), "digest": root.digest, "signatures": signatures})
        );
    } else {
        println!("{}: {}", reference.familiar(), root.digest);
    }
    Ok(())
}

/// Sends an image that is here with its signatures; tells how many of those there are.
pub(crate) fn send(
    settings: &Settings,
    store: &ImageStore,
    root: &Descriptor,
    to: &Reference,
    plain_http: bool,
    progress: &mut Progress,
) -> Result<usize, Failure> {
    let name = to.familiar();
    let failed = |error: &dyn std::error::Error| Failure::image_error(&name, error);
    let session = store.session().map_err(|error| failed(&error))?;
    session.keep_image(root).map_err(|error| failed(&error))?;
    let signatures = opened::signatures(store, &root.digest).map_err(|error| failed(&error))?;
    // The same content under other names on the same registry need not be sent again.
    let images = store.images().map_err(|error| failed(&error))?;
    let elsewhere: Vec<String> = images
        .iter()
        .filter(|image| image.root.digest == root.digest)
        .filter_map(|image| image.name.parse::<Reference>().ok())
        .filter(|other| other.registry() == to.registry() && other.repository() != to.repository())
        .map(|other| other.repository().to_owned())
        .collect();
    opened::registries(settings, plain_http)?
        .push(root, &signatures, to, &elsewhere, &session, progress)
        .map_err(|error| failed(&error))?;
    Ok(signatures.len())
}
