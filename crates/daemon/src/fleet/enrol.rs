//! Becoming one of a fleet: asks until the hub has issued a certificate.

use std::sync::Arc;
use std::time::Duration;

use thimble_device_api::{FleetLink, FleetStatus};
use thimble_protocol::enrol::Issued;
use thimble_protocol::session::{Outcome, Session, Step};
use tokio::task::spawn_blocking;

use crate::device::{Device, random_bits};

use super::driver::{End, now_ms, request, session_settings};
use super::folder::Folder;
use super::identity;
use super::link::{self, Link, LinkError};
use super::{Command, Commands, Opened, Plan};

/// Time after which what cannot be begun is tried again.
const RETRY: Duration = Duration::from_secs(60);

/// Asks until the device is one of the fleet.
pub(super) async fn enrol(
    device: &Arc<Device>,
    plan: &Plan,
    opened: &Opened,
    commands: &mut Commands,
) -> Result<Issued, End> {
    let again = |problem: String| {
        tracing::error!("fleet: {problem}");
        device.fleet.set_problem(problem);
        End::Again { after: RETRY }
    };
    let Opened {
        folder,
        key,
        capabilities,
    } = opened;
    let request = request(key, capabilities, plan.claim_code.clone())
        .map_err(|error| again(error.to_string()))?;
    let config = link::tls(&plan.anchors, key, None).map_err(|error| again(error.to_string()))?;
    let mut link = Link::new(config);
    let mut session = Session::enrol(session_settings(plan), random_bits(), now_ms(), &request);
    let mut status = FleetStatus {
        link: FleetLink::Enrolling,
        hub: Some(plan.settings.hub.clone()),
        fingerprint: Some(key.fingerprint()),
        ..FleetStatus::default()
    };
    loop {
        device.fleet.set_status(status.clone());
        let exchange = match session.next(now_ms()) {
            Step::Send(exchange) => exchange,
            Step::Busy => return Err(again("the enrolment stands still".to_owned())),
            Step::Wait { until_ms } => {
                wait(until_ms, commands).await?;
                continue;
            }
        };
        let result = link.exchange_whole(&plan.settings.hub, &exchange).await;
        let outcome = match result {
            Ok(got) => got.answered(&mut session, now_ms(), &exchange),
            Err(error) => {
                session.failed(now_ms(), &exchange, error.failure());
                status.link = if matches!(error, LinkError::DeviceRefused { .. }) {
                    FleetLink::Refused
                } else {
                    FleetLink::Enrolling
                };
                tell(&mut status, error.to_string());
                continue;
            }
        };
        if let Outcome::Enrolled(issued) = outcome {
            keep(folder, &issued).await.map_err(again)?;
            tracing::info!("fleet: the device is {} of {}", issued.device, issued.hub);
            return Ok(issued);
        }
        not_yet(&mut status, outcome, &key.fingerprint());
    }
}

/// Waits until it is time, or somebody wants something else.
async fn wait(until_ms: u64, commands: &mut Commands) -> Result<(), End> {
    let wait = Duration::from_millis(until_ms.saturating_sub(now_ms()));
    tokio::select! {
        () = tokio::time::sleep(wait) => Ok(()),
        command = commands.recv() => match command {
            None | Some(Command::Close) => Err(End::Closed),
            Some(_) => Ok(()),
        },
    }
}

async fn keep(folder: &Folder, issued: &Issued) -> Result<(), String> {
    let (folder, issued) = (folder.clone(), issued.clone());
    match spawn_blocking(move || identity::keep_enrolment(&folder, &issued)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(format!("the certificate cannot be kept: {error}")),
        Err(error) => Err(error.to_string()),
    }
}

/// Tells why the device is not one of the fleet yet.
fn not_yet(status: &mut FleetStatus, outcome: Outcome, own_fingerprint: &str) {
    match outcome {
        Outcome::Pending { fingerprint } => {
            status.link = FleetLink::Pending;
            status.problem = None;
            if fingerprint != own_fingerprint {
                let problem = format!(
                    "the hub has the fingerprint {fingerprint} for this device, which is not its own; do not approve it"
                );
                tell(status, problem);
            }
        }
        Outcome::Problem(problem) => {
            status.link = FleetLink::Refused;
            tell(
                status,
                format!("the hub answers {}: {}", problem.status, problem.detail),
            );
        }
        other => tell(
            status,
            format!("the hub's answer has no meaning here: {other:?}"),
        ),
    }
}

fn tell(status: &mut FleetStatus, problem: String) {
    if status.problem.as_ref() != Some(&problem) {
        tracing::warn!("fleet: {problem}");
    }
    status.problem = Some(problem);
}
