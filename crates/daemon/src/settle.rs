//! What a container gets: what was declared, and what its image asks for, within what this device gives.
//!
//! An image requests, whoever deploys grants: an image may ask for less than the device's defaults and gets it; for
//! more it must be declared.

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::time::Duration;

use thimble_device_api::{
    BusSpec, ContainerSpec, DependencyCondition, HealthAction, HealthSpec, LimitsSpec, LogSpec,
    Mount, MountKind, Problem, ProblemKind, QueuePolicy,
};
use thimble_image::ImageConfig;
use thimble_runtime::Limits;
use thimble_runtime::bus::QueuePolicy as BusPolicy;
use thimble_runtime::config::{ContainerConfig, CpuShare};
use thimble_runtime::grant::{Grant, Grants};
use thimble_runtime::lifecycle::{Condition, HealthCheck, RestartPolicy};

use crate::identity::{NAME_CHARS_MAX, check_name};
use crate::logs::LogSettings;

/// Entries of each list and map of a declaration at most.
pub(crate) const ENTRIES_MAX: usize = 1024;
/// Time between being asked to stop and being killed, where nobody says another.
const STOP_GRACE: Duration = Duration::from_secs(10);
/// The longest time that can be said: a year.
const TIME_MS_MAX: u64 = 365 * 24 * 3600 * 1000;
/// Bytes of a log file at least: a line fits.
const LOG_FILE_BYTES_MIN: u64 = 64 << 10;
/// Bytes of a log file at most.
const LOG_FILE_BYTES_MAX: u64 = 1 << 30;
/// Log files of a container at most.
const LOG_FILES_MAX: u32 = 100;

/// What a container gets.
#[derive(Clone, Debug)]
pub(crate) struct Settled {
    pub(crate) config: ContainerConfig,
    pub(crate) mounts: Vec<Folder>,
    pub(crate) listen: Vec<String>,
    pub(crate) interactive: bool,
    /// What it is granted, as it is written.
    pub(crate) granted: Vec<String>,
    /// What the image asks for and does not get, and how it can be given.
    pub(crate) unmet: Vec<String>,
    /// The health check that the image asks for or that was declared.
    pub(crate) health: Option<Health>,
}

/// How health is known, and what is done about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Health {
    pub(crate) check: HealthCheck,
    pub(crate) action: HealthAction,
}

/// A folder of the device in a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Folder {
    pub(crate) place: Place,
    pub(crate) target: String,
    pub(crate) read_only: bool,
}

/// Where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// A named volume.
    Volume(String),
    /// A folder that the operator named.
    Bind(PathBuf),
}

fn invalid(field: &str, reason: impl std::fmt::Display) -> Problem {
    Problem::new(ProblemKind::Invalid, format_args!("{field}: {reason}")).about(field)
}

/// Checks what can be checked without the image.
pub(crate) fn check(spec: &ContainerSpec, binds: &[PathBuf]) -> Result<(), Problem> {
    if let Some(name) = &spec.name {
        check_name("name", name)?;
    }
    for (field, length) in [
        ("args", spec.args.as_ref().map_or(0, Vec::len)),
        ("env", spec.env.len()),
        ("grants", spec.grants.len()),
        ("mounts", spec.mounts.len()),
        ("listen", spec.listen.len()),
        ("depends_on", spec.depends_on.len()),
        ("labels", spec.labels.len()),
    ] {
        if length > ENTRIES_MAX {
            return Err(invalid(
                field,
                format_args!("has {length} entries, more than {ENTRIES_MAX}"),
            ));
        }
    }
    if spec.args.iter().flatten().any(|arg| arg.contains('\0')) {
        return Err(invalid("args", "an argument cannot hold a NUL"));
    }
    for (name, value) in &spec.env {
        if name.is_empty() || name.contains(['=', '\0']) || value.contains('\0') {
            return Err(invalid(
                "env",
                format_args!("{name:?}: a name has no `=`, and neither name nor value a NUL"),
            ));
        }
    }
    for dependency in &spec.depends_on {
        check_name("depends_on", &dependency.name)?;
    }
    parse_grants(&spec.grants)?;
    restart_policy(spec.restart.as_deref())?;
    limits(&spec.limits, &spec.bus, Limits::default())?;
    cpu_share(spec.limits.cpu_share_thousandths)?;
    log_settings(&spec.logs)?;
    for (field, time) in [
        ("stop_grace_ms", spec.stop_grace_ms),
        ("timeout_ms", spec.timeout_ms),
    ] {
        millis(field, time)?;
    }
    spec.health.as_ref().map(health).transpose()?;
    folders(&spec.mounts, binds)?;
    Ok(())
}

