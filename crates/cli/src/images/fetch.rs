//! `thimble pull`, and the fetching that `run` does.

use serde_json::json;
use thimble_image::{Descriptor, Reference};
use thimble_port_linux::images::store::Session;
use thimble_port_registry::{PullError, TransferError};

use crate::arguments::PullArguments;
use crate::failure::{Failure, ImageFault, chain};
use crate::report;
use crate::settings::{self, Settings};
use crate::trust::Trust;

use super::opened;
use super::progress::Progress;

/// Fetches an image and tells its digest.
pub(super) fn pull(arguments: &PullArguments) -> Result<(), Failure> {
    let reference = opened::reference(&arguments.image)?;
    let settings = settings::read()?;
    let store = opened::open(&settings)?;
    let trust = Trust::read()?;
    let session = store
        .session()
        .map_err(|error| Failure::image_error(&arguments.image, &error))?;
    let fetcher = Fetcher {
        settings: &settings,
        trust: &trust,
        plain_http: arguments.connection.plain_http,
        json: arguments.output.json,
    };
    let root = fetcher.fetch_and_name(&session, &reference)?;
    if arguments.output.json {
        let size_bytes = opened::manifest(&store, &root)
            .map_or(root.size, |(descriptor, manifest)| {
                opened::size_bytes(&descriptor, &manifest)
            });
        println!(
            "{}",
            json!({"reference": reference.to_string(), "digest": root.digest, "media_type": root.media_type,
                   "size_bytes": size_bytes})
        );
    } else {
        println!("{}: {}", reference.familiar(), root.digest);
    }
    Ok(())
}

/// Fetches images as this machine is set up.
pub(crate) struct Fetcher<'a> {
    pub(crate) settings: &'a Settings,
    pub(crate) trust: &'a Trust,
    pub(crate) plain_http: bool,
    pub(crate) json: bool,
}

impl Fetcher<'_> {
    /// Fetches an image, if it is trusted, and names it.
    pub(crate) fn fetch_and_name(
        &self,
        session: &Session,
        reference: &Reference,
    ) -> Result<Descriptor, Failure> {
        let root = self.fetch(session, reference)?;
        let name = match reference.digest() {
            Some(digest) => reference.with_digest(*digest),
            None => reference.clone(),
        };
        session
            .store()
            .tag(&name, &root)
            .map_err(|error| Failure::image_error(reference.familiar(), &error))?;
        Ok(root)
    }

    /// Fetches an image, if it is trusted. What it needs is kept as long as the session lives.
    pub(crate) fn fetch(
        &self,
        session: &Session,
        reference: &Reference,
    ) -> Result<Descriptor, Failure> {
        let registries = opened::registries(self.settings, self.plain_http)?;
        let mut progress = Progress::new("fetched", self.json);
        let store = session.store();
        let mut check = |found: &thimble_port_registry::Found| {
            let envelopes =
                opened::envelopes(store, &found.signatures).map_err(|error| error.to_string())?;
            let notes = self
                .trust
                .judge(&reference.name(), Some(&found.root), &envelopes)?;
            for note in notes {
                report::note(&reference.familiar(), &note, self.json);
            }
            Ok(())
        };
        let found = registries
            .pull(
                reference,
                opened::PREFERRED,
                session,
                &mut progress,
                &mut check,
            )
            .map_err(|error| failure(reference, &error))?;
        Ok(found.root)
    }
}

fn failure<E: std::error::Error + 'static>(reference: &Reference, error: &PullError<E>) -> Failure {
    let fault = match error {
        PullError::Transfer(TransferError::NotFound { .. }) => ImageFault::NotFound,
        PullError::Refused(_) => ImageFault::CannotRun,
        _ => ImageFault::Ours,
    };
    let reason = match fault {
        ImageFault::CannotRun => chain(error),
        _ => format!(
            "fetching it from {}: {}",
            reference.registry(),
            chain(error)
        ),
    };
    Failure::image_fault(reference.familiar(), fault, reason)
}
