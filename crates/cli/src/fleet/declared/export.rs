//! `thimble fleet export`: writes what a hub has as the files that `apply` takes, so that a fleet can be kept in files from now on.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use clap::Args;
use serde_json::Value;
use thimble_hub_api::client::DeviceQuery;
use thimble_hub_api::device::DeviceState;
use thimble_hub_api::document::Document;

use crate::arguments::Shape;
use crate::failure::Failure;
use crate::output::Output;

use super::super::deployments::deployments;
use super::super::devices::devices;
use super::super::session::Session;
use super::super::words::count;

/// The fields of what was written.
const FIELDS: &[&str] = &["files"];
/// What a device's own labels begin with.
const OWN_LABEL: &str = "device/";
/// Words that YAML takes for something else than a text.
const WORDS: [&str; 10] = [
    "true", "false", "null", "yes", "no", "on", "off", "y", "n", "nan",
];

#[derive(Args)]
pub(in crate::fleet) struct ExportArguments {
    #[command(flatten)]
    shape: Shape,

    /// The folder; it must not be there, or be empty.
    #[arg(value_name = "FOLDER")]
    folder: PathBuf,
}

/// Writes the files.
pub(in crate::fleet) fn export(
    arguments: &ExportArguments,
    session: &Session,
) -> Result<(), Failure> {
    let output = Output::new(&arguments.shape, FIELDS)?;
    let folder = &arguments.folder;
    if fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(Failure::Settings {
            path: folder.clone(),
            reason: "there is something in it; give another folder".to_owned(),
        });
    }
    let mut files = Vec::new();
    for document in documents(session)? {
        let (kind, name) = place(&document);
        let folder = folder.join(kind);
        let path = folder.join(format!("{name}.yaml"));
        let text = text(&document)?;
        let written = fs::create_dir_all(&folder).and_then(|()| fs::write(&path, text));
        written.map_err(|error| Failure::Settings {
            path: path.clone(),
            reason: format!("cannot be written: {error}"),
        })?;
        files.push(path.display().to_string());
    }
    output.one(&serde_json::json!({ "files": files }), || {
        format!(
            "{} written to {}\n",
            count(files.len() as u64, "file"),
            folder.display()
        )
    })
}

/// What the hub has.
fn documents(session: &Session) -> Result<Vec<Document>, Failure> {
    let mut found = Vec::new();
    for app in session.all(async |paged| session.client.apps(&paged).await)? {
        let name = app.name.as_str();
        let versions = session.all(async |paged| session.client.versions(name, &paged).await)?;
        found.push(Document::App {
            versions: versions
                .into_iter()
                .map(|version| (version.version, version.containers))
                .collect(),
            name: app.name,
            description: app.description,
        });
    }
    for deployment in deployments(session)? {
        if !deployment.is_being_removed {
            found.push(Document::Deployment {
                name: deployment.name,
                spec: deployment.spec,
                rollout: None,
            });
        }
    }
    let active = DeviceQuery {
        state: Some(DeviceState::Active),
        ..DeviceQuery::default()
    };
    for device in devices(session, &active)? {
        let mut labels = device.labels;
        labels.retain(|name, _| !name.starts_with(OWN_LABEL));
        found.push(Document::Device {
            device: device.name,
            labels,
            windows: device.windows,
        });
    }
    for webhook in session.all(async |paged| session.client.webhooks(&paged).await)? {
        found.push(Document::Webhook {
            name: webhook.name,
            url: webhook.url,
            events: webhook.events,
        });
    }
    Ok(found)
}

/// The folder and the name of a document's file. Names that would be another file's are told apart by their letters' numbers.
fn place(document: &Document) -> (&'static str, String) {
    let (kind, name) = match document {
        Document::App { name, .. } => ("apps", name),
        Document::Deployment { name, .. } => ("deployments", name),
        Document::Device { device, .. } => ("devices", device),
        Document::Webhook { name, .. } => ("webhooks", name),
        Document::Tenant { name } => ("tenants", name),
    };
    let mut safe = String::new();
    for (at, letter) in name.char_indices() {
        match letter {
            'a'..='z' | 'A'..='Z' | '0'..='9' | '-' => safe.push(letter),
            '.' if at > 0 => safe.push(letter),
            // Writing to a text does not fail.
            other => drop(write!(safe, "_{:x}", u32::from(other))),
        }
    }
    (kind, safe)
}

