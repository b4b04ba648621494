//! How the agent is, for the API.

use thimble_agent::Now;
use thimble_device_api::{FleetDeployment, FleetLink, FleetStatus, Timestamp};
use thimble_protocol::report::{DeploymentState, DeploymentStatus, Phase, ReasonCode};

use super::driver::{Driver, now_ms};
use super::facts;

impl Driver {
    /// How it is now.
    pub(super) fn status(&self) -> FleetStatus {
        let status = self.agent.status(Now {
            ms: now_ms(),
            clock: facts::believed(self.plan.settings.clock),
        });
        let until = self.validity.and_then(|(_, until)| {
            let seconds = i64::try_from(until.0).ok()?;
            Timestamp::from_second(seconds).ok()
        });
        FleetStatus {
            link: match (self.is_refused, self.has_contact) {
                (true, _) => FleetLink::Refused,
                (false, true) => FleetLink::Connected,
                (false, false) => FleetLink::Offline,
            },
            hub: Some(self.issued.hub.clone()),
            device: Some(self.issued.device.to_string()),
            fingerprint: Some(self.key.fingerprint()),
            problem: self.problem.clone(),
            certificate_until: until,
            last_contact: self.last_contact,
            adopted: status.adopted.0,
            committed: status.committed.0,
            phase: phase(status.phase).to_owned(),
            held_here: status.is_held_here,
            held_by_hub: status.is_held_by_hub,
            deployments: status
                .deployments
                .into_iter()
                .map(|(app, status)| deployment(app, status))
                .collect(),
        }
    }
}

fn deployment(app: Option<String>, status: DeploymentStatus) -> FleetDeployment {
    FleetDeployment {
        deployment: status.deployment.to_string(),
        app,
        manifest: status.manifest.to_string(),
        running: status.running.map(|digest| digest.to_string()),
        state: match status.state {
            DeploymentState::Pending => "pending",
            DeploymentState::Installing => "installing",
            DeploymentState::Installed => "installed",
            DeploymentState::Failed => "failed",
            DeploymentState::Removing => "removing",
            DeploymentState::Removed => "removed",
        }
        .to_owned(),
        phase: phase(status.phase).to_owned(),
        reason: status
            .reason
            .as_ref()
            .map(|reason| code(reason.code).to_owned()),
        text: status.reason.map(|reason| reason.text),
    }
}

const fn phase(phase: Phase) -> &'static str {
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

const fn code(code: ReasonCode) -> &'static str {
    match code {
        ReasonCode::Unavailable => "unavailable",
        ReasonCode::WrongDigest => "wrong-digest",
        ReasonCode::Untrusted => "untrusted",
        ReasonCode::DoesNotFit => "does-not-fit",
        ReasonCode::Unsupported => "unsupported",
        ReasonCode::Invalid => "invalid",
        ReasonCode::Vetoed => "vetoed",
        ReasonCode::OutsideWindow => "outside-window",
        ReasonCode::Held => "held",
        ReasonCode::StartFailed => "start-failed",
        ReasonCode::Crashed => "crashed",
        ReasonCode::Unhealthy => "unhealthy",
        ReasonCode::HubNotReached => "hub-not-reached",
        ReasonCode::FailedBefore => "failed-before",
        ReasonCode::Dependency => "dependency",
        ReasonCode::Secret => "secret",
        _ => "unknown",
    }
}
