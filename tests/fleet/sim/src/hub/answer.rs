//! What the hub answers to devices.

use std::sync::Arc;

use thimble_protocol::report::{ContainerStatus, DeploymentState, DeploymentStatus, Phase};
use thimble_protocol::session::{Exchange, Kind};
use thimble_protocol::sign::{self, Signer, sign_payload};
use thimble_protocol::{ETag, Report, ReportReply, StateVersion};

use super::Hub;
use crate::apps::Apps;

/// Milliseconds without a word after which a device was away.
const AWAY_MS: u64 = 3_600_000;

/// An answer of the hub.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
}

/// What the hub makes of a request.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// It answers.
    Reply(Reply),
    /// It answers when there is something new, or when this many seconds are over.
    Parked(u32),
}

impl Reply {
    fn empty(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Vec::new(),
        }
    }
}

impl Hub {
    /// Takes a request. What it keeps is kept when this returns.
    pub(crate) fn take(
        &mut self,
        apps: &Apps,
        signer: &dyn Signer,
        device: u32,
        exchange: &Exchange,
        now_ms: u64,
    ) -> Verdict {
        if let Some(record) = self.kept.records.get_mut(device as usize) {
            let was_seen_ms = record.seen_ms.replace(now_ms);
            // One that was away, or is new, may be what a rollout waits for.
            self.is_dirty |= was_seen_ms.is_none_or(|was_ms| was_ms + AWAY_MS < now_ms);
        }
        match exchange.kind {
            Kind::Poll => {
                let is_new = self.is_new(device, exchange);
                if exchange.wait_s > 0 && !is_new {
                    return Verdict::Parked(exchange.wait_s);
                }
                Verdict::Reply(self.state(apps, signer, device, exchange, now_ms))
            }
            Kind::Report { .. } => Verdict::Reply(self.report(device, &exchange.body)),
            Kind::Blob { digest, .. } => {
                let is_known = apps.of_blob(digest).is_some();
                Verdict::Reply(Reply::empty(if is_known { 200 } else { 404 }))
            }
            Kind::Enrol => Verdict::Reply(Reply::empty(404)),
        }
    }

    /// Whether a device has something else than it is to have.
    pub(crate) fn is_new(&self, device: u32, exchange: &Exchange) -> bool {
        let tag = self.kept.records.get(device as usize).and_then(|record| record.tag);
        tag.is_some() && tag != has(exchange)
    }

    /// Answers a poll.
    pub(crate) fn state(
        &mut self,
        apps: &Apps,
        signer: &dyn Signer,
        device: u32,
        exchange: &Exchange,
        now_ms: u64,
    ) -> Reply {
        let has = has(exchange);
        let known = self.kept.records.get(device as usize);
        let Some((version, tag)) = known.and_then(|record| Some((record.version, record.tag?))) else {
            return self.unchanged(has);
        };
        let is_ahead = has.is_some_and(|has| {
            has.version() > StateVersion(version)
                || (has.version() == StateVersion(version) && has != tag)
        });
        if let Some(has) = has.filter(|_| is_ahead) {
            self.publish(apps, device, has.version().0, now_ms);
        }
        let Some(record) = self.kept.records.get(device as usize) else {
            return Reply::empty(404);
        };
        let Some(tag) = record.tag.filter(|tag| Some(*tag) != has) else {
            return self.unchanged(has);
        };
        let payload = record.payload.to_vec();
        let Ok(body) = sign_payload(sign::Kind::State, payload, signer) else {
            return Reply::empty(500);
        };
        let mut reply = Reply {
            status: 200,
            headers: vec![("etag", tag.to_string())],
            body,
        };
        if self.delay_apply_max_s > 0 {
            let delay_s = (u64::from(device) * 7919 + now_ms) % u64::from(self.delay_apply_max_s);
            reply.headers.push(("delay-apply", delay_s.to_string()));
        }
        self.pace(&mut reply);
        reply
    }

    fn unchanged(&self, has: Option<ETag>) -> Reply {
        let mut reply = Reply::empty(304);
        reply.headers.extend(has.map(|has| ("etag", has.to_string())));
        self.pace(&mut reply);
        reply
    }

    fn pace(&self, reply: &mut Reply) {
        if let Some(next_poll_s) = self.next_poll_s {
            reply.headers.push(("next-poll", next_poll_s.to_string()));
        }
    }

    fn report(&mut self, device: u32, body: &[u8]) -> Reply {
        let Ok(mut report) = Report::decode(body) else {
            return Reply::empty(400);
        };
        let Some(record) = self.kept.records.get_mut(device as usize) else {
            return Reply::empty(404);
        };
        let last = record.report.as_ref().map_or(0, |last| last.sequence);
        if report.sequence > last {
            let before = record.report.as_ref().and_then(|last| last.deployments.clone());
            report.deployments = report.deployments.or(before);
            record.is_unhealthy = report.deployments.iter().flatten().any(is_unhealthy);
            record.is_retrying = report.deployments.iter().flatten().any(is_retrying);
            record.report = Some(Arc::new(report));
            self.is_dirty = true;
        }
        let reply = ReportReply {
            sequence: self.sequence(device),
            ..ReportReply::default()
        };
        Reply {
            body: reply.encode(),
            ..Reply::empty(200)
        }
    }

    fn sequence(&self, device: u32) -> u64 {
        let record = self.kept.records.get(device as usize);
        record
            .and_then(|record| record.report.as_ref())
            .map_or(0, |report| report.sequence)
    }
}

fn has(exchange: &Exchange) -> Option<ETag> {
    let mut headers = exchange.headers.iter();
    let (_, tag) = headers.find(|(name, _)| *name == "If-None-Match")?;
    tag.parse().ok()
}

fn is_unhealthy(status: &DeploymentStatus) -> bool {
    let is_ill = |container: &ContainerStatus| {
        container.state == "failed" || container.health == "unhealthy"
    };
    status.containers.iter().any(is_ill)
}

fn is_retrying(status: &DeploymentStatus) -> bool {
    status.state == DeploymentState::Failed && status.phase != Phase::RolledBack
}
