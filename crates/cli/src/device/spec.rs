//! Turns the command line into a declaration for the daemon.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use thimble_builder::units;
use thimble_device_api::{
    BusSpec, ContainerSpec, Dependency, DependencyCondition, HealthSpec, LimitsSpec, LogSpec,
};

use crate::arguments::{Changeable, Declared, DeviceOptions};
use crate::declare::{self, Must};
use crate::failure::Failure;
use crate::run::options::environment;

/// What is declared, but for the image.
pub(super) fn of(declared: &Declared, device: &DeviceOptions) -> Result<ContainerSpec, Failure> {
    if let Some(name) = &declared.name
        && !declare::is_name(name)
    {
        return Err(Failure::option(
            "--name",
            name,
            "a name has 1 to 128 characters of a-z, 0-9, `.`, `_` and `-`, and does not begin with a dot",
        ));
    }
    let folder = std::env::current_dir()
        .map_err(|error| Failure::device("finding the current folder", error))?;
    let changeable = &device.changeable;
    Ok(ContainerSpec {
        name: declared.name.clone(),
        image: String::new(),
        args: (!declared.args.is_empty()).then(|| declared.args.clone()),
        env: environment(declared)?.into_iter().collect(),
        entry: declared.entry.clone(),
        grants: all("--allow", &declared.allow, declare::grant)?,
        allow_requested: declared.allow_requested,
        mounts: all("--volume", &declared.volume, |text| mount(text, &folder))?,
        listen: all("--listen", &declared.listen, declare::listen)?,
        limits: limits(&declared.memory, &declared.cpus, changeable)?,
        restart: one("--restart", &changeable.restart, declare::restart)?,
        stop_grace_ms: one("--stop-grace", &declared.stop_grace, units::time)?,
        timeout_ms: one("--timeout", &declared.timeout, units::time)?,
        health: health(device)?,
        depends_on: all("--depends-on", &device.depends_on, dependency)?,
        bus: bus(changeable)?,
        logs: logs(changeable)?,
        labels: labels(&device.label)?,
        interactive: declared.interactive,
        auto_remove: false,
        app: None,
    })
}

/// The value of an option, understood.
fn one<T, E: Into<Must>>(
    option: &'static str,
    text: &Option<String>,
    parse: impl Fn(&str) -> Result<T, E>,
) -> Result<Option<T>, Failure> {
    text.as_deref()
        .map(|text| {
            parse(text).map_err(|must| {
                Failure::option(option, text, format_args!("must be {}", must.into()))
            })
        })
        .transpose()
}

/// The values of an option that may be given several times.
fn all<T>(
    option: &'static str,
    texts: &[String],
    parse: impl Fn(&str) -> Result<T, Must>,
) -> Result<Vec<T>, Failure> {
    texts
        .iter()
        .map(|text| {
            parse(text)
                .map_err(|must| Failure::option(option, text, format_args!("must be {must}")))
        })
        .collect()
}

fn mount(text: &str, folder: &Path) -> Result<thimble_device_api::Mount, Must> {
    let mut mount = declare::mount(text, folder)?;
    if mount.kind == thimble_device_api::MountKind::Bind {
        // The daemon has a current folder of its own, and perhaps not our links.
        let path = PathBuf::from(&mount.source);
        let found = path
            .canonicalize()
            .map_err(|error| format!("a folder that is there; {}: {error}", path.display()))?;
        if !found.is_dir() {
            return Err("a folder; mount the folder that holds the file".into());
        }
        mount.source = found
            .into_os_string()
            .into_string()
            .map_err(|_| "a path of UTF-8 text")?;
    }
    Ok(mount)
}

/// `NAME` or `NAME:CONDITION`.
fn dependency(text: &str) -> Result<Dependency, Must> {
    let (name, condition) = match text.split_once(':') {
        Some((name, condition)) => (name, declare::condition(condition)?),
        None => (text, DependencyCondition::default()),
    };
    if !declare::is_name(name) {
        return Err("NAME or NAME:CONDITION".into());
    }
    Ok(Dependency {
        name: name.to_owned(),
        condition,
    })
}

fn health(device: &DeviceOptions) -> Result<Option<HealthSpec>, Failure> {
    let Some(start_ms) = one("--health-start", &device.health_start, units::time)? else {
        return Ok(None);
    };
    let action = one(
        "--health-action",
        &device.health_action,
        declare::health_action,
    )?;
    Ok(Some(HealthSpec {
        start_ms,
        heartbeat_ms: one("--health-heartbeat", &device.health_heartbeat, units::time)?,
        action: action.unwrap_or_default(),
    }))
}

fn labels(texts: &[String]) -> Result<BTreeMap<String, String>, Failure> {
    texts
        .iter()
        .map(|text| {
            let (name, value) = text.split_once('=').unwrap_or((text, ""));
            if name.is_empty() {
                return Err(Failure::option("--label", text, "must be NAME=VALUE"));
            }
            Ok((name.to_owned(), value.to_owned()))
        })
        .collect()
}

/// Limits, whether a container is made or changed.
pub(super) fn limits(
    memory: &Option<String>,
    cpus: &Option<String>,
    changeable: &Changeable,
) -> Result<LimitsSpec, Failure> {
    let mut limits = LimitsSpec {
        memory_bytes: one("--memory", memory, units::size)?,
        cpu_share_thousandths: one("--cpus", cpus, units::share)?,
        ..LimitsSpec::default()
    };
    for text in &changeable.limit {
        let wrong = |must: Must| Failure::option("--limit", text, format_args!("must be {must}"));
        let (name, value) = text
            .split_once('=')
            .ok_or_else(|| wrong("NAME=VALUE".into()))?;
        declare::set_limit(&mut limits, name, value).map_err(wrong)?;
    }
    Ok(limits)
}

/// The side of the bus, whether a container is made or changed.
pub(super) fn bus(changeable: &Changeable) -> Result<BusSpec, Failure> {
    Ok(BusSpec {
        queue_messages: one(
            "--queue-messages",
            &changeable.queue_messages,
            declare::count,
        )?,
        queue_bytes: one(
            "--queue-bytes",
            &changeable.queue_bytes,
            declare::small_size,
        )?,
        message_bytes: one(
            "--message-bytes",
            &changeable.message_bytes,
            declare::small_size,
        )?,
        queue_policy: one(
            "--queue-policy",
            &changeable.queue_policy,
            declare::queue_policy,
        )?,
    })
}

/// What is kept of output, whether a container is made or changed.
pub(super) fn logs(changeable: &Changeable) -> Result<LogSpec, Failure> {
    Ok(LogSpec {
        file_bytes_max: one("--log-max-size", &changeable.log_max_size, units::size)?,
        files_max: one("--log-max-file", &changeable.log_max_file, declare::number)?,
    })
}

/// The restart policy, whether a container is made or changed.
pub(super) fn restart(changeable: &Changeable) -> Result<Option<String>, Failure> {
    one("--restart", &changeable.restart, declare::restart)
}
