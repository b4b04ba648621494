//! How the fleet's containers are.

use std::collections::BTreeMap;
use std::sync::Arc;

use thimble_protocol::DeploymentId;
use thimble_protocol::report::ContainerStatus;

use crate::container::Entry;
use crate::device::Device;

use super::work::deployment_of;

/// Bytes of what is told of an end at most.
const END_BYTES_MAX: usize = 256;

/// The containers of each deployment, in the order of their names.
pub(super) fn statuses(device: &Device) -> BTreeMap<DeploymentId, Vec<ContainerStatus>> {
    let mut found: BTreeMap<DeploymentId, Vec<ContainerStatus>> = BTreeMap::new();
    for entry in device.entries() {
        if let Some(deployment) = deployment_of(&entry) {
            found.entry(deployment).or_default().push(status(&entry));
        }
    }
    for containers in found.values_mut() {
        containers.sort_by(|one, other| one.name.cmp(&other.name));
    }
    found
}

/// The containers of a deployment.
pub(super) fn entries_of(device: &Device, deployment: DeploymentId) -> Vec<Arc<Entry>> {
    let mut entries = device.entries();
    entries.retain(|entry| deployment_of(entry) == Some(deployment));
    entries
}

/// The status of no container.
pub(super) fn unknown() -> ContainerStatus {
    ContainerStatus {
        name: String::new(),
        state: String::new(),
        health: String::new(),
        restarts: 0,
        last_end: None,
    }
}

fn status(entry: &Entry) -> ContainerStatus {
    let inner = entry.inner();
    let app = entry.app.as_deref().unwrap_or_default();
    let name = entry.name.strip_prefix(app);
    let name = name.and_then(|rest| rest.strip_prefix('.'));
    ContainerStatus {
        name: name.unwrap_or(&entry.name).to_owned(),
        state: inner.phase.state().name().to_owned(),
        health: inner.health_seen.name().to_owned(),
        restarts: inner.total_restarts,
        last_end: inner.ends.first().map(|end| {
            let mut text = format!("{} with exit code {}", end.reason.name(), end.exit_code);
            if !end.detail.is_empty() {
                text.push_str(": ");
                text.push_str(&end.detail);
            }
            text.truncate(text.floor_char_boundary(END_BYTES_MAX));
            text
        }),
    }
}
