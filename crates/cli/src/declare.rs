//! The words of a container's declaration, alike on the command line and in app.yaml.
//!
//! Each function understands one text, or says what it must be, to be put behind "must be".

use std::borrow::Cow;
use std::net::IpAddr;
use std::path::{Component, Path, PathBuf};

use thimble_builder::units;
use thimble_device_api::{
    DependencyCondition, HealthAction, LimitsSpec, Mount, MountKind, QueuePolicy,
};
use thimble_runtime::grant::Grants;

/// What a text must be.
pub(crate) type Must = Cow<'static, str>;

/// A restart policy; docker's `unless-stopped` is what `always` is here.
pub(crate) fn restart(text: &str) -> Result<String, Must> {
    const POLICY: &str = "`no`, `on-failure`, `on-failure:N` or `always`";
    match text {
        "no" | "on-failure" | "always" => Ok(text.to_owned()),
        // What was stopped stays stopped, so they are the same.
        "unless-stopped" => Ok("always".to_owned()),
        _ => text
            .strip_prefix("on-failure:")
            .and_then(|times| times.parse::<u32>().ok())
            .filter(|times| *times > 0)
            .map(|times| format!("on-failure:{times}"))
            .ok_or(POLICY.into()),
    }
}

/// How far another container must be.
pub(crate) fn condition(text: &str) -> Result<DependencyCondition, Must> {
    match text {
        "started" | "service_started" => Ok(DependencyCondition::Started),
        "healthy" | "service_healthy" => Ok(DependencyCondition::Healthy),
        "completed" | "service_completed_successfully" => Ok(DependencyCondition::Completed),
        _ => Err("`started`, `healthy` or `completed`".into()),
    }
}

/// What happens to a message that does not fit.
pub(crate) fn queue_policy(text: &str) -> Result<QueuePolicy, Must> {
    match text {
        "drop-oldest" => Ok(QueuePolicy::DropOldest),
        "refuse" => Ok(QueuePolicy::Refuse),
        _ => Err("`drop-oldest` or `refuse`".into()),
    }
}

/// What is done with an unhealthy container.
pub(crate) fn health_action(text: &str) -> Result<HealthAction, Must> {
    match text {
        "restart" => Ok(HealthAction::Restart),
        "report" => Ok(HealthAction::Report),
        _ => Err("`restart` or `report`".into()),
    }
}

/// A count of at least one.
pub(crate) fn count(text: &str) -> Result<u32, Must> {
    text.parse()
        .ok()
        .filter(|count| *count > 0)
        .ok_or("a whole number, at least 1".into())
}

/// A count that may be nothing.
pub(crate) fn number(text: &str) -> Result<u32, Must> {
    text.parse().map_err(|_| "a whole number".into())
}

/// A size in bytes that fits into 32 bits.
pub(crate) fn small_size(text: &str) -> Result<u32, Must> {
    let bytes = units::size(text)?;
    u32::try_from(bytes).map_err(|_| "a size below 4g".into())
}

/// A grant, which the runtime must know.
pub(crate) fn grant(text: &str) -> Result<String, Must> {
    Grants::parse([text])
        .map(|_| text.to_owned())
        .map_err(|error| format!("a grant: {error}").into())
}

/// A listening socket: `tcp/PORT` or `tcp/ADDRESS:PORT`.
pub(crate) fn listen(text: &str) -> Result<String, Must> {
    const SOCKET: &str = "`tcp/PORT` or `tcp/ADDRESS:PORT`, for example tcp/8080";
    let place = text.strip_prefix("tcp/").ok_or(SOCKET)?;
    let port = match place.rsplit_once(':') {
        Some((address, port)) => {
            let address = address
                .strip_prefix('[')
                .and_then(|address| address.strip_suffix(']'))
                .unwrap_or(address);
            address.parse::<IpAddr>().map_err(|_| SOCKET)?;
            port
        }
        None => place,
    };
    port.parse::<u16>().map_err(|_| SOCKET)?;
    Ok(text.to_owned())
}

