//! Who carries out rollouts: one node for each tenant at a time.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use thimble_hub_store::{Lease, Match, Rollout, RolloutState, Scope, Store, TenantId, Wake, Wakes};

use super::RolloutError;
use super::due::Due;
use super::step::{Rest, Step};
use crate::Hub;
use crate::hub::Clock;
use crate::publish::Publisher;

/// How fast an executor works.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// How often a tenant is looked at whose devices are being changed.
    pub watch_ms: u32,
    /// How often a tenant is looked at in any case.
    pub look_ms: u32,
    /// How long a tenant is left alone after a step that failed, or that another node takes.
    pub retry_ms: u32,
    /// For how long a lease is taken. A step that takes longer loses it, and keeps nothing if another node took it.
    pub lease_ms: u32,
}

impl Default for Pace {
    /// 2 s, 60 s, 5 s, 30 s.
    fn default() -> Self {
        Self {
            watch_ms: 2000,
            look_ms: 60_000,
            retry_ms: 5000,
            lease_ms: 30_000,
        }
    }
}

/// Carries out rollouts. Any number of nodes may have one.
pub struct Executor {
    store: Store,
    publisher: Publisher,
    clock: Arc<dyn Clock>,
    /// The name of the node, which no other has.
    owner: String,
    pace: Pace,
    /// When the node began: devices could say nothing to it before.
    began_ms: i64,
    /// What it knows of tenants from its last step.
    known: Mutex<BTreeMap<TenantId, Known>>,
}

/// What is known of a tenant since a step that went well.
#[derive(Clone)]
struct Known {
    lease: Lease,
    quiet: Option<Quiet>,
}

/// A step that had nothing to do. As long as nothing changes and the time has not come, another would have nothing to do.
#[derive(Clone, Copy)]
struct Quiet {
    /// The number of the last change before it.
    change: u64,
    until_ms: i64,
    rest: Rest,
}

impl std::fmt::Debug for Executor {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Executor({})", self.owner)
    }
}

impl Executor {
    /// The executor of a node, under a name that no other has.
    #[must_use]
    pub fn of(hub: &Arc<Hub>) -> Self {
        let owner = uuid::Uuid::now_v7().to_string();
        let (store, clock) = (hub.store.clone(), hub.clock());
        Self::new(store, Publisher::of(hub), clock, owner, Pace::default())
    }

    /// Puts one together; `owner` names this node, and no other has the name.
    #[must_use]
    pub fn new(
        store: Store,
        publisher: Publisher,
        clock: Arc<dyn Clock>,
        owner: String,
        pace: Pace,
    ) -> Self {
        let began_ms = clock.now_ms();
        Self {
            store,
            publisher,
            clock,
            owner,
            pace,
            began_ms,
            known: Mutex::default(),
        }
    }

    /// Works until it is told to stop. What it was doing then is kept as a whole or not at all.
    pub async fn run(&self, stop: impl Future<Output = ()>) {
        let mut wakes = self.store.wakes();
        let mut due = Due::default();
        let mut look_at = 0;
        let mut stop = std::pin::pin!(stop);
        loop {
            let now_ms = self.clock.now_ms();
            if look_at <= now_ms {
                look_at = self.look(&mut due, now_ms).await;
            }
            let round = async {
                self.work(&mut due).await;
                let next = due.next_ms().map_or(look_at, |next| next.min(look_at));
                self.sleep(next, &mut wakes).await
            };
            let wake = tokio::select! {
                () = &mut stop => return,
                wake = round => wake,
            };
            let now_ms = self.clock.now_ms();
            match wake {
                Woken::Time => {}
                Woken::Closed => return,
                Woken::By(None) => {
                    look_at = now_ms;
                    due.wake_all(now_ms);
                }
                Woken::By(Some(tenant)) => due.wake(tenant, now_ms),
            }
        }
    }

    /// Takes a step of a tenant's rollouts, if no other node does: how many devices were changed; none if another node has
    /// them.
    ///
    /// # Errors
    /// [`RolloutError`]: nothing of the step that failed was kept.
    pub async fn step(&self, tenant: TenantId) -> Result<Option<usize>, RolloutError> {
        Ok(self.try_step(tenant).await?.map(|rest| rest.changed))
    }

    async fn try_step(&self, tenant: TenantId) -> Result<Option<Rest>, RolloutError> {
        let now_ms = self.clock.now_ms();
        // Whatever fails, all of it is found out anew.
        let known = self.known.lock().remove(&tenant);
        let Some(lease) = self.lease(tenant, known.as_ref(), now_ms).await? else {
            return Ok(None);
        };
        let quiet = known.filter(|known| known.lease.fence == lease.fence);
        let quiet = quiet.and_then(|known| known.quiet);
        let still = match quiet {
            Some(quiet) if now_ms < quiet.until_ms => {
                let mut read = self.store.read().await?;
                let has_changed = read.has_change_since(tenant, quiet.change).await?;
                (!has_changed).then_some(quiet)
            }
            _ => None,
        };
        let (rest, quiet) = match still {
            Some(quiet) => (quiet.rest, Some(quiet)),
            None => self.take_step(tenant, &lease, now_ms).await?,
        };
        self.known.lock().insert(tenant, Known { lease, quiet });
        Ok(Some(rest))
    }

