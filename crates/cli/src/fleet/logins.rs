//! The logins at hubs: `hubs.json` in the folder of settings, which only its owner reads.
//!
//! The hub's authorities that were given at a login are kept beside it, so that neither the next command nor a push of an
//! image needs them again.

use std::collections::BTreeMap;
use std::fs;
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use thimble_hub_api::Timestamp;

use crate::failure::Failure;
use crate::folders;

/// The file.
const FILE: &str = "hubs.json";
/// Bytes of a file of authorities at most.
const AUTHORITIES_BYTES_MAX: u64 = 1 << 20;

/// Every login.
#[derive(Default, Serialize, Deserialize)]
pub(super) struct Logins {
    /// The hub that is meant if nothing is said.
    #[serde(default)]
    pub(super) current: Option<String>,
    /// The logins by the hubs' URLs.
    #[serde(default)]
    pub(super) hubs: BTreeMap<String, Login>,
}

/// A login at a hub. It has no `Debug`: it holds the token.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Login {
    /// What is sent with each request.
    pub(super) token: String,
    /// The user's name.
    pub(super) user: String,
    /// The tenant that is meant if nothing is said.
    #[serde(default)]
    pub(super) tenant: Option<String>,
    /// The file of the authorities whose certificates are believed.
    #[serde(default)]
    pub(super) ca: Option<PathBuf>,
    /// When the token ends.
    pub(super) expires_at: Timestamp,
}

impl Logins {
    /// The logins of this user on this machine.
    pub(super) fn read() -> Result<Self, Failure> {
        let Some(path) = place() else {
            return Ok(Self::default());
        };
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(wrong(&path, format_args!("cannot be read: {error}"))),
        };
        // What the parser says could repeat a piece of a token.
        serde_json::from_str(&text).map_err(|error| {
            wrong(
                &path,
                format_args!(
                    "line {} is not the JSON it should be; remove the file and sign in again",
                    error.line()
                ),
            )
        })
    }

    /// Keeps them, as a whole or not at all.
    pub(super) fn write(&self) -> Result<(), Failure> {
        let path = place().ok_or_else(|| {
            Failure::device(
                "keeping the login",
                "there is no folder of settings; set THIMBLE_ROOT or HOME",
            )
        })?;
        let mut text = serde_json::to_vec_pretty(self)
            .map_err(|error| Failure::device("keeping the login", error))?;
        text.push(b'\n');
        write_private(&path, &text)
    }
}

/// Keeps a copy of the authorities that were given for a hub.
pub(super) fn keep_authorities(hub: &str, from: &Path) -> Result<PathBuf, Failure> {
    let folder = folders::config().ok_or_else(|| {
        Failure::device(
            "keeping the hub's authorities",
            "there is no folder of settings; set THIMBLE_ROOT or HOME",
        )
    })?;
    let size = fs::metadata(from).map_err(|error| wrong(from, unreadable(&error)))?;
    if size.len() > AUTHORITIES_BYTES_MAX {
        return Err(wrong(
            from,
            "it has more than 1 MiB, which no certificates have",
        ));
    }
    let text = fs::read(from).map_err(|error| wrong(from, unreadable(&error)))?;
    let path = folder.join("hubs").join(format!("{}.pem", file_name(hub)));
    write_private(&path, &text)?;
    Ok(path)
}

/// The registries of hubs whose authorities were given at a login: `HOST[:PORT]`, and the file.
pub(crate) fn registry_authorities() -> Vec<(String, PathBuf)> {
    // A file that cannot be read is told by the commands that need it.
    let logins = Logins::read().unwrap_or_default();
    let with_authorities = logins.hubs.into_iter();
    with_authorities
        .filter_map(|(hub, login)| Some((registry(&hub)?.to_owned(), login.ca?)))
        .collect()
}

/// The registry of a hub: `HOST[:PORT]`.
pub(super) fn registry(hub: &str) -> Option<&str> {
    let rest = hub
        .strip_prefix("https://")
        .or_else(|| hub.strip_prefix("http://"))?;
    rest.split('/').next().filter(|host| !host.is_empty())
}

/// A hub's URL as it is kept: without a slash at its end.
pub(super) fn normal(url: &str) -> String {
    let url = url.trim_end_matches('/');
    if url.contains("://") {
        url.to_owned()
    } else {
        // Nothing else is meant by a bare name.
        format!("https://{url}")
    }
}

fn place() -> Option<PathBuf> {
    folders::config().map(|folder| folder.join(FILE))
}

fn file_name(hub: &str) -> String {
    let host = registry(hub).unwrap_or(hub);
    host.chars()
        .map(|letter| match letter {
            'a'..='z' | 'A'..='Z' | '0'..='9' | '.' | '-' => letter,
            _ => '_',
        })
        .collect()
}

fn write_private(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let failed = |error: std::io::Error| wrong(path, format_args!("cannot be written: {error}"));
    if let Some(folder) = path.parent() {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .map_err(failed)?;
    }
    let beside = path.with_extension(format!("{}.new", std::process::id()));
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&beside)
        .map_err(failed)?;
    let written = file
        .write_all(bytes)
        .and_then(|()| file.sync_all())
        .and_then(|()| fs::rename(&beside, path));
    if written.is_err() {
        // What is half written is of no use.
        let _ = fs::remove_file(&beside);
    }
    written.map_err(failed)
}

fn unreadable(error: &std::io::Error) -> String {
    match error.kind() {
        ErrorKind::NotFound => "there is no such file".to_owned(),
        _ => format!("cannot be read: {error}"),
    }
}

fn wrong(path: &Path, reason: impl std::fmt::Display) -> Failure {
    Failure::Settings {
        path: path.to_owned(),
        reason: reason.to_string(),
    }
}
