//! The store of all name spaces.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use futures_util::StreamExt;
use object_store::ObjectStore;
use object_store::aws::AmazonS3Builder;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::prefix::PrefixStore;
use tokio::sync::Semaphore;

use crate::error::OpenError;
use crate::ledger::Ledger;
use crate::names::NameSpace;
use crate::settings::{Limits, S3Settings, Storage};
use crate::space::Space;

/// The store of all name spaces. Cheap to clone.
#[derive(Clone)]
pub struct Blobs(Arc<Shared>);

pub(crate) struct Shared {
    pub(crate) store: Box<dyn ObjectStore>,
    pub(crate) limits: Limits,
    pub(crate) ledger: Ledger,
    /// The bodies that may be taken in.
    pub(crate) bodies: Semaphore,
    /// Where the store is a folder: it leaves files behind when the power is cut.
    pub(crate) folder: Option<PathBuf>,
}

impl Blobs {
    /// Opens the store, and sees whether it answers.
    ///
    /// # Errors
    /// [`OpenError`] says what is wrong with the settings, the folder or the store.
    pub async fn open(storage: &Storage, limits: Limits) -> Result<Self, OpenError> {
        let (store, folder) = match storage {
            Storage::Folder(path) => (open_folder(path)?, Some(path.clone())),
            Storage::S3(settings) => (open_bucket(settings)?, None),
        };
        let blobs = Self(Arc::new(Shared {
            store,
            ledger: Ledger::default(),
            bodies: Semaphore::new(limits.parallel_bodies_max),
            limits,
            folder,
        }));
        match blobs
            .shared()
            .store
            .list(Some(&Path::from("ns")))
            .next()
            .await
        {
            Some(Err(error)) => Err(OpenError::Unreachable { error }),
            _ => Ok(blobs),
        }
    }

    /// What one name space holds, which is at most this many bytes.
    #[must_use]
    pub fn space(&self, name_space: NameSpace, bytes_max: Option<u64>) -> Space {
        Space::new(self.clone(), name_space, bytes_max)
    }

    /// How much is accepted.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.0.limits
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.0
    }
}

impl fmt::Debug for Blobs {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Blobs({})", self.0.store)
    }
}

fn open_folder(path: &PathBuf) -> Result<Box<dyn ObjectStore>, OpenError> {
    let unusable = |error| OpenError::Folder {
        path: path.clone(),
        error,
    };
    std::fs::create_dir_all(path).map_err(unusable)?;
    // Nothing is acknowledged before it and its name are on the disk.
    let store = LocalFileSystem::new_with_prefix(path)
        .map_err(|error| OpenError::Settings { error })?
        .with_fsync(true);
    Ok(Box::new(store))
}

fn open_bucket(settings: &S3Settings) -> Result<Box<dyn ObjectStore>, OpenError> {
    // The client is made with TLS even where it is not used, and needs to know whose.
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        // Someone else may have been faster, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
    }
    let store = AmazonS3Builder::new()
        .with_endpoint(&settings.endpoint)
        .with_bucket_name(&settings.bucket)
        .with_region(&settings.region)
        .with_access_key_id(&settings.access_key_id)
        .with_secret_access_key(&settings.secret_access_key)
        .with_allow_http(settings.is_http_allowed)
        .with_virtual_hosted_style_request(false)
        .build()
        .map_err(|error| OpenError::Settings { error })?;
    if settings.prefix.is_empty() {
        return Ok(Box::new(store));
    }
    let prefix = Path::parse(&settings.prefix).map_err(|error| OpenError::Settings {
        error: error.into(),
    })?;
    Ok(Box::new(PrefixStore::new(store, prefix)))
}
