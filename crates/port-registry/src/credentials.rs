//! Credentials, kept as Docker keeps them: `config.json` and credential helpers.

use std::fmt;
use std::io::{Read, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use base64ct::{Base64, Encoding};
use serde_json::{Map, Value};
use thimble_image::registry::{Credentials, Secret};

use crate::helper;

/// The file in the folder.
const FILE: &str = "config.json";
/// Bytes of the file at most.
const FILE_BYTES_MAX: u64 = 1 << 20;
/// How Docker calls its own registry in the file.
const DOCKER_SERVER: &str = "https://index.docker.io/v1/";

/// Where credentials were stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoredWhere {
    /// By the program `docker-credential-NAME`.
    Helper(String),
    /// In this file, readable by whoever can read it.
    File(PathBuf),
}

/// Why credentials cannot be read or stored on this device.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CredentialError {
    /// The file cannot be used.
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// A helper does not do what it should.
    Helper {
        /// Its name.
        helper: String,
        /// What is wrong.
        reason: String,
    },
    /// There is no home folder to keep them in.
    NoFolder,
}

/// Docker's configuration file. It may not exist.
pub(crate) struct DockerConfig {
    path: Option<PathBuf>,
}

impl DockerConfig {
    /// The one in this folder, else the one that Docker would use.
    pub(crate) fn new(folder: Option<&Path>) -> Self {
        let variable = |name: &str| {
            let value = std::env::var_os(name).filter(|value| !value.is_empty());
            value.map(PathBuf::from)
        };
        let folder = folder
            .map(Path::to_path_buf)
            .or_else(|| variable("DOCKER_CONFIG"))
            .or_else(|| variable("HOME").map(|home| home.join(".docker")));
        Self {
            path: folder.map(|folder| folder.join(FILE)),
        }
    }

    /// The credentials for a registry, if there are any.
    pub(crate) fn find(&self, registry: &str) -> Result<Option<Credentials>, CredentialError> {
        let config = self.read()?;
        if let Some(name) = helper_of(&config, registry)
            && let Some(credentials) = helper::get(&name, server_of(registry))?
        {
            return Ok(Some(credentials));
        }
        let Some(Value::Object(auths)) = config.get("auths") else {
            return Ok(None);
        };
        let exact = auths.get(server_of(registry));
        let entry = exact.or_else(|| {
            let mut entries = auths.iter();
            let found = entries.find(|(server, _)| is_same(server, registry));
            found.map(|(_, entry)| entry)
        });
        match entry {
            Some(entry) => self.decode(registry, entry),
            None => Ok(None),
        }
    }

    /// Stores credentials where the file says: with a helper, else in it.
    pub(crate) fn store(
        &self,
        registry: &str,
        username: &str,
        password: &Secret,
    ) -> Result<StoredWhere, CredentialError> {
        let path = self.path.clone().ok_or(CredentialError::NoFolder)?;
        let mut config = self.read()?;
        let server = server_of(registry);
        let name = helper_of(&config, registry);
        let entry = match &name {
            Some(name) => {
                helper::store(name, server, username, password)?;
                Value::Object(Map::new())
            }
            None => {
                let pair = format!("{username}:{}", password.expose());
                let auth = Base64::encode_string(pair.as_bytes());
                serde_json::json!({ "auth": auth })
            }
        };
        let auths = config
            .entry("auths")
            .or_insert_with(|| Value::Object(Map::new()));
        let Value::Object(auths) = auths else {
            return Err(self.fail("`auths` is no object"));
        };
        auths.retain(|key, _| key == server || !is_same(key, registry));
        auths.insert(server.into(), entry);
        self.write(&path, &config)?;
        Ok(match name {
            Some(name) => StoredWhere::Helper(name),
            None => StoredWhere::File(path),
        })
    }

    /// Forgets the credentials for a registry. Whether there were any.
    pub(crate) fn erase(&self, registry: &str) -> Result<bool, CredentialError> {
        let mut config = self.read()?;
        let mut was_there = false;
        if let Some(name) = helper_of(&config, registry) {
            let server = server_of(registry);
            if helper::get(&name, server)?.is_some() {
                helper::erase(&name, server)?;
                was_there = true;
            }
        }
        if let (Some(Value::Object(auths)), Some(path)) = (config.get_mut("auths"), &self.path) {
            let before = auths.len();
            auths.retain(|key, _| key != server_of(registry) && !is_same(key, registry));
            if auths.len() < before {
                self.write(path, &config)?;
                was_there = true;
            }
        }
        Ok(was_there)
    }

