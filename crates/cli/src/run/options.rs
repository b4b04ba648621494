//! Turns the command line's texts into a container's configuration.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use thimble_runtime::Limits;
use thimble_runtime::config::CpuShare;
use thimble_runtime::grant::{Grant, Grants};

use crate::arguments::{Declared, RunArguments};
use crate::failure::Failure;
use crate::values;

/// The time between being asked to stop and being killed, where nobody says another.
const STOP_GRACE: Duration = Duration::from_secs(10);

/// The options, understood.
#[derive(Clone)]
pub(super) struct Options {
    pub(super) env: Vec<(String, String)>,
    pub(super) grants: Grants,
    pub(super) limits: Limits,
    pub(super) cpu_share: CpuShare,
    pub(super) stop_grace: Duration,
    pub(super) timeout: Option<Duration>,
    pub(super) volumes: Vec<Volume>,
    /// Whether an image gets every grant that it asks for.
    pub(super) allow_requested: bool,
    pub(super) explicit: Explicit,
}

/// What was said on the command line, so that an image's own wishes do not count.
#[derive(Clone, Copy)]
pub(super) struct Explicit {
    pub(super) memory: bool,
    pub(super) cpus: bool,
    pub(super) stop_grace: Option<Duration>,
}

/// A folder of this machine inside the container.
#[derive(Clone)]
pub(super) struct Volume {
    pub(super) source: PathBuf,
    pub(super) destination: String,
    pub(super) read_only: bool,
}

/// Understands the options, or says which one is wrong and what would be right.
pub(super) fn parse(arguments: &RunArguments) -> Result<Options, Failure> {
    if let Some(name) = &arguments.declared.name {
        check_name(name)?;
    }
    let volumes = arguments
        .declared
        .volume
        .iter()
        .map(|text| volume(text))
        .collect::<Result<Vec<_>, _>>()?;
    let stop_grace = arguments
        .declared
        .stop_grace
        .as_deref()
        .map(|text| time("--stop-grace", text))
        .transpose()?;
    Ok(Options {
        env: environment(&arguments.declared)?,
        grants: grants(arguments, !volumes.is_empty())?,
        limits: limits(arguments)?,
        cpu_share: cpu_share(arguments)?,
        stop_grace: stop_grace.unwrap_or(STOP_GRACE),
        allow_requested: arguments.declared.allow_requested,
        explicit: Explicit {
            memory: arguments.declared.memory.is_some(),
            cpus: arguments.declared.cpus.is_some(),
            stop_grace,
        },
        timeout: arguments
            .declared
            .timeout
            .as_deref()
            .map(|text| time("--timeout", text))
            .transpose()?,
        volumes,
    })
}

fn limits(arguments: &RunArguments) -> Result<Limits, Failure> {
    let mut limits = Limits::default();
    if let Some(text) = &arguments.declared.memory {
        limits.memory_bytes =
            values::size(text).map_err(|reason| Failure::option("--memory", text, reason))?;
    }
    Ok(limits)
}

fn cpu_share(arguments: &RunArguments) -> Result<CpuShare, Failure> {
    let Some(text) = &arguments.declared.cpus else {
        return Ok(CpuShare::ONE);
    };
    let share = values::share(text).map_err(|reason| Failure::option("--cpus", text, reason))?;
    Ok(CpuShare::from_thousandths(share).unwrap_or(CpuShare::ONE))
}

/// Names of containers: what Ocre allows, of a length that fits into a file name.
fn check_name(name: &str) -> Result<(), Failure> {
    let allowed =
        |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '_' | '-');
    if name.is_empty() || name.len() > 128 || name.starts_with('.') || !name.chars().all(allowed) {
        return Err(Failure::option(
            "--name",
            name,
            "a name has 1 to 128 characters of a-z, 0-9, `.`, `_` and `-`, and does not begin with a dot",
        ));
    }
    Ok(())
}

fn time(option: &'static str, text: &str) -> Result<Duration, Failure> {
    values::time(text).map_err(|reason| Failure::option(option, text, reason))
}

/// `SRC:DST`, `SRC:DST:ro` or `SRC:DST:rw`.
fn volume(text: &str) -> Result<Volume, Failure> {
    let wrong = |reason: &str| Failure::option("--volume", text, reason);
    let mut parts = text.split(':');
    let (Some(source), Some(destination), mode, None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(wrong("write SRC:DST or SRC:DST:ro"));
    };
    let read_only = match mode {
        None | Some("rw") => false,
        Some("ro") => true,
        Some(_) => return Err(wrong("after the second colon comes `ro` or `rw`")),
    };
    if source.is_empty() {
        return Err(wrong(
            "the folder of this machine is missing before the colon",
        ));
    }
    if !destination.starts_with('/') || destination.contains('\0') {
        return Err(wrong("the path inside the container must begin with `/`"));
    }
    let source = PathBuf::from(source);
    match fs::metadata(&source) {
        Ok(metadata) if metadata.is_dir() => {}
        Ok(_) => {
            return Err(wrong(
                "only folders can be mounted; mount the folder that holds the file",
            ));
        }
        Err(error) => {
            let hint = if text.starts_with(['/', '.', '~']) {
                ""
            } else {
                "; volumes by their name need the daemon: -d"
            };
            return Err(wrong(&format!(
                "{} cannot be mounted: {error}{hint}",
                source.display()
            )));
        }
    }
    Ok(Volume {
        source,
        destination: destination.to_owned(),
        read_only,
    })
}

fn grants(arguments: &RunArguments, has_volumes: bool) -> Result<Grants, Failure> {
    let mut grants = Grants::default();
    for text in &arguments.declared.allow {
        let parsed = Grants::parse([text.as_str()])
            .map_err(|error| Failure::option("--allow", text, error))?;
        parsed
            .as_slice()
            .iter()
            .for_each(|grant| grants.add(grant.clone()));
    }
    if has_volumes {
        grants.add(Grant::Files);
    }
    Ok(grants)
}

/// Variables of files first, so that those of the command line win.
pub(crate) fn environment(declared: &Declared) -> Result<Vec<(String, String)>, Failure> {
    let mut variables = Vec::new();
    for path in &declared.env_file {
        let shown = path.display().to_string();
        let text = fs::read_to_string(path)
            .map_err(|error| Failure::option("--env-file", &shown, error))?;
        for (number, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            set(&mut variables, line).map_err(|reason| {
                Failure::option(
                    "--env-file",
                    &shown,
                    format_args!("line {}: {reason}", number + 1),
                )
            })?;
        }
    }
    for text in &declared.env {
        set(&mut variables, text).map_err(|reason| Failure::option("--env", text, reason))?;
    }
    Ok(variables)
}

/// Sets `NAME=VALUE`, or `NAME` from our own environment if it is there.
fn set(variables: &mut Vec<(String, String)>, text: &str) -> Result<(), &'static str> {
    let (name, value) = match text.split_once('=') {
        Some((name, value)) => (name, Some(value.to_owned())),
        None => (text, std::env::var(text).ok()),
    };
    if name.is_empty() || name.contains('\0') {
        return Err("write NAME=VALUE");
    }
    if value.as_ref().is_some_and(|value| value.contains('\0')) {
        return Err("a value cannot hold a NUL");
    }
    variables.retain(|(known, _)| known != name);
    if let Some(value) = value {
        variables.push((name.to_owned(), value));
    }
    Ok(())
}
