//! The files of a folder, each with what it declares and where it says so.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use thimble_builder::yaml::{Node, Place, Value};
use thimble_hub_api::app::ContainerSpec;
use thimble_hub_api::deployment::DeploymentSpec;
use thimble_hub_api::device::Window;
use thimble_hub_api::document::Document;
use thimble_hub_api::rollout::Policy;

use crate::failure::Failure;

use super::super::yaml;
use super::places;

/// The kinds of documents.
const KINDS: &str = "app, deployment, device, webhook or tenant";

/// A document, and the file that it is from.
pub(super) struct Declared {
    pub(super) path: PathBuf,
    pub(super) document: Document,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct App {
    name: String,
    #[serde(default)]
    description: String,
    #[serde(default)]
    versions: BTreeMap<String, Vec<ContainerSpec>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Deployment {
    name: String,
    spec: DeploymentSpec,
    #[serde(default)]
    rollout: Option<Policy>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Device {
    device: String,
    #[serde(default)]
    labels: BTreeMap<String, String>,
    #[serde(default)]
    windows: Vec<Window>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Webhook {
    name: String,
    url: String,
    #[serde(default)]
    events: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Tenant {
    name: String,
}

/// Reads what is declared, in the order that it needs. Every file that is wrong is told, not just the first.
pub(super) fn read(places: &[PathBuf]) -> Result<Vec<Declared>, Failure> {
    let paths = places::files(places)?;
    let mut declared: Vec<Declared> = Vec::with_capacity(paths.len());
    let mut last: Option<Failure> = None;
    let mut fail = |failure: Failure| {
        if let Some(earlier) = last.replace(failure) {
            eprintln!("thimble: {earlier}");
        }
    };
    let mut known: BTreeMap<String, PathBuf> = BTreeMap::new();
    for path in paths {
        let document = match document(&path) {
            Ok(document) => document,
            Err(failure) => {
                fail(failure);
                continue;
            }
        };
        let subject = document.subject();
        if let Some(other) = known.insert(subject.clone(), path.clone()) {
            fail(wrong(
                &path,
                format_args!("declares {subject}, and so does {}", other.display()),
            ));
        }
        declared.push(Declared { path, document });
    }
    if let Some(failure) = last {
        return Err(failure);
    }
    if declared.is_empty() {
        return Err(Failure::option(
            "--file",
            "",
            "there is no .yaml or .yml file; it would declare nothing",
        ));
    }
    declared.sort_by_key(|one| rank(&one.document));
    Ok(declared)
}

/// The file that a document's failure is about, before what the hub said.
pub(super) fn placed(failure: Failure, declared: &[Declared]) -> Failure {
    let Failure::Hub { subject: _, error } = &failure else {
        return failure;
    };
    let about = error
        .problem()
        .and_then(|problem| problem.subject.as_deref());
    let found = declared
        .iter()
        .find(|one| Some(one.document.subject().as_str()) == about);
    match found {
        Some(one) => wrong(&one.path, &failure),
        None => failure,
    }
}

/// What others name comes before them.
const fn rank(document: &Document) -> u8 {
    match document {
        Document::Tenant { .. } => 0,
        Document::App { .. } => 1,
        Document::Device { .. } => 2,
        Document::Deployment { .. } => 3,
        Document::Webhook { .. } => 4,
    }
}

/// The document of a file.
pub(in crate::fleet) fn document(path: &Path) -> Result<Document, Failure> {
    let mut node = yaml::parse(path)?;
    let (kind, place) = kind(path, &mut node)?;
    Ok(match kind.as_str() {
        "app" => {
            let App {
                name,
                description,
                versions,
            } = yaml::typed(path, node)?;
            Document::App {
                name,
                description,
                versions,
            }
        }
        "deployment" => {
            let Deployment {
                name,
                spec,
                rollout,
            } = yaml::typed(path, node)?;
            Document::Deployment {
                name,
                spec,
                rollout,
            }
        }
        "device" => {
            let Device {
                device,
                labels,
                windows,
            } = yaml::typed(path, node)?;
            Document::Device {
                device,
                labels,
                windows,
            }
        }
        "webhook" => {
            let Webhook { name, url, events } = yaml::typed(path, node)?;
            Document::Webhook { name, url, events }
        }
        "tenant" => {
            let Tenant { name } = yaml::typed(path, node)?;
            Document::Tenant { name }
        }
        other => {
            return Err(written(
                path,
                place,
                format!("there is no kind `{other}`; it is {KINDS}"),
            ));
        }
    })
}

/// Takes the kind out of a document, and says where it stands.
fn kind(path: &Path, node: &mut Node) -> Result<(String, Place), Failure> {
    let place = node.place;
    let missing = |reason: &str| written(path, place, format!("{reason}: {KINDS}"));
    let Value::Map(entries) = &mut node.value else {
        return Err(missing("a document is a map that begins with its `kind`"));
    };
    let Some(at) = entries.iter().position(|(key, _)| key.text == "kind") else {
        return Err(missing("`kind` is missing"));
    };
    let (_, kind) = entries.remove(at);
    match kind.value {
        Value::Text(text) => Ok((text, kind.place)),
        _ => Err(written(path, kind.place, format!("`kind` must be {KINDS}"))),
    }
}

fn written(path: &Path, place: Place, reason: String) -> Failure {
    Failure::Written {
        path: path.to_owned(),
        place,
        reason,
    }
}

pub(super) fn wrong(path: &Path, reason: impl std::fmt::Display) -> Failure {
    Failure::Settings {
        path: path.to_owned(),
        reason: reason.to_string(),
    }
}

#[cfg(test)]
mod tests {
    //! Documents, right and wrong.

    use std::fs;

    use super::*;

    fn read_text(text: &str) -> Result<Document, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("it.yaml");
        fs::write(&path, text).unwrap();
        document(&path).map_err(|failure| {
            let text = failure.to_string();
            let name = path.display().to_string();
            text.replace(&name, "it.yaml")
        })
    }

    #[test]
    fn documents_are_understood() {
        let text = "
kind: deployment
name: reader
spec:
  app: reader
  version: 1.10
  selector: line=1
  priority: -3
  containers:
    '*': {env: {PORT: 8080, LEVEL: info}}
  overrides:
    - selector: site=graz
      containers: {main: {limits: {memory_bytes: 1048576}}}
  update: {probation_s: 30}
rollout:
  waves:
    - {count: 1}
    - {percent: 25, soak_s: 600, approval: {people: 2, roles: [ot]}}
  budgets: {line: 1}
  on_error: roll-back
";
        let document = read_text(text).unwrap();
        let json = serde_json::to_value(&document).unwrap();
        assert_eq!(json["spec"]["version"], "1.10", "a version is a text");
        assert_eq!(json["spec"]["priority"], -3);
        assert_eq!(json["spec"]["containers"]["*"]["env"]["PORT"], "8080");
        assert_eq!(json["rollout"]["waves"][1]["approval"]["roles"][0], "ot");
        assert_eq!(json["rollout"]["on_error"], "roll-back");
        assert_eq!(serde_json::from_value::<Document>(json).unwrap(), document);
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        for (text, expected) in [
            ("", "it.yaml:1:1: a document is a map"),
            ("name: x\n", "it.yaml:1:1: `kind` is missing"),
            (
                "kind: pump\nname: x\n",
                "it.yaml:1:7: there is no kind `pump`",
            ),
            ("kind: app\nnam: x\n", "it.yaml:2:1: unknown field `nam`"),
            ("kind: app\n", "missing field `name`"),
            (
                "kind: deployment\nname: x\nspec:\n  app: a\n  version: '1'\n  priority: high\n",
                "it.yaml:6:13: must be a whole number",
            ),
            (
                "kind: deployment\nname: x\nspec: {app: a, version: '1'}\nrollout: {on_error: explode}\n",
                "it.yaml:4:21: unknown variant `explode`",
            ),
            ("kind: app\nname: [x]\n", "it.yaml:2:7: "),
            ("kind: app\nname: x\n---\nkind: app\n", "second document"),
            ("kind: &x app\n", "anchors are not allowed"),
        ] {
            let error = read_text(text).unwrap_err();
            assert!(error.contains(expected), "{text:?}: {error}");
        }
    }
}
