//! How results are written: as text for people, as JSON, or by a template over the same JSON.

#[cfg(test)]
pub(crate) mod tests;

use std::io::{self, ErrorKind, Write as _};

use minijinja::{Environment, UndefinedBehavior};
use serde::Serialize;
use serde_json::Value;
use thimble_builder::yaml::near;

use crate::arguments::Shape;
use crate::failure::Failure;
use crate::observer::printable;

/// How results are written.
pub(crate) struct Output<'a> {
    form: Form<'a>,
    /// The fields that a result may have.
    fields: &'static [&'static str],
}

enum Form<'a> {
    Text,
    Json,
    Template {
        text: &'a str,
        environment: Box<Environment<'a>>,
    },
}

impl<'a> Output<'a> {
    /// Understands what was asked for. A template is checked before anything is done.
    pub(crate) fn new(shape: &'a Shape, fields: &'static [&'static str]) -> Result<Self, Failure> {
        Self::of(shape.json, shape.format.as_deref(), fields)
    }

    pub(crate) fn of(
        json: bool,
        format: Option<&'a str>,
        fields: &'static [&'static str],
    ) -> Result<Self, Failure> {
        let form = match (json, format) {
            (true, _) => Form::Json,
            (false, None) => Form::Text,
            (false, Some(text)) => template(text, fields)?,
        };
        Ok(Self { form, fields })
    }

    /// Whether people read it.
    pub(crate) const fn is_text(&self) -> bool {
        matches!(self.form, Form::Text)
    }

    /// Whether it is JSON, so that nothing else should be told.
    pub(crate) const fn is_json(&self) -> bool {
        matches!(self.form, Form::Json)
    }

    /// Writes one result.
    pub(crate) fn one(
        &self,
        value: &impl Serialize,
        text: impl FnOnce() -> String,
    ) -> Result<(), Failure> {
        match &self.form {
            Form::Text => write(&text()),
            Form::Json => write(&pretty(value)?),
            Form::Template { .. } => write(&self.rendered(json(value)?)?),
        }
    }

    /// Writes a list of results.
    pub(crate) fn list<T: Serialize>(
        &self,
        values: &[T],
        text: impl FnOnce() -> String,
    ) -> Result<(), Failure> {
        match &self.form {
            Form::Text => write(&text()),
            Form::Json => write(&pretty(&values)?),
            Form::Template { .. } => {
                let mut lines = String::new();
                for value in values {
                    lines.push_str(&self.rendered(json(value)?)?);
                }
                write(&lines)
            }
        }
    }

    /// Writes one result of many that come one by one: as one line.
    pub(crate) fn item(
        &self,
        value: &impl Serialize,
        text: impl FnOnce() -> String,
    ) -> Result<(), Failure> {
        match &self.form {
            Form::Json => {
                let line = serde_json::to_string(value)
                    .map_err(|error| Failure::device("writing JSON", error))?;
                write(&(line + "\n"))
            }
            _ => self.one(value, text),
        }
    }

    fn rendered(&self, mut value: Value) -> Result<String, Failure> {
        let Form::Template { text, environment } = &self.form else {
            return Ok(String::new());
        };
        make_printable(&mut value);
        if let Value::Object(fields) = &mut value {
            // What a result does not have is empty, not unknown.
            for field in self.fields {
                fields
                    .entry(*field)
                    .or_insert_with(|| Value::String(String::new()));
            }
        }
        let mut line = environment
            .render_str(text, minijinja::value::Serde(&value))
            .map_err(|error| wrong(text, &error))?;
        line.push('\n');
        Ok(line)
    }
}

fn template<'a>(text: &'a str, fields: &'static [&'static str]) -> Result<Form<'a>, Failure> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    let used = environment
        .template_from_str(text)
        .map_err(|error| wrong(text, &error))?
        .undeclared_variables(false);
    let mut used: Vec<_> = used.into_iter().collect();
    used.sort();
    for name in used {
        if fields.contains(&name.as_str()) || environment.globals().any(|(known, _)| known == name)
        {
            continue;
        }
        return Err(Failure::option(
            "--format",
            text,
            match near(&name, fields) {
                Some(near) => format!("unknown field `{name}`; did you mean `{near}`?"),
                None => format!("unknown field `{name}`; fields are {}", fields.join(", ")),
            },
        ));
    }
    Ok(Form::Template {
        text,
        environment: Box::new(environment),
    })
}

fn wrong(text: &str, error: &minijinja::Error) -> Failure {
    let hint = if text.replace(' ', "").contains("{{.") {
        "; write {{ name }}, without the dot"
    } else {
        "; --json shows the fields"
    };
    let reason = match error.detail() {
        Some(detail) => format!("{}: {detail}", error.kind()),
        None => error.kind().to_string(),
    };
    Failure::option("--format", text, format_args!("{reason}{hint}"))
}