/// A document as YAML, its kind and name first.
fn text(document: &Document) -> Result<String, Failure> {
    let value =
        serde_json::to_value(document).map_err(|error| Failure::device("writing YAML", error))?;
    let Value::Object(mut fields) = value else {
        return Err(Failure::device("writing YAML", "a document is no map"));
    };
    let mut text = String::new();
    for name in ["kind", "name", "device"] {
        if let Some(value) = fields.remove(name) {
            field(&mut text, name, &value, 0);
        }
    }
    for (name, value) in &fields {
        field(&mut text, name, value, 0);
    }
    Ok(text)
}

fn field(text: &mut String, name: &str, value: &Value, depth: usize) {
    let indent = "  ".repeat(depth);
    let name = scalar(name);
    // Writing to a text does not fail.
    let _ = match value {
        Value::Object(fields) if !fields.is_empty() => {
            let written = writeln!(text, "{indent}{name}:");
            let sorted: BTreeMap<&String, &Value> = fields.iter().collect();
            for (name, value) in sorted {
                field(text, name, value, depth + 1);
            }
            written
        }
        Value::Array(items) if !items.is_empty() => {
            let written = writeln!(text, "{indent}{name}:");
            for one in items {
                item(text, one, depth + 1);
            }
            written
        }
        other => writeln!(text, "{indent}{name}: {}", inline(other)),
    };
}

/// An item of a list: a map begins in the line of its dash.
fn item(text: &mut String, value: &Value, depth: usize) {
    let indent = "  ".repeat(depth);
    let Value::Object(fields) = value else {
        let _ = writeln!(text, "{indent}- {}", inline(value));
        return;
    };
    let mut block = String::new();
    // What it is called comes first.
    let first = fields.get("name").map(|name| ("name", name));
    let others = fields.iter().filter(|(name, _)| *name != "name");
    for (name, value) in first
        .into_iter()
        .chain(others.map(|(name, value)| (name.as_str(), value)))
    {
        field(&mut block, name, value, depth + 1);
    }
    let begin = "  ".repeat(depth + 1);
    match block.strip_prefix(&begin) {
        Some(rest) => {
            let _ = write!(text, "{indent}- {rest}");
        }
        None => {
            let _ = writeln!(text, "{indent}- {{}}");
        }
    }
}

fn inline(value: &Value) -> String {
    match value {
        Value::String(text) => scalar(text),
        // JSON is YAML.
        other => other.to_string(),
    }
}

/// A text, in quotes if any reader of YAML could take it for something else.
fn scalar(text: &str) -> String {
    let begins_well = text.starts_with(|letter: char| letter.is_ascii_alphabetic());
    let is_plain = text
        .chars()
        .all(|letter| letter.is_ascii_alphanumeric() || "._/-=".contains(letter));
    let is_word = WORDS.contains(&text.to_ascii_lowercase().as_str());
    if begins_well && is_plain && !is_word {
        text.to_owned()
    } else {
        Value::String(text.to_owned()).to_string()
    }
}

#[cfg(test)]
mod tests {
    //! What is written is read as what it was.

    use super::*;

    #[test]
    fn what_is_written_is_what_is_read() {
        let json = serde_json::json!({
            "kind": "app",
            "name": "reader",
            "description": "reads: \"everything\"\n# and more",
            "versions": {
                "1.0": [{
                    "name": "main",
                    "image": "reader:1@sha256:00",
                    "args": ["--level", "no", "1e3", ""],
                    "env": {"ON": "on", "PORT": "8080", "ÜBER": "ja", "TILDE": "~"},
                    "grants": ["bus.pub:line1/#", "timer"],
                    "limits": {"memory_bytes": 1_048_576},
                    "mounts": [{"volume": "data", "target": "/data", "read_only": true}],
                    "restart": "no"
                }],
                "2.0": [{"name": "main", "image": "reader:2"}]
            }
        });
        let document: Document = serde_json::from_value(json).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("it.yaml");
        let text = text(&document).unwrap();
        fs::write(&path, &text).unwrap();
        let read = super::super::document(&path);
        assert_eq!(
            read.map_err(|error| error.to_string()),
            Ok(document),
            "{text}"
        );
    }

    #[test]
    fn names_are_files_in_their_folder() {
        let place = |name: &str| {
            let (kind, name) = place(&Document::Tenant {
                name: name.to_owned(),
            });
            format!("{kind}/{name}")
        };
        assert_eq!(place("plant-1.a"), "tenants/plant-1.a");
        assert_eq!(place("../x"), "tenants/_2e._2fx");
        assert_eq!(place("a b"), "tenants/a_20b");
    }
}
