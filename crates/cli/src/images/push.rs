//! `thimble push`.

use serde_json::json;
use thimble_image::Reference;

use crate::arguments::PushArguments;
use crate::failure::Failure;
use crate::settings;

use super::opened;
use super::progress::Progress;

/// Sends an image and its signatures.
pub(super) fn push(arguments: &PushArguments) -> Result<(), Failure> {
    let reference = opened::reference(&arguments.image)?;
    let settings = settings::read()?;
    let store = opened::open(&settings)?;
    let failed = |error: &dyn std::error::Error| Failure::image_error(&arguments.image, error);
    let session = store.session().map_err(|error| failed(&error))?;
    let root = opened::find(&store, &reference)?;
    session.keep_image(&root).map_err(|error| failed(&error))?;
    let signatures = opened::signatures(&store, &root.digest).map_err(|error| failed(&error))?;
    // The same content under other names on the same registry need not be sent again.
    let images = store.images().map_err(|error| failed(&error))?;
    let elsewhere: Vec<String> = images
        .iter()
        .filter(|image| image.root.digest == root.digest)
        .filter_map(|image| image.name.parse::<Reference>().ok())
        .filter(|other| {
            other.registry() == reference.registry() && other.repository() != reference.repository()
        })
        .map(|other| other.repository().to_owned())
        .collect();
    let registries = opened::registries(&settings, arguments.connection.plain_http)?;
    let mut progress = Progress::new("sent", arguments.output.json);
    registries
        .push(
            &root,
            &signatures,
            &reference,
            &elsewhere,
            &session,
            &mut progress,
        )
        .map_err(|error| failed(&error))?;
    if arguments.output.json {
        println!(
            "{}",
            json!({"reference": reference.to_string(), "digest": root.digest, "signatures": signatures.len()})
        );
    } else {
        println!("{}: {}", reference.familiar(), root.digest);
    }
    Ok(())
}
