//! One container of an app.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use thimble_builder::units;
use thimble_builder::yaml::{Fields, Key, Node, Place, Problem, Value, Wrong, map, text, value};
use thimble_device_api::{ContainerSpec, Dependency, DependencyCondition};

use crate::declare::{self, Must};

use super::rules::{bus, health, limits, logging};
use super::{Context, either, foreign, mounts, network, variables, words};

const KEYS: &[&str] = &[
    "image",
    "command",
    "args",
    "environment",
    "env_file",
    "entrypoint",
    "entry",
    "volumes",
    "listen",
    "ports",
    "grants",
    "allow",
    "allow_requested",
    "restart",
    "depends_on",
    "healthcheck",
    "stop_grace_period",
    "timeout",
    "limits",
    "mem_limit",
    "cpus",
    "deploy",
    "bus",
    "logging",
    "labels",
    "stdin_open",
];
/// A container, and those of its app that it needs.
pub(super) struct Read {
    pub(super) spec: ContainerSpec,
    pub(super) needs: Vec<(Place, String)>,
}

/// Reads a container.
pub(super) fn read(
    name: &str,
    node: Node,
    volumes: &BTreeSet<String>,
    context: &Context<'_>,
) -> Result<Read, Wrong> {
    let mut fields = Fields::of(name, node, KEYS)?;
    let place = fields.place();
    fields.skip(|key| key.starts_with("x-"));
    fields.refuse(foreign::CONTAINER)?;
    let image = fields.parsed("image", image)?;
    let mut grants = grants(&mut fields)?;
    let needs = depends_on(&mut fields)?;
    let spec = ContainerSpec {
        name: None,
        image: image.ok_or(place.wrong(Problem::Missing {
            key: "`image`, what the container is made from,",
        }))?,
        args: command(&mut fields)?,
        env: environment(&mut fields, context)?,
        entry: entry(&mut fields)?,
        allow_requested: fields.parsed("allow_requested", truth)?.unwrap_or_default(),
        mounts: mounts::read(&mut fields, volumes, context)?,
        listen: network::read(&mut fields)?,
        limits: limits(&mut fields)?,
        restart: fields.parsed("restart", declare::restart)?,
        stop_grace_ms: fields.parsed("stop_grace_period", units::time)?,
        timeout_ms: fields.parsed("timeout", units::time)?,
        health: health(&mut fields)?,
        depends_on: needs.iter().map(|(_, need)| need.clone()).collect(),
        bus: bus(&mut fields, &mut grants)?,
        logs: logging(&mut fields)?,
        labels: labels(&mut fields)?,
        interactive: fields.parsed("stdin_open", truth)?.unwrap_or_default(),
        grants,
        auto_remove: false,
        app: None,
    };
    fields.finish()?;
    Ok(Read {
        spec,
        needs: needs
            .into_iter()
            .map(|(place, need)| (place, need.name))
            .collect(),
    })
}

/// `true` or `false`.
pub(super) fn truth(text: &str) -> Result<bool, &'static str> {
    match text {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err("`true` or `false`"),
    }
}

fn image(text: &str) -> Result<String, Must> {
    if text.parse::<thimble_image::Digest>().is_ok() {
        return Ok(text.to_owned());
    }
    match text.parse::<thimble_image::Reference>() {
        Ok(_) => Ok(text.to_owned()),
        Err(error) => Err(format!("the name of an image: {error}").into()),
    }
}

/// Arguments as a list, or as a text that is split into words.
fn command(fields: &mut Fields) -> Result<Option<Vec<String>>, Wrong> {
    let Some(node) = either(fields, "command", "args")? else {
        return Ok(None);
    };
    let place = node.place;
    match node.value {
        Value::List(items) => items
            .into_iter()
            .map(|item| text("command", item))
            .collect::<Result<_, _>>()
            .map(Some),
        Value::Text(line) => words::split(&line)
            .map(Some)
            .map_err(|must| place.wrong(value("command", must))),
        _ => Err(place.wrong(value("command", "a list, or a text"))),
    }
}

fn entry(fields: &mut Fields) -> Result<Option<String>, Wrong> {
    let Some(node) = either(fields, "entrypoint", "entry")? else {
        return Ok(None);
    };
    let place = node.place;
    match node.value {
        Value::Text(name) if !name.is_empty() => Ok(Some(name)),
        _ => Err(place.wrong(value(
            "entrypoint",
            "the name of the exported function to run; arguments are `command`",
        ))),
    }
}

