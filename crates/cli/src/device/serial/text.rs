//! What a device says, in words.

use std::time::Duration;

use thimble_serial::{ContainerStatus, HealthStatus, Policy, RunEnd, RunState};

use super::json::moment;
use crate::device::moments::span;

/// How a container is, as `thimble ps` says it.
pub(super) fn status(container: &ContainerStatus) -> String {
    let code = container.end.as_ref().map_or(0, |end| end.exit_code);
    let up = match time(container.up_ms) {
        up if up.is_empty() => "less than a second".into(),
        up => up,
    };
    let text = match container.state {
        RunState::Created => "Created".into(),
        RunState::Running => format!("Up {up}"),
        RunState::Paused => format!("Up {up} (paused)"),
        RunState::Exited => format!("Exited ({code})"),
        RunState::Restarting => match container.restart_in_ms.map(time) {
            Some(wait) if !wait.is_empty() => format!("Restarting ({code}) in {wait}"),
            _ => format!("Restarting ({code})"),
        },
        _ => match &container.end {
            Some(end) => format!("Failed ({code}, {})", end.reason),
            None => "Failed".into(),
        },
    };
    let is_live = matches!(container.state, RunState::Running | RunState::Paused);
    match container.health {
        HealthStatus::Unknown => text,
        health if is_live => format!("{text} ({})", self::health(health)),
        _ => text,
    }
}

/// How a run ended.
pub(super) fn ended(end: &RunEnd) -> String {
    let at = match moment(end.ended_unix_ms) {
        Some(at) => format!("{at} "),
        None => String::new(),
    };
    let ran = time(end.ended_unix_ms.saturating_sub(end.started_unix_ms));
    let ran = match ran.as_str() {
        "" => String::new(),
        ran => format!(" after {ran}"),
    };
    format!("{at}{} ({}){ran}", end.reason, end.exit_code)
}

/// A time in its largest unit.
pub(super) fn time(milliseconds: u64) -> String {
    span(Duration::from_millis(milliseconds))
}

/// The name of a state.
pub(super) const fn state(state: RunState) -> &'static str {
    match state {
        RunState::Created => "created",
        RunState::Running => "running",
        RunState::Paused => "paused",
        RunState::Exited => "exited",
        RunState::Failed => "failed",
        RunState::Restarting => "restarting",
        _ => "unknown",
    }
}

/// The name of a health.
pub(super) const fn health(health: HealthStatus) -> &'static str {
    match health {
        HealthStatus::Starting => "starting",
        HealthStatus::Healthy => "healthy",
        HealthStatus::Degraded => "degraded",
        HealthStatus::Failing => "failing",
        _ => "unknown",
    }
}

/// A restart policy as it is written.
pub(super) fn policy(policy: Policy) -> String {
    match policy {
        Policy::No => "no".into(),
        Policy::OnFailure { tries: 0 } => "on-failure".into(),
        Policy::OnFailure { tries } => format!("on-failure:{tries}"),
        Policy::UnlessStopped => "unless-stopped".into(),
        Policy::Always => "always".into(),
    }
}
