//! What all parts of a node share.

mod build;
mod clock;

use std::fmt;
use std::sync::Arc;

use thimble_hub_blobs::Blobs;
use thimble_hub_store::Store;

use crate::authority::Vault;
use crate::identity::{Attempts, OpenId, Passwords};
use crate::settings::Settings;

pub use build::{BuildError, Builder};
pub use clock::{Clock, FixedClock, SystemClock};

/// A node of the hub: the store, the blobs, the keys and the settings. Shared as an `Arc`.
pub struct Hub {
    /// What the hub knows.
    pub store: Store,
    /// Images and other content.
    pub blobs: Blobs,
    /// Keys and authorities.
    pub vault: Arc<Vault>,
    /// What an administrator set.
    pub settings: Settings,
    /// Passwords of local users.
    pub passwords: Passwords,
    /// How often somebody tried to sign in.
    pub attempts: Attempts,
    /// Sign-in at OpenID providers.
    pub openid: OpenId,
    clock: Arc<dyn Clock>,
}

impl fmt::Debug for Hub {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Hub")
            .field("store", &self.store)
            .finish_non_exhaustive()
    }
}

impl Hub {
    /// Puts a hub together.
    #[must_use]
    pub fn builder(settings: Settings) -> Builder {
        Builder::new(settings)
    }

    /// What has the time of this hub.
    #[must_use]
    pub fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.clock)
    }

    /// Milliseconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub fn now_ms(&self) -> i64 {
        self.clock.now_ms()
    }
}
