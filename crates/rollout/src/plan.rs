//! Plans of rollouts: what changes now, where every device stands, and when to look again.
//!
//! A plan follows from a policy, a snapshot and the time alone. Whatever it assigns keeps to the waves, the budgets and the
//! rate even if all of it is done at once, and no device has two changes open.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::ids::{Assigned, DeviceId, RolloutId, UnixMs};
use crate::policy::{Policy, Threshold, Wave};
use crate::snapshot::{Direction, Outcome, Progress, Snapshot, State};
use crate::standing::Standing;

mod back;
mod budget;
mod choice;
mod device;
mod join;
mod wave;

/// What is to be done about a rollout now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Devices that change now.
    pub assignments: Vec<Assignment>,
    /// Changes of which something came.
    pub closed: Vec<Closed>,
    /// Where every device of the snapshot stands, in its order.
    pub places: Vec<Place>,
    /// What became of the rollout, in this order.
    pub transitions: Vec<Transition>,
    /// How far it is after them.
    pub progress: Progress,
    /// Each wave in numbers.
    pub tallies: Vec<WaveTally>,
    /// When to look again, even if nothing happens.
    pub next_look: Option<UnixMs>,
}

/// A device is to have something else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment {
    /// Which device.
    pub device: DeviceId,
    /// Forward, or back.
    pub direction: Direction,
    /// What it has.
    pub from: Option<Assigned>,
    /// What it is to have; none removes it.
    pub to: Option<Assigned>,
    /// Its wave.
    pub wave: u16,
    /// The rollout whose change this replaces.
    pub takes_over: Option<RolloutId>,
}

/// Something came of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closed {
    /// Of which device.
    pub device: DeviceId,
    /// What.
    pub outcome: Outcome,
}

/// Where a device stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Which device.
    pub device: DeviceId,
    /// Its wave, if it takes part.
    pub wave: Option<u16>,
    /// Where it stands, and why.
    pub standing: Standing,
}

/// A wave in numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WaveTally {
    /// Devices that count: the sum of the next four.
    pub members: u32,
    /// They succeeded.
    pub succeeded: u32,
    /// They failed, or are unhealthy since.
    pub failed: u32,
    /// They are being changed.
    pub open: u32,
    /// They come next.
    pub ready: u32,
    /// They are left out for now: offline, held, failed too often.
    pub aside: u32,
}

/// What became of a rollout.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Transition {
    /// It began.
    Began,
    /// A wave needs people.
    NeedsApproval {
        /// Which, from 0.
        wave: u16,
        /// Persons who approved.
        approved: u8,
        /// Persons who must.
        needed: u8,
    },
    /// Enough people approved a wave.
    Approved {
        /// Which.
        wave: u16,
    },
    /// A wave succeeded, and is watched.
    WavePassed {
        /// Which.
        wave: u16,
        /// Its numbers.
        tally: WaveTally,
        /// Until when it is watched.
        soak_until: UnixMs,
    },
    /// A wave began.
    WaveBegan {
        /// Which.
        wave: u16,
    },
    /// It stopped by itself.
    Stopped {
        /// What it does now.
        state: State,
        /// Why.
        stop: Stop,
    },
    /// Everything that could be done is done.
    Finished,
}

/// Why a rollout stopped by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stop {
    /// Too many devices of a wave failed.
    Failures {
        /// Which wave.
        wave: u16,
        /// How many failed.
        failed: u32,
        /// Of how many.
        members: u32,
        /// How many are borne.
        max: Threshold,
    },
    /// Too many devices of a hardware type failed.
    HardwareFailures {
        /// In which wave.
        wave: u16,
        /// Which hardware type.
        hardware: String,
        /// How many failed.
        failed: u32,
        /// Of how many.
        members: u32,
        /// How many are borne.
        max: Threshold,
    },
    /// A wave can no more reach what it must.
    CannotSucceed {
        /// Which wave.
        wave: u16,
        /// How many still may succeed, with those that did.
        possible: u32,
        /// How many must.
        needed: u32,
        /// How many devices there are.
        members: u32,
    },
    /// The deadline passed.
    Deadline {
        /// When it was.
        deadline: UnixMs,
        /// In which wave the rollout was.
        wave: u16,
    },
    /// It was rolled back.
    RolledBack {
        /// Devices that have again what they had.
        devices: u32,
        /// Devices on which that failed.
        failed: u32,
    },
}

