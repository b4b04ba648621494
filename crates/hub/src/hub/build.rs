//! Putting a hub together.

use std::fmt;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use thimble_hub_blobs::{Blobs, Limits, OpenError};
use thimble_hub_store::{Options, Store};

use super::{Clock, Hub, SystemClock};
use crate::authority::identity::NoTrustDomain;
use crate::authority::master::MasterError;
use crate::authority::{MasterKey, TrustDomain, Vault};
use crate::identity::{Attempts, OpenId, OpenIdError, PasswordError, Passwords};
use crate::settings::{Settings, SettingsError};

/// What a hub is made of, where it is not what the settings say.
pub struct Builder {
    settings: Settings,
    clock: Arc<dyn Clock>,
    store: Option<Store>,
    blobs: Option<Blobs>,
    master: Option<MasterKey>,
}

impl fmt::Debug for Builder {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Builder").finish_non_exhaustive()
    }
}

/// Why a hub cannot begin.
#[derive(Debug)]
#[non_exhaustive]
pub enum BuildError {
    /// The settings cannot be used.
    Settings(SettingsError),
    /// The hub's folder cannot be made.
    Folder {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The store cannot be opened.
    Store(thimble_hub_store::Error),
    /// The blobs cannot be opened.
    Blobs(OpenError),
    /// The master key cannot be used.
    Master(MasterError),
    /// The trust domain cannot be one.
    TrustDomain(NoTrustDomain),
    /// Passwords cannot be hashed with these costs.
    Passwords(PasswordError),
    /// A provider cannot be used as it is set.
    OpenId(OpenIdError),
}

impl fmt::Display for BuildError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Settings(_) => formatter.write_str("the settings cannot be used"),
            Self::Folder { path, .. } => write!(
                formatter,
                "the hub's folder {} cannot be made: set `folder` to a place that belongs to the hub",
                path.display()
            ),
            Self::Store(_) => formatter.write_str("the store cannot be opened"),
            Self::Blobs(_) => formatter.write_str("the blobs cannot be opened"),
            Self::Master(_) => formatter.write_str(
                "the master key cannot be used; a new hub begins with `thimble-hub init`",
            ),
            Self::TrustDomain(_) => formatter.write_str("devices.trust_domain cannot be used"),
            Self::Passwords(_) => formatter.write_str("identity.passwords cannot be used"),
            Self::OpenId(_) => formatter.write_str("identity.openid cannot be used"),
        }
    }
}

impl std::error::Error for BuildError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Settings(error) => Some(error),
            Self::Folder { source, .. } => Some(source),
            Self::Store(error) => Some(error),
            Self::Blobs(error) => Some(error),
            Self::Master(error) => Some(error),
            Self::TrustDomain(error) => Some(error),
            Self::Passwords(error) => Some(error),
            Self::OpenId(error) => Some(error),
        }
    }
}

impl Builder {
    pub(super) fn new(settings: Settings) -> Self {
        Self {
            settings,
            clock: Arc::new(SystemClock),
            store: None,
            blobs: None,
            master: None,
        }
    }

    /// Another clock.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// A store that is open already.
    #[must_use]
    pub fn store(mut self, store: Store) -> Self {
        self.store = Some(store);
        self
    }

    /// Blobs that are open already.
    #[must_use]
    pub fn blobs(mut self, blobs: Blobs) -> Self {
        self.blobs = Some(blobs);
        self
    }

    /// A master key instead of the one in the file.
    #[must_use]
    pub fn master(mut self, master: MasterKey) -> Self {
        self.master = Some(master);
        self
    }

    /// Opens what is to be opened.
    ///
    /// # Errors
    /// [`BuildError`] says what cannot be opened and what to do.
    pub async fn build(self) -> Result<Arc<Hub>, BuildError> {
        let settings = self.settings;
        settings.check().map_err(BuildError::Settings)?;
        let store = match self.store {
            Some(store) => store,
            None => open(&settings).await?,
        };
        let master = match self.master {
            Some(master) => master,
            None => MasterKey::read(&settings.master_key().map_err(BuildError::Settings)?)
                .map_err(BuildError::Master)?,
        };
        let blobs = match self.blobs {
            Some(blobs) => blobs,
            None => Blobs::open(
                &settings.storage().map_err(BuildError::Settings)?,
                Limits::default(),
            )
            .await
            .map_err(BuildError::Blobs)?,
        };
        let trust =
            TrustDomain::new(&settings.devices.trust_domain).map_err(BuildError::TrustDomain)?;
        let passwords =
            Passwords::new(&settings.identity.passwords).map_err(BuildError::Passwords)?;
        let openid = OpenId::new(&settings.identity.openid).map_err(BuildError::OpenId)?;
        Ok(Arc::new(Hub {
            vault: Arc::new(Vault::new(store.clone(), master, trust)),
            store,
            blobs,
            settings,
            passwords,
            attempts: Attempts::default(),
            openid,
            clock: self.clock,
        }))
    }
}

async fn open(settings: &Settings) -> Result<Store, BuildError> {
    if settings.store.url.is_none() {
        make_folder(settings.place().map_err(BuildError::Settings)?)?;
    }
    let url = settings.store_url().map_err(BuildError::Settings)?;
    let options = Options {
        connections: settings.store.connections,
        device_connections: settings.store.device_connections,
        ..Options::default()
    };
    Store::open(&url, options).await.map_err(BuildError::Store)
}

/// Nobody else may look into it.
fn make_folder(path: PathBuf) -> Result<(), BuildError> {
    use std::os::unix::fs::DirBuilderExt as _;
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&path)
        .map_err(|source| BuildError::Folder { path, source })
}
