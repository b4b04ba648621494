//! Reports, as they are kept: merged with what was known, and written only if that says something else.

use serde_json::json;
use thimble_hub_store::{
    Audit, Device, DeviceCert, DeviceState, DeviceStatus, Error, Event, EventId, Id as _,
    LogRequest, Match, Page, Topic, Write,
};
use thimble_protocol::report::{DeploymentState, DeploymentStatus, LogAnswer, Phase, Usage};
use thimble_protocol::{Capabilities, Report, ReportReply, UnixSeconds};

use super::{StoredFleet, TRIES, device_id, ms, scope, unhex};
use crate::authority::DeviceIdentity;
use crate::device::fleet::{FleetError, Reported};
use crate::model::LogsTold;
use crate::model::device::phase_name;

/// Requests for log lines that one answer tells of.
const REQUESTS_MAX: u32 = 16;
/// Steps in which use is kept, so that a few bytes more or less are not a change.
const RAM_STEP_BYTES: u64 = 64 << 10;
/// See [`RAM_STEP_BYTES`].
const STORAGE_STEP_BYTES: u64 = 1 << 20;

impl StoredFleet {
    pub(super) async fn take_report(
        &self,
        identity: DeviceIdentity,
        report: &Report,
        now: UnixSeconds,
    ) -> Result<Reported, FleetError> {
        for _ in 0..TRIES {
            match self.try_report(identity, report, now).await {
                Err(Error::Retry | Error::Conflict { .. }) => {}
                result => return Ok(result?),
            }
        }
        Err(Error::Retry.into())
    }

    async fn try_report(
        &self,
        identity: DeviceIdentity,
        report: &Report,
        now: UnixSeconds,
    ) -> Result<Reported, Error> {
        let (scope, device) = (scope(identity), device_id(identity));
        let mut read = self.store.read_for_device().await?;
        let before = read.status(&scope, device).await?;
        let kept = before
            .as_ref()
            .and_then(|status| Report::decode(&status.report).ok());
        let sequence = before.as_ref().map_or(0, |status| status.sequence);
        let mut reply = ReportReply {
            sequence: report.sequence.max(sequence),
            requests: Vec::new(),
            renew_certificate: false,
            send_all: kept.is_none() && report.deployments.is_none(),
        };
        if before.is_some() && report.sequence <= sequence {
            return Ok(Reported {
                reply,
                is_old: true,
            });
        }
        let merged = merge(report, kept.as_ref());
        let status = status_of(device, report, &merged, now);
        let is_new = before.is_none_or(|before| {
            before.report != status.report
                || (before.adopted, before.committed) != (status.adopted, status.committed)
        });
        let open = [Match::equals("device", &device), Match::null("answered_ms")];
        let page = Page::first(REQUESTS_MAX);
        let mut requests = read.page::<LogRequest>(&scope, &open, &page).await?.items;
        drop(read);
        let has_more =
            report.capabilities.is_some() || report.logs.is_some() || !report.notes.is_empty();
        if is_new || has_more {
            self.keep(identity, report, status, is_new, now).await?;
            let answered = report.logs.as_ref().map(|answer| answer.request);
            requests.retain(|request| Some(request.number) != answered);
        }
        reply.requests = requests
            .into_iter()
            .map(|request| thimble_protocol::report::LogRequest {
                request: request.number,
                container: request.container,
                lines: request.lines,
            })
            .collect();
        Ok(Reported {
            reply,
            is_old: false,
        })
    }

    /// Keeps what a report tells, in one piece.
    async fn keep(
        &self,
        identity: DeviceIdentity,
        report: &Report,
        status: DeviceStatus,
        is_new: bool,
        now: UnixSeconds,
    ) -> Result<(), Error> {
        let mut write = self.store.write_for_device().await?;
        write.put_statuses(&scope(identity), &[status]).await?;
        if let Some(capabilities) = &report.capabilities {
            keep_capabilities(&mut write, identity, capabilities, now).await?;
        }
        if let Some(answer) = &report.logs {
            keep_logs(&mut write, identity, answer, now).await?;
        }
        keep_notes(&mut write, identity, report, now).await?;
        if is_new {
            // Rollouts that wait for this device go on.
            write.wake(
                Topic::Rollout,
                Some(thimble_hub_store::TenantId::from_bytes(identity.tenant.0)),
                None,
            );
        }
        write.commit().await
    }

    /// Serial numbers of a device's certificates that were revoked by themselves.
    pub(super) async fn revoked_serials_of(
        &self,
        device: thimble_hub_store::DeviceId,
    ) -> Result<Vec<Vec<u8>>, FleetError> {
        let everything = thimble_hub_store::Scope::whole_hub_for_its_own_work();
        let mut read = self.store.read().await?;
        let matches = [
            Match::equals("device", &device),
            Match::not_null("revoked_ms"),
        ];
        let revoked: Vec<DeviceCert> = read.all(&everything, &matches).await?;
        Ok(revoked
            .iter()
            .filter_map(|cert| unhex(&cert.serial))
            .collect())
    }
}

