//! How careful a rollout is: from what operators write to what is planned with.

use std::fmt;

use thimble_hub_api::Timestamp;
use thimble_hub_api::rollout as written;
use thimble_rollout::policy::{
    Amount, ApprovalRule, Budget, OnFailures, Policy, PolicyError, Threshold, Wave,
};
use thimble_rollout::{Selector, SelectorError, UnixMs};

/// Why a policy cannot be meant.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WrongPolicy {
    /// The selector of a wave is none.
    Selector {
        /// Which wave, from 0.
        wave: usize,
        /// Why.
        error: SelectorError,
    },
    /// A wave says twice how many devices it has.
    TwoAmounts {
        /// Which wave, from 0.
        wave: usize,
    },
    /// What the planner says.
    Policy(PolicyError),
}

impl fmt::Display for WrongPolicy {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Selector { wave, error } => {
                write!(formatter, "the selector of wave {wave}: {error}")
            }
            Self::TwoAmounts { wave } => write!(
                formatter,
                "wave {wave} says both `count` and `percent`: say one of them"
            ),
            Self::Policy(error) => error.fmt(formatter),
        }
    }
}

impl std::error::Error for WrongPolicy {}

/// What is planned with.
///
/// # Errors
/// [`WrongPolicy`].
pub fn policy(written: &written::Policy) -> Result<Policy, WrongPolicy> {
    let standard = Policy::default();
    let policy = Policy {
        waves: written
            .waves
            .iter()
            .enumerate()
            .map(|(index, written)| wave(index, written))
            .collect::<Result<_, _>>()?,
        budgets: written
            .budgets
            .iter()
            .map(|(key, max)| Budget {
                key: key.clone(),
                max: threshold(*max),
            })
            .collect(),
        rate_per_minute: written.rate_per_minute,
        at_once_max: written.at_once_max,
        failures_per_device_max: written.failures_per_device_max,
        attempt_timeout_s: written
            .attempt_timeout_s
            .unwrap_or(standard.attempt_timeout_s),
        offline_after_s: written.offline_after_s.unwrap_or(standard.offline_after_s),
        window_lead_s: written.window_lead_s.unwrap_or(standard.window_lead_s),
        begins_at: written.begins_at.map(unix_ms),
        deadline: written.deadline.map(unix_ms),
        on_failures: match written.on_failures {
            written::OnFailures::Pause => OnFailures::Pause,
            written::OnFailures::Abort => OnFailures::Abort,
            written::OnFailures::RollBack => OnFailures::RollBack,
        },
    };
    policy.check().map_err(WrongPolicy::Policy)?;
    Ok(policy)
}

fn wave(index: usize, written: &written::Wave) -> Result<Wave, WrongPolicy> {
    let selector = match written.selector.trim() {
        "" => None,
        text => Some(
            Selector::parse(text).map_err(|error| WrongPolicy::Selector { wave: index, error })?,
        ),
    };
    let amount = match (written.count, written.percent) {
        (None, None) => Amount::All,
        (Some(count), None) => Amount::Count(count),
        (None, Some(percent)) => Amount::Percent(percent),
        (Some(_), Some(_)) => return Err(WrongPolicy::TwoAmounts { wave: index }),
    };
    Ok(Wave {
        name: written.name.clone(),
        selector,
        amount,
        success_percent: written.success_percent,
        failures_max: threshold(written.failures_max),
        hardware_failures_max: threshold(written.hardware_failures_max),
        soak_s: written.soak_s,
        approval: written.approval.as_ref().map(|rule| ApprovalRule {
            persons: rule.people,
            roles: rule
                .roles
                .iter()
                .map(|role| role.name().to_owned())
                .collect(),
            excludes_author: rule.excludes_author,
        }),
    })
}

const fn threshold(written: written::Threshold) -> Threshold {
    Threshold {
        count: written.count,
        percent: written.percent,
    }
}

fn unix_ms(time: Timestamp) -> UnixMs {
    // What was before 1970 is over anyway.
    UnixMs(u64::try_from(time.as_millisecond()).unwrap_or_default())
}
