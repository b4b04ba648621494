//! Waits for what happens to containers, without looking again and again.

use std::sync::Arc;

use thimble_device_api::{ExitRecord, Health, State};

use crate::container::{Entry, Inner, Phase};
use crate::device::Device;

/// What is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Until {
    Running,
    Healthy,
}

/// The end of a run that was ordered, for whoever waits for it. Others may start the container anew as soon as it has ended:
/// who waits for its rest might never see that.
#[derive(Clone, Copy, Debug)]
#[must_use = "nothing has ended yet"]
pub(crate) struct Ending {
    /// The runs that had ended before; none, if there was no run to be ended.
    before: Option<u64>,
}

impl Ending {
    /// Whether it is over, once so many runs have ended, and the container is there in its life.
    fn is_over(self, ended: u64, phase: Phase) -> bool {
        self.before.is_none_or(|before| ended > before) || phase.is_at_rest()
    }
}

impl Inner {
    /// The end of the run that there is, if there is one.
    pub(crate) fn ending(&self) -> Ending {
        Ending {
            before: self.run.as_ref().map(|_| self.ended),
        }
    }
}

impl Entry {
    /// Waits until the run has ended.
    pub(crate) async fn over(&self, ending: Ending) {
        self.when(|inner| {
            let is_over = inner.removed || ending.is_over(inner.ended, inner.phase);
            is_over.then_some(())
        })
        .await;
    }

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
    /// Waits, on a thread that may, until a run has ended.
    pub(crate) fn wait_for_end(&self, entry: &Arc<Entry>, ending: Ending) {
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.block_on(entry.over(ending));
        }
    }

    /// Waits, on a thread that may, until nothing of a container runs. Nobody else may start it meanwhile.
    pub(crate) fn wait_for_rest(&self, entry: &Arc<Entry>) {
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.block_on(entry.rest());
        }
    }
}

#[cfg(test)]
mod tests {
    //! When an end that was ordered is one.

    use super::Ending;
    use crate::container::Phase;

    #[test]
    fn a_run_has_ended_although_the_next_one_runs_already() {
        let ending = Ending { before: Some(3) };
        assert!(!ending.is_over(3, Phase::Stopping));
        assert!(!ending.is_over(3, Phase::Running));
        assert!(ending.is_over(3, Phase::Exited), "it had ended by itself");
        assert!(ending.is_over(4, Phase::Exited));
        assert!(
            ending.is_over(4, Phase::Running),
            "somebody started it anew"
        );
    }

    #[test]
    fn where_nothing_runs_nothing_is_waited_for() {
        let ending = Ending { before: None };
        assert!(ending.is_over(0, Phase::Running));
    }
}
