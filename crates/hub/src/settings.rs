//! What an administrator sets: one TOML file, read strictly. Everything has a default with which a hub runs.

mod error;
mod identity;
mod place;
#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use thimble_hub_blobs::Storage;

pub use error::SettingsError;
pub use identity::{
    ITERATIONS_MIN, IdentitySettings, MEMORY_KIB_MIN, OpenIdSettings, PasswordSettings,
};
pub use place::state_folder;

/// Bytes of the file at most.
pub(crate) const BYTES_MAX: u64 = 1 << 20;
/// Seconds that blobs stay at least: a large module comes slowly over a bad line.
const COLLECT_GRACE_S_MIN: u64 = 3600;

/// Everything that is set.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Where keys, the SQLite database and blobs lie unless their settings say otherwise.
    pub folder: Option<PathBuf>,
    /// The file of the master key, which seals every secret of the hub: `master.key` in the folder if nothing is said.
    pub master_key: Option<PathBuf>,
    /// The database.
    pub store: StoreSettings,
    /// The operators' listener.
    pub operators: OperatorSettings,
    /// The devices' listener.
    pub devices: DeviceSettings,
    /// Where blobs are.
    pub blobs: BlobSettings,
    /// Users and sign-in.
    pub identity: IdentitySettings,
    /// Webhooks.
    pub webhooks: WebhookSettings,
}

/// The database.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StoreSettings {
    /// `sqlite:PATH` or `postgres://…`; SQLite in the folder if nothing is said.
    pub url: Option<String>,
    /// Connections at most.
    pub connections: u32,
    /// How many of them devices may use at once.
    pub device_connections: u32,
}

impl Default for StoreSettings {
    fn default() -> Self {
        Self {
            url: None,
            connections: 16,
            device_connections: 8,
        }
    }
}

/// The operators' listener.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OperatorSettings {
    /// Where it listens. Without a certificate only addresses of this machine are allowed.
    pub listen: SocketAddr,
    /// The certificate and the authorities between it and the root, PEM.
    pub certificate: Option<PathBuf>,
    /// Its key, PEM.
    pub key: Option<PathBuf>,
    /// How operators reach it: `https://hub.example`.
    pub public_url: Option<String>,
    /// Connections at once.
    pub connections_max: usize,
    /// Connections at once of one address.
    pub connections_per_address_max: u32,
    /// Seconds in which the head of a request must be there.
    pub head_s: u64,
    /// Seconds for a whole request; pushes of images and exports have their own.
    pub request_s: u64,
}

impl Default for OperatorSettings {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 7443)),
            certificate: None,
            key: None,
            public_url: None,
            connections_max: 1024,
            connections_per_address_max: 64,
            head_s: 15,
            request_s: 60,
        }
    }
}

/// The devices' listener.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DeviceSettings {
    /// Where it listens.
    pub listen: SocketAddr,
    /// How devices reach it: `https://HOST:PORT`.
    pub public_url: Option<String>,
    /// The part of devices' identities that names this hub: `spiffe://TRUST-DOMAIN/…`.
    pub trust_domain: String,
    /// The certificate and the authorities between it and the root, PEM; the hub's own authority issues one otherwise.
    pub certificate: Option<PathBuf>,
    /// Its key, PEM.
    pub key: Option<PathBuf>,
    /// Other authorities whose certificates devices may have.
    pub external: Vec<ExternalSettings>,
    /// The tenant, by name, where devices wait for approval that come without a code; if nothing is said, the only one that
    /// there is. Otherwise they are refused.
    pub pending_tenant: Option<String>,
    /// Days that a device's certificate lasts.
    pub certificate_days: u32,
    /// Connections at once.
    pub connections_max: usize,
    /// Connections at once of one address.
    pub connections_per_address_max: u32,
    /// Seconds between two polls at least.
    pub poll_min_s: u32,
    /// Seconds between two polls at most.
    pub poll_max_s: u32,
}

impl Default for DeviceSettings {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([0, 0, 0, 0], 7444)),
            public_url: None,
            trust_domain: "thimble".to_owned(),
            certificate: None,
            key: None,
            external: Vec::new(),
            pending_tenant: None,
            certificate_days: 90,
            connections_max: 250_000,
            connections_per_address_max: 20_000,
            poll_min_s: 30,
            poll_max_s: 900,
        }
    }
}

