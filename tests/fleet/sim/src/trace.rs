//! What happened, line by line, for people and golden files.

use thimble_agent::Action;

use crate::apps::{Apps, place_of};

/// Lines that were asked for.
#[derive(Debug, Default)]
pub(crate) struct Trace {
    is_on: bool,
    /// Only this device, and what is about none.
    only: Option<u32>,
    lines: Vec<String>,
}

impl Trace {
    pub(crate) const fn on(only: Option<u32>) -> Self {
        Self {
            is_on: true,
            only,
            lines: Vec::new(),
        }
    }

    pub(crate) fn line(&mut self, at_ms: u64, device: Option<u32>, text: impl FnOnce() -> String) {
        self.line_of(at_ms, device, || Some(text()));
    }

    pub(crate) fn line_of(&mut self, at_ms: u64, device: Option<u32>, text: impl FnOnce() -> Option<String>) {
        if !self.is_on || (self.only.is_some() && device.is_some() && self.only != device) {
            return;
        }
        if let Some(text) = text() {
            let who = device.map_or_else(|| "fleet".into(), |device| format!("d{device:02}"));
            self.lines.push(format!("{} {who:<5} {text}", clock(at_ms)));
        }
    }

    pub(crate) fn take(&mut self) -> Vec<String> {
        std::mem::take(&mut self.lines)
    }
}

/// A moment as day and time of the day; the first day is 1, a Monday.
pub(crate) fn clock(at_ms: u64) -> String {
    let seconds = at_ms / 1000;
    format!(
        "{}.{:02}:{:02}:{:02}",
        seconds / 86_400 + 1,
        seconds / 3600 % 24,
        seconds / 60 % 60,
        seconds % 60
    )
}

/// What is worth to be said of an action.
pub(crate) fn of_action(action: &Action, apps: &Apps) -> Option<String> {
    let name = |id| {
        let deployment = apps.deployments.get(place_of(id));
        deployment.map_or("?", |deployment| deployment.name.as_str())
    };
    Some(match action {
        Action::Verify { manifest, .. } => format!("verify {} {}", name(manifest.deployment), manifest.version),
        Action::Ask { deployment, .. } => format!("ask {}", name(*deployment)),
        Action::Stop { deployment, .. } => format!("stop {}", name(*deployment)),
        Action::Remove { deployment, .. } => format!("remove {}", name(*deployment)),
        Action::Apply { manifest, .. } => format!("apply {} {}", name(manifest.deployment), manifest.version),
        Action::Escalate(step) => format!("escalate {step:?}"),
        Action::Report { report, .. } => {
            let mut text = format!("report: adopted {}, committed {}", report.adopted, report.committed);
            for status in report.deployments.iter().flatten() {
                let state = format!("; {} {:?} {:?}", name(status.deployment), status.state, status.phase);
                text.push_str(&state);
                if let Some(reason) = &status.reason {
                    text.push_str(&format!(" ({})", reason.text));
                }
            }
            for note in &report.notes {
                text.push_str(&format!("; note {}: {}", note.code, note.text));
            }
            text
        }
        _ => return None,
    })
}