/// Variables of files first, so that those of the container win.
fn environment(
    fields: &mut Fields,
    context: &Context<'_>,
) -> Result<BTreeMap<String, String>, Wrong> {
    let mut variables = BTreeMap::new();
    if let Some(node) = fields.take("env_file") {
        let files = match node.value {
            Value::List(items) => items,
            _ => vec![node],
        };
        for node in files {
            let place = node.place;
            let file = text("env_file", node)?;
            let read = (context.read)(&context.folder.join(Path::new(&file)))
                .and_then(|text| variables::read(&text))
                .map_err(|reason| place.refused(format!("{file}: {reason}")))?;
            variables.extend(read);
        }
    }
    let Some(node) = fields.take("environment") else {
        return Ok(variables);
    };
    let place = node.place;
    match node.value {
        Value::Map(entries) => {
            for (Key { text: name, place }, node) in entries {
                let given = match node.value {
                    Value::Null => None,
                    _ => Some(text("environment", node)?),
                };
                set(&mut variables, place, name, given, context)?;
            }
        }
        Value::List(items) => {
            let mut names = BTreeSet::new();
            for item in items {
                let place = item.place;
                let item = text("environment", item)?;
                let (name, given) = match item.split_once('=') {
                    Some((name, given)) => (name.to_owned(), Some(given.to_owned())),
                    None => (item, None),
                };
                if !names.insert(name.clone()) {
                    return Err(place.wrong(Problem::Duplicate { key: name }));
                }
                set(&mut variables, place, name, given, context)?;
            }
        }
        _ => {
            return Err(place.wrong(value(
                "environment",
                "a map of names and values, or a list of NAME=VALUE",
            )));
        }
    }
    Ok(variables)
}

/// A name alone takes its value from outside, if it is set there.
fn set(
    variables: &mut BTreeMap<String, String>,
    place: Place,
    name: String,
    given: Option<String>,
    context: &Context<'_>,
) -> Result<(), Wrong> {
    let given = given.or_else(|| context.variables.find(&name));
    if name.is_empty() || name.contains(['=', '\0']) {
        return Err(place.wrong(value("environment", "names and values: NAME=VALUE")));
    }
    match given {
        Some(text) if text.contains('\0') => {
            Err(place.wrong(value("environment", "texts without NUL")))
        }
        Some(text) => {
            variables.insert(name, text);
            Ok(())
        }
        None => Ok(()),
    }
}

fn grants(fields: &mut Fields) -> Result<Vec<String>, Wrong> {
    let Some(node) = either(fields, "grants", "allow")? else {
        return Ok(Vec::new());
    };
    let Value::List(items) = node.value else {
        return Err(node
            .place
            .wrong(value("grants", "a list, each line with `- `")));
    };
    let grant = |item: Node| {
        let place = item.place;
        let text = text("grants", item)?;
        declare::grant(&text).map_err(|must| place.wrong(value("grants", must)))
    };
    items.into_iter().map(grant).collect()
}

fn depends_on(fields: &mut Fields) -> Result<Vec<(Place, Dependency)>, Wrong> {
    let Some(node) = fields.take("depends_on") else {
        return Ok(Vec::new());
    };
    let place = node.place;
    let mut needs: Vec<(Place, Dependency)> = Vec::new();
    match node.value {
        Value::List(items) => {
            for item in items {
                let place = item.place;
                let name = text("depends_on", item)?;
                if needs.iter().any(|(_, need)| need.name == name) {
                    return Err(place.wrong(Problem::Duplicate { key: name }));
                }
                let condition = DependencyCondition::default();
                needs.push((place, Dependency { name, condition }));
            }
        }
        Value::Map(entries) => {
            for (key, node) in entries {
                let mut fields = Fields::of("depends_on", node, &["condition"])?;
                fields.refuse(&[
                    ("restart", "a container goes on when another one is changed"),
                    ("required", "what is not needed is left out"),
                ])?;
                let condition = fields.parsed("condition", declare::condition)?;
                fields.finish()?;
                let need = Dependency {
                    name: key.text,
                    condition: condition.unwrap_or_default(),
                };
                needs.push((key.place, need));
            }
        }
        _ => {
            return Err(place.wrong(value("depends_on", "a list of names, or a map of them")));
        }
    }
    Ok(needs)
}

fn labels(fields: &mut Fields) -> Result<BTreeMap<String, String>, Wrong> {
    let Some(node) = fields.take("labels") else {
        return Ok(BTreeMap::new());
    };
    let Value::List(items) = node.value else {
        return Ok(map("labels", node)?.into_iter().collect());
    };
    let mut labels = BTreeMap::new();
    for item in items {
        let place = item.place;
        let label = text("labels", item)?;
        let (name, text) = label.split_once('=').unwrap_or((&label, ""));
        if name.is_empty() {
            return Err(place.wrong(value("labels", "a map, or a list of NAME=VALUE")));
        }
        if labels.insert(name.to_owned(), text.to_owned()).is_some() {
            return Err(place.wrong(Problem::Duplicate { key: name.into() }));
        }
    }
    Ok(labels)
}