/// Settles what a container of this name gets.
pub(crate) fn settle(
    name: &str,
    spec: &ContainerSpec,
    stem: &str,
    image: &ImageConfig,
    binds: &[PathBuf],
) -> Result<Settled, Problem> {
    check(spec, binds)?;
    let mut unmet = Vec::new();
    let mut mounts = folders(&spec.mounts, binds)?;
    volumes_of_its_own(name, image, &mut mounts);
    let mut grants = parse_grants(&spec.grants)?;
    let mut granted = spec.grants.clone();
    if !mounts.is_empty() && !grants.files() {
        grants.add(Grant::Files);
        granted.push("fs".to_owned());
    }
    for request in requested_grants(image, &grants)? {
        if spec.allow_requested {
            granted.push(request.text);
            request
                .missing
                .into_iter()
                .for_each(|grant| grants.add(grant));
        } else {
            unmet.push(format!("{0}, which --allow {0} gives", request.text));
        }
    }
    let (limits, share) = settle_limits(spec, image, &mut unmet)?;
    let mut args = vec![stem.to_owned()];
    args.extend(spec.args.as_ref().unwrap_or(&image.args).iter().cloned());
    let grace = spec.stop_grace_ms.or(image.stop_grace_ms);
    let config = ContainerConfig {
        args,
        env: environment(spec, image),
        grants,
        limits,
        cpu_share: share,
        stop_grace: millis("stop_grace_ms", grace)?.unwrap_or(STOP_GRACE),
        timeout: millis("timeout_ms", spec.timeout_ms)?,
        entry: spec.entry.clone().or_else(|| image.entry_point.clone()),
        queue_policy: queue_policy(spec.bus.queue_policy),
        ..ContainerConfig::new(name)
    };
    let asked = image.health.map(|health| HealthSpec {
        start_ms: health.start_ms,
        heartbeat_ms: health.heartbeat_ms,
        action: HealthAction::default(),
    });
    Ok(Settled {
        config,
        mounts,
        listen: spec.listen.clone(),
        interactive: spec.interactive,
        granted,
        unmet,
        health: spec
            .health
            .clone()
            .or(asked)
            .as_ref()
            .map(health)
            .transpose()?,
    })
}

/// Reads a restart policy; without one a container is left as it ended.
pub(crate) fn restart_policy(text: Option<&str>) -> Result<RestartPolicy, Problem> {
    text.map_or(Ok(RestartPolicy::Never), |text| {
        text.parse()
            .map_err(|error| invalid("restart", format_args!("{text:?}: {error}")))
    })
}

/// What is kept of output.
pub(crate) fn log_settings(spec: &LogSpec) -> Result<LogSettings, Problem> {
    let usual = LogSettings::default();
    let file_bytes_max = spec.file_bytes_max.unwrap_or(usual.file_bytes_max);
    let files_max = spec.files_max.unwrap_or(usual.files_max);
    if !(LOG_FILE_BYTES_MIN..=LOG_FILE_BYTES_MAX).contains(&file_bytes_max) {
        return Err(invalid(
            "logs.file_bytes_max",
            format_args!(
                "{file_bytes_max}: must be from {LOG_FILE_BYTES_MIN} to {LOG_FILE_BYTES_MAX}"
            ),
        ));
    }
    if files_max > LOG_FILES_MAX {
        return Err(invalid(
            "logs.files_max",
            format_args!("{files_max}: must be at most {LOG_FILES_MAX}"),
        ));
    }
    Ok(LogSettings {
        file_bytes_max,
        files_max,
        ..usual
    })
}

/// What a queue does when it is full.
pub(crate) fn queue_policy(policy: Option<QueuePolicy>) -> BusPolicy {
    match policy {
        None | Some(QueuePolicy::DropOldest) => BusPolicy::DropOldest,
        Some(QueuePolicy::Refuse) => BusPolicy::RefuseNewest,
    }
}

/// The condition of a dependency.
pub(crate) const fn condition(condition: DependencyCondition) -> Condition {
    match condition {
        DependencyCondition::Started => Condition::Started,
        DependencyCondition::Healthy => Condition::Healthy,
        DependencyCondition::Completed => Condition::Completed,
    }
}

fn parse_grants(texts: &[String]) -> Result<Grants, Problem> {
    let mut grants = Grants::default();
    for text in texts {
        let parsed = Grants::parse([text.as_str()])
            .map_err(|error| invalid("grants", format_args!("{text:?}: {error}")))?;
        for grant in parsed.as_slice() {
            grants.add(grant.clone());
        }
    }
    Ok(grants)
}

/// Something that an image asks for and that is not granted.
struct Request {
    text: String,
    missing: Vec<Grant>,
}

