//! Tells people, or programs, what happens to a container while it runs.

use std::collections::BTreeMap;
use std::sync::Mutex;

use serde_json::json;
use thimble_runtime::config::ContainerId;
use thimble_runtime::port::Observer;
use thimble_runtime::record::{Health, Trace};

/// Writes traces to standard error, as text or as JSON lines.
pub(crate) struct Teller {
    json: bool,
    names: Mutex<BTreeMap<ContainerId, String>>,
}

impl Teller {
    pub(crate) const fn new(json: bool) -> Self {
        Self {
            json,
            names: Mutex::new(BTreeMap::new()),
        }
    }

    /// Gives a container the name by which it is spoken of.
    pub(crate) fn name(&self, id: ContainerId, name: &str) {
        if let Ok(mut names) = self.names.lock() {
            names.insert(id, name.to_owned());
        }
    }

    fn name_of(&self, id: ContainerId) -> String {
        let names = self.names.lock().ok();
        names
            .and_then(|names| names.get(&id).cloned())
            .unwrap_or_else(|| id.to_string())
    }
}

impl Observer for Teller {
    fn trace(&self, container: ContainerId, trace: Trace<'_>) {
        let name = self.name_of(container);
        if self.json {
            eprintln!("{}", as_json(&name, &trace));
        } else {
            eprintln!("{name}: {}", as_text(&trace));
        }
    }
}

const LEVELS: [&str; 5] = ["error", "warning", "info", "debug", "trace"];

fn level_name(level: u8) -> &'static str {
    LEVELS.get(usize::from(level)).copied().unwrap_or("trace")
}

const fn health_name(health: Health) -> &'static str {
    match health {
        Health::Healthy => "healthy",
        Health::Degraded => "degraded",
        Health::Failing => "failing",
    }
}

fn as_text(trace: &Trace<'_>) -> String {
    match trace {
        Trace::Refused { grant } => {
            format!("refused {grant}; to grant it, run with --allow {grant}")
        }
        Trace::Log { level, message } => format!("{}: {}", level_name(*level), printable(message)),
        Trace::Health {
            status,
            message: "",
        } => {
            format!("health: {}", health_name(*status))
        }
        Trace::Health { status, message } => {
            format!("health: {}: {}", health_name(*status), printable(message))
        }
        Trace::UpdateAnswered {
            is_allowed, reason, ..
        } => format!(
            "asked for an update, it said {}: {}",
            if *is_allowed { "yes" } else { "not now" },
            printable(reason)
        ),
        Trace::MemoryRefused {
            wanted_bytes,
            limit_bytes,
        } => format!(
            "refused {} of memory, the limit is {}; to raise it, run with --memory",
            mebibytes(*wanted_bytes),
            mebibytes(*limit_bytes)
        ),
        Trace::LimitReached { limit } => format!("the limit of {limit} is reached"),
        _ => String::from("something happened that this program does not know"),
    }
}

fn as_json(name: &str, trace: &Trace<'_>) -> serde_json::Value {
    match trace {
        Trace::Refused { grant } => json!({"event": "refused", "container": name, "grant": grant}),
        Trace::Log { level, message } => {
            json!({"event": "log", "container": name, "level": level_name(*level), "message": message})
        }
        Trace::Health { status, message } => {
            json!({"event": "health", "container": name, "status": health_name(*status), "message": message})
        }
        Trace::UpdateAnswered {
            question,
            is_allowed,
            reason,
        } => json!({
            "event": "update_answered", "container": name, "question": question, "allowed": is_allowed, "reason": reason
        }),
        Trace::MemoryRefused {
            wanted_bytes,
            limit_bytes,
        } => json!({
            "event": "memory_refused", "container": name, "wanted_bytes": wanted_bytes, "limit_bytes": limit_bytes
        }),
        Trace::LimitReached { limit } => {
            json!({"event": "limit_reached", "container": name, "limit": limit})
        }
        _ => json!({"event": "unknown", "container": name}),
    }
}

/// A guest's text without control characters, so that it cannot move a terminal's cursor.
pub(crate) fn printable(text: &str) -> String {
    text.chars()
        .map(|c| {
            if c.is_control() && c != '\t' {
                '\u{fffd}'
            } else {
                c
            }
        })
        .collect()
}

/// Bytes in the unit that suits them.
pub(crate) fn mebibytes(bytes: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
    let value = bytes as f64;
    match bytes {
        0..1024 => format!("{bytes} B"),
        1024..1_048_576 => format!("{:.0} KiB", value / 1024.0),
        _ => format!("{:.1} MiB", value / 1_048_576.0),
    }
}