impl DeviceSettings {
    /// How devices reach the listener: as it is set, or on this machine.
    #[must_use]
    pub fn url(&self) -> String {
        match &self.public_url {
            Some(url) => url.clone(),
            None => format!("https://localhost:{}", self.listen.port()),
        }
    }
}

/// Authorities of somebody else, whose devices one tenant takes.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExternalSettings {
    /// The tenant, by name.
    pub tenant: String,
    /// The authorities' certificates, PEM.
    pub authorities: PathBuf,
}

/// Where blobs are.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BlobSettings {
    /// The folder, `blobs` in the hub's folder if nothing is said.
    pub folder: Option<PathBuf>,
    /// An S3-compatible store instead of a folder.
    pub s3: Option<S3Settings>,
    /// Bytes of one tenant at most.
    pub tenant_bytes_max: Option<u64>,
    /// Seconds from one deletion of what nothing needs any more to the next; 0: never.
    pub collect_every_s: u64,
    /// Seconds that a blob stays at least, whether or not something needs it: longer than any push takes.
    pub collect_grace_s: u64,
}

impl Default for BlobSettings {
    fn default() -> Self {
        Self {
            folder: None,
            s3: None,
            tenant_bytes_max: None,
            collect_every_s: 86_400,
            collect_grace_s: 86_400,
        }
    }
}

/// An S3-compatible store.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct S3Settings {
    /// Its address: `https://HOST[:PORT]`.
    pub endpoint: String,
    /// The bucket, which exists.
    pub bucket: String,
    /// The region.
    #[serde(default = "region")]
    pub region: String,
    /// A file with the access key's id in its first line and the secret key in its second.
    pub credentials: PathBuf,
    /// What stands before all names in the bucket.
    #[serde(default)]
    pub prefix: String,
    /// Whether `http://` will do.
    #[serde(default)]
    pub allow_http: bool,
}

fn region() -> String {
    "us-east-1".to_owned()
}

/// Webhooks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WebhookSettings {
    /// Whether addresses of private networks and of this machine may be told.
    pub allow_private: bool,
}

impl Settings {
    /// Reads them.
    ///
    /// # Errors
    /// [`SettingsError`] says which file, where and why.
    pub fn load(path: &Path) -> Result<Self, SettingsError> {
        let unreadable = |source| SettingsError::Unreadable {
            path: path.to_owned(),
            source,
        };
        if std::fs::metadata(path).map_err(unreadable)?.len() > BYTES_MAX {
            return Err(SettingsError::TooLarge {
                path: path.to_owned(),
            });
        }
        let text = std::fs::read_to_string(path).map_err(unreadable)?;
        let settings: Self = toml::from_str(&text).map_err(|error| SettingsError::Malformed {
            path: path.to_owned(),
            reason: error.to_string(),
        })?;
        settings.check()?;
        Ok(settings)
    }

    /// Finds out that nothing in them contradicts itself or is unsafe.
    ///
    /// # Errors
    /// [`SettingsError::Invalid`].
    pub fn check(&self) -> Result<(), SettingsError> {
        let invalid = |field, reason: String| Err(SettingsError::Invalid { field, reason });
        let operators = &self.operators;
        if operators.certificate.is_some() != operators.key.is_some() {
            return invalid(
                "operators.certificate",
                "a certificate needs its key (operators.key), and a key its certificate".to_owned(),
            );
        }
        if operators.certificate.is_none() && !operators.listen.ip().is_loopback() {
            return invalid(
                "operators.listen",
                format!(
                    "{} can be reached from other machines, which needs a certificate: set \
                     operators.certificate and operators.key, or listen on 127.0.0.1",
                    operators.listen
                ),
            );
        }
        if self.devices.certificate.is_some() != self.devices.key.is_some() {
            return invalid(
                "devices.certificate",
                "a certificate needs its key (devices.key), and a key its certificate".to_owned(),
            );
        }
        if self.devices.certificate_days == 0 {
            return invalid(
                "devices.certificate_days",
                "must be at least 1: a certificate that ends at once lets no device in".to_owned(),
            );
        }
        if self.devices.poll_min_s == 0 || self.devices.poll_min_s > self.devices.poll_max_s {
            return invalid(
                "devices.poll_min_s",
                "must be at least 1 and not greater than devices.poll_max_s".to_owned(),
            );
        }
        if self.blobs.collect_grace_s < COLLECT_GRACE_S_MIN {
            return invalid(
                "blobs.collect_grace_s",
                format!(
                    "must be at least {COLLECT_GRACE_S_MIN}: what is being pushed would be deleted; to delete nothing, set blobs.collect_every_s to 0"
                ),
            );
        }
        self.check_identity()
    }

