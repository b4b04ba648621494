//! An image's configuration: what it is, how it is run, what it asks for (`spec/image.md`).
//!
//! It requests; whoever deploys grants. Nothing in it gives the container anything by itself.

mod wire;

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::descriptor::Platform;
use crate::digest::Digest;

/// Bytes of a configuration at most.
pub const CONFIG_BYTES_MAX: u64 = 1 << 20;
/// Environment variables, arguments, labels, grants and volumes at most, each.
pub const ENTRIES_MAX: usize = 1024;

/// The configuration of a WebAssembly image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageConfig {
    /// When it was built (RFC 3339), if it says.
    pub created: Option<String>,
    /// Who built it.
    pub author: Option<String>,
    /// What it runs on.
    pub platform: Platform,
    /// The digests of its layers, uncompressed.
    pub layer_digests: Vec<Digest>,
    /// The exported function to run, `None` for `_start` or what a reactor has.
    pub entry_point: Option<String>,
    /// Environment variables, `NAME=VALUE`.
    pub env: Vec<String>,
    /// Arguments when none are given.
    pub args: Vec<String>,
    /// Anything else, for people and tools.
    pub labels: BTreeMap<String, String>,
    /// The grants it asks for, as the CLI's `--allow` takes them.
    pub grants: Vec<String>,
    /// Paths at which it expects a volume of its own.
    pub volumes: Vec<String>,
    /// What it needs at most.
    pub limits: LimitRequest,
    /// How its health is known, if it tells.
    pub health: Option<Health>,
    /// Time between being asked to stop and being killed, in milliseconds.
    pub stop_grace_ms: Option<u64>,
}

/// The limits an image asks for; `None` leaves the device's own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LimitRequest {
    /// Linear memory in bytes.
    pub memory_bytes: Option<u64>,
    /// Share of the processor in thousandths, relative to other containers.
    pub cpu_share_thousandths: Option<u32>,
    /// Bytes in its volumes.
    pub storage_bytes: Option<u64>,
    /// Bytes in its key-value store.
    pub key_value_bytes: Option<u64>,
    /// Bytes of output that are kept.
    pub log_bytes: Option<u64>,
}

/// How a container's health is known: it reports through the `thimble` module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Health {
    /// Time from its start until it must have reported that it is healthy, in milliseconds.
    pub start_ms: u64,
    /// Longest time between two reports, in milliseconds; `None` if one is enough.
    pub heartbeat_ms: Option<u64>,
}

/// Why bytes are not the configuration of an image that can be run.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConfigError {
    /// It has more bytes than any configuration.
    TooLarge,
    /// It is not JSON of the right shape.
    Malformed {
        /// What the parser said.
        reason: String,
    },
    /// It lists more than it may.
    TooMany {
        /// What it lists.
        what: &'static str,
    },
    /// An environment variable is not `NAME=VALUE`.
    Variable {
        /// The variable.
        text: String,
    },
    /// A text has a NUL, which no argument or variable can have.
    Nul {
        /// Where.
        what: &'static str,
    },
    /// A volume is not an absolute path without `.` and `..`.
    Volume {
        /// The path.
        path: String,
    },
}

impl Default for ImageConfig {
    fn default() -> Self {
        Self {
            created: None,
            author: None,
            platform: Platform::wasm(),
            layer_digests: Vec::new(),
            entry_point: None,
            env: Vec::new(),
            args: Vec::new(),
            labels: BTreeMap::new(),
            grants: Vec::new(),
            volumes: Vec::new(),
            limits: LimitRequest::default(),
            health: None,
            stop_grace_ms: None,
        }
    }
}

impl ImageConfig {
    /// Reads a configuration of type [`crate::media_type::WASM_CONFIG`].
    ///
    /// # Errors
    /// [`ConfigError`] says what is wrong with it.
    #[inline(never)]
    pub fn parse(bytes: &[u8]) -> Result<Self, ConfigError> {
        let mut config = Self::default();
        config.read(bytes)?;
        Ok(config)
    }

    /// The same, into a default one.
    pub(crate) fn read(&mut self, bytes: &[u8]) -> Result<(), ConfigError> {
        wire::read(bytes, self)?;
        self.check()
    }

    /// Its bytes: always the same for the same configuration.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        wire::write(self)
    }

    /// Checks what types cannot say. For one that was put together from what people wrote.
    ///
    /// # Errors
    /// [`ConfigError`] names the first thing that is wrong.
    #[inline(never)]
    pub fn checked(self) -> Result<Self, ConfigError> {
        self.check()?;
        Ok(self)
    }

    /// The same, where it lies.
    #[inline(never)]
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        let lists = [
            ("environment variables", self.env.len()),
            ("arguments", self.args.len()),
            ("labels", self.labels.len()),
            ("grants", self.grants.len()),
            ("volumes", self.volumes.len()),
            ("layer digests", self.layer_digests.len()),
        ];
        if let Some((what, _)) = lists.iter().find(|(_, length)| *length > ENTRIES_MAX) {
            return Err(ConfigError::TooMany { what });
        }
        let has_nul = |texts: &[String]| texts.iter().any(|text| text.contains('\0'));
        for (what, texts) in [
            ("an environment variable", &self.env),
            ("an argument", &self.args),
            ("a grant", &self.grants),
        ] {
            if has_nul(texts) {
                return Err(ConfigError::Nul { what });
            }
        }
        let is_variable = |text: &String| {
            text.split_once('=')
                .is_some_and(|(name, _)| !name.is_empty())
        };
        if let Some(text) = self.env.iter().find(|text| !is_variable(text)) {
            return Err(ConfigError::Variable { text: text.clone() });
        }
        if let Some(path) = self.volumes.iter().find(|path| !is_volume(path)) {
            return Err(ConfigError::Volume { path: path.clone() });
        }
        Ok(())
    }
}

/// Whether a path can be a volume's: absolute, in its shortest form.
fn is_volume(path: &str) -> bool {
    path.strip_prefix('/').is_some_and(|rest| {
        !rest.is_empty()
            && !rest.contains('\0')
            && rest.split('/').all(|part| !matches!(part, "" | "." | ".."))
    })
}

impl fmt::Display for ConfigError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge => write!(
                formatter,
                "the configuration of an image has at most {} MiB",
                CONFIG_BYTES_MAX >> 20
            ),
            Self::Malformed { reason } => {
                write!(
                    formatter,
                    "the configuration of the image is malformed: {reason}"
                )
            }
            Self::TooMany { what } => {
                write!(formatter, "the image has more than {ENTRIES_MAX} {what}")
            }
            Self::Variable { text } => write!(
                formatter,
                "the image's environment variable {text:?} is not NAME=VALUE"
            ),
            Self::Nul { what } => write!(formatter, "{what} of the image has a NUL"),
            Self::Volume { path } => write!(
                formatter,
                "the image's volume {path:?} is not an absolute path without `.`, `..` and `//`"
            ),
        }
    }
}

impl core::error::Error for ConfigError {}
