//! Reads `thimble.yaml`.

use std::path::{Component, Path};

use thimble_image::ImageConfig;
use thimble_image::config::{Health, LimitRequest};

use super::{ModulePath, Written};
use crate::pack::PackRequest;
use crate::units;
use crate::yaml::{Fields, Node, Place, Problem, Value, Wrong, map, text, value};

const KEYS: &[&str] = &[
    "module",
    "name",
    "author",
    "entry",
    "args",
    "env",
    "grants",
    "volumes",
    "limits",
    "health",
    "stop_grace",
    "labels",
    "pack",
];
const LIMITS: &[&str] = &["memory", "cpus", "storage", "kv", "log"];
const PACK: &[&str] = &["stack", "heap", "messages"];
const HEALTH: &[&str] = &["start", "heartbeat"];

pub(super) fn read(root: Node) -> Result<Written, Wrong> {
    let mut fields = Fields::of("the recipe", root, KEYS)?;
    let place = fields.place();
    let module = fields.text("module")?;
    let pack = fields
        .take("pack")
        .map_or(Ok(PackRequest::default()), pack)?;
    let name = fields.parsed("name", name)?;
    let config = ImageConfig {
        author: fields.text("author")?.map(|(author, _)| author),
        entry_point: fields.text("entry")?.map(|(entry, _)| entry),
        args: fields.texts("args")?,
        env: fields.take("env").map_or(Ok(Vec::new()), env)?,
        grants: fields.texts("grants")?,
        volumes: fields.texts("volumes")?,
        labels: fields.map("labels")?.into_iter().collect(),
        limits: limits(&mut fields)?,
        health: health(&mut fields)?,
        stop_grace_ms: fields.parsed("stop_grace", units::time)?,
        ..ImageConfig::default()
    };
    fields.finish()?;
    let (path, place) = module.ok_or(place.wrong(Problem::Missing {
        key: "`module`, the path of the .wasm file,",
    }))?;
    Ok(Written {
        name,
        module: inside(&path, place)?,
        pack,
        config,
        notes: Vec::new(),
    })
}

/// `true`, `false`, or a map with more about it.
fn pack(node: Node) -> Result<PackRequest, Wrong> {
    let place = node.place;
    if matches!(node.value, Value::Map(_)) {
        let mut fields = Fields::of("pack", node, PACK)?;
        let stack_bytes = fields.parsed("stack", small_size)?;
        let heap_bytes = fields.parsed("heap", small_size)?;
        let message_bytes = fields.parsed("messages", small_size)?;
        fields.finish()?;
        return Ok(PackRequest {
            pack: true,
            stack_bytes,
            heap_bytes,
            message_bytes,
        });
    }
    let pack = match text("pack", node)?.as_str() {
        "true" => true,
        "false" => false,
        _ => {
            return Err(place.wrong(value(
                "pack",
                "true, false, or a map with `stack`, `heap` or `messages`",
            )));
        }
    };
    Ok(PackRequest {
        pack,
        ..PackRequest::default()
    })
}

fn small_size(text: &str) -> Result<u32, &'static str> {
    units::size(text)
        .ok()
        .and_then(|bytes| u32::try_from(bytes).ok())
        .ok_or("a size below 4g, as `64k`")
}

/// A path that stays in the recipe's folder.
pub(super) fn inside(path: &str, place: Place) -> Result<ModulePath, Wrong> {
    let stays = !path.is_empty()
        && !path.contains('\0')
        && Path::new(path)
            .components()
            .all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    if !stays {
        return Err(place.refused(format!(
            "the module's path {path:?} must be relative and stay inside the recipe's folder"
        )));
    }
    Ok(ModulePath {
        path: path.into(),
        line: place.line,
    })
}

fn name(text: &str) -> Result<String, &'static str> {
    if units::is_name(text) {
        Ok(text.to_owned())
    } else {
        Err(
            "a name of 1 to 128 characters a-z, 0-9, `.`, `_` and `-` that begins with a letter or digit",
        )
    }
}

/// Variables as a map or as a list; each once.
pub(super) fn env(node: Node) -> Result<Vec<String>, Wrong> {
    let Value::List(items) = node.value else {
        return Ok(map("env", node)?
            .into_iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect());
    };
    let mut names = std::collections::BTreeSet::new();
    let mut variables = Vec::with_capacity(items.len());
    for item in items {
        let place = item.place;
        let variable = text("env", item)?;
        let Some((name, _)) = variable
            .split_once('=')
            .filter(|(name, _)| !name.is_empty())
        else {
            return Err(place.wrong(value("env", "a list of NAME=VALUE, or a map")));
        };
        if !names.insert(name.to_owned()) {
            return Err(place.wrong(Problem::Duplicate { key: name.into() }));
        }
        variables.push(variable);
    }
    Ok(variables)
}

fn limits(fields: &mut Fields) -> Result<LimitRequest, Wrong> {
    let Some(node) = fields.take("limits") else {
        return Ok(LimitRequest::default());
    };
    let mut fields = Fields::of("limits", node, LIMITS)?;
    let limits = LimitRequest {
        memory_bytes: fields.parsed("memory", units::size)?,
        cpu_share_thousandths: fields.parsed("cpus", units::share)?,
        storage_bytes: fields.parsed("storage", units::size)?,
        key_value_bytes: fields.parsed("kv", units::size)?,
        log_bytes: fields.parsed("log", units::size)?,
    };
    fields.finish()?;
    Ok(limits)
}

fn health(fields: &mut Fields) -> Result<Option<Health>, Wrong> {
    let Some(node) = fields.take("health") else {
        return Ok(None);
    };
    let mut fields = Fields::of("health", node, HEALTH)?;
    let place = fields.place();
    let start_ms = fields.parsed("start", units::time)?;
    let heartbeat_ms = fields.parsed("heartbeat", units::time)?;
    fields.finish()?;
    let start_ms = start_ms.ok_or(place.wrong(Problem::Missing {
        key: "`start`, the time until the first report,",
    }))?;
    Ok(Some(Health {
        start_ms,
        heartbeat_ms,
    }))
}