/// The time of a plan, and when the next is due.
struct Watch {
    now: UnixMs,
    next_look: Option<UnixMs>,
}

impl Watch {
    /// Asks for a look at this time, if it is to come.
    fn look_at(&mut self, at: UnixMs) {
        if at > self.now && self.next_look.is_none_or(|next| at < next) {
            self.next_look = Some(at);
        }
    }
}

/// Plans what is to be done about a rollout now.
#[must_use]
pub fn plan(policy: &Policy, snapshot: &Snapshot, now: UnixMs) -> Plan {
    let everyone = [Wave::default()];
    let waves: &[Wave] = if policy.waves.is_empty() {
        &everyone
    } else {
        &policy.waves
    };
    let mut watch = Watch {
        now,
        next_look: None,
    };
    let mut rows = device::rows(policy, snapshot, &mut watch);
    join::join(waves, snapshot, &mut rows);
    let wave::Steps {
        progress,
        transitions,
        gate,
        tallies,
    } = wave::step(policy, waves, snapshot, &rows, &mut watch);
    let mut plan = Plan {
        progress,
        transitions,
        tallies,
        ..Plan::default()
    };
    if snapshot.progress.state == State::RollingBack {
        back::choose(policy, snapshot, &mut rows, &mut plan, &mut watch);
    } else {
        choice::choose(policy, snapshot, &gate, &mut rows, &mut plan, &mut watch);
    }
    plan.places.reserve(rows.len());
    for row in rows {
        if row.is_closed_now
            && let Some(outcome) = row.outcome
        {
            plan.closed.push(Closed {
                device: row.device.id,
                outcome,
            });
        }
        plan.places.push(Place {
            device: row.device.id,
            wave: row.wave,
            standing: row.standing,
        });
    }
    plan.next_look = watch.next_look;
    plan
}

impl fmt::Display for Stop {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failures {
                wave,
                failed,
                members,
                max,
            } => write!(
                formatter,
                "{failed} of {members} devices of wave {} failed, {max} are borne",
                wave + 1
            ),
            Self::HardwareFailures {
                wave,
                hardware,
                failed,
                members,
                max,
            } => write!(
                formatter,
                "{failed} of {members} devices of type {hardware:?} in wave {} failed, {max} are borne",
                wave + 1
            ),
            Self::CannotSucceed {
                wave,
                possible,
                needed,
                members,
            } => write!(
                formatter,
                "{needed} of {members} devices of wave {} must succeed, {possible} still can",
                wave + 1
            ),
            Self::Deadline { deadline, wave } => write!(
                formatter,
                "the deadline {deadline} passed in wave {}",
                wave + 1
            ),
            Self::RolledBack { devices, failed } => write!(
                formatter,
                "it was rolled back on {devices} devices, which failed on {failed}"
            ),
        }
    }
}

impl fmt::Display for Transition {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Began => formatter.write_str("it began"),
            Self::NeedsApproval {
                wave,
                approved,
                needed,
            } => write!(
                formatter,
                "wave {} needs approval: {approved} of {needed}",
                wave + 1
            ),
            Self::Approved { wave } => write!(formatter, "wave {} is approved", wave + 1),
            Self::WavePassed {
                wave,
                tally,
                soak_until,
            } => write!(
                formatter,
                "wave {} passed: {} of {} succeeded, {} failed, {} left out; watched until {soak_until}",
                wave + 1,
                tally.succeeded,
                tally.members,
                tally.failed,
                tally.aside
            ),
            Self::WaveBegan { wave } => write!(formatter, "wave {} began", wave + 1),
            Self::Stopped { state, stop } => {
                write!(formatter, "it is {} now: {stop}", state.word())
            }
            Self::Finished => formatter.write_str("it is finished"),
        }
    }
}
