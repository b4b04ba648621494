//! What the hub answers to devices.

use std::sync::Arc;

use thimble_protocol::report::DeploymentStatus;
use thimble_protocol::session::{Exchange, Kind};
use thimble_protocol::sign::{self, Signer, sign_payload};
use thimble_protocol::{ETag, Report, ReportReply, StateVersion};

use super::Hub;
use crate::apps::Apps;

/// An answer of the hub.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) tag: Option<ETag>,
    pub(crate) delay_apply_s: Option<u64>,
    pub(crate) next_poll_s: Option<u32>,
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
    const fn empty(status: u16) -> Self {
        Self {
            status,
            tag: None,
            delay_apply_s: None,
            next_poll_s: None,
            body: Vec::new(),
        }
    }

    /// Its header fields, as far as sessions look at them.
    pub(crate) fn headers(&self) -> Vec<(&'static str, String)> {
        let tag = self.tag.filter(|_| self.status == 200);
        let tag = tag.map(|tag| ("etag", tag.to_string()));
        let delay = self.delay_apply_s.map(|it| ("delay-apply", it.to_string()));
        let next = self.next_poll_s.map(|it| ("next-poll", it.to_string()));
        [tag, delay, next].into_iter().flatten().collect()
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
        self.hear(device, now_ms);
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
        let tag = self
            .kept
            .records
            .get(device as usize)
            .and_then(|record| record.tag);
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
        let Some((version, tag)) = known.and_then(|record| Some((record.version, record.tag?)))
        else {
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
        let delay_apply_s = (self.delay_apply_max_s > 0)
            .then(|| (u64::from(device) * 7919 + now_ms) % u64::from(self.delay_apply_max_s));
        Reply {
            status: 200,
            tag: Some(tag),
            delay_apply_s,
            next_poll_s: self.next_poll_s,
            body,
        }
    }

    fn unchanged(&self, has: Option<ETag>) -> Reply {
        Reply {
            tag: has,
            next_poll_s: self.next_poll_s,
            ..Reply::empty(304)
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
            let before = record
                .report
                .as_ref()
                .and_then(|last| last.deployments.clone());
            report.deployments = report.deployments.or(before);
            let mut statuses = report.deployments.iter().flatten();
            record.is_unhealthy = statuses.any(DeploymentStatus::is_unhealthy);
            let mut statuses = report.deployments.iter().flatten();
            record.is_retrying = statuses.any(DeploymentStatus::is_retrying);
            record.report = Some(Arc::new(report));
            self.is_dirty = true;
            self.note_changed(device);
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
