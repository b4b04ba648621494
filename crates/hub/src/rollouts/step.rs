//! One step of a tenant's rollouts: read, plan, and keep each plan in one transaction.

use thimble_hub_store::{
    Audit, Lease, Read, Reports, Rollout, RolloutState, Scope, Store, TenantId,
};
use thimble_rollout::plan;

use super::attempt::Kept;
use super::burial::bury;
use super::fleet::Fleet;
use super::keep::ACTOR;
use super::rows::follow;
use super::snapshot::{Loaded, note_open, read_rollouts, snapshot};
use super::{RolloutError, kept_moment};
use crate::chain;
use crate::event::tell;
use crate::publish::Publisher;

/// Devices that a transaction changes at most, so that it stays within what the store takes at once; the rest follows.
const ASSIGNMENTS_MAX: usize = 100_000;

/// What a step needs.
pub(super) struct Step<'a> {
    pub(super) store: &'a Store,
    pub(super) publisher: &'a Publisher,
    pub(super) tenant: TenantId,
    pub(super) lease: &'a Lease,
    pub(super) now_ms: i64,
    /// Since when this node listens to devices.
    pub(super) listening_since_ms: i64,
}

/// What is left to do after a step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Rest {
    /// When to look again, at the latest.
    pub(super) next_ms: Option<i64>,
    /// Whether devices are being changed, whose reports matter.
    pub(super) is_watching: bool,
    /// Devices that were changed.
    pub(super) changed: usize,
}

/// What a step did, and what is left.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Taken {
    pub(super) rest: Rest,
    /// The number of the last change before it.
    pub(super) change: u64,
    /// It had nothing to do.
    pub(super) is_quiet: bool,
}

impl Step<'_> {
    /// Takes the step.
    pub(super) async fn take(&self) -> Result<Taken, RolloutError> {
        let scope = Scope::whole_hub_for_its_own_work();
        let now = super::moment(self.now_ms);
        let mut read = self.store.snapshot().await?;
        let mut taken = Taken {
            change: read.last_change().await?,
            is_quiet: true,
            ..Taken::default()
        };
        let mut rollouts = read_rollouts(&mut read, &scope, self.tenant).await?;
        if rollouts.is_empty() {
            return Ok(taken);
        }
        let Some(mut fleet) = self.fleet(&mut read, &scope, &rollouts).await? else {
            taken.is_quiet = false;
            return Ok(taken);
        };
        drop(read);
        let signing = self.publisher.signing(self.tenant).await?;
        for index in 0..rollouts.len() {
            let Some(own) = rollouts.get(index) else {
                break;
            };
            let mut made = plan(
                &own.policy,
                &snapshot(
                    &fleet,
                    &rollouts,
                    own,
                    super::moment(self.listening_since_ms),
                ),
                now,
            );
            let is_cut = made.assignments.len() > ASSIGNMENTS_MAX;
            made.assignments.truncate(ASSIGNMENTS_MAX);
            let kept = self.keep(&scope, &signing, &fleet, own, &made).await;
            let Some(record) = self.settle(&scope, own, kept).await? else {
                taken.is_quiet = false;
                continue;
            };
            taken.is_quiet &= record.generation == own.record.generation;
            let rest = &mut taken.rest;
            rest.changed += made.assignments.len();
            if let Some(at) = made.next_look {
                let at = kept_moment(at);
                rest.next_ms = Some(rest.next_ms.map_or(at, |next: i64| next.min(at)));
            }
            if is_cut {
                rest.next_ms = Some(self.now_ms);
            }
            if let Some(own) = rollouts.get_mut(index) {
                follow(&mut fleet, own, &made, record);
                rest.is_watching |= own.attempts.values().any(Kept::is_pending);
                bury(self.store, &scope, self.lease, &fleet, own, self.now_ms).await?;
            }
        }
        Ok(taken)
    }

    /// Pauses a rollout whose plan cannot be kept for a reason that stays, and says the reason.
    async fn settle(
        &self,
        scope: &Scope,
        own: &Loaded,
        kept: Result<Rollout, RolloutError>,
    ) -> Result<Option<Rollout>, RolloutError> {
        let error = match kept {
            Ok(record) => return Ok(Some(record)),
            Err(error) if error.is_passing() => return Err(error),
            Err(error) => error,
        };
        self.halt(scope, own, &chain(&error)).await?;
        Ok(None)
    }

    /// Pauses a rollout for a reason, unless it stands still anyway.
    async fn halt(&self, scope: &Scope, own: &Loaded, reason: &str) -> Result<(), RolloutError> {
        let mut record = own.record.clone();
        let text = format!("it is paused now: {reason}");
        let stands = matches!(
            record.state,
            RolloutState::Paused | RolloutState::Aborted | RolloutState::Failed
        );
        if stands {
            tracing::warn!(rollout = %record.id, reason, "a rollout that stands still cannot be looked after");
            return Ok(());
        }
        record.state = RolloutState::Paused;
        record.generation = record.generation.saturating_add(1);
        record.reason = Some(text.clone());
        record.ended_ms = None;
        let audit = Audit::new(self.now_ms, ACTOR, "rollout.pause", record.id.to_string());
        let mut write = self.store.write().await?;
        write.fence(self.lease);
        let audit = audit.because(reason);
        write.update(scope, &record, &audit).await?;
        let event = self.event(&record, "rollout.stopped", text);
        tell(&mut write, scope, self.tenant, &[event]).await?;
        write.commit().await?;
        Ok(())
    }

    /// Reads the fleet and places the deployments; none, if that cannot be done, which every rollout then says.
    async fn fleet(
        &self,
        read: &mut Read,
        scope: &Scope,
        rollouts: &[Loaded],
    ) -> Result<Option<Fleet>, RolloutError> {
        let fleet = Fleet::read(
            read,
            scope,
            self.tenant,
            super::moment(self.now_ms),
            wanted_reports(rollouts),
        )
        .await;
        let placed = fleet.and_then(|mut fleet| fleet.place().map(|()| fleet));
        match placed {
            Ok(mut fleet) => {
                note_open(&mut fleet, rollouts);
                Ok(Some(fleet))
            }
            Err(error) if error.is_passing() => Err(error),
            Err(error) => {
                let reason = chain(&error);
                for own in rollouts {
                    self.halt(scope, own, &reason).await?;
                }
                Ok(None)
            }
        }
    }
}

/// Says whose reports matter: of devices that are being changed what they say of that, of others only that they are not well.
fn wanted_reports(rollouts: &[Loaded]) -> Reports {
    let mut attempts = rollouts.iter().flat_map(|own| own.attempts.values());
    match attempts.any(Kept::is_pending) {
        true => Reports::OfAll,
        false => Reports::OfSuspects,
    }
}