/// Whether a name is one of a container or a volume.
pub(crate) fn is_name(text: &str) -> bool {
    (1..=128).contains(&text.len())
        && !text.starts_with('.')
        && text.bytes().all(|byte| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._-".contains(&byte)
        })
}

/// `VOLUME:PATH[:ro]`, or `FOLDER:PATH[:ro]` where the folder begins with `/`, `.` or `~`. Folders count from `folder`.
pub(crate) fn mount(text: &str, folder: &Path) -> Result<Mount, Must> {
    const FORM: &str = "VOLUME:PATH or FOLDER:PATH, and `:ro` behind it if it is read-only";
    let mut parts = text.split(':');
    let (Some(source), Some(target), mode, None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(FORM.into());
    };
    let read_only = match mode {
        None | Some("rw") => false,
        Some("ro") => true,
        Some(_) => return Err(FORM.into()),
    };
    Ok(Mount {
        kind: if is_path(source) {
            MountKind::Bind
        } else {
            MountKind::Volume
        },
        source: if is_path(source) {
            bind_source(source, folder)?
        } else {
            volume_name(source)?
        },
        target: mount_target(target)?,
        read_only,
    })
}

fn is_path(source: &str) -> bool {
    source.starts_with(['/', '.', '~'])
}

/// The absolute path of a folder of the device.
pub(crate) fn bind_source(source: &str, folder: &Path) -> Result<String, Must> {
    let path = match source.strip_prefix("~/") {
        Some(rest) => {
            let home = std::env::var_os("HOME").ok_or("a path without `~`: HOME is not set")?;
            PathBuf::from(home).join(rest)
        }
        None => folder.join(source),
    };
    // What `..` means where there are links is the daemon's to find out.
    let path: PathBuf = path
        .components()
        .filter(|part| *part != Component::CurDir)
        .collect();
    path.into_os_string()
        .into_string()
        .map_err(|_| "a path of UTF-8 text".into())
}

/// The name of a volume.
pub(crate) fn volume_name(source: &str) -> Result<String, Must> {
    if is_name(source) {
        Ok(source.to_owned())
    } else {
        Err(format!(
            "a volume's name (1 to 128 characters of a-z, 0-9, `.`, `_` and `-`) or a folder that begins with `/`, \
             `./` or `~/`, not {source:?}"
        )
        .into())
    }
}

/// A path inside the container.
pub(crate) fn mount_target(target: &str) -> Result<String, Must> {
    if target.starts_with('/') && !target.contains('\0') {
        Ok(target.to_owned())
    } else {
        Err(format!("a path inside the container that begins with `/`, not {target:?}").into())
    }
}

/// The limits that have a name, `memory` and `cpus` among them.
pub(crate) const LIMIT_NAMES: &[&str] = &[
    "memory",
    "cpus",
    "storage",
    "kv",
    "descriptors",
    "sockets",
    "timers",
    "subscriptions",
];

/// Sets a limit by its name.
pub(crate) fn set_limit(limits: &mut LimitsSpec, name: &str, text: &str) -> Result<(), Must> {
    match name {
        "memory" => limits.memory_bytes = Some(units::size(text)?),
        "cpus" => limits.cpu_share_thousandths = Some(units::share(text)?),
        "storage" => limits.storage_bytes = Some(units::size(text)?),
        "kv" => limits.key_value_bytes = Some(units::size(text)?),
        "descriptors" => limits.descriptors = Some(number(text)?),
        "sockets" => limits.sockets = Some(number(text)?),
        "timers" => limits.timers = Some(number(text)?),
        "subscriptions" => limits.subscriptions = Some(number(text)?),
        _ => return Err(format!("one of {}", LIMIT_NAMES.join(", ")).into()),
    }
    Ok(())
}
