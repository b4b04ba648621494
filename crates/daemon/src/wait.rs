//! Waits for what happens to containers, without looking again and again.

use std::sync::Arc;

use thimble_device_api::{ExitRecord, Health, State};

use crate::container::{Entry, Inner};
use crate::device::Device;

/// What is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Until {
    Running,
    Healthy,
}

impl Entry {
    /// Waits until something of it is so.
    pub(crate) async fn when<T>(&self, mut look: impl FnMut(&Inner) -> Option<T>) -> T {
        let mut changes = self.watch();
        loop {
            changes.mark_unchanged();
            if let Some(found) = look(&self.inner()) {
                return found;
            }
            // The sender is part of what we hold.
            if changes.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    /// Waits until nothing of it runs, and nothing will by itself.
    pub(crate) async fn rest(&self) {
        self.when(|inner| (inner.removed || inner.phase.is_at_rest()).then_some(()))
            .await;
    }

    /// Waits until its run has ended; how. One that is at rest has ended before; `None` if it never ran.
    pub(crate) async fn end(&self) -> Option<ExitRecord> {
        let ended = {
            let inner = self.inner();
            if inner.phase.is_at_rest() {
                return inner.ends.first().cloned();
            }
            inner.ended
        };
        self.when(|inner| {
            let over = inner.ended > ended || inner.phase.is_at_rest() || inner.removed;
            over.then(|| inner.ends.first().cloned())
        })
        .await
    }

    /// Waits until it is so far; or until it will not be by itself, and what it is then.
    pub(crate) async fn until(&self, until: Until) -> Result<(), State> {
        self.when(|inner| {
            let state = inner.phase.state();
            let reached = match until {
                Until::Running => state == State::Running,
                Until::Healthy => state == State::Running && inner.health_seen == Health::Healthy,
            };
            if reached {
                Some(Ok(()))
            } else if inner.phase.is_at_rest() || inner.removed {
                Some(Err(state))
            } else {
                None
            }
        })
        .await
    }
}

impl Device {
    /// Waits, on a thread that may, until nothing of a container runs.
    pub(crate) fn wait_for_rest(&self, entry: &Arc<Entry>) {
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.block_on(entry.rest());
        }
    }
}
