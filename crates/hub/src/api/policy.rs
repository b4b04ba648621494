//! What the policy of a rollout must be like before one begins: the planner takes every policy that can be planned with, and
//! this is what nobody can have meant.

use std::ops::RangeInclusive;

use thimble_hub_api::Timestamp;
use thimble_hub_api::problem::FieldError;
use thimble_hub_api::rollout::Policy;
use thimble_hub_api::{Problem, ProblemKind};
use thimble_hub_store::{Deployment, DeviceFilter, DeviceState, LabelTest, Read, Scope};
use thimble_rollout::Selector;

use super::devices::tests_of;
use super::reply::Answer;
use crate::rollouts::planner_policy;

/// People that can be asked to approve a wave, at most.
const PEOPLE_MAX: u32 = 2;

/// Finds out that a rollout with this policy can go as it says.
///
/// A wave that picks by labels and picks nobody is refused as soon as the deployment has devices: a canary whose selector is
/// mistyped would be passed over, and everybody would be next.
pub(super) async fn check(
    read: &mut Read,
    scope: &Scope,
    deployment: &Deployment,
    policy: &Policy,
    now_ms: i64,
) -> Answer<()> {
    let mut errors = numbers(policy, now_ms);
    if errors.is_empty() {
        planner_policy(policy)?;
        errors = empty_waves(read, scope, deployment, policy).await?;
    }
    if errors.is_empty() {
        return Ok(());
    }
    Err(Problem::new(
        ProblemKind::Invalid,
        "the rollout cannot go as its policy says: correct what is told, and send it again",
    )
    .because(errors)
    .into())
}

/// Numbers and times with which nothing would ever happen, or that there are not.
fn numbers(policy: &Policy, now_ms: i64) -> Vec<FieldError> {
    let mut errors = Vec::new();
    for (pointer, number) in [
        ("/rate_per_minute", policy.rate_per_minute),
        ("/device_failures_max", policy.device_failures_max),
        ("/device_timeout_s", policy.device_timeout_s),
    ] {
        within(pointer.to_owned(), number, 1..=u32::MAX, &mut errors);
    }
    for (label, count) in &policy.budgets {
        let pointer = format!("/budgets/{label}");
        within(pointer, Some(*count), 1..=u32::MAX, &mut errors);
    }
    let is_over = |deadline: Timestamp| deadline.as_millisecond() <= now_ms;
    if policy.deadline.is_some_and(is_over) {
        errors.push(FieldError {
            pointer: "/deadline".to_owned(),
            detail: "it is over already: name a later time, or none".to_owned(),
        });
    }
    for (index, wave) in policy.waves.iter().enumerate() {
        let percent = |number: Option<u8>| number.map(u32::from);
        let people = wave.approval.as_ref().map(|rule| rule.people);
        let of_model = wave.errors_per_model.and_then(|most| most.percent);
        for (field, number, possible) in [
            ("count", wave.count, 1..=u32::MAX),
            ("percent", percent(wave.percent), 1..=100),
            ("at_once", wave.at_once, 1..=u32::MAX),
            ("success_percent", percent(wave.success_percent), 0..=100),
            ("errors/percent", percent(wave.errors.percent), 0..=100),
            ("errors_per_model/percent", percent(of_model), 0..=100),
            ("approval/people", percent(people), 1..=PEOPLE_MAX),
        ] {
            let pointer = format!("/waves/{index}/{field}");
            within(pointer, number, possible, &mut errors);
        }
    }
    errors
}

fn within(
    pointer: String,
    number: Option<u32>,
    possible: RangeInclusive<u32>,
    errors: &mut Vec<FieldError>,
) {
    let Some(number) = number.filter(|number| !possible.contains(number)) else {
        return;
    };
    let detail = match (possible.start(), possible.end()) {
        (least, &u32::MAX) => {
            format!("it is {number}: at least {least}, or nothing would ever begin")
        }
        (least, most) => format!("it is {number}: {least} to {most} are possible"),
    };
    errors.push(FieldError { pointer, detail });
}

/// Waves that pick by labels, and pick none of the devices that there are.
async fn empty_waves(
    read: &mut Read,
    scope: &Scope,
    deployment: &Deployment,
    policy: &Policy,
) -> Answer<Vec<FieldError>> {
    let picks = policy
        .waves
        .iter()
        .map(|wave| wave.selector.trim())
        .enumerate()
        .filter(|(_, selector)| !selector.is_empty());
    let mut errors = Vec::new();
    let mut of_deployment = None;
    for (index, selector) in picks {
        let all = match of_deployment {
            Some(all) => all,
            None => count(read, scope, tests(&deployment.selector)).await?,
        };
        of_deployment = Some(all);
        if all == 0 {
            break;
        }
        let mut both = tests(&deployment.selector);
        both.extend(tests(selector));
        if count(read, scope, both).await? == 0 {
            errors.push(FieldError {
                pointer: format!("/waves/{index}/selector"),
                detail: format!(
                    "`{selector}` picks none of the {all} devices of the deployment, and the next wave would begin at once: \
                     correct it, or leave the wave out"
                ),
            });
        }
    }
    Ok(errors)
}

/// What is tested of a text that was checked before.
fn tests(selector: &str) -> Vec<LabelTest> {
    Selector::parse(selector).map_or_else(|_| Vec::new(), |selector| tests_of(&selector))
}

async fn count(read: &mut Read, scope: &Scope, labels: Vec<LabelTest>) -> Answer<u64> {
    let filter = DeviceFilter {
        labels,
        states: vec![DeviceState::Active],
        ..DeviceFilter::default()
    };
    Ok(read.count_devices(scope, &filter).await?)
}
