//! Secrets of the fleet's containers: kept as they came, sealed for this device, and opened into a container's environment
//! when it starts. What is declared of a container, and what the API shows, has only their names and revisions.

use std::collections::BTreeMap;
use std::io;

use parking_lot::RwLock;
use serde::{Deserialize, Serialize};
use thimble_protocol::state::SealedSecret;
use thimble_protocol::{DeviceId, Manifest, seal};
use zeroize::Zeroizing;

use super::folder::Folder;
use super::identity::DeviceKey;

/// The label that tells which secrets a container has: `VARIABLE=NAME:REVISION`, joined by commas. Another revision makes the
/// container anew.
pub(super) const SECRETS_LABEL: &str = "thimble.fleet/secrets";
/// Where sealed secrets are kept.
const FILE: &str = "secrets.json";

/// A secret as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Kept {
    name: String,
    revision: u32,
    sealed: Vec<u8>,
}

/// Values by `NAME:REVISION`. No `Debug`: they are secret.
#[derive(Default)]
pub(crate) struct Secrets {
    values: RwLock<BTreeMap<String, Zeroizing<String>>>,
}

/// Why a secret cannot be used.
#[derive(Debug)]
#[non_exhaustive]
pub(super) enum SecretError {
    /// It is not sealed for this device.
    Sealed {
        /// Which.
        name: String,
        /// Why it cannot be opened.
        error: seal::OpenError,
    },
    /// It is no text, and an environment holds only text.
    NotText {
        /// Which.
        name: String,
    },
    /// The disk failed.
    Disk(io::Error),
}

impl std::fmt::Display for SecretError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Sealed { name, error } => write!(
                formatter,
                "the secret {name} cannot be opened: {error}; set it at the hub again"
            ),
            Self::NotText { name } => write!(
                formatter,
                "the secret {name} is not text without NUL, which is all that an environment holds"
            ),
            Self::Disk(error) => write!(formatter, "the secrets cannot be kept: {error}"),
        }
    }
}

impl std::error::Error for SecretError {}

impl Secrets {
    /// Opens what was kept, before containers start. What cannot be opened is left out, and told.
    pub(super) fn load(
        &self,
        folder: &Folder,
        device: DeviceId,
        key: &DeviceKey,
    ) -> io::Result<()> {
        for kept in read(folder)? {
            let secret = SealedSecret {
                name: kept.name,
                revision: kept.revision,
                sealed: kept.sealed,
            };
            match open(&secret, device, key) {
                Ok(value) => drop(self.values.write().insert(id(&secret), value)),
                Err(error) => tracing::warn!("{error}"),
            }
        }
        Ok(())
    }

    /// Opens and keeps the secrets of a manifest that is about to run, beside those of whatever runs now.
    pub(super) fn add(
        &self,
        folder: &Folder,
        device: DeviceId,
        key: &DeviceKey,
        manifest: &Manifest,
        secrets: &[SealedSecret],
    ) -> Result<(), SecretError> {
        let wanted = || {
            let names = manifest.containers.iter().flat_map(|one| &one.secret_env);
            secrets
                .iter()
                .filter(move |secret| names.clone().any(|named| named.secret == secret.name))
        };
        let mut opened = Vec::new();
        for secret in wanted() {
            opened.push((id(secret), open(secret, device, key)?));
        }
        let mut kept = read(folder).map_err(SecretError::Disk)?;
        let before = kept.len();
        for secret in wanted() {
            let one = Kept {
                name: secret.name.clone(),
                revision: secret.revision,
                sealed: secret.sealed.clone(),
            };
            let has = |kept: &Kept| kept.name == one.name && kept.revision == one.revision;
            if !kept.iter().any(has) {
                kept.push(one);
            }
        }
        if kept.len() != before {
            write(folder, &kept).map_err(SecretError::Disk)?;
        }
        self.values.write().extend(opened);
        Ok(())
    }

    /// Forgets every secret that none of these labels names.
    pub(super) fn retain(&self, folder: &Folder, labels: &[String]) -> io::Result<()> {
        let used = |id: &str| {
            labels
                .iter()
                .flat_map(|label| label.split(','))
                .any(|part| part.split_once('=').is_some_and(|(_, named)| named == id))
        };
        let mut kept = read(folder)?;
        let before = kept.len();
        kept.retain(|kept| used(&format!("{}:{}", kept.name, kept.revision)));
        if kept.len() != before {
            write(folder, &kept)?;
        }
        self.values.write().retain(|id, _| used(id));
        Ok(())
    }

    /// Puts the secrets that a container's label names into its environment.
    pub(crate) fn inject(
        &self,
        labels: &BTreeMap<String, String>,
        env: &mut Vec<(String, String)>,
    ) {
        let Some(label) = labels.get(SECRETS_LABEL) else {
            return;
        };
        let values = self.values.read();
        for part in label.split(',') {
            let Some((variable, id)) = part.split_once('=') else {
                continue;
            };
            env.retain(|(name, _)| name != variable);
            if let Some(value) = values.get(id) {
                env.push((variable.to_owned(), value.to_string()));
            }
        }
    }
}

fn id(secret: &SealedSecret) -> String {
    format!("{}:{}", secret.name, secret.revision)
}

fn open(
    secret: &SealedSecret,
    device: DeviceId,
    key: &DeviceKey,
) -> Result<Zeroizing<String>, SecretError> {
    let name = || secret.name.clone();
    let opened = seal::open(secret, device, key.secret()).map_err(|error| SecretError::Sealed {
        name: name(),
        error,
    })?;
    let text = std::str::from_utf8(opened.as_bytes())
        .ok()
        .filter(|text| !text.contains('\0'))
        .ok_or_else(|| SecretError::NotText { name: name() })?;
    Ok(Zeroizing::new(text.to_owned()))
}

fn read(folder: &Folder) -> io::Result<Vec<Kept>> {
    Ok(match folder.read(FILE)? {
        None => Vec::new(),
        // What is damaged comes again with the next state.
        Some(bytes) => serde_json::from_slice(&bytes).unwrap_or_default(),
    })
}

fn write(folder: &Folder, kept: &[Kept]) -> io::Result<()> {
    folder.write(FILE, &serde_json::to_vec(kept)?)
}