    /// The lease of a tenant's rollouts, prolonged if much of it is over; none: another node has it.
    async fn lease(
        &self,
        tenant: TenantId,
        known: Option<&Known>,
        now_ms: i64,
    ) -> Result<Option<Lease>, RolloutError> {
        let ttl_ms = self.pace.lease_ms;
        if let Some(known) = known {
            let left_ms = known.lease.until_ms.saturating_sub(now_ms);
            if left_ms.saturating_mul(3) > i64::from(ttl_ms).saturating_mul(2) {
                return Ok(Some(known.lease.clone()));
            }
        }
        let name = format!("rollouts:{tenant}");
        let lease = self.store.take_lease(&name, &self.owner, ttl_ms, now_ms);
        Ok(lease.await?)
    }

    /// Takes a step; until when another has nothing to do, if this one had nothing.
    async fn take_step(
        &self,
        tenant: TenantId,
        lease: &Lease,
        now_ms: i64,
    ) -> Result<(Rest, Option<Quiet>), RolloutError> {
        let step = Step {
            store: &self.store,
            publisher: &self.publisher,
            tenant,
            lease,
            now_ms,
            listening_since_ms: self.began_ms,
        };
        let taken = step.take().await?;
        // That a device falls silent is no change, nor is every sign of life: those are seen when it is time to look anyway.
        let look_ms = now_ms.saturating_add(i64::from(self.pace.look_ms));
        let quiet = taken.is_quiet.then(|| Quiet {
            change: taken.change,
            until_ms: taken.rest.next_ms.map_or(look_ms, |next| next.min(look_ms)),
            rest: taken.rest,
        });
        Ok((taken.rest, quiet))
    }

    /// Notes tenants with rollouts that something may come of; when to do so again.
    async fn look(&self, due: &mut Due, now_ms: i64) -> i64 {
        match self.tenants().await {
            Ok(tenants) => {
                for tenant in tenants {
                    due.note(tenant, now_ms);
                }
                now_ms.saturating_add(i64::from(self.pace.look_ms))
            }
            Err(error) => {
                tracing::warn!(%error, "cannot read which rollouts there are");
                now_ms.saturating_add(i64::from(self.pace.retry_ms))
            }
        }
    }

    async fn tenants(&self) -> Result<Vec<TenantId>, RolloutError> {
        let scope = Scope::whole_hub_for_its_own_work();
        let mut read = self.store.read().await?;
        let under_way: Vec<Rollout> = read.all(&scope, &[Match::null("ended_ms")]).await?;
        let finished = [Match::equals("state", &RolloutState::Finished)];
        let finished: Vec<Rollout> = read.all(&scope, &finished).await?;
        let both = under_way.into_iter().chain(finished);
        Ok(both.map(|rollout| rollout.tenant).collect())
    }

    /// Takes a step of every tenant that is due.
    async fn work(&self, due: &mut Due) {
        for tenant in due.at(self.clock.now_ms()) {
            let begun_ms = self.clock.now_ms();
            let stepped = self.try_step(tenant).await;
            let now_ms = self.clock.now_ms();
            // A large fleet takes long to read: it is looked at less often, whatever its devices say meanwhile.
            let pause_ms = now_ms.saturating_sub(begun_ms).saturating_mul(2);
            let watch_ms = i64::from(self.pace.watch_ms).max(pause_ms);
            let next = match stepped {
                Ok(Some(rest)) => {
                    let watched = rest.is_watching.then_some(now_ms.saturating_add(watch_ms));
                    let planned = rest.next_ms.map(|at| at.max(now_ms));
                    let earliest = [watched, planned].into_iter().flatten().min();
                    earliest.unwrap_or_else(|| now_ms.saturating_add(i64::from(self.pace.look_ms)))
                }
                Ok(None) => now_ms.saturating_add(i64::from(self.pace.retry_ms)),
                Err(error) => {
                    let source = std::error::Error::source(&error).map(ToString::to_string);
                    tracing::warn!(%tenant, %error, source, "cannot take a step of rollouts");
                    now_ms.saturating_add(i64::from(self.pace.retry_ms))
                }
            };
            due.set(tenant, next, now_ms.saturating_add(pause_ms));
        }
    }

    /// Sleeps until a time, or until something changed that rollouts depend on.
    async fn sleep(&self, until_ms: i64, wakes: &mut Wakes) -> Woken {
        loop {
            let wait_ms = until_ms.saturating_sub(self.clock.now_ms());
            let Ok(wait_ms @ 1..) = u64::try_from(wait_ms) else {
                return Woken::Time;
            };
            let wait = tokio::time::sleep(Duration::from_millis(wait_ms));
            let wake = tokio::select! {
                () = wait => return Woken::Time,
                wake = wakes.next() => wake,
            };
            match wake {
                None => return Woken::Closed,
                Some(Wake::Everything) => return Woken::By(None),
                Some(Wake::Changed { topic, tenant, .. }) if topic.is_planned() => {
                    return Woken::By(tenant);
                }
                Some(_) => {}
            }
        }
    }
}

/// What ended a sleep.
enum Woken {
    Time,
    Closed,
    By(Option<TenantId>),
}
