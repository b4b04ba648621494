//! Webhooks: what happened is told to whoever wants to know.
//!
//! Owns the delivery of what the store queued. Nodes share the work: a delivery that one node took is not taken by another
//! until its time to settle it is over, so that it is sent twice only if a node dies between sending and settling; the
//! event's id in the body tells. Nobody can make the hub ask its own network: see `target`.

mod delay;
mod sender;
mod signature;
mod target;

#[cfg(test)]
mod tests;

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use thimble_hub_store::{
    Attempt, Audit, Delivery, Error as StoreError, Scope, Topic, Wake, Webhook,
};

use crate::hub::Hub;

use sender::Sender;

pub use delay::delay_ms;
pub use sender::{SendError, SenderError};
pub use signature::{SIGNATURE_HEADER, is_signed, signature};
pub use target::{TargetError, is_public};

/// Deliveries that a node takes at a time.
const TAKEN: u32 = 32;
/// Deliveries that are under way at a time.
const PARALLEL: usize = 16;
/// How long a delivery is a node's: longer than all that it took can last.
const HOLD_MS: u32 = 120_000;
/// How long nothing is looked for if nobody wakes the node: what was put off becomes due without a wake.
const LOOK_AGAIN: Duration = Duration::from_secs(5);
/// Attempts after which a delivery is given up: some 20 hours.
const ATTEMPTS_MAX: u32 = 30;
/// How long a webhook may fail before it is switched off.
const FAILING_MS_MAX: i64 = 3 * 86_400_000;
/// How long deliveries that are over can be looked at.
const KEPT_MS: i64 = 7 * 86_400_000;

/// Delivers what webhooks are to be told.
pub struct Deliverer {
    hub: Arc<Hub>,
    sender: Sender,
}

impl fmt::Debug for Deliverer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Deliverer")
    }
}

impl Deliverer {
    /// One of this hub, as its settings allow.
    ///
    /// # Errors
    /// [`SenderError`] if this machine can make no connections with TLS.
    pub fn new(hub: Arc<Hub>) -> Result<Self, SenderError> {
        let sender = Sender::new(hub.settings.webhooks.allow_private)?;
        Ok(Self { hub, sender })
    }

    /// Delivers until `done`. What is under way then is sent again after its time.
    pub async fn run(&self, done: impl Future<Output = ()>) {
        tokio::pin!(done);
        let mut wakes = self.hub.store.wakes();
        let mut pruned_ms = 0;
        loop {
            let delivered = tokio::select! {
                () = &mut done => return,
                delivered = self.deliver_due() => delivered,
            };
            match delivered {
                Ok(count) if count > 0 => continue,
                Ok(_) => {}
                Err(error) => tracing::warn!(%error, "webhooks wait: the store failed"),
            }
            let now_ms = self.hub.now_ms();
            if now_ms.saturating_sub(pruned_ms) > KEPT_MS / 100 {
                pruned_ms = now_ms;
                if let Err(error) = self.prune(now_ms).await {
                    tracing::warn!(%error, "old deliveries stay: the store failed");
                }
            }
            let again = tokio::time::sleep(LOOK_AGAIN);
            tokio::pin!(again);
            loop {
                tokio::select! {
                    () = &mut done => return,
                    () = &mut again => break,
                    wake = wakes.next() => match wake {
                        Some(Wake::Changed { topic: Topic::Webhook, .. } | Wake::Everything) => break,
                        Some(_) => {}
                        // The store was closed.
                        None => return,
                    },
                }
            }
        }
    }

    /// Takes what is due and sends it; how many that were.
    ///
    /// # Errors
    /// The store's; what was taken is due again after a while.
    pub async fn deliver_due(&self) -> Result<usize, StoreError> {
        let mut write = self.hub.store.write().await?;
        let taken = write
            .next_deliveries(&everything(), self.hub.now_ms(), TAKEN, HOLD_MS)
            .await?;
        write.commit().await?;
        let count = taken.len();
        let mut settled = stream::iter(taken)
            .map(|delivery| self.deliver(delivery))
            .buffer_unordered(PARALLEL);
        let mut first_error = None;
        while let Some(settled) = settled.next().await {
            if let Err(error) = settled {
                first_error.get_or_insert(error);
            }
        }
        first_error.map_or(Ok(count), Err)
    }

