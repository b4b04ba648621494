//! Reads Ocre's `build.yaml`, as Ocre's and Atym's samples have it.

use thimble_image::ImageConfig;

use super::thimble::{env, inside};
use super::{ModulePath, Written};
use crate::pack::PackRequest;
use crate::units;
use crate::yaml::{Fields, Node, Problem, Value, Wrong, value};

const KEYS: &[&str] = &["version", "name", "binaries", "config"];
const BINARY: &[&str] = &["path"];
const CONFIG: &[&str] = &[
    "environment",
    "permissions",
    "entrypoint",
    "heapSize",
    "stackSize",
];

pub(super) fn read(root: Node) -> Result<Written, Wrong> {
    let mut notes = Vec::new();
    let mut fields = Fields::of("the recipe", root, KEYS)?;
    if let Some((version, place)) = fields.text("version")?
        && version != "1"
        && version != "1.0"
    {
        return Err(place.wrong(value("version", "'1', the one version of build.yaml")));
    }
    let name = fields
        .text("name")?
        .and_then(|(name, _)| lower(&name, &mut notes));
    let place = fields.place();
    let module = match fields.take("binaries") {
        Some(node) => binary(node, &mut notes)?,
        None => {
            return Err(place.wrong(Problem::Missing {
                key: "the one entry of `binaries`",
            }));
        }
    };
    let config = match fields.take("config") {
        Some(node) => config(node, &mut notes)?,
        None => ImageConfig::default(),
    };
    tell_unknown(fields, &mut notes);
    Ok(Written {
        name,
        module,
        pack: PackRequest::default(),
        config,
        notes,
    })
}

/// The one module.
fn binary(node: Node, notes: &mut Vec<String>) -> Result<ModulePath, Wrong> {
    const ONE: &str = "a list of exactly one module, `- path: FILE.wasm`";
    let place = node.place;
    let Value::List(mut items) = node.value else {
        return Err(place.wrong(value("binaries", ONE)));
    };
    let (Some(item), true) = (items.pop(), items.is_empty()) else {
        return Err(place.wrong(value("binaries", ONE)));
    };
    let mut fields = Fields::of("binaries", item, BINARY)?;
    let place = fields.place();
    let (path, place) = fields.text("path")?.ok_or(place.wrong(Problem::Missing {
        key: "`path`, the path of the .wasm file,",
    }))?;
    tell_unknown(fields, notes);
    inside(&path, place)
}

fn config(node: Node, notes: &mut Vec<String>) -> Result<ImageConfig, Wrong> {
    let mut fields = Fields::of("config", node, CONFIG)?;
    let config = ImageConfig {
        env: fields.take("environment").map_or(Ok(Vec::new()), env)?,
        grants: fields.texts("permissions")?,
        entry_point: fields
            .text("entrypoint")?
            .map(|(entry, _)| entry)
            .filter(|entry| !entry.is_empty()),
        ..ImageConfig::default()
    };
    for (key, why) in [
        (
            "heapSize",
            "guests have the memory that the module declares",
        ),
        ("stackSize", "the engine's stack grows as it is needed"),
    ] {
        let number = |text: &str| units::whole(text).ok_or("a number of bytes");
        if fields.parsed(key, number)?.is_some() {
            notes.push(format!("`{key}` is not needed: {why}"));
        }
    }
    tell_unknown(fields, notes);
    Ok(config)
}

/// A name as images have them; Ocre allows more.
fn lower(name: &str, notes: &mut Vec<String>) -> Option<String> {
    let lower: String = name
        .trim()
        .to_ascii_lowercase()
        .chars()
        .map(|character| if character == ' ' { '-' } else { character })
        .collect();
    if !units::is_name(&lower) {
        notes.push(format!(
            "the name {name:?} is no name of an image, so the image has none; a-z, 0-9, `.`, `_` and `-` are right"
        ));
        return None;
    }
    if lower != name {
        notes.push(format!("the name {name:?} became `{lower}`"));
    }
    Some(lower)
}

/// Other tools read this file too, so keys that only they know are no error; but nobody should rely on them.
fn tell_unknown(fields: Fields, notes: &mut Vec<String>) {
    notes.extend(fields.rest().map(|key| {
        format!(
            "line {}: `{}` is not known here and does nothing",
            key.place.line, key.text
        )
    }));
}