fn requested_grants(image: &ImageConfig, grants: &Grants) -> Result<Vec<Request>, Problem> {
    let mut requests = Vec::new();
    for text in &image.grants {
        let wanted = Grants::parse([text.as_str()]).map_err(|error| {
            Problem::new(
                ProblemKind::ImageUnfit,
                format_args!("the image asks for what cannot be granted: {error}"),
            )
        })?;
        let missing = wanted
            .as_slice()
            .iter()
            .filter(|grant| !grants.covers(grant));
        let missing: Vec<Grant> = missing.cloned().collect();
        if !missing.is_empty() {
            requests.push(Request {
                text: text.clone(),
                missing,
            });
        }
    }
    Ok(requests)
}

fn settle_limits(
    spec: &ContainerSpec,
    image: &ImageConfig,
    unmet: &mut Vec<String>,
) -> Result<(Limits, CpuShare), Problem> {
    let usual = Limits::default();
    let asked = &image.limits;
    let mut given = usual.clone();
    let at_most = |asked: Option<u64>, usual: u64| asked.map_or(usual, |asked| asked.min(usual));
    given.memory_bytes = at_most(asked.memory_bytes, usual.memory_bytes);
    given.store_bytes = at_most(asked.key_value_bytes, usual.store_bytes);
    given.storage_bytes = at_most(asked.storage_bytes, usual.storage_bytes);
    for (what, asked, usual, option, said) in [
        (
            "of memory",
            asked.memory_bytes,
            usual.memory_bytes,
            "--memory",
            spec.limits.memory_bytes,
        ),
        (
            "in volumes",
            asked.storage_bytes,
            usual.storage_bytes,
            "--storage",
            spec.limits.storage_bytes,
        ),
        (
            "of stored values",
            asked.key_value_bytes,
            usual.store_bytes,
            "--key-values",
            spec.limits.key_value_bytes,
        ),
    ] {
        if let Some(asked) = asked.filter(|asked| *asked > usual && said.is_none()) {
            unmet.push(format!(
                "{asked} bytes {what}, which {option} {asked} gives"
            ));
        }
    }
    let asked = asked
        .cpu_share_thousandths
        .and_then(CpuShare::from_thousandths);
    let share = match spec.limits.cpu_share_thousandths {
        Some(share) => cpu_share(Some(share))?,
        None => asked.map_or(CpuShare::ONE, |share| share.min(CpuShare::ONE)),
    };
    Ok((limits(&spec.limits, &spec.bus, given)?, share))
}

/// A share of the processor.
pub(crate) fn cpu_share(thousandths: Option<u32>) -> Result<CpuShare, Problem> {
    let Some(thousandths) = thousandths else {
        return Ok(CpuShare::ONE);
    };
    CpuShare::from_thousandths(thousandths).ok_or_else(|| {
        invalid(
            "limits.cpu_share_thousandths",
            format_args!("{thousandths}: must be from 1 to 10000000, where 1000 is one share"),
        )
    })
}

/// The limits with what was declared.
pub(crate) fn limits(
    spec: &LimitsSpec,
    bus: &BusSpec,
    mut limits: Limits,
) -> Result<Limits, Problem> {
    /// More than any WebAssembly memory of 32 bits.
    const MEMORY_BYTES_MAX: u64 = 4 << 30;
    /// Entries of a table that costs memory each.
    const COUNT_MAX: u32 = 65_536;
    let bytes = |field: &str, said: Option<u64>, usual: u64, max: u64| match said {
        Some(said) if said > max => Err(invalid(
            field,
            format_args!("{said}: must be at most {max}"),
        )),
        said => Ok(said.unwrap_or(usual)),
    };
    let count = |field: &str, said: Option<u32>, usual: u32| match said {
        Some(said) if said > COUNT_MAX => Err(invalid(
            field,
            format_args!("{said}: must be at most {COUNT_MAX}"),
        )),
        said => Ok(said.unwrap_or(usual)),
    };
    limits.memory_bytes = bytes(
        "limits.memory_bytes",
        spec.memory_bytes,
        limits.memory_bytes,
        MEMORY_BYTES_MAX,
    )?;
    limits.storage_bytes = spec.storage_bytes.unwrap_or(limits.storage_bytes);
    limits.store_bytes = spec.key_value_bytes.unwrap_or(limits.store_bytes);
    limits.descriptors = count("limits.descriptors", spec.descriptors, limits.descriptors)?;
    limits.sockets = count("limits.sockets", spec.sockets, limits.sockets)?;
    limits.timers = count("limits.timers", spec.timers, limits.timers)?;
    limits.subscriptions = count(
        "limits.subscriptions",
        spec.subscriptions,
        limits.subscriptions,
    )?;
    limits.queue_messages = count(
        "bus.queue_messages",
        bus.queue_messages,
        limits.queue_messages,
    )?;
    limits.queue_bytes = bus.queue_bytes.unwrap_or(limits.queue_bytes);
    limits.message_bytes = bus.message_bytes.unwrap_or(limits.message_bytes);
    Ok(limits)
}