    fn check_identity(&self) -> Result<(), SettingsError> {
        let passwords = &self.identity.passwords;
        if passwords.memory_kib < MEMORY_KIB_MIN || passwords.iterations < ITERATIONS_MIN {
            return Err(SettingsError::Invalid {
                field: "identity.passwords",
                reason: format!(
                    "{} KiB and {} iterations are too cheap to guess: {MEMORY_KIB_MIN} KiB and \
                     {ITERATIONS_MIN} iterations are the least",
                    passwords.memory_kib, passwords.iterations
                ),
            });
        }
        if passwords.at_once == 0 || passwords.parallelism == 0 {
            return Err(SettingsError::Invalid {
                field: "identity.passwords",
                reason: "at_once and parallelism must be at least 1".to_owned(),
            });
        }
        for (name, provider) in &self.identity.openid {
            if provider.roles.is_empty() {
                return Err(SettingsError::Invalid {
                    field: "identity.openid",
                    reason: format!("nobody of `{name}` could sign in: its `roles` are empty"),
                });
            }
        }
        Ok(())
    }

    /// The hub's folder.
    ///
    /// # Errors
    /// [`SettingsError::NoFolder`].
    pub fn place(&self) -> Result<PathBuf, SettingsError> {
        match &self.folder {
            Some(folder) => Ok(folder.clone()),
            None => state_folder().ok_or(SettingsError::NoFolder),
        }
    }

    /// The file of the master key.
    ///
    /// # Errors
    /// [`SettingsError::NoFolder`].
    pub fn master_key(&self) -> Result<PathBuf, SettingsError> {
        match &self.master_key {
            Some(path) => Ok(path.clone()),
            None => Ok(self.place()?.join("master.key")),
        }
    }

    /// Where blobs are.
    ///
    /// # Errors
    /// [`SettingsError::NoFolder`], and if the credentials cannot be read.
    pub fn storage(&self) -> Result<Storage, SettingsError> {
        let Some(s3) = &self.blobs.s3 else {
            return Ok(Storage::Folder(match &self.blobs.folder {
                Some(folder) => folder.clone(),
                None => self.place()?.join("blobs"),
            }));
        };
        let text = std::fs::read_to_string(&s3.credentials).map_err(|source| {
            SettingsError::Unreadable {
                path: s3.credentials.clone(),
                source,
            }
        })?;
        let mut lines = text.lines().map(str::trim);
        let (Some(id), Some(secret)) = (lines.next(), lines.next()) else {
            return Err(SettingsError::Malformed {
                path: s3.credentials.clone(),
                reason: "it should hold the access key's id and, in the next line, the secret key"
                    .to_owned(),
            });
        };
        Ok(Storage::S3(thimble_hub_blobs::S3Settings {
            endpoint: s3.endpoint.clone(),
            bucket: s3.bucket.clone(),
            region: s3.region.clone(),
            access_key_id: id.to_owned(),
            secret_access_key: secret.to_owned(),
            prefix: s3.prefix.clone(),
            is_http_allowed: s3.allow_http,
        }))
    }

    /// The database's address.
    ///
    /// # Errors
    /// [`SettingsError::NoFolder`].
    pub fn store_url(&self) -> Result<String, SettingsError> {
        match &self.store.url {
            Some(url) => Ok(url.clone()),
            None => Ok(format!("sqlite:{}", self.place()?.join("hub.db").display())),
        }
    }
}
