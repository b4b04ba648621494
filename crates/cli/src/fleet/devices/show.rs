//! `thimble fleet devices show`.

use std::fmt::Write as _;

use clap::Args;
use serde_json::Value;
use thimble_hub_api::device::Device;

use crate::arguments::Shape;
use crate::device::Rows;
use crate::failure::Failure;
use crate::observer::printable;
use crate::output::Output;

use super::super::fields::DEVICE;
use super::super::session::Session;
use super::super::watch::watch;
use super::super::words::{labels, second};
use super::change::hold_words;
use super::window::window_words;

#[derive(Args)]
pub(super) struct ShowArguments {
    /// Show it again whenever something is different.
    #[arg(short, long, conflicts_with_all = ["json", "format"])]
    watch: bool,

    #[command(flatten)]
    shape: Shape,

    /// Its name or id.
    #[arg(value_name = "DEVICE")]
    device: String,
}

/// Shows a device.
pub(super) fn show(arguments: &ShowArguments, session: &Session) -> Result<(), Failure> {
    let output = Output::new(&arguments.shape, DEVICE)?;
    let name = arguments.device.as_str();
    let look = || Ok(session.about(name, session.client.device(name))?.value);
    if arguments.watch {
        watch(look, text, |_| false)?;
        return Ok(());
    }
    let device = look()?;
    output.one(&device, || text(&device))
}

fn text(device: &Device) -> String {
    let mut rows = Rows::default();
    rows.add("name", &device.name);
    rows.add("id", &device.id);
    rows.add("state", super::state(device));
    rows.add("model", &device.model);
    rows.add("serial", &device.serial);
    rows.add(
        "fingerprint",
        device.fingerprint.clone().unwrap_or_default(),
    );
    rows.add("labels", labels(&device.labels));
    rows.add(
        "version",
        format!(
            "{} kept, {} taken, {} wanted",
            device.committed_version, device.adopted_version, device.desired_version
        ),
    );
    if let Some(hold) = &device.hold {
        rows.add("held", hold_words(hold));
    }
    for window in &device.windows {
        rows.add("window", window_words(window));
    }
    rows.add("seen", device.last_seen_at.map(second).unwrap_or_default());
    rows.add("enrolled", second(device.created_at));
    let mut text = rows.text();
    for (title, value) in [
        ("status", &device.status),
        ("capabilities", &device.capabilities),
    ] {
        if let Some(value) = value {
            let _ = writeln!(text, "{title}:");
            tell(&mut text, value, 1);
        }
    }
    text
}

/// Writes what a device said of itself, a line for each value.
fn tell(text: &mut String, value: &Value, depth: usize) {
    let indent = "  ".repeat(depth);
    // Writing to a text does not fail.
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let name = printable(name);
                match scalar(value) {
                    Some(value) => drop(writeln!(text, "{indent}{name}: {value}")),
                    None => {
                        let _ = writeln!(text, "{indent}{name}:");
                        tell(text, value, depth + 1);
                    }
                }
            }
        }
        Value::Array(items) => {
            for item in items {
                match scalar(item) {
                    Some(item) => drop(writeln!(text, "{indent}- {item}")),
                    None => {
                        let _ = writeln!(text, "{indent}-");
                        tell(text, item, depth + 1);
                    }
                }
            }
        }
        other => {
            if let Some(value) = scalar(other) {
                let _ = writeln!(text, "{indent}{value}");
            }
        }
    }
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::Null => Some("none".to_owned()),
        Value::String(text) => Some(printable(text)),
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
        Value::Array(items) if items.is_empty() => Some("none".to_owned()),
        Value::Object(fields) if fields.is_empty() => Some("none".to_owned()),
        Value::Array(_) | Value::Object(_) => None,
    }
}
