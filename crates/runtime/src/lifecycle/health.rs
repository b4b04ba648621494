//! Whether a container is well: by what it reports, and by whether it reports at all.

use core::fmt;
use core::time::Duration;

use crate::record::Health;
use crate::time::Instant;

/// What a container must report to be well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HealthCheck {
    /// The time it has to report that it works. Until then it may say that it fails.
    pub start: Duration,
    /// The longest time between two reports once it has made one, if that matters.
    pub heartbeat: Option<Duration>,
}

/// How a container is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HealthState {
    /// Nobody knows: it does not run, or nothing is asked of it and it has said nothing.
    #[default]
    None,
    /// It has not yet said that it works, and has time to.
    Starting,
    /// It works.
    Healthy,
    /// It works, but not as it should.
    Degraded,
    /// It does not do its job.
    Unhealthy(Illness),
}

impl fmt::Display for HealthState {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::None => "none",
            Self::Starting => "starting",
            Self::Healthy => "healthy",
            Self::Degraded => "degraded",
            Self::Unhealthy(illness) => return write!(formatter, "unhealthy: {illness}"),
        })
    }
}

/// Why a container does not do its job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Illness {
    /// Its start took too long.
    NotReady,
    /// It has stopped reporting.
    Silent,
    /// It says so.
    Failing,
}

impl fmt::Display for Illness {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::NotReady => "it did not report that it is ready in time",
            Self::Silent => "its reports have stopped",
            Self::Failing => "it reports that it fails",
        })
    }
}

/// Watches over the health of one container.
///
/// Reports count between [`HealthMonitor::started`] and [`HealthMonitor::ended`]; without a check they are believed
/// as they come.
#[derive(Clone, Debug, Default)]
pub struct HealthMonitor {
    check: Option<HealthCheck>,
    running: bool,
    state: HealthState,
    /// Whether it said that it fails while it was starting.
    fails_to_start: bool,
    /// When it is ill unless it reports before.
    deadline: Option<Instant>,
    paused_at: Option<Instant>,
}

impl HealthMonitor {
    /// A monitor of a container that does not run yet.
    #[must_use]
    pub fn new(check: Option<HealthCheck>) -> Self {
        Self {
            check,
            ..Self::default()
        }
    }

    /// Hears that a run begins; to be told before the container can report.
    pub fn started(&mut self, now: Instant) {
        *self = Self {
            running: true,
            state: if self.check.is_some() {
                HealthState::Starting
            } else {
                HealthState::None
            },
            deadline: self.check.map(|check| now + check.start),
            ..Self::new(self.check)
        };
    }

    /// Hears a report of the container.
    pub fn reported(&mut self, health: Health, now: Instant) {
        if !self.running {
            return;
        }
        if let Some(paused_at) = &mut self.paused_at {
            // It came from the slice that was running: the pause began after it.
            *paused_at = now;
        }
        if self.state == HealthState::Starting && health == Health::Failing {
            self.fails_to_start = true;
            self.check(now);
            return;
        }
        self.state = match health {
            Health::Healthy => HealthState::Healthy,
            Health::Degraded => HealthState::Degraded,
            Health::Failing => HealthState::Unhealthy(Illness::Failing),
        };
        self.deadline = self
            .check
            .and_then(|check| check.heartbeat)
            .map(|heartbeat| now + heartbeat);
    }

    /// When to look again, if looking could find anything.
    #[must_use]
    pub fn due(&self) -> Option<Instant> {
        match self.state {
            HealthState::Starting | HealthState::Healthy | HealthState::Degraded => {
                // In a pause, only what was due before it.
                self.deadline.filter(|deadline| {
                    self.paused_at
                        .is_none_or(|paused_at| *deadline <= paused_at)
                })
            }
            HealthState::None | HealthState::Unhealthy(_) => None,
        }
    }

    /// Looks at the time, and says how the container is.
    pub fn check(&mut self, now: Instant) -> HealthState {
        let now = self.paused_at.map_or(now, |paused_at| paused_at.min(now));
        if self.deadline.is_some_and(|deadline| deadline <= now) {
            self.state = match self.state {
                HealthState::Starting if self.fails_to_start => {
                    HealthState::Unhealthy(Illness::Failing)
                }
                HealthState::Starting => HealthState::Unhealthy(Illness::NotReady),
                HealthState::Healthy | HealthState::Degraded => {
                    HealthState::Unhealthy(Illness::Silent)
                }
                state => state,
            };
        }
        self.state
    }

    /// How the container was when it was last looked at or heard of.
    #[must_use]
    pub const fn state(&self) -> HealthState {
        self.state
    }

    /// Hears that the container is kept from running: the time of the pause does not count.
    pub fn paused(&mut self, now: Instant) {
        self.paused_at.get_or_insert(now);
    }

    /// Hears that the container may run again.
    pub fn unpaused(&mut self, now: Instant) {
        if let Some(paused_at) = self.paused_at.take() {
            self.deadline = self
                .deadline
                .map(|deadline| deadline + now.since(paused_at));
        }
    }

    /// Hears that the run ended.
    pub fn ended(&mut self) {
        *self = Self::new(self.check);
    }
}