    fn read(&self) -> Result<Map<String, Value>, CredentialError> {
        let Some(path) = &self.path else {
            return Ok(Map::new());
        };
        let file = match std::fs::File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Map::new()),
            Err(error) => return Err(self.fail(&error.to_string())),
        };
        let mut bytes = Vec::new();
        file.take(FILE_BYTES_MAX + 1)
            .read_to_end(&mut bytes)
            .map_err(|error| self.fail(&error.to_string()))?;
        if bytes.len() as u64 > FILE_BYTES_MAX {
            return Err(self.fail("it has more than 1 MiB"));
        }
        if bytes.trim_ascii().is_empty() {
            return Ok(Map::new());
        }
        // What the parser says could repeat a piece of a password.
        serde_json::from_slice(&bytes).map_err(|error| {
            self.fail(&format!(
                "line {} is not the JSON it should be",
                error.line()
            ))
        })
    }

    /// Replaces the file as a whole, or not at all.
    fn write(&self, path: &Path, config: &Map<String, Value>) -> Result<(), CredentialError> {
        let fail = |error: std::io::Error| self.fail(&error.to_string());
        // Where a link leads to stays where it is.
        let path = std::fs::canonicalize(path).unwrap_or_else(|_| path.into());
        let folder = path.parent().ok_or(CredentialError::NoFolder)?;
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .map_err(fail)?;
        let mut text = serde_json::to_vec_pretty(config)
            .map_err(|_| self.fail("it cannot be written as JSON"))?;
        text.push(b'\n');
        // Created with mode 0600.
        let mut file = tempfile::NamedTempFile::new_in(folder).map_err(fail)?;
        file.write_all(&text).map_err(fail)?;
        file.as_file().sync_all().map_err(fail)?;
        file.persist(&path).map_err(|error| fail(error.error))?;
        let folder = std::fs::File::open(folder).map_err(fail)?;
        folder.sync_all().map_err(fail)
    }

    fn decode(
        &self,
        registry: &str,
        entry: &Value,
    ) -> Result<Option<Credentials>, CredentialError> {
        let text = |name: &str| {
            let text = entry.get(name).and_then(Value::as_str);
            text.filter(|text| !text.is_empty())
        };
        if let Some(token) = text("identitytoken") {
            return Ok(Some(Credentials::IdentityToken(Secret::new(token.into()))));
        }
        let Some(auth) = text("auth") else {
            return Ok(None);
        };
        let malformed = || self.fail(&format!("the entry of {registry} is damaged"));
        let pair = Base64::decode_vec(auth).map_err(|_| malformed())?;
        let pair = String::from_utf8(pair).map_err(|_| malformed())?;
        let (username, password) = pair.split_once(':').ok_or_else(malformed)?;
        // Some of Docker's versions ended passwords with NULs.
        Ok(Some(Credentials::Password {
            username: username.into(),
            password: Secret::new(password.trim_end_matches('\0').into()),
        }))
    }

    fn fail(&self, reason: &str) -> CredentialError {
        CredentialError::File {
            path: self.path.clone().unwrap_or_default(),
            reason: reason.into(),
        }
    }
}

fn helper_of(config: &Map<String, Value>, registry: &str) -> Option<String> {
    let own = match config.get("credHelpers") {
        Some(Value::Object(helpers)) => helpers
            .iter()
            .find(|(server, _)| is_same(server, registry))
            .map(|(_, name)| name),
        _ => None,
    };
    let name = own.or_else(|| config.get("credsStore"))?.as_str()?;
    (!name.is_empty()).then(|| name.into())
}

/// How Docker calls a registry in its file and towards helpers.
fn server_of(registry: &str) -> &str {
    if is_docker(registry) {
        DOCKER_SERVER
    } else {
        registry
    }
}

fn is_docker(registry: &str) -> bool {
    matches!(
        registry,
        "docker.io" | "index.docker.io" | "registry-1.docker.io"
    )
}

/// Whether a server in the file, perhaps a URL, is this registry.
fn is_same(server: &str, registry: &str) -> bool {
    let rest = server
        .strip_prefix("https://")
        .or_else(|| server.strip_prefix("http://"))
        .unwrap_or(server);
    let host = rest.split('/').next().unwrap_or_default();
    host == registry || is_docker(host) && is_docker(registry)
}

impl fmt::Display for CredentialError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, reason } => write!(
                formatter,
                "the credentials in {} cannot be used: {reason}",
                path.display()
            ),
            Self::Helper { helper, reason } => {
                write!(
                    formatter,
                    "docker-credential-{helper} does not help: {reason}"
                )
            }
            Self::NoFolder => formatter
                .write_str("there is no folder for credentials; set DOCKER_CONFIG to one, or HOME"),
        }
    }
}

impl std::error::Error for CredentialError {}
