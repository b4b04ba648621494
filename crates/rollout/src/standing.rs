//! Where a device stands in a rollout: a word for programs, and a sentence for people that says why.

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use crate::ids::{DeploymentId, DeviceId, RolloutId, UnixMs};
use crate::placement::Misfit;
use crate::snapshot::{HoldNote, State, Wait};

/// Where a device stands in a rollout. Waves count from 0 here, and from 1 in sentences.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Standing {
    /// It has what it is to have.
    UpToDate,
    /// The deployment does not pick it.
    NotSelected,
    /// This plan changes it.
    Begins {
        /// Its wave.
        wave: u16,
    },
    /// This plan gives it back what it had.
    GoesBack,
    /// It is being changed.
    Updating {
        /// Since when.
        since: UnixMs,
    },
    /// It was told, and waits.
    Waiting {
        /// Since when it was told.
        since: UnixMs,
        /// For what.
        wait: Wait,
        /// Who holds it and why, if it waits for the end of a hold.
        note: Option<Arc<HoldNote>>,
    },
    /// It was changed.
    Succeeded {
        /// When.
        at: UnixMs,
    },
    /// It was changed, and is unhealthy now.
    Unhealthy {
        /// When it was changed.
        at: UnixMs,
    },
    /// It could not be changed.
    Failed {
        /// When.
        at: UnixMs,
        /// Why, in its words.
        why: String,
    },
    /// It took too long.
    TimedOut {
        /// When it was told.
        since: UnixMs,
        /// Seconds that it had.
        timeout_s: u32,
    },
    /// Another rollout changed it since.
    Replaced {
        /// When.
        at: UnixMs,
    },
    /// It has again what it had.
    RolledBack {
        /// When.
        at: UnixMs,
    },
    /// The rollout begins later.
    NotBegun {
        /// When.
        at: UnixMs,
    },
    /// Its wave comes later.
    LaterWave {
        /// Its wave.
        wave: u16,
        /// The wave that the rollout is in.
        now: u16,
    },
    /// Its wave waits for people.
    NotApproved {
        /// Its wave.
        wave: u16,
        /// Persons who approved.
        approved: u8,
        /// Persons who must.
        needed: u8,
    },
    /// No wave picks it.
    NoWave,
    /// Too many devices with the same label are down or updating.
    Budget(Arc<BudgetUse>),
    /// So many updates are open as may be.
    AtOnce {
        /// How many.
        open: u32,
    },
    /// So many updates began within a minute as may.
    Rate {
        /// How many.
        per_minute: u32,
        /// When the next may.
        next_at: UnixMs,
    },
    /// It has not been heard of.
    Offline {
        /// Since when.
        since: Option<UnixMs>,
    },
    /// It is held.
    Held {
        /// Until when; none is until somebody takes the hold back.
        until: Option<UnixMs>,
        /// Who holds it, and why.
        note: Option<Arc<HoldNote>>,
    },
    /// None of its windows is open.
    OutsideWindow {
        /// When the next opens, if ever.
        opens_at: Option<UnixMs>,
    },
    /// It tried this revision before.
    FailedBefore,
    /// Too many changes of it failed.
    Penalty {
        /// How many.
        failures: u32,
        /// From how many on a device is left out.
        max: u32,
    },
    /// Another deployment of the same app has the same priority.
    Conflict {
        /// Which.
        with: DeploymentId,
    },
    /// Another deployment of the same app has a greater priority.
    Superseded {
        /// Which.
        by: DeploymentId,
    },
    /// A deployment that this one needs is not for this device.
    MissingDependency {
        /// Which.
        deployment: DeploymentId,
    },
    /// A deployment that this one needs was not given to the device yet.
    DependencyLater {
        /// Which.
        deployment: DeploymentId,
    },
    /// It cannot carry the deployment.
    DoesNotFit(Misfit),
    /// Another rollout changes it.
    Busy {
        /// Which.
        rollout: RolloutId,
    },
    /// Nothing begins: the rollout is paused or ended.
    Stopped {
        /// What it does.
        state: State,
    },
    /// It was not changed, and the rollout is rolled back.
    NotReached,
}

