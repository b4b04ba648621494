//! Policies as operators write them, turned into what the planner takes.

use serde_json::Value;
use thimble_hub_api::rollout::{self as api, OnError};
use thimble_rollout::policy::{Amount, ApprovalRule, Budget, OnFailures, Policy, Threshold, Wave};
use thimble_rollout::{Selector, UnixMs};

use super::RolloutError;

/// Turns a policy into what the planner takes.
///
/// # Errors
/// [`RolloutError::Policy`] and [`RolloutError::Selector`]: it cannot be meant.
pub fn planner_policy(policy: &api::Policy) -> Result<Policy, RolloutError> {
    let mut waves = Vec::with_capacity(policy.waves.len() + 1);
    for (index, wave) in policy.waves.iter().enumerate() {
        let selector = Selector::parse(&wave.selector)
            .map_err(|error| RolloutError::Selector { wave: index, error })?;
        waves.push(planner_wave(wave, selector));
    }
    let takes_the_rest = |wave: &Wave| wave.selector.is_none() && wave.amount == Amount::ALL;
    if !waves.last().is_some_and(takes_the_rest) {
        waves.push(rest());
    }
    let defaults = Policy::default();
    let planned = Policy {
        waves,
        budgets: policy
            .budgets
            .iter()
            .map(|(key, count)| Budget {
                key: key.clone(),
                max: Threshold {
                    count: Some(*count),
                    percent: None,
                },
            })
            .collect(),
        rate_per_minute: policy.rate_per_minute,
        failures_per_device_max: policy.device_failures_max,
        attempt_timeout_s: policy
            .device_timeout_s
            .unwrap_or(defaults.attempt_timeout_s),
        deadline: policy
            .deadline
            .map(|deadline| UnixMs(u64::try_from(deadline.as_millisecond()).unwrap_or(0))),
        on_failures: match policy.on_error {
            OnError::Pause => OnFailures::Pause,
            OnError::RollBack => OnFailures::RollBack,
        },
        ..defaults
    };
    planned.check()?;
    Ok(planned)
}

/// Reads the policy of a rollout that is kept.
pub(super) fn kept_policy(policy: &Value, what: &str) -> Result<Policy, RolloutError> {
    let policy: api::Policy =
        serde_json::from_value(policy.clone()).map_err(|error| RolloutError::Damaged {
            what: what.to_owned(),
            reason: error.to_string(),
        })?;
    planner_policy(&policy)
}

/// The wave of whoever is in no other.
fn rest() -> Wave {
    Wave {
        name: "rest".to_owned(),
        success_percent: Some(100),
        ..Wave::default()
    }
}

fn planner_wave(wave: &api::Wave, selector: Selector) -> Wave {
    let threshold = |threshold: api::Threshold| Threshold {
        count: threshold.count,
        percent: threshold.percent,
    };
    // Whoever says how many may fail, and nothing else, does not want the wave to stop at the first.
    let bears_failures = wave.errors != api::Threshold::default();
    Wave {
        name: wave.name.clone(),
        selector: (!selector.requirements().is_empty()).then_some(selector),
        amount: Amount {
            count: wave.count,
            percent: wave.percent,
        },
        at_once_max: wave.at_once,
        success_percent: wave
            .success_percent
            .or_else(|| (!bears_failures).then_some(100)),
        failures_max: threshold(wave.errors),
        hardware_failures_max: wave.errors_per_model.map(threshold).unwrap_or_default(),
        soak_s: wave.soak_s,
        approval: wave.approval.as_ref().map(|rule| ApprovalRule {
            persons: rule.people,
            // Who may was checked when the approval was given.
            roles: Vec::new(),
            excludes_author: rule.people > 1,
        }),
    }
}
