//! What a plan is made of: a rollout and its devices as they are known at one moment.

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::ids::{Assigned, DeploymentId, DeviceId, RolloutId, UnixMs};
use crate::label::Labels;
use crate::placement::Verdict;
use crate::policy::Budget;

/// A rollout and its fleet, as they are known at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// Which rollout.
    pub rollout: RolloutId,
    /// What it changes.
    pub deployment: DeploymentId,
    /// The revision that it brings; none removes the deployment everywhere.
    pub revision: Option<u64>,
    /// Who made it.
    pub author: String,
    /// How far it is.
    pub progress: Progress,
    /// Approvals that were given.
    pub approvals: Vec<Approval>,
    /// Devices that the deployment picks, or that have it.
    pub devices: Vec<Device>,
    /// All other devices, which count in budgets only. They may be left out when nobody has a budget.
    pub bystanders: Vec<Bystander>,
    /// Budgets of other rollouts that are under way: they bind this one too.
    pub other_budgets: Vec<Budget>,
    /// Since when devices were listened to without a gap. What a device could not say before does not count against it.
    pub listening_since: UnixMs,
}

/// How far a rollout is. Only a plan changes it, and operators do through the functions here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// What it does.
    pub state: State,
    /// The wave that it is in, from 0.
    pub wave: u16,
    /// When the wave had succeeded, and began to be watched.
    pub soak_since: Option<UnixMs>,
    /// Failures before this do not count any more: an operator saw them and went on.
    pub forgiven_before: UnixMs,
}

/// What a rollout does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// It has not begun.
    #[default]
    Planned,
    /// The next wave waits for people.
    WaitingApproval,
    /// Devices are updated.
    Running,
    /// Nothing new begins until somebody goes on.
    Paused,
    /// It was ended; what was begun ends by itself.
    Aborted,
    /// Devices get back what they had.
    RollingBack,
    /// Every device that could be reached is through. Devices that come later are still updated.
    Finished,
    /// It ended without its goal.
    Failed,
}

/// Somebody approved a wave.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Approval {
    /// Which wave, from 0.
    pub wave: u16,
    /// Who.
    pub user: String,
    /// The roles that this user had then.
    pub roles: Vec<String>,
}

/// A device of a rollout.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Device {
    /// Which.
    pub id: DeviceId,
    /// Its labels.
    pub labels: Labels,
    /// Its hardware type.
    pub hardware: String,
    /// What it is to have now of the deployment's app: of this deployment, or of another one with the same app.
    pub assigned: Option<Assigned>,
    /// What comes of the deployment on this device.
    pub verdict: Verdict,
    /// The wave that it was put in.
    pub wave: Option<u16>,
    /// The last change that this rollout made.
    pub attempt: Option<Attempt>,
    /// What the device says of it.
    pub reported: Reported,
    /// Whether a container of it is unhealthy or crashes.
    pub is_unhealthy: bool,
    /// It is at a change of which something came already, or tries again by itself one that it could not prepare: it may be
    /// down at any time, and counts in budgets.
    pub is_retrying: bool,
    /// Its last sign of life.
    pub last_seen: Option<UnixMs>,
    /// Whether it may change.
    pub hold: Hold,
    /// Who holds it, and why, if that is known.
    pub hold_note: Option<Arc<HoldNote>>,
    /// When it may change, by its windows: in the past or now if it may; none is never.
    pub window: WindowState,
    /// Its failed changes of this deployment, of all rollouts.
    pub failures: u32,
    /// It tried the very revision that this rollout brings, and went back.
    pub has_failed_before: bool,
    /// Another rollout changes it.
    pub busy: Option<Busy>,
    /// A deployment that must be there first, and that it was not given yet.
    pub waits_for: Option<DeploymentId>,
}

/// A device that counts in budgets only.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bystander {
    /// Which.
    pub id: DeviceId,
    /// Its labels.
    pub labels: Labels,
    /// Whether a container of it is unhealthy or crashes.
    pub is_unhealthy: bool,
    /// Its last sign of life.
    pub last_seen: Option<UnixMs>,
    /// Another rollout changes it, or it tries again by itself what failed.
    pub is_busy: bool,
}

/// A change of a device, by this rollout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// Forward, or back.
    pub direction: Direction,
    /// What the device had.
    pub from: Option<Assigned>,
    /// What it was given.
    pub to: Option<Assigned>,
    /// When.
    pub begun_at: UnixMs,
    /// What came of it.
    pub outcome: Outcome,
}

/// Which way a change goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// To what the rollout brings.
    Forward,
    /// To what was before.
    Back,
}

