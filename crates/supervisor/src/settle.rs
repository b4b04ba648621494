//! What a container gets: what was declared, and what its image asks for, within what the device gives.
//!
//! An image requests, whoever declares grants: an image may ask for less than the device's limits and gets it; for more,
//! it must be declared.

use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::str::FromStr;
use core::time::Duration;

use thimble_image::{ImageConfig, Reference};
use thimble_runtime::config::ContainerConfig;
use thimble_runtime::grant::{Grant, Grants};
use thimble_runtime::lifecycle::HealthCheck;
use thimble_serial::Declaration;

use crate::denied::{Denied, Outcome};
use crate::limits;
use crate::parts::Settings;
use crate::saved::ENTRIES_MAX;

/// Time between being asked to stop and being killed, where nobody says another.
const STOP_GRACE: Duration = Duration::from_secs(10);
/// The longest time that an image can say: a year.
const TIME_MS_MAX: u64 = 365 * 24 * 3600 * 1000;

/// What a container gets.
pub(crate) struct Settled {
    pub(crate) config: Arc<ContainerConfig>,
    pub(crate) health: Option<HealthCheck>,
    pub(crate) volumes: Vec<String>,
    pub(crate) log_bytes: u32,
    pub(crate) stack_bytes: u32,
    /// What the image asks for and does not get.
    pub(crate) refused: Vec<String>,
}

/// Checks what can be checked without the image.
///
/// # Errors
/// What is wrong, and where.
#[inline(never)]
pub(crate) fn check(settings: &Settings, declaration: &Declaration) -> Outcome<()> {
    for (field, length) in [
        ("args", declaration.args.as_ref().map_or(0, Vec::len)),
        ("env", declaration.env.len()),
        ("grants", declaration.grants.len()),
    ] {
        if length > ENTRIES_MAX {
            return Err(Denied::invalid(format_args!(
                "{field}: {length} entries are more than {ENTRIES_MAX}"
            )));
        }
    }
    let args = declaration.args.iter().flatten();
    if args.chain(&declaration.env).any(|text| text.contains('\0')) {
        return Err(Denied::invalid(
            "an argument or environment variable cannot hold a NUL",
        ));
    }
    for text in &declaration.env {
        if variable(text).is_none() {
            return Err(Denied::invalid(format_args!(
                "env: {text:?} is not NAME=VALUE"
            )));
        }
    }
    parse_grants(&declaration.grants)?;
    limits::check(settings, &declaration.limits)
}

/// Settles what a container gets.
///
/// # Errors
/// What was declared makes no sense, or the image asks for what does not exist.
#[inline(never)]
pub(crate) fn settle(
    settings: &Settings,
    declaration: &Declaration,
    image: &ImageConfig,
) -> Outcome<Box<Settled>> {
    let limits = limits::settle(settings, &image.limits, &declaration.limits)?;
    let mut grants = parse_grants(&declaration.grants)?;
    if !image.volumes.is_empty() && !grants.files() {
        grants.add(Grant::Files);
    }
    let refused = refused(image, &grants)?;
    let mut args = alloc::vec![program_name(declaration)];
    args.extend(
        declaration
            .args
            .as_ref()
            .unwrap_or(&image.args)
            .iter()
            .cloned(),
    );
    let millis = |ms: u64| Duration::from_millis(ms.min(TIME_MS_MAX));
    let config = Arc::new(ContainerConfig {
        args,
        env: environment(declaration, image),
        grants,
        limits: limits.limits,
        cpu_share: limits.cpu_share,
        stop_grace: image.stop_grace_ms.map_or(STOP_GRACE, millis),
        timeout: declaration.timeout_ms.map(|ms| millis(ms.into())),
        entry: declaration
            .entry
            .clone()
            .or_else(|| image.entry_point.clone()),
        ..ContainerConfig::new(declaration.name.clone())
    });
    Ok(Box::new(Settled {
        config,
        health: image.health.map(|health| HealthCheck {
            start: millis(health.start_ms),
            heartbeat: health.heartbeat_ms.map(millis),
        }),
        volumes: image.volumes.clone(),
        log_bytes: limits.log_bytes,
        stack_bytes: limits.stack_bytes,
        refused,
    }))
}

fn parse_grants(texts: &[String]) -> Outcome<Grants> {
    Grants::parse(texts.iter().map(String::as_str)).map_err(Denied::invalid)
}

/// What the image asks for and is not granted.
#[inline(never)]
fn refused(image: &ImageConfig, grants: &Grants) -> Outcome<Vec<String>> {
    let mut refused = Vec::new();
    for text in &image.grants {
        let wanted = Grants::parse([text.as_str()]).map_err(|error| {
            Denied::image(format_args!(
                "the image asks for what cannot be granted: {error}"
            ))
        })?;
        if !wanted.as_slice().iter().all(|grant| grants.covers(grant)) {
            refused.push(text.clone());
        }
    }
    Ok(refused)
}

fn variable(text: &str) -> Option<(&str, &str)> {
    text.split_once('=').filter(|(name, _)| !name.is_empty())
}

#[inline(never)]
fn environment(declaration: &Declaration, image: &ImageConfig) -> Vec<(String, String)> {
    let declared = || declaration.env.iter().filter_map(|text| variable(text));
    let asked = image.env.iter().filter_map(|text| variable(text));
    let asked = asked.filter(|(name, _)| declared().all(|(other, _)| other != *name));
    asked
        .chain(declared())
        .map(|(name, value)| (name.to_string(), value.to_string()))
        .collect()
}

/// What the program is told that it is called: the last part of the image's name.
#[inline(never)]
fn program_name(declaration: &Declaration) -> String {
    let reference = Reference::from_str(&declaration.image).ok();
    let repository = reference
        .as_ref()
        .filter(|_| !declaration.image.starts_with("sha256:"))
        .map(Reference::repository);
    let stem = repository.and_then(|repository| repository.rsplit('/').next());
    stem.unwrap_or(&declaration.name).to_string()
}
