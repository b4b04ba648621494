//! Devices as operators see them.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use thimble_hub_api::device::{self as seen, Hold, Weekday, Window};
use thimble_hub_store::{DeviceRow, DeviceState, Label};
use thimble_protocol::report::{ContainerStatus, DeploymentState, Phase};
use thimble_protocol::{Capabilities, Report};

use super::timestamp;

/// A device, as operators see it.
#[must_use]
pub fn view(row: DeviceRow) -> seen::Device {
    let device = row.device;
    let hold = (device.is_held || device.hold_until_ms.is_some()).then(|| Hold {
        until: device
            .hold_until_ms
            .filter(|_| !device.is_held)
            .map(timestamp),
        reason: device.hold_reason.unwrap_or_default(),
    });
    seen::Device {
        id: device.id.to_string(),
        name: device.name,
        state: state(device.state),
        model: device.model,
        serial: device.serial.unwrap_or_default(),
        fingerprint: device
            .fingerprint
            .get(..FINGERPRINT_CHARACTERS)
            .map(str::to_owned),
        labels: labels(row.labels),
        capabilities: device.capabilities.as_deref().map(capabilities),
        hold,
        windows: windows(&device.windows),
        desired_version: row.desired.unwrap_or_default(),
        adopted_version: row.status.as_ref().map_or(0, |status| status.adopted),
        committed_version: row.status.as_ref().map_or(0, |status| status.committed),
        status: row.status.as_ref().map(|status| {
            json!({
                "phase": status.phase,
                "health": status.health,
                "reported_at": timestamp(status.at_ms).to_string(),
                "report": report(&status.report),
            })
        }),
        last_seen_at: row.seen_ms.map(timestamp),
        created_at: timestamp(device.created_ms),
        revision: device.edition,
    }
}

/// What people compare: the first 8 bytes of the hash, as the device shows them.
const FINGERPRINT_CHARACTERS: usize = 16;

/// The state's other name.
#[must_use]
pub const fn state(state: DeviceState) -> seen::DeviceState {
    match state {
        DeviceState::Pending => seen::DeviceState::Pending,
        DeviceState::Active => seen::DeviceState::Active,
        DeviceState::Revoked => seen::DeviceState::Revoked,
        DeviceState::Retired => seen::DeviceState::Retired,
    }
}

/// The store's name of the state.
#[must_use]
pub const fn stored_state(state: seen::DeviceState) -> DeviceState {
    match state {
        seen::DeviceState::Pending => DeviceState::Pending,
        seen::DeviceState::Active => DeviceState::Active,
        seen::DeviceState::Revoked => DeviceState::Revoked,
        seen::DeviceState::Retired => DeviceState::Retired,
    }
}

fn labels(labels: Vec<Label>) -> BTreeMap<String, String> {
    labels
        .into_iter()
        .map(|label| (label.key, label.value))
        .collect()
}

fn capabilities(bytes: &[u8]) -> Value {
    let Ok(capabilities) = Capabilities::decode(bytes) else {
        return Value::Null;
    };
    json!({
        "vendor": capabilities.vendor,
        "model": capabilities.model,
        "serial": capabilities.serial,
        "architecture": capabilities.architecture,
        "runtime": capabilities.runtime,
        "engine": capabilities.engine,
        "cores": capabilities.cores,
        "ram_bytes": capabilities.ram_bytes,
        "storage_bytes": capabilities.storage_bytes,
        "containers_max": capabilities.containers_max,
        "grants": capabilities.grants,
    })
}

