//! One container, as far as it is in memory: what was declared is read from storage when it is needed.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use core::time::Duration;

use thimble_runtime::Instant;
use thimble_runtime::config::ContainerId;
use thimble_runtime::lifecycle::{BackoffSettings, RestartPolicy, Restarts};
use thimble_serial::{Policy, RunState};

use crate::catalog::ImageDigest;
use crate::journal::Journal;
use crate::run_end::NumberedEnd;
use crate::saved::{Desired, Saved};

/// A container.
pub(crate) struct Entry {
    pub(crate) journal: Arc<Journal>,
    pub(crate) digest: ImageDigest,
    pub(crate) desired: Desired,
    pub(crate) phase: Phase,
    pub(crate) run: Option<Run>,
    pub(crate) restarts: Restarts,
    /// Restarts since it was declared or started by hand.
    pub(crate) total_restarts: u32,
    pub(crate) host_failures: u8,
    pub(crate) is_removed_after: bool,
    /// The number of the next end.
    pub(crate) next_end: u32,
    /// The newest end, if it is not on storage yet.
    pub(crate) unsaved: Option<Box<NumberedEnd>>,
    pub(crate) allowance: Allowance,
}

// What each container costs, running or not, where there is little memory.
#[cfg(target_pointer_width = "32")]
const _: () = assert!(size_of::<Entry>() + size_of::<Journal>() <= 400);

/// Where a container is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// It was never started.
    Created,
    /// It runs, or is about to stop.
    Running,
    /// It is kept from running.
    Paused,
    /// It will be started again.
    Restarting {
        /// When.
        at: Instant,
    },
    /// It ended well, or was stopped.
    Exited,
    /// It ended otherwise.
    Failed,
}

/// A run that has not ended.
pub(crate) struct Run {
    pub(crate) id: ContainerId,
    pub(crate) began: Instant,
    pub(crate) stack_bytes: u32,
    /// It is being killed because it is unhealthy: why.
    pub(crate) unhealthy: Option<Box<str>>,
    /// It was asked to stop, and is to be started again then.
    pub(crate) starts_anew: bool,
}

impl Entry {
    pub(crate) fn new(saved: &Saved, journal: Arc<Journal>, backoff: BackoffSettings) -> Self {
        Self {
            journal,
            digest: saved.digest,
            desired: saved.desired,
            phase: Phase::Created,
            run: None,
            restarts: Restarts::new(policy(saved.declaration.restart), backoff),
            total_restarts: 0,
            host_failures: saved.host_failures,
            is_removed_after: saved.declaration.is_removed_after,
            next_end: 0,
            unsaved: None,
            allowance: Allowance::default(),
        }
    }

    pub(crate) fn name(&self) -> &str {
        self.journal.name()
    }

    /// Whether it neither runs nor is going to.
    pub(crate) const fn is_at_rest(&self) -> bool {
        matches!(self.phase, Phase::Created | Phase::Exited | Phase::Failed)
    }

    pub(crate) const fn state(&self) -> RunState {
        match self.phase {
            Phase::Created => RunState::Created,
            Phase::Running => RunState::Running,
            Phase::Paused => RunState::Paused,
            Phase::Restarting { .. } => RunState::Restarting,
            Phase::Exited => RunState::Exited,
            Phase::Failed => RunState::Failed,
        }
    }

    /// The word that users read.
    pub(crate) const fn state_name(&self) -> &'static str {
        match self.phase {
            Phase::Created => "created",
            Phase::Running => "running",
            Phase::Paused => "paused",
            Phase::Restarting { .. } => "restarting",
            Phase::Exited => "exited",
            Phase::Failed => "failed",
        }
    }

    /// When something is due for it.
    pub(crate) fn due(&self, now: Instant) -> Option<Instant> {
        let restart = match self.phase {
            Phase::Restarting { at } => Some(at),
            _ => None,
        };
        let health = if self.counts_health() {
            self.journal.look(|heard| heard.health.due()).flatten()
        } else {
            None
        };
        let save = self.unsaved.is_some().then(|| self.allowance.next(now));
        [restart, health, save].into_iter().flatten().min()
    }

    /// Whether it matters how it is: it runs, and is to go on.
    pub(crate) fn counts_health(&self) -> bool {
        self.phase == Phase::Running
            && self.desired == Desired::Running
            && self
                .run
                .as_ref()
                .is_some_and(|run| run.unhealthy.is_none() && !run.starts_anew)
    }

    /// What it says of its health.
    pub(crate) fn health_message(&self) -> String {
        self.journal
            .look(|heard| heard.health_message.clone())
            .unwrap_or_default()
    }
}

/// The policy, as the runtime knows it.
pub(crate) const fn policy(policy: Policy) -> RestartPolicy {
    match policy {
        Policy::No => RestartPolicy::Never,
        Policy::OnFailure { tries: 0 } => RestartPolicy::OnFailure { retries_max: None },
        Policy::OnFailure { tries } => RestartPolicy::OnFailure {
            retries_max: Some(tries),
        },
        Policy::UnlessStopped | Policy::Always => RestartPolicy::Always,
    }
}

/// How often ends that nobody asked for are written: flash wears out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Allowance {
    left: u8,
    since: Instant,
}

/// Ends that may follow each other at once.
const AT_ONCE: u8 = 4;
/// After these, one in this time.
const EVERY: Duration = Duration::from_secs(600);

impl Default for Allowance {
    fn default() -> Self {
        Self {
            left: AT_ONCE,
            since: Instant::default(),
        }
    }
}

impl Allowance {
    /// Takes leave for one write, if there is any.
    pub(crate) fn take(&mut self, now: Instant) -> bool {
        while self.left < AT_ONCE && now.since(self.since) >= EVERY {
            self.left += 1;
            self.since = self.since + EVERY;
        }
        if self.left == 0 {
            return false;
        }
        if self.left == AT_ONCE {
            self.since = now;
        }
        self.left -= 1;
        true
    }

    /// When there will be leave again.
    pub(crate) fn next(&self, now: Instant) -> Instant {
        if self.left > 0 {
            now
        } else {
            self.since + EVERY
        }
    }
}
