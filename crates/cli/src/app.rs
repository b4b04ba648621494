//! Reads `app.yaml`: a set of containers that belong together, in a form close to compose's.
//!
//! Owns the way from a file to a declaration, with file, line and column of whatever is wrong. Whether the device can do
//! what is declared is the daemon's to say. `docs/guide/apps.md` describes every key.

mod container;
mod foreign;
mod interpolate;
mod mounts;
mod network;
mod rules;
#[cfg(test)]
mod tests;
mod variables;
mod words;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{ErrorKind, Read as _};
use std::path::Path;

use thimble_builder::yaml::{self, Fields, Node, Place, Problem, Value, Wrong};
use thimble_device_api::{AppSpec, BODY_BYTES_MAX};

use crate::failure::Failure;

use variables::Variables;

/// Bytes of an app's file, and of a file of variables, at most.
pub(crate) const FILE_BYTES_MAX: u64 = 256 << 10;
/// Containers of an app at most.
const CONTAINERS_MAX: usize = 256;

const KEYS: &[&str] = &["name", "containers", "volumes"];

/// An app, declared.
#[derive(Debug)]
pub(crate) struct App {
    /// Its name, if the file has one.
    pub(crate) name: Option<String>,
    /// What is declared.
    pub(crate) spec: AppSpec,
}

/// Where an app's file is, and what is around it.
struct Context<'a> {
    /// Paths count from here.
    folder: &'a Path,
    variables: &'a Variables<'a>,
    /// Reads a file that it names.
    read: &'a dyn Fn(&Path) -> Result<String, String>,
}

/// Reads an app's file, with the variables of our environment and of `.env` beside it. A name that is given counts
/// before the file's, and that before the folder's.
pub(crate) fn load(path: &Path, name: Option<&str>) -> Result<(String, AppSpec), Failure> {
    let wrong = |reason: String| Failure::Settings {
        path: path.to_owned(),
        reason,
    };
    let text = read_file(path).map_err(wrong)?;
    let folder = std::path::absolute(path)
        .ok()
        .and_then(|path| path.parent().map(Path::to_owned))
        .ok_or_else(|| wrong("its folder cannot be found".into()))?;
    let dotenv = folder.join(".env");
    let environment = |name: &str| std::env::var(name).ok();
    let variables = match read_file(&dotenv) {
        Ok(text) => {
            Variables::with_file(&environment, &text).map_err(|reason| Failure::Settings {
                path: dotenv.clone(),
                reason,
            })?
        }
        Err(_) if !dotenv.exists() => Variables::new(&environment),
        Err(reason) => {
            return Err(Failure::Settings {
                path: dotenv,
                reason,
            });
        }
    };
    let context = Context {
        folder: &folder,
        variables: &variables,
        read: &read_file,
    };
    let app = parse(&text, &context).map_err(|wrong| Failure::Written {
        path: path.to_owned(),
        place: wrong.place,
        reason: wrong.problem.to_string(),
    })?;
    let name = match (name, app.name, folder.file_name()) {
        (Some(name), ..) => {
            check_name(name).map_err(|must| Failure::option("--name", name, must))?;
            name.to_owned()
        }
        (None, Some(name), _) => name,
        (None, None, Some(folder)) if check_name(&folder.to_string_lossy()).is_ok() => {
            folder.to_string_lossy().into_owned()
        }
        _ => {
            return Err(wrong(
                "the app has no name, and its folder's name is none; write `name:` in it, or give --name".into(),
            ));
        }
    };
    check_length(&name, &app.spec).map_err(wrong)?;
    Ok((name, app.spec))
}

fn read_file(path: &Path) -> Result<String, String> {
    let mut bytes = Vec::new();
    let read = File::open(path)
        .and_then(|file| file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes))
        .map_err(|error| match error.kind() {
            ErrorKind::NotFound => "there is no such file".into(),
            ErrorKind::PermissionDenied => "permission denied; check its mode and owner".into(),
            _ => format!("cannot be read: {error}"),
        })?;
    if read as u64 > FILE_BYTES_MAX {
        return Err(format!("it has more than {} KiB", FILE_BYTES_MAX >> 10));
    }
    String::from_utf8(bytes).map_err(|_| "it is not UTF-8 text".into())
}

/// On the device a container is called `APP.NAME`.
fn check_length(name: &str, spec: &AppSpec) -> Result<(), String> {
    for container in spec.containers.keys() {
        let full = format!("{name}.{container}");
        if full.len() > 128 {
            return Err(format!(
                "the container's name on the device would be {full:?}, and a name has at most 128 characters"
            ));
        }
    }
    if serde_json::to_vec(spec).map_or(0, |bytes| bytes.len()) > BODY_BYTES_MAX {
        return Err(format!(
            "all of it is more than the daemon takes, {} KiB",
            BODY_BYTES_MAX >> 10
        ));
    }
    Ok(())
}