    async fn deliver(&self, delivery: Delivery) -> Result<(), StoreError> {
        let webhook: Webhook = {
            let mut read = self.hub.store.read().await?;
            match read.one(&everything(), delivery.webhook).await {
                Ok(webhook) => webhook,
                // It was removed, and its deliveries with it.
                Err(StoreError::NotFound { .. }) => return Ok(()),
                Err(error) => return Err(error),
            }
        };
        let sent = self.send(&webhook, &delivery).await;
        let now_ms = self.hub.now_ms();
        let attempt = match &sent {
            Ok(()) => Attempt::Done { at_ms: now_ms },
            Err(failure) => after(&delivery, failure, now_ms),
        };
        let mut write = self.hub.store.write().await?;
        match write
            .settle_delivery(&everything(), delivery.id, &attempt)
            .await
        {
            Ok(()) | Err(StoreError::NotFound { .. }) => {}
            Err(error) => return Err(error),
        }
        write.commit().await?;
        if webhook.is_disabled {
            return Ok(());
        }
        match self.note_health(webhook, sent.is_ok(), now_ms).await {
            // Somebody changed it meanwhile; the next delivery tells again how it is.
            Err(StoreError::Conflict { .. } | StoreError::NotFound { .. } | StoreError::Retry) => {
                Ok(())
            }
            noted => noted,
        }
    }

    async fn send(&self, webhook: &Webhook, delivery: &Delivery) -> Result<(), Failure> {
        if webhook.is_disabled {
            return Err(Failure::ForGood("the webhook is switched off".into()));
        }
        let sealed = self
            .hub
            .vault
            .master()
            .open(&secret_context(webhook), &webhook.secret);
        let secret = sealed.map_err(|error| Failure::ForGood(format!("its secret: {error}")))?;
        self.sender
            .send(&webhook.url, &secret, delivery, self.hub.now_ms())
            .await
            .map_err(|error| Failure::ForNow(error.to_string()))
    }

    /// Writes down that a webhook began to fail, works again, or is switched off.
    async fn note_health(
        &self,
        mut webhook: Webhook,
        is_well: bool,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        let action = match (is_well, webhook.failing_since_ms) {
            (true, None) => return Ok(()),
            (true, Some(_)) => {
                webhook.failing_since_ms = None;
                "webhook.recover"
            }
            (false, None) => {
                webhook.failing_since_ms = Some(now_ms);
                "webhook.fail"
            }
            (false, Some(since_ms)) if now_ms.saturating_sub(since_ms) < FAILING_MS_MAX => {
                return Ok(());
            }
            (false, Some(_)) => {
                webhook.is_disabled = true;
                "webhook.disable"
            }
        };
        let subject = format!("webhook/{}", webhook.id);
        let audit = Audit::new(now_ms, "hub", action, subject)
            .with(serde_json::json!({ "name": webhook.name, "url": webhook.url }));
        let mut write = self.hub.store.write().await?;
        write.update(&everything(), &webhook, &audit).await?;
        write.commit().await
    }

    async fn prune(&self, now_ms: i64) -> Result<(), StoreError> {
        let mut write = self.hub.store.write().await?;
        write
            .prune_deliveries(&everything(), now_ms.saturating_sub(KEPT_MS))
            .await?;
        write.commit().await
    }
}

/// What the secret of a webhook is sealed for.
#[must_use]
pub fn secret_context(webhook: &Webhook) -> String {
    format!("webhook/{}", webhook.id)
}

enum Failure {
    ForNow(String),
    ForGood(String),
}

fn after(delivery: &Delivery, failure: &Failure, now_ms: i64) -> Attempt {
    match failure {
        Failure::ForNow(failure) if delivery.attempts < ATTEMPTS_MAX => {
            let random = u64::from_le_bytes(delay::random());
            Attempt::Again {
                next_ms: now_ms.saturating_add(delay_ms(delivery.attempts, random)),
                failure: failure.clone(),
            }
        }
        Failure::ForNow(failure) => Attempt::GivenUp {
            failure: format!("{failure}; it was the last of {ATTEMPTS_MAX} attempts"),
        },
        Failure::ForGood(failure) => Attempt::GivenUp {
            failure: failure.clone(),
        },
    }
}

const fn everything() -> Scope {
    Scope::whole_hub_for_its_own_work()
}
