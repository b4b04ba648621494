//! Counts a container's ends, and decides when it is started again.

use core::time::Duration;

use crate::time::Instant;

use super::policy::RestartPolicy;

/// How long a container waits before it is started again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BackoffSettings {
    /// The first wait; each further one is twice as long.
    pub first: Duration,
    /// The longest wait, apart from what chance adds.
    pub max: Duration,
    /// A run of this length was a good one: what went wrong before it is forgotten.
    pub stable_after: Duration,
    /// Runs in a row that were shorter than that, after which it counts as a crash loop.
    pub crash_loop_after: u32,
}

impl Default for BackoffSettings {
    /// A slip is mended before anybody notices, and a container that cannot start costs one start a minute.
    fn default() -> Self {
        Self {
            first: Duration::from_millis(100),
            max: Duration::from_secs(60),
            stable_after: Duration::from_secs(10),
            crash_loop_after: 5,
        }
    }
}

/// What is to become of a container that has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It stays as it is: the policy asks for nothing.
    Stay,
    /// Start it again.
    Restart {
        /// After this time.
        after: Duration,
        /// Whether it has been ending soon after its start, over and over.
        crash_loop: bool,
    },
    /// It has failed too often.
    GiveUp {
        /// How often in a row.
        failures: u32,
    },
}

/// Counts the ends of one container.
#[derive(Clone, Debug)]
pub struct Restarts {
    policy: RestartPolicy,
    settings: BackoffSettings,
    started: Option<Instant>,
    /// Failures in a row.
    failures: u32,
    /// Short runs in a row, however they ended.
    short_runs: u32,
    total: u32,
}

impl Restarts {
    /// The counts of a container that has not run.
    #[must_use]
    pub const fn new(policy: RestartPolicy, settings: BackoffSettings) -> Self {
        Self {
            policy,
            settings,
            started: None,
            failures: 0,
            short_runs: 0,
            total: 0,
        }
    }

    /// Hears that a run began.
    pub const fn started(&mut self, now: Instant) {
        self.started = Some(now);
    }

    /// Hears that a run ended, or could not begin, without an operator having asked for it. `random` is any number,
    /// another one each time: it keeps containers that failed together from coming back together.
    pub fn ended(&mut self, success: bool, now: Instant, random: u32) -> Decision {
        let ran = self
            .started
            .take()
            .map_or(Duration::ZERO, |started| now.since(started));
        if ran >= self.settings.stable_after {
            self.failures = 0;
            self.short_runs = 0;
        } else {
            self.short_runs = self.short_runs.saturating_add(1);
        }
        self.failures = if success {
            0
        } else {
            self.failures.saturating_add(1)
        };
        match self.policy {
            RestartPolicy::Always => self.restart(random),
            RestartPolicy::OnFailure { retries_max } if !success => {
                if retries_max.is_some_and(|retries_max| self.failures > retries_max) {
                    Decision::GiveUp {
                        failures: self.failures,
                    }
                } else {
                    self.restart(random)
                }
            }
            RestartPolicy::Never | RestartPolicy::OnFailure { .. } => Decision::Stay,
        }
    }

    /// How often it has failed in a row.
    #[must_use]
    pub const fn failures(&self) -> u32 {
        self.failures
    }

    /// How often it was to be started again.
    #[must_use]
    pub const fn total(&self) -> u32 {
        self.total
    }

    /// Whether it has been ending soon after its start, over and over.
    #[must_use]
    pub fn is_crash_loop(&self) -> bool {
        self.short_runs >= self.settings.crash_loop_after.max(1)
    }

    /// Forgets all runs: an operator starts it anew.
    pub const fn reset(&mut self) {
        *self = Self::new(self.policy, self.settings);
    }

    /// The policy that holds.
    #[must_use]
    pub const fn policy(&self) -> RestartPolicy {
        self.policy
    }

    /// Replaces the policy; what was counted stays.
    pub const fn set_policy(&mut self, policy: RestartPolicy) {
        self.policy = policy;
    }

    fn restart(&mut self, random: u32) -> Decision {
        self.total = self.total.saturating_add(1);
        Decision::Restart {
            after: jittered(self.delay(), random),
            crash_loop: self.is_crash_loop(),
        }
    }

    /// Twice the first wait for each short run after the first, as far as that goes.
    fn delay(&self) -> Duration {
        let doubled = self.short_runs.saturating_sub(1);
        2_u32
            .checked_pow(doubled)
            .and_then(|factor| self.settings.first.checked_mul(factor))
            .unwrap_or(Duration::MAX)
            .min(self.settings.max)
    }
}

/// A time that is up to a fifth shorter or longer.
fn jittered(time: Duration, random: u32) -> Duration {
    const THOUSANDTHS_LEAST: u32 = 800;
    const SPAN: u32 = 401;
    let thousandths = random % SPAN + THOUSANDTHS_LEAST;
    (time / 1000)
        .checked_mul(thousandths)
        .unwrap_or(Duration::MAX)
}