/// How a budget is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BudgetUse {
    /// The label's key.
    pub key: String,
    /// Its value.
    pub value: String,
    /// Devices that are down or updating.
    pub down: u32,
    /// How many may be.
    pub max: u32,
    /// Some of them.
    pub some: Vec<DeviceId>,
}

impl Standing {
    /// Returns a word for it, by which programs count and filter.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::UpToDate => "up-to-date",
            Self::NotSelected => "not-selected",
            Self::Begins { .. } => "begins",
            Self::GoesBack => "goes-back",
            Self::Updating { .. } => "updating",
            Self::Waiting { wait, .. } => match wait {
                Wait::Veto => "vetoed",
                Wait::Window => "waits-for-window",
                Wait::Hold => "waits-for-hold",
            },
            Self::Succeeded { .. } => "succeeded",
            Self::Unhealthy { .. } => "unhealthy",
            Self::Failed { .. } => "failed",
            Self::TimedOut { .. } => "timed-out",
            Self::Replaced { .. } => "replaced",
            Self::RolledBack { .. } => "rolled-back",
            Self::NotBegun { .. } => "not-begun",
            Self::LaterWave { .. } => "later-wave",
            Self::NotApproved { .. } => "not-approved",
            Self::NoWave => "no-wave",
            Self::Budget(_) => "budget",
            Self::AtOnce { .. } => "at-once",
            Self::Rate { .. } => "rate",
            Self::Offline { .. } => "offline",
            Self::Held { .. } => "held",
            Self::OutsideWindow { .. } => "outside-window",
            Self::FailedBefore => "failed-before",
            Self::Penalty { .. } => "penalty",
            Self::Conflict { .. } => "conflict",
            Self::Superseded { .. } => "superseded",
            Self::MissingDependency { .. } => "missing-dependency",
            Self::DependencyLater { .. } => "dependency-later",
            Self::DoesNotFit(_) => "does-not-fit",
            Self::Busy { .. } => "busy",
            Self::Stopped { .. } => "stopped",
            Self::NotReached => "not-reached",
        }
    }
}

/// Writes some devices, and how many more there are.
impl fmt::Display for BudgetUse {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            key,
            value,
            down,
            max,
            some,
        } = self;
        write!(
            formatter,
            "the budget of {key}={value} is used up: {down} of {max} down or updating"
        )?;
        for (index, device) in some.iter().enumerate() {
            let joint = if index == 0 { " (" } else { ", " };
            write!(formatter, "{joint}{device}")?;
        }
        let more = u64::from(*down).saturating_sub(some.len() as u64);
        match (some.is_empty(), more) {
            (true, _) => Ok(()),
            (false, 0) => formatter.write_str(")"),
            (false, more) => write!(formatter, " and {more} more)"),
        }
    }
}

impl fmt::Display for Standing {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UpToDate => formatter.write_str("has what it is to have"),
            Self::NotSelected => formatter.write_str("the deployment does not pick it"),
            Self::Begins { wave } => write!(formatter, "is changed now, in wave {}", wave + 1),
            Self::GoesBack => formatter.write_str("gets back what it had"),
            Self::Updating { since } => write!(formatter, "is being changed since {since}"),
            Self::Waiting { since, wait, note } => {
                write_wait(*since, *wait, formatter)?;
                write_note(note.as_deref(), formatter)
            }
            Self::Succeeded { at } => write!(formatter, "was changed at {at}"),
            Self::Unhealthy { at } => {
                write!(formatter, "was changed at {at} and is unhealthy now")
            }
            Self::Failed { at, why } => write!(formatter, "failed at {at}: {why}"),
            Self::TimedOut { since, timeout_s } => write!(
                formatter,
                "was told at {since} and was not done within {timeout_s} s"
            ),
            Self::Replaced { at } => write!(formatter, "another rollout changed it at {at}"),
            Self::RolledBack { at } => write!(formatter, "has what it had before, since {at}"),
            Self::NotReached => formatter.write_str("was not changed before the rollback"),
            later => write_later(later, formatter),
        }
    }
}

