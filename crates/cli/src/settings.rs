//! What the machine's owner has set: `thimble.toml` in the folder of settings.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;

use serde::Deserialize;
use thimble_daemon::{FleetSettings, Settings as DaemonSettings};
use thimble_port_linux::images::store::StoreSettings;
use thimble_port_registry::RegistrySettings;

use crate::failure::Failure;
use crate::folders;
use crate::values;

/// The settings, understood.
#[derive(Default)]
pub(crate) struct Settings {
    /// Of the image store.
    pub(crate) store: StoreSettings,
    /// Of registries, by `HOST[:PORT]`.
    pub(crate) registries: BTreeMap<String, RegistrySettings>,
    /// Of the daemon.
    pub(crate) daemon: DaemonSettings,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    images: Images,
    #[serde(default)]
    registries: BTreeMap<String, Registry>,
    #[serde(default)]
    daemon: DaemonSettings,
    fleet: Option<FleetSettings>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Images {
    quota: Option<String>,
    reserve: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Registry {
    #[serde(default)]
    mirrors: Vec<String>,
    #[serde(default)]
    plain_http: bool,
    #[serde(default)]
    https: bool,
    #[serde(default)]
    ca: Vec<PathBuf>,
}

/// Reads the settings; without a file they are the defaults.
pub(crate) fn read() -> Result<Settings, Failure> {
    let Some(path) = folders::config().map(|folder| folder.join("thimble.toml")) else {
        return Ok(Settings::default());
    };
    let wrong = |reason: String| Failure::Settings {
        path: path.clone(),
        reason,
    };
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Settings::default()),
        Err(error) => return Err(wrong(format!("cannot be read: {error}"))),
    };
    let file: File = toml::from_str(&text).map_err(|error| wrong(error.to_string()))?;
    let size = |name: &str, text: Option<String>| match text {
        Some(text) => values::size(&text)
            .map(Some)
            .map_err(|reason| wrong(format!("images.{name} = {text:?}: {reason}"))),
        None => Ok(None),
    };
    let mut store = StoreSettings {
        quota_bytes: size("quota", file.images.quota)?,
        ..StoreSettings::default()
    };
    if let Some(bytes) = size("reserve", file.images.reserve)? {
        store.reserve_bytes = bytes;
    }
    let registries = file
        .registries
        .into_iter()
        .map(|(host, registry)| {
            let settings = RegistrySettings {
                mirrors: registry.mirrors,
                plain_http: registry.plain_http,
                https: registry.https,
                ca_files: registry.ca,
            };
            (host, settings)
        })
        .collect();
    Ok(Settings {
        store,
        registries,
        daemon: DaemonSettings {
            fleet: file.fleet,
            ..file.daemon
        },
    })
}
