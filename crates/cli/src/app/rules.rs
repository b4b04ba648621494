//! What a container of an app may use, how its health is known, and what becomes of its messages and output.

use thimble_builder::units;
use thimble_builder::yaml::{Fields, Node, Place, Problem, Value, Wrong, text, value};
use thimble_device_api::{BusSpec, HealthSpec, LimitsSpec, LogSpec};

use crate::declare::{self, LIMIT_NAMES};

use super::foreign;

const BUS: &[&str] = &[
    "queue",
    "queue_bytes",
    "message_bytes",
    "policy",
    "publish",
    "subscribe",
];
const LOGGING: &[&str] = &["max-size", "max-file", "options", "driver"];
const HEALTH: &[&str] = &["start_period", "interval", "action"];

/// Ours, and the places where compose has the same.
pub(super) fn limits(fields: &mut Fields) -> Result<LimitsSpec, Wrong> {
    let mut limits = LimitsSpec::default();
    if let Some(node) = fields.take("limits") {
        limit_map("limits", node, LIMIT_NAMES, &mut limits)?;
    }
    for (key, name) in [("mem_limit", "memory"), ("cpus", "cpus")] {
        if let Some((text, place)) = fields.text(key)? {
            limit(&mut limits, place, key, name, &text)?;
        }
    }
    if let Some(node) = fields.take("deploy") {
        let mut deploy = Fields::of("deploy", node, &["resources"])?;
        deploy.refuse(foreign::DEPLOY)?;
        if let Some(node) = deploy.take("resources") {
            let mut resources = Fields::of("resources", node, &["limits"])?;
            resources.refuse(&[("reservations", "nothing is set aside for a container")])?;
            if let Some(node) = resources.take("limits") {
                limit_map("limits", node, &["memory", "cpus"], &mut limits)?;
            }
            resources.finish()?;
        }
        deploy.finish()?;
    }
    Ok(limits)
}

fn limit_map(
    key: &str,
    node: Node,
    names: &'static [&'static str],
    limits: &mut LimitsSpec,
) -> Result<(), Wrong> {
    let mut fields = Fields::of(key, node, names)?;
    fields.refuse(&[
        ("pids", "a container has one thread"),
        ("devices", "grant them"),
    ])?;
    for name in names {
        if let Some((text, place)) = fields.text(name)? {
            limit(limits, place, name, name, &text)?;
        }
    }
    fields.finish()
}

fn limit(
    limits: &mut LimitsSpec,
    place: Place,
    key: &str,
    name: &str,
    text: &str,
) -> Result<(), Wrong> {
    let is_given = match name {
        "memory" => limits.memory_bytes.is_some(),
        "cpus" => limits.cpu_share_thousandths.is_some(),
        _ => false,
    };
    if is_given {
        return Err(place.refused(format!(
            "the limit of {name} stands in two places; keep the one under `limits`"
        )));
    }
    declare::set_limit(limits, name, text).map_err(|must| place.wrong(value(key, must)))
}

pub(super) fn health(fields: &mut Fields) -> Result<Option<HealthSpec>, Wrong> {
    let Some(node) = fields.take("healthcheck") else {
        return Ok(None);
    };
    let mut fields = Fields::of("healthcheck", node, HEALTH)?;
    fields.refuse(foreign::HEALTH)?;
    let place = fields.place();
    let start_ms = fields.parsed("start_period", units::time)?;
    let heartbeat_ms = fields.parsed("interval", units::time)?;
    let action = fields.parsed("action", declare::health_action)?;
    fields.finish()?;
    Ok(Some(HealthSpec {
        start_ms: start_ms.ok_or(place.wrong(Problem::Missing {
            key: "`start_period`, the time until the first report,",
        }))?,
        heartbeat_ms,
        action: action.unwrap_or_default(),
    }))
}

/// Topics are grants, said shorter.
pub(super) fn bus(fields: &mut Fields, grants: &mut Vec<String>) -> Result<BusSpec, Wrong> {
    let Some(node) = fields.take("bus") else {
        return Ok(BusSpec::default());
    };
    let mut fields = Fields::of("bus", node, BUS)?;
    for (key, grant) in [("publish", "bus.pub"), ("subscribe", "bus.sub")] {
        let Some(node) = fields.take(key) else {
            continue;
        };
        let Value::List(items) = node.value else {
            return Err(node
                .place
                .wrong(value(key, "a list of topics, each line with `- `")));
        };
        for item in items {
            let place = item.place;
            let topic = text(key, item)?;
            let grant = declare::grant(&format!("{grant}:{topic}"))
                .map_err(|must| place.wrong(value(key, must)))?;
            if !grants.contains(&grant) {
                grants.push(grant);
            }
        }
    }
    let bus = BusSpec {
        queue_messages: fields.parsed("queue", declare::count)?,
        queue_bytes: fields.parsed("queue_bytes", declare::small_size)?,
        message_bytes: fields.parsed("message_bytes", declare::small_size)?,
        queue_policy: fields.parsed("policy", declare::queue_policy)?,
    };
    fields.finish()?;
    Ok(bus)
}

pub(super) fn logging(fields: &mut Fields) -> Result<LogSpec, Wrong> {
    let Some(node) = fields.take("logging") else {
        return Ok(LogSpec::default());
    };
    let mut fields = Fields::of("logging", node, LOGGING)?;
    fields.parsed("driver", |name| match name {
        "json-file" | "local" => Ok(()),
        _ => Err("left out: the daemon keeps the output; `thimble logs` shows it"),
    })?;
    let mut logs = LogSpec::default();
    log_limits(&mut fields, &mut logs)?;
    if let Some(node) = fields.take("options") {
        let mut options = Fields::of("options", node, &["max-size", "max-file"])?;
        log_limits(&mut options, &mut logs)?;
        options.finish()?;
    }
    fields.finish()?;
    Ok(logs)
}

fn log_limits(fields: &mut Fields, logs: &mut LogSpec) -> Result<(), Wrong> {
    if let Some(bytes) = fields.parsed("max-size", units::size)? {
        logs.file_bytes_max = Some(bytes);
    }
    if let Some(files) = fields.parsed("max-file", declare::number)? {
        logs.files_max = Some(files);
    }
    Ok(())
}
