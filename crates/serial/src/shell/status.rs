//! How a container is, in words.

use alloc::string::String;

use super::print::Printer;
use crate::message::{ContainerStatus, HealthStatus, RunState};

/// Where a container is in its life, as `thimble ps` says it.
pub(super) fn status(container: &ContainerStatus) -> String {
    let mut text = String::new();
    let mut printer = Printer::new(&mut text);
    let code = container.end.as_ref().map_or(0, |end| end.exit_code);
    match container.state {
        RunState::Created => {
            printer.text("Created");
        }
        RunState::Running => {
            printer.text("Up ").span(container.up_ms);
        }
        RunState::Paused => {
            printer.text("Up ").span(container.up_ms).text(" (paused)");
        }
        RunState::Exited => coded("Exited", code, &mut printer),
        RunState::Failed => {
            coded("Failed", code, &mut printer);
            if let Some(end) = &container.end {
                printer.text(" ").text(&end.reason);
            }
        }
        RunState::Restarting => {
            coded("Restarting", code, &mut printer);
            if let Some(wait_ms) = container.restart_in_ms {
                printer.text(" in ").span(wait_ms);
            }
        }
    }
    let is_live = matches!(container.state, RunState::Running | RunState::Paused);
    if is_live && container.health != HealthStatus::Unknown {
        printer.text(" (").text(health(container.health)).text(")");
    }
    text
}

fn coded(word: &str, code: i32, printer: &mut Printer<'_>) {
    printer.text(word).text(" (");
    if code < 0 {
        printer.text("-");
    }
    printer.number(u64::from(code.unsigned_abs())).text(")");
}

/// The name of a state.
pub(super) fn state(state: RunState) -> &'static str {
    match state {
        RunState::Created => "created",
        RunState::Running => "running",
        RunState::Paused => "paused",
        RunState::Exited => "exited",
        RunState::Failed => "failed",
        RunState::Restarting => "restarting",
    }
}

/// The name of a health.
pub(super) fn health(health: HealthStatus) -> &'static str {
    match health {
        HealthStatus::Unknown => "unknown",
        HealthStatus::Starting => "starting",
        HealthStatus::Healthy => "healthy",
        HealthStatus::Degraded => "degraded",
        HealthStatus::Failing => "failing",
    }
}