/// What came of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing yet.
    Open,
    /// It is in force.
    Succeeded {
        /// Since when.
        at: UnixMs,
    },
    /// The device could not bring it into force.
    Failed {
        /// Since when.
        at: UnixMs,
        /// Why, in the device's words.
        why: String,
    },
    /// It took too long. It may still come about.
    TimedOut {
        /// Since when.
        at: UnixMs,
    },
    /// Another rollout changed the device since.
    Replaced {
        /// Since when.
        at: UnixMs,
    },
}

/// What a device says of what it was given last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Reported {
    /// Nothing.
    #[default]
    Nothing,
    /// It is at it.
    Working,
    /// It waits.
    Waiting(Wait),
    /// It is in force, or removed.
    Done,
    /// It could not be brought into force.
    Failed {
        /// Why.
        why: String,
    },
}

/// What a device waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Wait {
    /// Its app said no, and is asked again.
    Veto,
    /// A window.
    Window,
    /// The end of a hold.
    Hold,
}

/// Whether a device may change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Hold {
    /// It may.
    #[default]
    Free,
    /// Not before this time.
    Until(UnixMs),
    /// Not until somebody takes the hold back.
    Held,
}

/// Who holds a device, and why.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HoldNote {
    /// Who; empty if that is not known.
    pub who: String,
    /// Why, in their words.
    pub why: String,
}

/// When a device's windows let it change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WindowState {
    /// Now.
    #[default]
    Open,
    /// From this time.
    OpensAt(UnixMs),
    /// Never.
    Never,
}

/// Another rollout changes a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Busy {
    /// Which rollout.
    pub rollout: RolloutId,
    /// It changes the same deployment, and ended: this one may take the device over.
    pub may_take_over: bool,
}

impl Hold {
    /// Says whether it keeps a device from changing now.
    #[must_use]
    pub fn binds(self, now: UnixMs) -> bool {
        match self {
            Self::Free => false,
            Self::Until(until) => now < until,
            Self::Held => true,
        }
    }
}

impl State {
    /// Says whether nothing will begin any more.
    #[must_use]
    pub const fn is_ended(self) -> bool {
        matches!(self, Self::Aborted | Self::Failed)
    }

    /// Returns the word for it in documents and interfaces.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Planned => "planned",
            Self::WaitingApproval => "waiting-approval",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Aborted => "aborted",
            Self::RollingBack => "rolling-back",
            Self::Finished => "finished",
            Self::Failed => "failed",
        }
    }

    /// Returns the state that a word stands for.
    #[must_use]
    pub fn of_word(word: &str) -> Option<Self> {
        [
            Self::Planned,
            Self::WaitingApproval,
            Self::Running,
            Self::Paused,
            Self::Aborted,
            Self::RollingBack,
            Self::Finished,
            Self::Failed,
        ]
        .into_iter()
        .find(|state| state.word() == word)
    }
}

/// Why an operator's step is not possible.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WrongState {
    /// What was asked for.
    pub step: &'static str,
    /// What the rollout does.
    pub state: State,
}

impl Progress {
    /// Pauses: nothing new begins.
    ///
    /// # Errors
    ///
    /// When it has ended or is paused.
    pub const fn pause(&mut self) -> Result<(), WrongState> {
        match self.state {
            State::Planned | State::WaitingApproval | State::Running | State::Finished => {
                self.state = State::Paused;
                Ok(())
            }
            state => Err(WrongState {
                step: "pause",
                state,
            }),
        }
    }

    /// Goes on after a pause; failures until now do not count any more.
    ///
    /// # Errors
    ///
    /// When it is not paused.
    pub const fn resume(&mut self, now: UnixMs) -> Result<(), WrongState> {
        match self.state {
            State::Paused => {
                self.state = State::Running;
                self.forgiven_before = now;
                Ok(())
            }
            state => Err(WrongState {
                step: "resume",
                state,
            }),
        }
    }

    /// Ends it: what was begun ends by itself, nothing else begins.
    ///
    /// # Errors
    ///
    /// When it has ended.
    pub const fn abort(&mut self) -> Result<(), WrongState> {
        match self.state {
            State::Aborted | State::Failed => Err(WrongState {
                step: "abort",
                state: self.state,
            }),
            _ => {
                self.state = State::Aborted;
                Ok(())
            }
        }
    }

    /// Gives devices back what they had, also those of a rollout that ended.
    ///
    /// # Errors
    ///
    /// When it is rolled back already.
    pub const fn roll_back(&mut self) -> Result<(), WrongState> {
        match self.state {
            State::RollingBack | State::Planned => Err(WrongState {
                step: "roll back",
                state: self.state,
            }),
            _ => {
                self.state = State::RollingBack;
                Ok(())
            }
        }
    }
}

impl core::fmt::Display for WrongState {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(
            formatter,
            "cannot {} a rollout that is {}",
            self.step,
            self.state.word()
        )
    }
}

impl core::error::Error for WrongState {}
