//! What is different between two declarations of a container.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value;
use thimble_device_api::ContainerSpec;

/// Parts of a declaration that can be changed while the container runs.
const LIVE: [&str; 4] = ["limits", "restart", "bus", "logs"];

/// One thing that is different.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Difference {
    /// Which field, with dots between its parts.
    pub(super) path: String,
    pub(super) from: String,
    pub(super) to: String,
    /// Whether it can be changed while the container runs.
    pub(super) live: bool,
}

impl fmt::Display for Difference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Values of variables may be secret.
        if self.path.starts_with("env.") && self.from == self.to {
            return write!(formatter, "{}: changed", self.path);
        }
        write!(formatter, "{}: {} -> {}", self.path, self.from, self.to)
    }
}

/// The fields that are different. The image is not among them: what counts is what its name points to.
pub(super) fn differences(before: &ContainerSpec, after: &ContainerSpec) -> Vec<Difference> {
    let (before, after) = (fields(before), fields(after));
    let mut paths: Vec<&String> = before.keys().chain(after.keys()).collect();
    paths.sort();
    paths.dedup();
    paths
        .into_iter()
        .filter_map(|path| {
            let (from, to) = (before.get(path), after.get(path));
            (from != to).then(|| Difference {
                path: path.clone(),
                from: shown(path, from),
                to: shown(path, to),
                live: is_live(path, to.is_some()),
            })
        })
        .collect()
}

/// What is taken back is not said in an update, so that the container has to be made anew.
fn is_live(path: &str, stays: bool) -> bool {
    let first = path.split('.').next().unwrap_or(path);
    stays && LIVE.contains(&first)
}

/// A value as people read it. Values of variables may be secret.
fn shown(path: &str, value: Option<&Value>) -> String {
    match value {
        None => "none".to_owned(),
        Some(_) if path.starts_with("env.") => "(hidden)".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
    }
}

/// Every field with its path; lists count as one field.
fn fields(spec: &ContainerSpec) -> BTreeMap<String, Value> {
    let mut found = BTreeMap::new();
    if let Ok(Value::Object(object)) = serde_json::to_value(spec) {
        for (name, value) in object {
            if name != "image" {
                flatten(name, value, &mut found);
            }
        }
    }
    found
}

/// A declaration is four levels deep at most, so this is too.
fn flatten(path: String, value: Value, found: &mut BTreeMap<String, Value>) {
    match value {
        Value::Object(object) => {
            for (name, value) in object {
                flatten(format!("{path}.{name}"), value, found);
            }
        }
        value => {
            found.insert(path, value);
        }
    }
}
