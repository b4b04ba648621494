//! The JSON of a configuration: `application/vnd.wasm.config.v0+json` with Ocre's and our fields.

use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::{CONFIG_BYTES_MAX, ConfigError, Health, ImageConfig, LimitRequest};
use crate::descriptor::Platform;
use crate::digest::Digest;

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    created: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    author: Option<String>,
    #[serde(default = "wasm")]
    architecture: String,
    #[serde(default = "wasip1")]
    os: String,
    #[serde(default)]
    layer_digests: Vec<Digest>,
    #[serde(default, skip_serializing_if = "Module::is_empty")]
    module: Module,
    #[serde(default, skip_serializing_if = "Run::is_empty")]
    config: Run,
    #[serde(default, skip_serializing_if = "Thimble::is_empty")]
    thimble: Thimble,
}

/// Ocre's: what in the module is run.
#[derive(Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Module {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    entry_point: Option<String>,
}

/// How it is run, in the words of OCI's image configuration, and `Permissions` from Ocre's draft.
#[derive(Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Run {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    env: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    cmd: Vec<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    labels: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    volumes: BTreeMap<String, Nothing>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    permissions: Vec<String>,
}

/// OCI writes a set as an object whose values are empty objects.
#[derive(Default, PartialEq, Serialize, Deserialize)]
struct Nothing {}

/// Ours. A field that is not known here is an error: the image needs a newer Thimble.
#[derive(Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Thimble {
    #[serde(default, skip_serializing_if = "Limits::is_empty")]
    limits: Limits,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    health: Option<WireHealth>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    stop_grace_ms: Option<u64>,
}

#[derive(Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Limits {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    memory_bytes: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cpu_share_thousandths: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    storage_bytes: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    key_value_bytes: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    log_bytes: Option<u64>,
}

#[derive(PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct WireHealth {
    start_ms: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    heartbeat_ms: Option<u64>,
}

fn wasm() -> String {
    Platform::wasm().architecture
}

fn wasip1() -> String {
    Platform::wasm().os
}

impl Module {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl Run {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl Thimble {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl Limits {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

pub(super) fn read(bytes: &[u8]) -> Result<ImageConfig, ConfigError> {
    if bytes.len() as u64 > CONFIG_BYTES_MAX {
        return Err(ConfigError::TooLarge);
    }
    // Serde would take an array for an object.
    if !bytes.trim_ascii_start().starts_with(b"{") {
        return Err(ConfigError::Malformed {
            reason: "it is not a JSON object".into(),
        });
    }
    let wire: Wire = serde_json::from_slice(bytes).map_err(|error| ConfigError::Malformed {
        reason: error.to_string(),
    })?;
    let limits = wire.thimble.limits;
    Ok(ImageConfig {
        created: wire.created,
        author: wire.author,
        platform: Platform {
            architecture: wire.architecture,
            os: wire.os,
            variant: None,
        },
        layer_digests: wire.layer_digests,
        entry_point: wire.module.entry_point,
        env: wire.config.env,
        args: wire.config.cmd,
        labels: wire.config.labels,
        grants: wire.config.permissions,
        volumes: wire.config.volumes.into_keys().collect(),
        limits: LimitRequest {
            memory_bytes: limits.memory_bytes,
            cpu_share_thousandths: limits.cpu_share_thousandths,
            storage_bytes: limits.storage_bytes,
            key_value_bytes: limits.key_value_bytes,
            log_bytes: limits.log_bytes,
        },
        health: wire.thimble.health.map(|health| Health {
            start_ms: health.start_ms,
            heartbeat_ms: health.heartbeat_ms,
        }),
        stop_grace_ms: wire.thimble.stop_grace_ms,
    })
}

pub(super) fn write(config: &ImageConfig) -> Vec<u8> {
    let config = config.clone();
    let limits = config.limits;
    let wire = Wire {
        created: config.created,
        author: config.author,
        architecture: config.platform.architecture,
        os: config.platform.os,
        layer_digests: config.layer_digests,
        module: Module {
            entry_point: config.entry_point,
        },
        config: Run {
            env: config.env,
            cmd: config.args,
            labels: config.labels,
            volumes: config
                .volumes
                .into_iter()
                .map(|path| (path, Nothing {}))
                .collect(),
            permissions: config.grants,
        },
        thimble: Thimble {
            limits: Limits {
                memory_bytes: limits.memory_bytes,
                cpu_share_thousandths: limits.cpu_share_thousandths,
                storage_bytes: limits.storage_bytes,
                key_value_bytes: limits.key_value_bytes,
                log_bytes: limits.log_bytes,
            },
            health: config.health.map(|health| WireHealth {
                start_ms: health.start_ms,
                heartbeat_ms: health.heartbeat_ms,
            }),
            stop_grace_ms: config.stop_grace_ms,
        },
    };
    // Strings, numbers and maps with string keys: nothing that JSON cannot hold.
    serde_json::to_vec(&wire).unwrap_or_default()
}