fn millis(field: &str, time: Option<u64>) -> Result<Option<Duration>, Problem> {
    match time {
        Some(time) if time > TIME_MS_MAX => Err(invalid(
            field,
            format_args!("{time}: must be at most {TIME_MS_MAX}, a year"),
        )),
        time => Ok(time.map(Duration::from_millis)),
    }
}

fn health(spec: &HealthSpec) -> Result<Health, Problem> {
    let heartbeat = millis("health.heartbeat_ms", spec.heartbeat_ms)?;
    if heartbeat == Some(Duration::ZERO) {
        return Err(invalid(
            "health.heartbeat_ms",
            "must be at least 1; leave it out if one report is enough",
        ));
    }
    Ok(Health {
        check: HealthCheck {
            start: millis("health.start_ms", Some(spec.start_ms))?.unwrap_or_default(),
            heartbeat,
        },
        action: spec.action,
    })
}

fn environment(spec: &ContainerSpec, image: &ImageConfig) -> Vec<(String, String)> {
    let asked = image.env.iter().filter_map(|text| text.split_once('='));
    let mut variables: Vec<(String, String)> = asked
        .filter(|(name, _)| !spec.env.contains_key(*name))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    variables.extend(
        spec.env
            .iter()
            .map(|(name, value)| (name.clone(), value.clone())),
    );
    variables
}

fn folders(mounts: &[Mount], binds: &[PathBuf]) -> Result<Vec<Folder>, Problem> {
    let mut folders: Vec<Folder> = Vec::with_capacity(mounts.len());
    for mount in mounts {
        let wrong = |reason: &dyn std::fmt::Display| {
            invalid(
                "mounts",
                format_args!("{}:{}: {reason}", mount.source, mount.target),
            )
        };
        if !mount.target.starts_with('/') || mount.target.contains('\0') {
            return Err(wrong(&"the path inside the container must begin with `/`"));
        }
        if folders.iter().any(|folder| folder.target == mount.target) {
            return Err(wrong(&"something else is mounted there"));
        }
        let place = match mount.kind {
            MountKind::Volume => {
                check_name("volume", &mount.source)?;
                Place::Volume(mount.source.clone())
            }
            MountKind::Bind => {
                Place::Bind(bind(&mount.source, binds).map_err(|reason| wrong(&reason))?)
            }
        };
        folders.push(Folder {
            place,
            target: mount.target.clone(),
            read_only: mount.read_only,
        });
    }
    Ok(folders)
}

/// A folder of the device, if the daemon may use it.
fn bind(source: &str, allowed: &[PathBuf]) -> Result<PathBuf, String> {
    let path = Path::new(source);
    if !path.is_absolute() {
        return Err("a folder of the device is given by its absolute path".to_owned());
    }
    // What links point to is what counts.
    let real = path
        .canonicalize()
        .map_err(|error| format!("the folder cannot be opened: {error}"))?;
    if !real.is_dir() {
        return Err("only folders can be mounted; mount the folder that holds the file".to_owned());
    }
    let is_allowed = |folder: &PathBuf| {
        folder
            .canonicalize()
            .is_ok_and(|folder| real.starts_with(folder))
    };
    if !allowed.iter().any(is_allowed) {
        return Err(
            "the daemon may not use this folder; list it in thimble.toml as `folders` of [daemon] and start the daemon anew, or use a named volume"
                .to_owned(),
        );
    }
    Ok(real)
}

/// A volume for every path at which the image expects one and nothing is mounted: `NAME.PATH`.
fn volumes_of_its_own(name: &str, image: &ImageConfig, mounts: &mut Vec<Folder>) {
    for path in &image.volumes {
        if mounts
            .iter()
            .any(|mount| mount.target.trim_end_matches('/') == path)
        {
            continue;
        }
        let allowed = |c: char| {
            if c.is_ascii_lowercase() || c.is_ascii_digit() {
                c
            } else {
                '-'
            }
        };
        let suffix: String = path
            .trim_matches('/')
            .to_ascii_lowercase()
            .chars()
            .map(allowed)
            .collect();
        let mut volume = format!("{name}.{suffix}");
        // All are ASCII here.
        volume.truncate(NAME_CHARS_MAX);
        mounts.push(Folder {
            place: Place::Volume(volume),
            target: path.clone(),
            read_only: false,
        });
    }
}
