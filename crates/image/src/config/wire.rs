//! The JSON of a configuration: `application/vnd.wasm.config.v0+json` with Ocre's and our fields.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use serde::Serialize;

use super::{CONFIG_BYTES_MAX, ConfigError, ENTRIES_MAX, Health, ImageConfig, LimitRequest};
use crate::digest::Digest;
use crate::json::{self, Others, Outcome, Reader};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Wire {
    #[serde(skip_serializing_if = "Option::is_none")]
    created: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    author: Option<String>,
    architecture: String,
    os: String,
    layer_digests: Vec<Digest>,
    #[serde(skip_serializing_if = "Module::is_empty")]
    module: Module,
    #[serde(skip_serializing_if = "Run::is_empty")]
    config: Run,
    #[serde(skip_serializing_if = "Thimble::is_empty")]
    thimble: Thimble,
}

/// Ocre's: what in the module is run.
#[derive(Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Module {
    #[serde(skip_serializing_if = "Option::is_none")]
    entry_point: Option<String>,
}

/// How it is run, in the words of OCI's image configuration, and `Permissions` from Ocre's draft.
#[derive(Default, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Run {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    env: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    cmd: Vec<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    labels: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    volumes: BTreeMap<String, Nothing>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    permissions: Vec<String>,
}

/// OCI writes a set as an object whose values are empty objects.
#[derive(Default, PartialEq, Serialize)]
struct Nothing {}

/// Ours. A field that is not known here is an error: the image needs a newer Thimble.
#[derive(Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Thimble {
    #[serde(skip_serializing_if = "Limits::is_empty")]
    limits: Limits,
    #[serde(skip_serializing_if = "Option::is_none")]
    health: Option<WireHealth>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stop_grace_ms: Option<u64>,
}

#[derive(Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Limits {
    #[serde(skip_serializing_if = "Option::is_none")]
    memory_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cpu_share_thousandths: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    storage_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_value_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    log_bytes: Option<u64>,
}

#[derive(PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct WireHealth {
    start_ms: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    heartbeat_ms: Option<u64>,
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

#[inline(never)]
pub(super) fn read(bytes: &[u8], config: &mut ImageConfig) -> Result<(), ConfigError> {
    const FIELDS: &[&str] = &[
        "created",
        "author",
        "architecture",
        "os",
        "layerDigests",
        "module",
        "config",
        "thimble",
    ];
    if bytes.len() as u64 > CONFIG_BYTES_MAX {
        return Err(ConfigError::TooLarge);
    }
    let read = json::read(bytes, FIELDS, &mut |reader, field| {
        match field {
            0 => config.created = reader.optional_text()?,
            1 => config.author = reader.optional_text()?,
            2 => config.platform.architecture = reader.text()?,
            3 => config.platform.os = reader.text()?,
            4 => reader.array(&mut |reader| {
                config.layer_digests.push(Digest::read(reader)?);
                Ok(())
            })?,
            5 => read_module(reader, config)?,
            6 => read_run(reader, config)?,
            _ => read_thimble(reader, config)?,
        }
        Ok(())
    });
    match read {
        Ok(_) => Ok(()),
        Err(reason) => Err(ConfigError::Malformed { reason }),
    }
}

fn read_module(reader: &mut Reader<'_>, config: &mut ImageConfig) -> Outcome<()> {
    reader.object(&["entryPoint"], Others::LeftOut, &mut |reader, _| {
        config.entry_point = reader.optional_text()?;
        Ok(())
    })?;
    Ok(())
}

#[inline(never)]
fn read_run(reader: &mut Reader<'_>, config: &mut ImageConfig) -> Outcome<()> {
    const FIELDS: &[&str] = &["Env", "Cmd", "Labels", "Volumes", "Permissions"];
    reader.object(FIELDS, Others::LeftOut, &mut |reader, field| {
        match field {
            0 => config.env = reader.texts()?,
            1 => config.args = reader.texts()?,
            2 => config.labels = reader.annotations()?,
            3 => config.volumes = read_volumes(reader)?,
            _ => config.grants = reader.texts()?,
        }
        Ok(())
    })?;
    Ok(())
}

/// The keys of the object, in order, each once.
fn read_volumes(reader: &mut Reader<'_>) -> Outcome<Vec<String>> {
    let mut volumes = Vec::new();
    reader.members(&mut |reader, path| {
        reader.object(&[], Others::LeftOut, &mut |_, _| Ok(()))?;
        // One more than there may be is told later.
        if volumes.len() > ENTRIES_MAX {
            return Ok(());
        }
        if let Err(place) = volumes.binary_search_by(|volume: &String| volume.as_str().cmp(&path)) {
            volumes.insert(place, path.into_owned());
        }
        Ok(())
    })?;
    Ok(volumes)
}

/// A field that is not known here is an error: the image needs a newer Thimble.
#[inline(never)]
fn read_thimble(reader: &mut Reader<'_>, config: &mut ImageConfig) -> Outcome<()> {
    const FIELDS: &[&str] = &["limits", "health", "stopGraceMs"];
    reader.object(FIELDS, Others::Refused, &mut |reader, field| {
        match field {
            0 => read_limits(reader, &mut config.limits)?,
            1 if reader.null() => {}
            1 => config.health = Some(read_health(reader)?),
            _ => config.stop_grace_ms = reader.optional_number()?,
        }
        Ok(())
    })?;
    Ok(())
}

#[inline(never)]
fn read_limits(reader: &mut Reader<'_>, limits: &mut LimitRequest) -> Outcome<()> {
    const FIELDS: &[&str] = &[
        "memoryBytes",
        "cpuShareThousandths",
        "storageBytes",
        "keyValueBytes",
        "logBytes",
    ];
    reader.object(FIELDS, Others::Refused, &mut |reader, field| {
        if reader.null() {
            return Ok(());
        }
        match field {
            0 => limits.memory_bytes = Some(reader.number()?),
            1 => limits.cpu_share_thousandths = Some(reader.small_number()?),
            2 => limits.storage_bytes = Some(reader.number()?),
            3 => limits.key_value_bytes = Some(reader.number()?),
            _ => limits.log_bytes = Some(reader.number()?),
        }
        Ok(())
    })?;
    Ok(())
}

#[inline(never)]
fn read_health(reader: &mut Reader<'_>) -> Outcome<Health> {
    const FIELDS: &[&str] = &["startMs", "heartbeatMs"];
    let mut health = Health {
        start_ms: 0,
        heartbeat_ms: None,
    };
    let seen = reader.object(FIELDS, Others::Refused, &mut |reader, field| {
        match field {
            0 => health.start_ms = reader.number()?,
            _ => health.heartbeat_ms = reader.optional_number()?,
        }
        Ok(())
    })?;
    seen.require(1)?;
    Ok(health)
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