fn pretty(value: &impl Serialize) -> Result<String, Failure> {
    serde_json::to_string_pretty(value)
        .map(|text| text + "\n")
        .map_err(|error| Failure::device("writing JSON", error))
}

fn json(value: &impl Serialize) -> Result<Value, Failure> {
    serde_json::to_value(value).map_err(|error| Failure::device("writing JSON", error))
}

/// A guest's texts must not move the cursor of a terminal.
fn make_printable(value: &mut Value) {
    match value {
        Value::String(text) if text.contains(char::is_control) => *text = printable(text),
        Value::Array(items) => items.iter_mut().for_each(make_printable),
        Value::Object(fields) => fields.values_mut().for_each(make_printable),
        _ => {}
    }
}

/// Writes to standard output, at once.
pub(crate) fn write(text: &str) -> Result<(), Failure> {
    write_bytes(text.as_bytes())
}

/// The same with bytes.
pub(crate) fn write_bytes(bytes: &[u8]) -> Result<(), Failure> {
    let mut output = io::stdout().lock();
    output
        .write_all(bytes)
        .and_then(|()| output.flush())
        .map_err(|error| match error.kind() {
            ErrorKind::BrokenPipe => Failure::NoReader,
            _ => Failure::device("writing to standard output", error),
        })
}

/// The fields of a container.
pub(crate) const CONTAINER: &[&str] = &[
    "id",
    "name",
    "app",
    "image",
    "state",
    "reason",
    "health",
    "created_at",
    "started_at",
    "next_start_at",
    "restarts",
    "failures",
    "crash_loop",
    "ends",
    "stats",
    "grants",
    "refused",
    "unmet",
    "listening",
    "spec",
];
/// The fields of the answer to a container that was made.
pub(crate) const CREATED: &[&str] = &["id", "name", "unmet", "notes"];
/// The fields of a removed thing.
pub(crate) const REMOVED: &[&str] = &["name"];
/// The fields of the end of a run.
pub(crate) const ENDED: &[&str] = &[
    "name",
    "reason",
    "exit_code",
    "detail",
    "backtrace",
    "started_at",
    "ended_at",
    "cpu_ns",
    "memory_bytes_max",
    "memory_refused",
    "last_output",
];
/// The fields of a line of output.
pub(crate) const LINE: &[&str] = &["at", "source", "text", "partial"];
/// The fields of what a container uses.
pub(crate) const STATS: &[&str] = &[
    "read_at",
    "id",
    "name",
    "state",
    "cpu_ns",
    "cpu_thousandths",
    "memory_bytes",
    "memory_bytes_max",
    "memory_bytes_limit",
    "slices",
    "storage_bytes",
    "log_bytes",
    "log_lines_lost",
    "bus_delivered",
    "bus_dropped",
    "bus_refused",
    "bus_waiting",
    "restarts",
];
/// The fields of an event.
pub(crate) const EVENT: &[&str] = &[
    "sequence",
    "at",
    "kind",
    "container",
    "id",
    "app",
    "attributes",
];
/// The fields of an app.
pub(crate) const APP: &[&str] = &["name", "running", "containers", "troubled", "spec"];
/// The fields of a plan.
pub(crate) const PLAN: &[&str] = &["app", "changes"];
/// The fields of a volume.
pub(crate) const VOLUME: &[&str] = &["name", "used_bytes", "containers"];
/// The fields of the daemon and the device.
pub(crate) const DEVICE: &[&str] = &[
    "version",
    "api",
    "engine",
    "root",
    "workers",
    "started_at",
    "containers",
    "running",
    "isolation",
    "damaged",
    "last_failure",
];
/// The fields of the device as one of a fleet.
pub(crate) const FLEET: &[&str] = &[
    "link",
    "hub",
    "device",
    "fingerprint",
    "problem",
    "certificate_until",
    "last_contact",
    "adopted",
    "committed",
    "phase",
    "held_here",
    "held_by_hub",
    "deployments",
];
/// The fields of the bus.
pub(crate) const BUS: &[&str] = &["retained_messages", "retained_bytes", "bridges"];
/// The fields of what became of a message.
pub(crate) const PUBLISHED: &[&str] = &["delivered", "refused"];
/// The fields of a message.
pub(crate) const MESSAGE: &[&str] = &["topic", "content_type", "payload", "lost"];
/// The fields of an image.
pub(crate) const IMAGE: &[&str] = &[
    "reference",
    "digest",
    "media_type",
    "platform",
    "size_bytes",
    "signatures",
    "created",
    "problem",
];
