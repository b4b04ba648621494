//! `thimble device`, and `thimble inspect` of a container.

use thimble_device_api::{Container, Device, ProblemKind};

use crate::arguments::Shape;
use crate::failure::Failure;
use crate::images::table::table;
use crate::observer::{mebibytes, printable};
use crate::output::{CONTAINER, DEVICE, Output};

use super::list::status;
use super::moments::{ago, now};
use super::{client, ours};

/// Rows of a name and what belongs to it; what is empty is left out.
#[derive(Default)]
pub(crate) struct Rows(Vec<Vec<String>>);

impl Rows {
    pub(crate) fn add(&mut self, name: &str, value: impl Into<String>) {
        let value = value.into();
        if !value.is_empty() {
            self.0.push(vec![format!("{name}:"), printable(&value)]);
        }
    }

    pub(crate) fn text(&self) -> String {
        table(&self.0)
    }
}

/// Shows the daemon and the device.
pub(super) fn device(shape: &Shape) -> Result<(), Failure> {
    let output = Output::new(shape, DEVICE)?;
    let device = client()?.device().map_err(ours)?;
    output.one(&device, || device_text(&device))
}

fn device_text(device: &Device) -> String {
    let mut rows = Rows::default();
    rows.add("version", &device.version);
    rows.add("interface", &device.api);
    rows.add("engine", &device.engine);
    rows.add("root", &device.root);
    rows.add("workers", device.workers.to_string());
    rows.add("started", ago(device.started_at, now()));
    rows.add(
        "containers",
        format!("{}, {} running", device.containers, device.running),
    );
    for given_up in &device.isolation {
        rows.add("isolation", given_up);
    }
    for damaged in &device.damaged {
        rows.add("damaged", damaged);
    }
    rows.add(
        "last failure",
        device.last_failure.clone().unwrap_or_default(),
    );
    rows.text()
}

/// Shows a container of the daemon, if there is one of this name. Whether there is a daemon at all matters only if a
/// container is what was asked for.
pub(crate) fn inspect(name: &str, shape: &Shape, must: bool) -> Result<bool, Failure> {
    let found = match client().map(|client| client.container(name)) {
        Ok(found) => found,
        Err(failure) if must => return Err(failure),
        Err(_) => return Ok(false),
    };
    let container = match found {
        Ok(container) => container,
        Err(error) if must => return Err(Failure::daemon(name, error)),
        Err(error) => {
            return match error.problem() {
                Some(problem) if problem.kind != ProblemKind::NoSuchContainer => {
                    Err(Failure::daemon(name, error))
                }
                _ => Ok(false),
            };
        }
    };
    let output = Output::new(shape, CONTAINER)?;
    output.one(&container, || container_text(&container))?;
    Ok(true)
}

fn container_text(container: &Container) -> String {
    let now = now();
    let mut rows = Rows::default();
    rows.add("name", &container.name);
    rows.add("id", &container.id);
    rows.add("app", container.app.clone().unwrap_or_default());
    rows.add("image", &container.image.reference);
    rows.add("digest", &container.image.digest);
    rows.add("status", status(container, now));
    rows.add("reason", container.reason.clone().unwrap_or_default());
    rows.add(
        "health",
        format!(
            "{} {}",
            container.health.status.name(),
            container.health.message
        ),
    );
    rows.add("created", ago(container.created_at, now));
    rows.add("restarts", container.restarts.to_string());
    rows.add("failures in a row", container.failures.to_string());
    rows.add("listening", container.listening.join(" "));
    for grant in &container.grants {
        rows.add("granted", grant);
    }
    for grant in &container.refused {
        rows.add("refused", grant);
    }
    for unmet in &container.unmet {
        rows.add("unmet", unmet);
    }
    rows.add(
        "restart",
        container.spec.restart.clone().unwrap_or_default(),
    );
    for mount in &container.spec.mounts {
        let mode = if mount.read_only { ", read-only" } else { "" };
        rows.add(
            "mount",
            format!("{} at {}{mode}", mount.source, mount.target),
        );
    }
    for (name, value) in &container.spec.env {
        rows.add("environment", format!("{name}={value}"));
    }
    for (name, value) in &container.spec.labels {
        rows.add("label", format!("{name}={value}"));
    }
    let stats = &container.stats;
    rows.add(
        "memory",
        format!(
            "{} of {}, at most {}",
            mebibytes(stats.memory_bytes),
            mebibytes(stats.memory_bytes_limit),
            mebibytes(stats.memory_bytes_max)
        ),
    );
    for end in &container.ends {
        let detail = if end.detail.is_empty() {
            String::new()
        } else {
            format!(": {}", end.detail)
        };
        rows.add(
            "ended",
            format!(
                "{}, {} with exit code {}{detail}",
                ago(end.ended_at, now),
                end.reason.name(),
                end.exit_code
            ),
        );
    }
    rows.text()
}
