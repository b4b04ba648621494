//! The hub as devices and rollouts see it: what it keeps, which a crash leaves and a backup holds, and what it only has in
//! memory.
//!
//! States are compiled, encoded, tagged and signed by `thimble_protocol`; who changes when is `thimble_rollout`'s. What a
//! database would do is done here in memory: one call of [`Kept`] that changes it is one transaction.

mod answer;
mod plan;
mod view;

use std::collections::BTreeMap;
use std::sync::Arc;

use thimble_protocol::state::{Rung, UpdatePolicy, Window};
use thimble_protocol::{DesiredState, DeviceId, ETag, Item, Report, StateVersion, UnixSeconds};
use thimble_rollout::placement::{Offer, Placer, Verdict};
use thimble_rollout::snapshot::{Approval, Attempt, Hold, Outcome, Progress};
use thimble_rollout::{Labels, Policy, RolloutId, UnixMs};

use crate::apps::Apps;

pub(crate) use answer::{Reply, Verdict as Answered};
pub(crate) use plan::{Made, index_of};
pub(crate) use view::AWAY_MS;

/// Monday 2026-11-30T00:00:00Z, when every life begins.
pub(crate) const BASE_MS: u64 = 1_795_996_800_000;

/// A moment of the simulation as a time.
pub(crate) const fn unix(at_ms: u64) -> UnixMs {
    UnixMs(BASE_MS + at_ms)
}

/// The same in seconds.
pub(crate) const fn unix_s(at_ms: u64) -> UnixSeconds {
    UnixSeconds((BASE_MS + at_ms) / 1000)
}

/// The id of a device.
pub(crate) fn device_id(device: u32) -> DeviceId {
    let mut id = [0xd0; 16];
    for (to, from) in id.iter_mut().zip(device.to_be_bytes()) {
        *to = from;
    }
    DeviceId(id)
}

/// What does not change about a device.
#[derive(Clone, Debug)]
pub(crate) struct Facts {
    pub(crate) labels: Labels,
    pub(crate) line: u32,
    pub(crate) site: u32,
    pub(crate) hardware: String,
    pub(crate) offer: Offer,
}

/// What is kept of a device.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    pub(crate) is_held: bool,
    pub(crate) hold_until_ms: Option<u64>,
    pub(crate) windows: Vec<Window>,
    /// Deployments whose app's veto is overridden.
    pub(crate) overridden: Vec<usize>,
    pub(crate) ladder: Vec<Rung>,
    /// What it is to have: deployments and revisions.
    pub(crate) items: Vec<(usize, u64)>,
    pub(crate) version: u64,
    pub(crate) tag: Option<ETag>,
    pub(crate) payload: Arc<[u8]>,
    pub(crate) seen_ms: Option<u64>,
    pub(crate) report: Option<Arc<Report>>,
    pub(crate) is_unhealthy: bool,
    pub(crate) is_retrying: bool,
    pub(crate) failures: u32,
}

/// What is kept of a device in a rollout.
#[derive(Clone, Debug, Default)]
pub(crate) struct Row {
    pub(crate) wave: Option<u16>,
    pub(crate) attempt: Option<Attempt>,
    pub(crate) state_version: u64,
    pub(crate) word: &'static str,
    /// The device tried the rollout's revision, whatever was done since.
    pub(crate) has_failed: bool,
}

/// A rollout.
#[derive(Clone, Debug)]
pub(crate) struct Rollout {
    pub(crate) id: RolloutId,
    pub(crate) deployment: usize,
    /// None removes it.
    pub(crate) revision: Option<u64>,
    pub(crate) policy: Arc<Policy>,
    pub(crate) progress: Progress,
    pub(crate) approvals: Vec<Approval>,
    pub(crate) rows: Vec<Row>,
    /// Rises with every change; whoever changes it must have seen the last.
    pub(crate) edition: u64,
    pub(crate) has_ended: bool,
    pub(crate) reason: String,
}

/// Who carries rollouts out.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Lease {
    pub(crate) owner: Option<u8>,
    pub(crate) token: u64,
    pub(crate) until_ms: u64,
}

/// What is kept.
#[derive(Clone, Debug, Default)]
pub(crate) struct Kept {
    pub(crate) records: Vec<Record>,
    pub(crate) rollouts: Vec<Rollout>,
    pub(crate) lease: Lease,
}

/// A hub.
pub(crate) struct Hub {
    pub(crate) kept: Kept,
    pub(crate) backup: Option<Kept>,
    pub(crate) is_up: bool,
    pub(crate) up_since_ms: u64,
    /// Rises when it crashes: what was under way before is lost.
    pub(crate) life: u32,
    pub(crate) facts: Vec<Facts>,
    /// What comes of each deployment on each device.
    verdicts: Vec<BTreeMap<thimble_rollout::DeploymentId, Verdict>>,
    /// What was known of each rollout's fleet at the last look, and what changed since.
    views: Vec<Option<view::View>>,
    changes: view::Changes,
    /// Polls that wait: by device.
    pub(crate) parked: Vec<Option<u32>>,
    /// Something happened since the last step.
    pub(crate) is_dirty: bool,
    pub(crate) next_look_ms: Option<u64>,
    pub(crate) next_poll_s: Option<u32>,
    pub(crate) delay_apply_max_s: u32,
}

impl Record {
    fn new() -> Self {
        Self {
            is_held: false,
            hold_until_ms: None,
            windows: Vec::new(),
            overridden: Vec::new(),
            ladder: Vec::new(),
            items: Vec::new(),
            version: 0,
            tag: None,
            payload: Arc::from([]),
            seen_ms: None,
            report: None,
            is_unhealthy: false,
            is_retrying: false,
            failures: 0,
        }
    }