fn write_wait(since: UnixMs, wait: Wait, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
    let what = match wait {
        Wait::Veto => "its app said no and is asked again",
        Wait::Window => "it waits for its window",
        Wait::Hold => "it is held",
    };
    write!(formatter, "was told at {since}; {what}")
}

/// Writes who holds a device, and why.
fn write_note(note: Option<&HoldNote>, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
    let Some(HoldNote { who, why }) = note else {
        return Ok(());
    };
    if !who.is_empty() {
        write!(formatter, ", by {who}")?;
    }
    if !why.is_empty() {
        write!(formatter, ": {why}")?;
    }
    Ok(())
}

/// Writes why a device is not changed yet.
fn write_later(standing: &Standing, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
    match standing {
        Standing::NotBegun { at } => write!(formatter, "the rollout begins at {at}"),
        Standing::LaterWave { wave, now } => write!(
            formatter,
            "is in wave {}, the rollout is in wave {}",
            wave + 1,
            now + 1
        ),
        Standing::NotApproved {
            wave,
            approved,
            needed,
        } => write!(
            formatter,
            "wave {} is not approved: {approved} of {needed}",
            wave + 1
        ),
        Standing::NoWave => formatter.write_str("no wave picks it"),
        Standing::Budget(used) => write!(formatter, "{used}"),
        Standing::AtOnce { open } => {
            write!(formatter, "{open} updates are open, and no more may be")
        }
        Standing::Rate {
            per_minute,
            next_at,
        } => write!(
            formatter,
            "{per_minute} a minute may begin, the next at {next_at}"
        ),
        Standing::Offline { since: Some(since) } => write!(formatter, "is offline since {since}"),
        Standing::Offline { since: None } => formatter.write_str("was never heard of"),
        Standing::Held { until, note } => {
            match until {
                Some(until) => write!(formatter, "is held until {until}")?,
                None => formatter.write_str("is held until somebody releases it")?,
            }
            write_note(note.as_deref(), formatter)
        }
        Standing::OutsideWindow {
            opens_at: Some(opens_at),
        } => write!(formatter, "is outside its windows until {opens_at}"),
        Standing::OutsideWindow { opens_at: None } => {
            formatter.write_str("none of its windows ever opens")
        }
        Standing::Stopped { state } => {
            write!(formatter, "nothing begins: the rollout is {}", state.word())
        }
        blocked => write_blocked(blocked, formatter),
    }
}

/// Writes why a device is left out.
fn write_blocked(standing: &Standing, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
    match standing {
        Standing::FailedBefore => {
            formatter.write_str("tried this revision before and went back; it refuses it")
        }
        Standing::Penalty { failures, max } => write!(
            formatter,
            "is left out: {failures} changes failed, {max} are too many"
        ),
        Standing::Conflict { with } => write!(
            formatter,
            "deployment {with} has the same app and the same priority: neither changes"
        ),
        Standing::Superseded { by } => write!(
            formatter,
            "deployment {by} has the same app and a greater priority"
        ),
        Standing::MissingDependency { deployment } => write!(
            formatter,
            "needs deployment {deployment}, which is not for this device"
        ),
        Standing::DependencyLater { deployment } => write!(
            formatter,
            "needs deployment {deployment}, which it was not given yet"
        ),
        Standing::DoesNotFit(misfit) => write!(formatter, "does not fit: {misfit}"),
        Standing::Busy { rollout } => write!(formatter, "rollout {rollout} changes it"),
        other => formatter.write_str(other.word()),
    }
}
