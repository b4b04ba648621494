//! How carefully a rollout goes.
//!
//! Every policy can be planned with; [`Policy::check`] tells operators early what they cannot have meant.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::ids::UnixMs;
use crate::label;
use crate::selector::Selector;

/// Waves of a policy at most.
pub const WAVES_MAX: usize = 64;
/// Budgets of a policy at most.
pub const BUDGETS_MAX: usize = 16;

/// How carefully a rollout goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Waves, one after the other; none is one wave of every device. A canary is a small first wave.
    pub waves: Vec<Wave>,
    /// Devices that may be down or updating at once, by the value of a label.
    pub budgets: Vec<Budget>,
    /// Updates that are begun within any minute, at most.
    pub rate_per_minute: Option<u32>,
    /// Updates that are open at once, at most.
    pub at_once_max: Option<u32>,
    /// A device with so many failed updates is left out.
    pub failures_per_device_max: Option<u32>,
    /// Seconds after which an update that is not done has failed. A device that waits for a window, a hold or its app waits
    /// for as long as it takes.
    pub attempt_timeout_s: u32,
    /// Seconds without a sign of life after which a device is offline.
    pub offline_after_s: u32,
    /// Seconds before its window at which a device is told, so that it can fetch.
    pub window_lead_s: u32,
    /// When the rollout begins, at the earliest.
    pub begins_at: Option<UnixMs>,
    /// When the rollout ends, finished or not.
    pub deadline: Option<UnixMs>,
    /// What is done when there were too many failures.
    pub on_failures: OnFailures,
}

/// A part of the devices.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wave {
    /// What people call it.
    pub name: String,
    /// Which devices may be in it; none is every device.
    pub selector: Option<Selector>,
    /// How many of them.
    pub amount: Amount,
    /// Updates of its devices that are open at once, at most.
    pub at_once_max: Option<u32>,
    /// Percent of its devices that must have succeeded before the next begins. Without it all must be through, in failure or
    /// success, and failures count by their own rules.
    pub success_percent: Option<u8>,
    /// Failures of its devices that are borne.
    pub failures_max: Threshold,
    /// Failures that are borne of its devices of one hardware type.
    pub hardware_failures_max: Threshold,
    /// Seconds that it is watched before the next begins.
    pub soak_s: u32,
    /// Who must approve before it begins.
    pub approval: Option<ApprovalRule>,
}

/// How many devices a wave may have; the smaller number counts, and without one it may have all that are left.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Amount {
    /// So many.
    pub count: Option<u32>,
    /// So many of a hundred of all devices of the rollout, at least one.
    pub percent: Option<u8>,
}

impl Amount {
    /// All that are left.
    pub const ALL: Self = Self {
        count: None,
        percent: None,
    };

    /// So many.
    #[must_use]
    pub const fn count(count: u32) -> Self {
        Self {
            count: Some(count),
            percent: None,
        }
    }

    /// So many of a hundred.
    #[must_use]
    pub const fn percent(percent: u8) -> Self {
        Self {
            count: None,
            percent: Some(percent),
        }
    }

    /// Returns how many of all devices of a rollout that are.
    #[must_use]
    pub fn of(self, whole: u32) -> u32 {
        let part = |percent: u8| part_of(whole, percent).max(1);
        let of_percent = self.percent.map_or(u32::MAX, part);
        self.count.unwrap_or(u32::MAX).min(of_percent)
    }
}

/// How much is borne; without numbers, everything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Threshold {
    /// So many, at most.
    pub count: Option<u32>,
    /// So many of a hundred, at most.
    pub percent: Option<u8>,
}

/// Who must approve.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApprovalRule {
    /// So many different persons.
    pub persons: u8,
    /// Each of them with one of these roles; none is any role.
    pub roles: Vec<String>,
    /// Whoever made the rollout is not one of them.
    pub excludes_author: bool,
}

/// Devices that may be down or updating at once among those with the same value of a label.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Budget {
    /// The label's key; devices without it are not bound.
    pub key: String,
    /// How many. Of a percentage at least one, or nothing would ever change; of both the smaller counts.
    pub max: Threshold,
}

/// What is done when there were too many failures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnFailures {
    /// It pauses.
    #[default]
    Pause,
    /// It ends.
    Abort,
    /// It is rolled back.
    RollBack,
}

/// Why a policy cannot be meant.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PolicyError {
    /// There are too many waves.
    TooManyWaves {
        /// How many.
        count: usize,
    },
    /// There are too many budgets.
    TooManyBudgets {
        /// How many.
        count: usize,
    },
    /// A percentage is above 100.
    Percent {
        /// Where: `waves[1].amount`.
        place: String,
        /// How much.
        percent: u8,
    },
    /// A number must not be 0.
    Zero {
        /// Where.
        place: String,
    },
    /// A budget's key cannot be a label's.
    BudgetKey {
        /// Which budget, from 0.
        index: usize,
        /// Why.
        error: label::LabelError,
    },
    /// A budget has no number.
    BudgetOpen {
        /// Its key.
        key: String,
    },
    /// It would end before it begins.
    DeadlineFirst,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            waves: Vec::new(),
            budgets: Vec::new(),
            rate_per_minute: None,
            at_once_max: None,
            failures_per_device_max: Some(3),
            attempt_timeout_s: 3600,
            offline_after_s: 3600,
            window_lead_s: 3600,
            begins_at: None,
            deadline: None,
            on_failures: OnFailures::Pause,
        }
    }
}