    pub(crate) fn revision(&self, deployment: usize) -> Option<u64> {
        let mut items = self.items.iter();
        items
            .find(|(one, _)| *one == deployment)
            .map(|(_, revision)| *revision)
    }

    fn hold(&self) -> Hold {
        match (self.is_held, self.hold_until_ms) {
            (true, _) => Hold::Held,
            (false, Some(until_ms)) => Hold::Until(unix(until_ms)),
            (false, None) => Hold::Free,
        }
    }
}

impl Hub {
    pub(crate) fn new(facts: Vec<Facts>) -> Self {
        let count = facts.len();
        let records = facts.iter().map(|_| Record::new()).collect();
        Self {
            kept: Kept {
                records,
                ..Kept::default()
            },
            backup: None,
            is_up: true,
            up_since_ms: 0,
            life: 0,
            verdicts: vec![BTreeMap::new(); facts.len()],
            facts,
            views: Vec::new(),
            changes: view::Changes::default(),
            parked: vec![None; count],
            is_dirty: true,
            next_look_ms: None,
            next_poll_s: None,
            delay_apply_max_s: 0,
        }
    }

    /// Places all deployments anew.
    pub(crate) fn place(&mut self, apps: &Apps) -> anyhow::Result<()> {
        let placed: Vec<_> = apps
            .deployments
            .iter()
            .map(|one| one.placed.clone())
            .collect();
        let placer = Placer::new(&placed).map_err(|error| anyhow::anyhow!("{error}"))?;
        for (facts, verdicts) in self.facts.iter().zip(&mut self.verdicts) {
            *verdicts = placer.place(&facts.labels, Some(&facts.offer));
        }
        self.forget_views();
        Ok(())
    }

    /// Compiles and keeps the state of a device, with a version beyond this one too.
    pub(crate) fn publish(&mut self, apps: &Apps, device: u32, beyond: u64, now_ms: u64) {
        let Some(record) = self.kept.records.get_mut(device as usize) else {
            return;
        };
        let version = StateVersion(record.version.max(beyond) + 1);
        let items = record.items.iter().filter_map(|(deployment, revision)| {
            let version = apps.number(*deployment, *revision)?;
            let is_overridden = record.overridden.contains(deployment);
            Some(Item {
                deployment: version.manifest.deployment,
                manifest: version.digest,
                manifest_bytes: version.bytes,
                override_reason: is_overridden.then(|| "it must change today".into()),
            })
        });
        let state = DesiredState {
            device: device_id(device),
            version,
            issued_at: unix_s(now_ms),
            items: items.collect(),
            policy: UpdatePolicy {
                windows: record.windows.clone(),
                hold_until: record.hold_until_ms.map(unix_s),
                is_held: record.is_held,
            },
            secrets: Vec::new(),
            ladder: record.ladder.clone(),
            recovery_urls: Vec::new(),
            next_keys: Vec::new(),
        };
        let payload = state.encode();
        record.version = version.0;
        record.tag = Some(ETag::of(version, &payload));
        record.payload = payload.into();
        // What the device says of versions up to here is about another life of the hub.
        if beyond > 0 {
            for rollout in &mut self.kept.rollouts {
                if let Some(row) = rollout.rows.get_mut(device as usize)
                    && row.state_version > 0
                {
                    row.state_version = version.0;
                }
            }
        }
        self.note_changed(device);
    }

    /// Begins a rollout; one of the same deployment that is under way is aborted, as the hub does.
    pub(crate) fn begin(
        &mut self,
        deployment: usize,
        revision: Option<u64>,
        policy: Arc<Policy>,
    ) -> usize {
        let place = self.kept.rollouts.len();
        let mut id = [0xee; 16];
        for (to, from) in id.iter_mut().zip((place as u64).to_be_bytes()) {
            *to = from;
        }
        let mut others = self.kept.rollouts.iter_mut();
        for other in others
            .by_ref()
            .filter(|one| one.deployment == deployment && !one.has_ended)
        {
            if other.progress.abort().is_ok() {
                other.edition += 1;
            }
        }
        self.kept.rollouts.push(Rollout {
            id: RolloutId(id),
            deployment,
            revision,
            policy,
            progress: Progress::default(),
            approvals: Vec::new(),
            rows: vec![Row::default(); self.facts.len()],
            edition: 0,
            has_ended: false,
            reason: String::new(),
        });
        self.is_dirty = true;
        place
    }

    /// Says whether no later rollout changes the same deployment.
    pub(crate) fn is_newest(&self, rollout: usize) -> bool {
        let own = self.kept.rollouts.get(rollout).map(|own| own.deployment);
        let mut later = self.kept.rollouts.iter().skip(rollout + 1);
        !later.any(|other| Some(other.deployment) == own)
    }

    /// The process is gone, and with it everything that was not kept. Returns the polls that waited.
    pub(crate) fn crash(&mut self) -> Vec<(u32, u32)> {
        self.is_up = false;
        self.life += 1;
        let parked = (0..).zip(&mut self.parked);
        parked
            .filter_map(|(device, flight)| Some((device, flight.take()?)))
            .collect()
    }
}

impl Row {
    pub(crate) fn is_pending(&self) -> bool {
        let outcome = self.attempt.as_ref().map(|attempt| &attempt.outcome);
        matches!(outcome, Some(Outcome::Open | Outcome::TimedOut { .. }))
    }

    pub(crate) fn is_open(&self) -> bool {
        let outcome = self.attempt.as_ref().map(|attempt| &attempt.outcome);
        matches!(outcome, Some(Outcome::Open))
    }
}