/// What is known of a device after a report: what it said now, and what it said before of what it does not say now. Without
/// what differs in every report. A report with notes or log lines always differs, so that it cannot be sent twice.
fn merge(report: &Report, kept: Option<&Report>) -> Report {
    let is_once = !report.notes.is_empty() || report.logs.is_some();
    let before = |of: fn(&Report) -> u64| kept.map_or(0, of);
    Report {
        sequence: if is_once {
            report.sequence
        } else {
            before(|kept| kept.sequence)
        },
        adopted: report.adopted,
        committed: report.committed,
        now: None,
        up_s: 0,
        deployments: report
            .deployments
            .clone()
            .or_else(|| kept.and_then(|kept| kept.deployments.clone())),
        capabilities: None,
        usage: report
            .usage
            .map(|usage| Usage {
                ram_bytes: usage.ram_bytes / RAM_STEP_BYTES * RAM_STEP_BYTES,
                storage_bytes: usage.storage_bytes / STORAGE_STEP_BYTES * STORAGE_STEP_BYTES,
            })
            .or_else(|| kept.and_then(|kept| kept.usage)),
        // Those that came last stay: each comes once, and people read them later.
        notes: match kept {
            Some(kept) if report.notes.is_empty() => kept.notes.clone(),
            _ => report.notes.clone(),
        },
        logs: None,
    }
}

fn status_of(
    device: thimble_hub_store::DeviceId,
    report: &Report,
    merged: &Report,
    now: UnixSeconds,
) -> DeviceStatus {
    let deployments = merged.deployments.as_deref().unwrap_or_default();
    DeviceStatus {
        device,
        sequence: report.sequence,
        at_ms: ms(now),
        adopted: report.adopted.0,
        committed: report.committed.0,
        phase: phase_of(deployments).to_owned(),
        health: health_of(deployments).to_owned(),
        report: merged.encode(),
    }
}

/// What a device does: the step that is furthest of all its deployments.
fn phase_of(deployments: &[DeploymentStatus]) -> &'static str {
    let furthest = deployments.iter().map(|status| status.phase).max();
    phase_name(furthest.unwrap_or_default())
}

/// How a device is: the worst of all its deployments.
fn health_of(deployments: &[DeploymentStatus]) -> &'static str {
    let has_failed = deployments.iter().any(|status| {
        status.state == DeploymentState::Failed
            || status.phase == Phase::RolledBack
            || status
                .containers
                .iter()
                .any(|container| container.state == "failed" || container.health == "unhealthy")
    });
    let is_degraded = || {
        let mut containers = deployments.iter().flat_map(|status| &status.containers);
        containers.any(|container| container.health == "degraded")
    };
    if has_failed {
        "failed"
    } else if is_degraded() {
        "degraded"
    } else {
        "ok"
    }
}

async fn keep_capabilities(
    write: &mut Write,
    identity: DeviceIdentity,
    capabilities: &Capabilities,
    now: UnixSeconds,
) -> Result<(), Error> {
    let (scope, id) = (scope(identity), device_id(identity));
    let mut device: Device = write.one(&scope, id).await?;
    let encoded = capabilities.encode();
    if device.state != DeviceState::Active || device.capabilities.as_deref() == Some(&encoded[..]) {
        return Ok(());
    }
    // Model and serial are what was approved: a device does not become another one by saying so.
    device.capabilities = Some(encoded);
    let audit = Audit::new(
        ms(now),
        format!("device:{id}"),
        "device.capabilities",
        id.to_string(),
    );
    write.update(&scope, &device, &audit).await?;
    write
        .set_own_labels(&scope, id, &own_labels(capabilities))
        .await?;
    write.wake(Topic::Device, Some(device.tenant), Some(id.to_string()));
    Ok(())
}

/// Labels that a device sets itself; of two with one name the last counts.
pub(super) fn own_labels(capabilities: &Capabilities) -> Vec<(String, String)> {
    let labels = capabilities.labels.iter().map(|label| {
        let (name, value) = label.split_once('=').unwrap_or((label, ""));
        (name.to_owned(), value.to_owned())
    });
    let labels: std::collections::BTreeMap<_, _> = labels.collect();
    labels.into_iter().collect()
}

async fn keep_logs(
    write: &mut Write,
    identity: DeviceIdentity,
    answer: &LogAnswer,
    now: UnixSeconds,
) -> Result<(), Error> {
    let (scope, device) = (scope(identity), device_id(identity));
    let matches = [
        Match::equals("device", &device),
        Match::equals("number", &answer.request),
        Match::null("answered_ms"),
    ];
    // One that nobody asked for, or asked for no longer, is passed over.
    let Some(mut request) = write.find::<LogRequest>(&scope, &matches).await? else {
        return Ok(());
    };
    request.answered_ms = Some(ms(now));
    request.answer = Some(LogsTold::from(answer).kept());
    let audit = Audit::new(
        ms(now),
        format!("device:{device}"),
        "logs.answer",
        request.id.to_string(),
    );
    write.update(&scope, &request, &audit).await.map(drop)
}

async fn keep_notes(
    write: &mut Write,
    identity: DeviceIdentity,
    report: &Report,
    now: UnixSeconds,
) -> Result<(), Error> {
    let tenant = thimble_hub_store::TenantId::from_bytes(identity.tenant.0);
    let events: Vec<Event> = report
        .notes
        .iter()
        .map(|note| Event {
            id: EventId::fresh(),
            tenant,
            edition: 0,
            created_ms: ms(now),
            kind: "device.note".to_owned(),
            device: Some(device_id(identity)),
            subject: Some(note.code.clone()),
            detail: json!({ "text": note.text, "at": note.at.map(|at| at.0) }),
        })
        .collect();
    if events.is_empty() {
        return Ok(());
    }
    write.note(&scope(identity), &events).await
}