/// Whether an app, and a container in an app, can be called so.
pub(crate) fn check_name(name: &str) -> Result<(), &'static str> {
    let is_fit = (1..=64).contains(&name.len())
        && name.starts_with(|first: char| first.is_ascii_lowercase() || first.is_ascii_digit())
        && name.bytes().all(|byte| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-".contains(&byte)
        });
    if is_fit {
        Ok(())
    } else {
        Err("a name of 1 to 64 characters a-z, 0-9, `_` and `-` that begins with a letter or digit")
    }
}

/// Reads the text of an app's file.
fn parse(text: &str, context: &Context<'_>) -> Result<App, Wrong> {
    let mut root = yaml::parse(text)?;
    interpolate::expand(&mut root, context.variables)?;
    let mut fields = Fields::of("the app", root, KEYS)?;
    let place = fields.place();
    fields.skip(|key| key.starts_with("x-"));
    fields.refuse(foreign::APP)?;
    // Compose knew versions once.
    fields.take("version");
    let name = fields.parsed("name", |name| check_name(name).map(|()| name.to_owned()))?;
    let volumes = volumes(&mut fields)?;
    let node = either(&mut fields, "containers", "services")?;
    fields.finish()?;
    let node = node.ok_or(place.wrong(Problem::Missing {
        key: "`containers`, what the app is made of,",
    }))?;
    let spec = containers(node, &volumes, context)?;
    Ok(App { name, spec })
}

/// The value of a key that compose calls otherwise.
fn either(fields: &mut Fields, name: &str, other: &str) -> Result<Option<Node>, Wrong> {
    match (fields.take(name), fields.take(other)) {
        (Some(_), Some(node)) => Err(node
            .place
            .refused(format!("`{name}` and `{other}` mean the same; keep one"))),
        (node, None) | (None, node) => Ok(node),
    }
}

/// The names of the volumes that are declared.
fn volumes(fields: &mut Fields) -> Result<BTreeSet<String>, Wrong> {
    let Some(node) = fields.take("volumes") else {
        return Ok(BTreeSet::new());
    };
    let Value::Map(entries) = node.value else {
        return Err(node.place.wrong(yaml::value(
            "volumes",
            "a map of names, each with nothing behind it",
        )));
    };
    let mut names = BTreeSet::new();
    for (key, node) in entries {
        check_name(&key.text).map_err(|must| key.place.wrong(yaml::value("volumes", must)))?;
        let mut fields = Fields::of(&key.text, node, &["labels"])?;
        fields.skip(|key| key.starts_with("x-"));
        fields.refuse(foreign::VOLUME)?;
        fields.take("labels");
        fields.finish()?;
        names.insert(key.text);
    }
    Ok(names)
}

fn containers(
    node: Node,
    volumes: &BTreeSet<String>,
    context: &Context<'_>,
) -> Result<AppSpec, Wrong> {
    let place = node.place;
    let Value::Map(entries) = node.value else {
        return Err(place.wrong(yaml::value("containers", "a map of names and containers")));
    };
    if entries.is_empty() || entries.len() > CONTAINERS_MAX {
        return Err(place.refused(format!(
            "an app has 1 to {CONTAINERS_MAX} containers, not {}",
            entries.len()
        )));
    }
    let mut spec = AppSpec::default();
    let mut edges: Vec<(Place, String, String)> = Vec::new();
    for (key, node) in entries {
        check_name(&key.text).map_err(|must| key.place.wrong(yaml::value("containers", must)))?;
        let read = container::read(&key.text, node, volumes, context)?;
        for (place, other) in read.needs {
            edges.push((place, key.text.clone(), other));
        }
        spec.containers.insert(key.text, read.spec);
    }
    check_order(&spec, &edges)?;
    Ok(spec)
}

/// Whatever is depended on is there, and nothing waits for itself.
fn check_order(spec: &AppSpec, edges: &[(Place, String, String)]) -> Result<(), Wrong> {
    for (place, _, other) in edges {
        if !spec.containers.contains_key(other) {
            return Err(place.refused(format!(
                "there is no container `{other}` in this app that could be depended on"
            )));
        }
    }
    let mut after: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (_, name, other) in edges {
        after.entry(name).or_default().push(other);
    }
    for (place, name, other) in edges {
        // Everything that the other one waits for, directly or not.
        let mut reached = BTreeSet::new();
        let mut next = vec![other.as_str()];
        while let Some(container) = next.pop() {
            if reached.insert(container) {
                next.extend(after.get(container).into_iter().flatten());
            }
        }
        if reached.contains(name.as_str()) {
            return Err(place.refused(format!(
                "`{name}` would wait for itself: `{other}` depends on it, directly or not"
            )));
        }
    }
    Ok(())
}