fn report(bytes: &[u8]) -> Value {
    let Ok(report) = Report::decode(bytes) else {
        return Value::Null;
    };
    let deployments: Vec<Value> = report
        .deployments
        .unwrap_or_default()
        .iter()
        .map(|status| {
            json!({
                "deployment": status.deployment.to_string(),
                "manifest": status.manifest.to_string(),
                "running": status.running.map(|digest| digest.to_string()),
                "state": state_name(status.state),
                "phase": phase_name(status.phase),
                "reason": status.reason.as_ref().map(|reason| reason.text.clone()),
                "containers": status.containers.iter().map(container).collect::<Vec<_>>(),
            })
        })
        .collect();
    json!({
        "usage": report.usage.map(|usage| json!({
            "ram_bytes": usage.ram_bytes,
            "storage_bytes": usage.storage_bytes,
        })),
        "deployments": deployments,
        "notes": report.notes.iter().map(|note| note.text.clone()).collect::<Vec<_>>(),
    })
}

fn container(status: &ContainerStatus) -> Value {
    json!({
        "name": status.name,
        "state": status.state,
        "health": status.health,
        "restarts": status.restarts,
        "last_end": status.last_end,
    })
}

const fn state_name(state: DeploymentState) -> &'static str {
    match state {
        DeploymentState::Pending => "pending",
        DeploymentState::Installing => "installing",
        DeploymentState::Installed => "installed",
        DeploymentState::Failed => "failed",
        DeploymentState::Removing => "removing",
        DeploymentState::Removed => "removed",
    }
}

/// A phase of an update, in a word.
#[must_use]
pub const fn phase_name(phase: Phase) -> &'static str {
    match phase {
        Phase::Idle => "idle",
        Phase::Fetching => "fetching",
        Phase::Verifying => "verifying",
        Phase::Asking => "asking",
        Phase::Vetoed => "vetoed",
        Phase::Waiting => "waiting",
        Phase::Switching => "switching",
        Phase::Probation => "probation",
        Phase::RollingBack => "rolling-back",
        Phase::RolledBack => "rolled-back",
        _ => "unknown",
    }
}

/// Windows as they are kept.
#[must_use]
pub fn windows(kept: &Value) -> Vec<Window> {
    serde_json::from_value(kept.clone()).unwrap_or_default()
}

/// Windows of a device at most.
const WINDOWS_MAX: usize = 32;

/// Finds out that windows are possible.
///
/// # Errors
/// What is wrong, and what to do.
pub fn check_windows(windows: &[Window]) -> Result<(), String> {
    if windows.len() > WINDOWS_MAX {
        return Err(format!(
            "{} windows: {WINDOWS_MAX} are possible",
            windows.len()
        ));
    }
    for window in windows {
        window_of(window)?;
    }
    Ok(())
}

/// The window as devices take it.
///
/// # Errors
/// What is wrong with it, and what to do.
pub fn window_of(window: &Window) -> Result<thimble_protocol::state::Window, String> {
    let minute = |text: &str| {
        let (hours, minutes) = text.split_once(':')?;
        let is_pair =
            |part: &str| part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
        if !is_pair(hours) || !is_pair(minutes) {
            return None;
        }
        let (hours, minutes): (u16, u16) = (hours.parse().ok()?, minutes.parse().ok()?);
        (hours < 24 && minutes < 60).then(|| hours.saturating_mul(60).saturating_add(minutes))
    };
    let begin_minute = minute(&window.begin)
        .ok_or_else(|| format!("`{}` is not a time of day: write HH:MM", window.begin))?;
    if window.days.is_empty() {
        return Err("a window needs at least one of `days`".to_owned());
    }
    if !(1..=1440).contains(&window.minutes) {
        return Err(format!(
            "{} minutes: a window lasts 1 to 1440",
            window.minutes
        ));
    }
    if !(-840..=840).contains(&window.utc_offset_minutes) {
        return Err(format!(
            "{} minutes from UTC: -840 to 840 are possible",
            window.utc_offset_minutes
        ));
    }
    let days = Weekday::ALL
        .iter()
        .enumerate()
        .filter(|(_, day)| window.days.contains(day))
        .fold(0_u8, |days, (index, _)| days | 1 << index);
    Ok(thimble_protocol::state::Window {
        days,
        begin_minute,
        minutes: window.minutes,
        utc_offset_minutes: window.utc_offset_minutes,
    })
}
