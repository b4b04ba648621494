//! Registries over HTTP: drives the pull and push machines of `thimble-image`.
//!
//! Owns connections, TLS, proxies, mirrors, waiting, and credentials as Docker keeps them. What is asked of a registry
//! and whether its answers are right is decided in `thimble_image::registry`, not here. Memory does not depend on how
//! large a blob is: one buffer per transfer.

#![forbid(unsafe_code)]

mod client;
mod credentials;
mod drive;
mod error;
mod helper;
mod names;
mod registries;
mod settings;

pub use credentials::{CredentialError, StoredWhere};
pub use error::{LoginError, PullError, PushError, TransferError};
pub use registries::Registries;
pub use settings::{Proxies, RegistrySettings, Resolve, Settings, SettingsError};
pub use thimble_image::registry::{BlobProgress, Found, Secret};

use std::time::Duration;

use thimble_image::Descriptor;

/// Is told what a transfer does.
pub trait Watch {
    /// A blob is at another point.
    fn blob(&mut self, blob: &Descriptor, state: BlobProgress);

    /// Something failed and is tried again after a wait.
    fn retry(&mut self, reason: &str, wait: Duration) {
        let _ = (reason, wait);
    }

    /// Something that people may want to know.
    fn note(&mut self, text: &str) {
        let _ = text;
    }
}

/// Watches nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unwatched;

impl Watch for Unwatched {
    fn blob(&mut self, _blob: &Descriptor, _state: BlobProgress) {}
}