impl Threshold {
    /// Says whether a number of devices is more than is borne of a whole.
    #[must_use]
    pub fn is_exceeded(&self, count: u32, whole: u32) -> bool {
        let percent = |percent| u64::from(count) * 100 > u64::from(whole) * u64::from(percent);
        self.count.is_some_and(|max| count > max) || self.percent.is_some_and(percent)
    }
}

impl Budget {
    /// Returns how many devices of a whole may be down or updating.
    #[must_use]
    pub fn max_of(&self, whole: u32) -> u32 {
        let part = |percent: u8| part_of(whole, percent).max(1);
        let of_percent = self.max.percent.map_or(u32::MAX, part);
        self.max.count.unwrap_or(u32::MAX).min(of_percent)
    }
}

/// Returns so many of a hundred of a whole, without the fraction.
fn part_of(whole: u32, percent: u8) -> u32 {
    u32::try_from(u64::from(whole) * u64::from(percent) / 100).unwrap_or(u32::MAX)
}

impl Policy {
    /// Says whether a policy can be meant.
    ///
    /// # Errors
    ///
    /// When it has too many parts, a percentage above 100, or a number that lets nothing happen.
    pub fn check(&self) -> Result<(), PolicyError> {
        if self.waves.len() > WAVES_MAX {
            let count = self.waves.len();
            return Err(PolicyError::TooManyWaves { count });
        }
        if self.budgets.len() > BUDGETS_MAX {
            let count = self.budgets.len();
            return Err(PolicyError::TooManyBudgets { count });
        }
        for (place, number) in [
            ("rate_per_minute", self.rate_per_minute),
            ("at_once_max", self.at_once_max),
            ("failures_per_device_max", self.failures_per_device_max),
            ("attempt_timeout_s", Some(self.attempt_timeout_s)),
            ("offline_after_s", Some(self.offline_after_s)),
        ] {
            if number == Some(0) {
                return Err(PolicyError::Zero {
                    place: place.into(),
                });
            }
        }
        if self.deadline.is_some() && self.deadline <= self.begins_at {
            return Err(PolicyError::DeadlineFirst);
        }
        for (index, wave) in self.waves.iter().enumerate() {
            check_wave(index, wave)?;
        }
        for (index, budget) in self.budgets.iter().enumerate() {
            label::check_key(&budget.key)
                .map_err(|error| PolicyError::BudgetKey { index, error })?;
            if budget.max == Threshold::default() {
                let key = budget.key.clone();
                return Err(PolicyError::BudgetOpen { key });
            }
            check_percent(budget.max.percent, "budgets", index, "max")?;
        }
        Ok(())
    }
}

fn check_wave(index: usize, wave: &Wave) -> Result<(), PolicyError> {
    let zeros = [
        (
            "amount",
            wave.amount.count == Some(0) || wave.amount.percent == Some(0),
        ),
        ("at_once_max", wave.at_once_max == Some(0)),
    ];
    if let Some((field, _)) = zeros.iter().find(|(_, is_zero)| *is_zero) {
        return Err(PolicyError::Zero {
            place: alloc::format!("waves[{index}].{field}"),
        });
    }
    if wave.approval.as_ref().is_some_and(|rule| rule.persons == 0) {
        return Err(PolicyError::Zero {
            place: alloc::format!("waves[{index}].approval.persons"),
        });
    }
    check_percent(wave.amount.percent, "waves", index, "amount")?;
    check_percent(wave.success_percent, "waves", index, "success_percent")?;
    check_percent(wave.failures_max.percent, "waves", index, "failures_max")?;
    let hardware = wave.hardware_failures_max.percent;
    check_percent(hardware, "waves", index, "hardware_failures_max")
}

fn check_percent(
    percent: Option<u8>,
    list: &str,
    index: usize,
    field: &str,
) -> Result<(), PolicyError> {
    match percent {
        Some(percent) if percent > 100 => Err(PolicyError::Percent {
            place: alloc::format!("{list}[{index}].{field}"),
            percent,
        }),
        _ => Ok(()),
    }
}

impl fmt::Display for PolicyError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooManyWaves { count } => {
                write!(formatter, "{count} waves are too many: {WAVES_MAX} at most")
            }
            Self::TooManyBudgets { count } => write!(
                formatter,
                "{count} budgets are too many: {BUDGETS_MAX} at most"
            ),
            Self::Percent { place, percent } => {
                write!(formatter, "{place} is {percent} percent: 100 at most")
            }
            Self::Zero { place } => write!(formatter, "{place} is 0: at least 1"),
            Self::BudgetKey { index, .. } => {
                write!(formatter, "budgets[{index}].key cannot be a label's key")
            }
            Self::BudgetOpen { key } => write!(
                formatter,
                "the budget of {key} has no number: give a count or a percentage"
            ),
            Self::DeadlineFirst => formatter.write_str("the deadline is not after the beginning"),
        }
    }
}

impl core::error::Error for PolicyError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::BudgetKey { error, .. } => Some(error),
            _ => None,
        }
    }
}

impl fmt::Display for Threshold {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.count, self.percent) {
            (Some(count), Some(percent)) => write!(formatter, "{count} or {percent} %"),
            (Some(count), None) => write!(formatter, "{count}"),
            (None, Some(percent)) => write!(formatter, "{percent} %"),
            (None, None) => formatter.write_str("any number"),
        }
    }
}
